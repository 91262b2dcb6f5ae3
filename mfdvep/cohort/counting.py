"""Which ALTs of a cohort count in a burden, why the others do not, and their sums: one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from mfdvep.cohort.accumulator import Accumulator
from mfdvep.cohort.region_set import RegionSet
from mfdvep.cohort.score_index import ScoreIndex
from mfdvep.cohort.spelling import Speller, span
from mfdvep.genomics.dosages import Dosages
from mfdvep.genomics.genotypes import CohortRecord, Genotypes
from mfdvep.genomics.variants import VariantStatus, spelling_status

USED = "used"
NO_REGION, REF_MISMATCH = "in_no_region", "ref_mismatch"
ALL_MISSING, NO_FREQUENCY, ABOVE_MAF = "all_missing", "no_frequency", "above_maf"
_REPORT_EVERY = 1000  # records


class Seen(NamedTuple):
    """An ALT of the cohort that lies in a region.

    Attributes
    ----------
    record, allele
        It, with the 1-based number of the ALT.
    status
        `USED`, or why not.
    regions
        Numbers of the regions it lies in.
    frequency
        By which it was judged; None where it was not looked at.
    dosages
        None where they were not looked at.
    weights
        float64 (n_weightings,); None without an effect.
    """

    record: CohortRecord
    allele: int
    status: str
    regions: tuple[int, ...]
    frequency: float | None = None
    dosages: Dosages | None = None
    weights: np.ndarray | None = None


@dataclass
class Tally:
    """What was met in a cohort.

    Attributes
    ----------
    n_records, n_without_alt
        Records, and those that have no ALT.
    status
        ALTs by `USED` or the reason why not; they sum to all ALTs.
    in_regions
        Used ALTs by the number of regions that they lie in.
    n_alt_is_major, n_without_copies, n_repeated
        Of the used ALTs: with a frequency above .5; that no called person has; whose event another
        used ALT is.
    n_genotypes, n_missing, n_half
        Of the used ALTs: all, the imputed ones, and those of them with one allele called.
    contigs
        Of the records, without "chr".
    """

    n_records: int = 0
    n_without_alt: int = 0
    status: Counter[str] = field(default_factory=Counter)
    in_regions: Counter[int] = field(default_factory=Counter)
    n_alt_is_major: int = 0
    n_without_copies: int = 0
    n_repeated: int = 0
    n_genotypes: int = 0
    n_missing: int = 0
    n_half: int = 0
    contigs: set[str] = field(default_factory=set)

    def counts(self) -> dict[str, Any]:
        """Return the numbers, as the run's record has them."""
        left_out = {name: n for name, n in sorted(self.status.items()) if name != USED}
        return {
            "records": self.n_records,
            "records_without_alt": self.n_without_alt,
            "alts": self.status.total(),
            "left_out": left_out,
            "used": self.status[USED],
            "of_used": {
                "in_regions": {str(k): n for k, n in sorted(self.in_regions.items())},
                "alt_is_major": self.n_alt_is_major,
                "without_copies": self.n_without_copies,
                "repeated": self.n_repeated,
                "genotypes": self.n_genotypes,
                "missing_imputed": self.n_missing,
                "half_calls_of_them": self.n_half,
            },
        }


