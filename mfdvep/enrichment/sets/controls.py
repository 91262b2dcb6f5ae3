"""Position-matched controls: random changes near positives, of the same bases.

They are drawn from the reference and are not variants of a population, so they differ from real
variants in all that selection, mutation and calling do; what they control for is the place and the
bases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.enrichment.sets.alleles import NO_ALT, NOT_ACGT, Allele, Progress, read_alleles
from mfdvep.enrichment.sets.counts import Counts
from mfdvep.enrichment.sets.labelled import NEGATIVE, POSITIVE, Labelled, LabelledSet, Value
from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import encode

CONTEXTS = (1, 3)
_WRONG_REF, _OFF = "with a REF that the genome has not", "off the genome"


@dataclass(frozen=True)
class ControlRules:
    """`per_positive` controls within `distance` bases; `context` bases of REF are the same."""

    per_positive: int = 1
    distance: int = 5000
    context: int = 1
    seed: int = 0

    def sentences(self) -> tuple[str, ...]:
        """Return the rules in words."""
        of = "trinucleotide" if self.context == 3 else "base"
        return (
            f"LABEL 0: up to {self.per_positive} random positions within {self.distance} bp of "
            f"each positive with its reference {of}, and its ALT, seed {self.seed}: changes drawn "
            "from the reference and not variants of a population",
            "MATCH: the positives that a variant belongs to, by their IDs",
        )


def build_controls(
    positives: str | Path, genome: Genome, rules: ControlRules, *, progress: Progress = None
) -> LabelledSet:
    """Return the SNVs of a file as positives, and controls drawn for each.

    No control lies at a positive's position. One may be drawn for several positives. What is drawn
    for a positive depends on the seed and on the positives, in their order.

    Parameters
    ----------
    positives
        See `read_alleles`.
    progress
        Called with the positives read and None.

    Raises
    ------
    InputError
        See `read_alleles` and `Genome`; a rule that no draw can follow; no positive has a control.
    """
    if rules.per_positive < 1 or rules.distance < 1 or rules.context not in CONTEXTS:
        raise InputError(f"{rules}; expected at least 1 control, 1 base, and a context of 1 or 3")
    other = "not an SNV, for which no control is drawn"
    counts = Counts(f"ALTs of {Path(positives).name}", "positives", [
        NO_ALT, NOT_ACGT, other, "the same variant again", _OFF, _WRONG_REF
    ])  # fmt: skip
    found: dict[tuple[str, int, str, str], tuple[Allele, str]] = {}
    for allele in read_alleles(positives, counts, progress=progress):
        chrom = genome.resolve(allele.chrom)
        if not allele.is_snv:
            counts.remove(other)
        elif allele.key in found:
            counts.remove("the same variant again")
        elif chrom is None or not 1 <= allele.pos <= genome.contigs[chrom]:
            counts.remove(_OFF)
        elif genome.base(chrom, allele.pos - 1) != allele.ref:
            counts.remove(_WRONG_REF)
        else:
            found[allele.key] = allele, chrom
    taken: dict[str, set[int]] = {}
    for allele, chrom in found.values():
        taken.setdefault(chrom, set()).add(allele.pos - 1)
    rng = np.random.default_rng(rules.seed)
    drawn = Counts("controls asked for", "controls", ["for want of a position like the positive's"])
    groups: dict[tuple[str, int, str, str], list[str]] = {}
    variants = []
    for allele, chrom in found.values():
        places = _places(genome, chrom, allele.pos - 1, taken[chrom], rules)  # (m,)
        n = min(len(places), rules.per_positive)
        if not n:
            counts.remove("without a position like its own")
            continue
        drawn.read(rules.per_positive)
        drawn.remove("for want of a position like the positive's", rules.per_positive - n)
        counts.keep()
        name = "_".join(map(str, (allele.chrom, allele.pos, allele.ref, allele.alt)))
        values: dict[str, Value] = {**allele.values(), "match_group": (name,)}
        variants.append(
            Labelled(allele.chrom, allele.pos, allele.ref, allele.alt, POSITIVE, values)
        )
        for at in sorted(rng.choice(places, n, replace=False).tolist()):
            groups.setdefault((allele.chrom, at + 1, allele.ref, allele.alt), []).append(name)
    if not variants:
        raise InputError(
            f"{positives}: no positive with a control: {counts}; are positives and FASTA of one "
            "assembly?"
        )
    drawn.remove("drawn for several positives, and there once", drawn.n_read
                 - sum(drawn.removed.values()) - len(groups))  # fmt: skip
    drawn.keep(len(groups))
    variants += [
        Labelled(*key, NEGATIVE, {"match_group": tuple(names)}) for key, names in groups.items()
    ]
    return LabelledSet(variants, (counts, drawn), _contigs(variants, genome), rules.sentences())


def _places(
    genome: Genome, chrom: str, at: int, taken: set[int], rules: ControlRules
) -> np.ndarray:
    """Return the 0-based positions (m,) within the distance that have the bases of this one."""
    flank = rules.context // 2
    start = at - rules.distance
    codes = genome.fetch(chrom, start - flank, at + rules.distance + 1 + flank)
    size = 2 * rules.distance + 1
    middle = rules.distance
    same = np.ones(size, dtype=bool)  # (size,)
    for step in range(rules.context):
        same &= codes[step : step + size] == codes[step + middle]
    if codes[middle : middle + rules.context].max() > encode("T")[0]:
        return np.empty(0, dtype=np.int64)  # a context with N says nothing
    places = start + np.flatnonzero(same)  # (m,)
    return places[[place not in taken for place in places.tolist()]]


def _contigs(variants: Sequence[Labelled], genome: Genome) -> dict[str, int | None]:
    """Return the contigs of variants, by their own names and in the genome's order -> length."""
    names = dict.fromkeys(variant.chrom for variant in variants)
    order = list(genome.contigs)
    resolved = {name: genome.resolve(name) or name for name in names}
    return {
        name: genome.contigs[resolved[name]]
        for name in sorted(names, key=lambda name: order.index(resolved[name]))
    }