class Pass:
    """One pass over a cohort.

    Parameters
    ----------
    genotypes
        Read once.
    index, regions, speller
        Where an ALT's weights come from.
    maf_max
        Largest minor allele frequency, min(f, 1 - f), of an ALT that counts.
    maf_key
        INFO key that has f; None: among the called alleles of the chosen people.
    sums
        To which the ALTs that count are added, with missing dosages the mean of the called ones.
    met
        bool (m,): which events of the index the cohort has; set by `run`.
    """

    def __init__(
        self,
        genotypes: Genotypes,
        index: ScoreIndex,
        regions: RegionSet,
        speller: Speller,
        *,
        maf_max: float,
        maf_key: str | None,
        sums: Accumulator,
    ) -> None:
        self._genotypes, self._index = genotypes, index
        self._regions, self._speller = regions, speller
        self._maf_max, self._maf_key = maf_max, maf_key
        self._sums = sums
        self.met = np.zeros(len(index.weights), dtype=bool)
        self._used = self.met.copy()

    def run(
        self,
        note: Callable[[Seen], None],
        progress: Callable[..., None] | None = None,
    ) -> Tally:
        """Read all records and return what was met.

        Parameters
        ----------
        note
            Called with each ALT that lies in a region, in the order of the file.
        progress
            Called with the records read so far, and None for the unknown total.
        """
        tally, last = Tally(), ""
        if progress is not None:
            progress(0, None)
        for record in self._genotypes:
            tally.n_records += 1
            tally.n_without_alt += not record.alts
            if record.chrom != last:
                last = record.chrom
                tally.contigs.add(self._speller.key(last, 1, "A", "C")[0])
            for allele, alt in enumerate(record.alts, start=1):
                seen = self._judge(record, allele, alt, tally)
                if isinstance(seen, str):
                    tally.status[seen] += 1
                    continue
                tally.status[seen.status] += 1
                note(seen)
            if progress is not None and tally.n_records % _REPORT_EVERY == 0:
                progress(tally.n_records, None)
        self._sums.flush()
        if progress is not None:
            progress(tally.n_records, tally.n_records)
        return tally

    def _judge(self, record: CohortRecord, allele: int, alt: str, tally: Tally) -> Seen | str:
        """Return what becomes of an ALT, after adding it; the reason alone if it has no region."""
        spelling = spelling_status(record.ref, alt)
        if spelling != VariantStatus.OK:
            return spelling.lower()
        key = self._speller.key(record.chrom, record.pos, record.ref, alt)
        regions = self._regions.of(key[0], *span(key))
        if not regions:
            return NO_REGION
        if self._speller.ref_is_wrong(record.chrom, record.pos, record.ref):
            return Seen(record, allele, REF_MISMATCH, regions)
        event, reason = self._index.find(key)
        if reason:
            return Seen(record, allele, reason, regions)
        self.met[event] = True
        weights = self._index.weights[event]
        if record.unreadable:
            return Seen(record, allele, record.unreadable, regions, weights=weights)
        dosages = record.dosages(allele)
        frequency: float | None = dosages.frequency
        if self._maf_key is not None:
            frequency = record.frequency(self._maf_key, allele)
        status = self._status(dosages, frequency)
        if status == USED:
            self._add(dosages, regions, weights)
            self._count(tally, dosages, frequency or 0.0, regions, event)
        return Seen(record, allele, status, regions, frequency, dosages, weights)

    def _status(self, dosages: Dosages, frequency: float | None) -> str:
        if dosages.n_missing == len(dosages.values):
            return ALL_MISSING
        if frequency is None:
            return NO_FREQUENCY
        # not min(f, 1 - f): 1 - 0.99 would be more than 0.01
        is_rare = frequency <= self._maf_max or frequency >= 1 - self._maf_max
        return USED if is_rare else ABOVE_MAF

    def _add(self, dosages: Dosages, regions: tuple[int, ...], weights: np.ndarray) -> None:
        self._sums.add(dosages.values, regions, weights, dosages.missing, dosages.mean)

    def _count(
        self,
        tally: Tally,
        dosages: Dosages,
        frequency: float,
        regions: tuple[int, ...],
        event: int,
    ) -> None:
        tally.in_regions[len(regions)] += 1
        tally.n_alt_is_major += frequency > 0.5
        tally.n_without_copies += dosages.mean == 0
        tally.n_repeated += bool(self._used[event])
        self._used[event] = True
        tally.n_genotypes += len(dosages.values)
        tally.n_missing += dosages.n_missing
        tally.n_half += dosages.n_half
