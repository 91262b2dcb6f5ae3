"""The gnomAD set: rare against common variants, in cCREs and not in coding sequences.

Takes any sites VCF whose header declares AF, and perhaps AC, such as gnomAD's
gnomad.genomes.v4.1.sites.chr1.vcf.bgz (INFO AC, AF of Number=A; FILTER PASS, AC0, AS_VQSR, ...).

Source: science.md, "Enrichment"; Rakowski 2024, section 3.3 (btae403).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.enrichment.sets.alleles import NO_ALT, NOT_ACGT, Progress, number_of
from mfdvep.enrichment.sets.ccres import ALL, Ccres, is_chosen
from mfdvep.enrichment.sets.counts import Counts
from mfdvep.enrichment.sets.labelled import NEGATIVE, POSITIVE, Labelled, LabelledSet, Value
from mfdvep.enrichment.sets.reservoir import Reservoir
from mfdvep.errors import InputError
from mfdvep.genomics.genes import Annotation
from mfdvep.genomics.info_columns import InfoColumns
from mfdvep.genomics.variants import VariantStatus, spelling_status
from mfdvep.genomics.vcf import Record, open_vcf

_REPORT_EVERY = 10_000  # records


@dataclass(frozen=True)
class GnomadRules:
    """The rules; see `build_gnomad`. `at_most` variants a label, all where it is None."""

    rare_below: float = 0.005
    common_above: float = 0.05
    classes: tuple[str, ...] = ("PLS", "ELS", "CTCF")
    outside: bool = False
    all_filters: bool = False
    all_types: bool = False
    at_most: int | None = 500_000
    seed: int = 0

    def sentences(self, *, coding: bool) -> tuple[str, ...]:
        """Return the rules in words; `coding`: whether coding sequences were left out."""
        named = "of any class" if ALL in self.classes else f"with {'|'.join(self.classes)} in class"
        place = "outside every cCRE" if self.outside else f"in a cCRE {named}"
        kind = "variant" if self.all_types else "SNV"
        filters = "any FILTER" if self.all_filters else "FILTER PASS or none"
        most = "all" if self.at_most is None else f"at most {self.at_most} a label, drawn"
        return (
            f"LABEL 1: rare, AC > 0 and AF < {self.rare_below:g}; LABEL 0: common, AF > "
            f"{self.common_above:g}",
            f"each a {kind} {place}, {'not in' if coding else 'perhaps in'} a coding sequence, "
            f"{filters}; {most} with seed {self.seed}",
        )


def build_gnomad(
    sites: Sequence[str | Path],
    ccres: Ccres,
    annotation: Annotation | None,
    rules: GnomadRules,
    *,
    progress: Progress = None,
) -> LabelledSet:
    """Return rare (1) and common (0) ALTs of sites, sampled in bounded memory.

    An ALT whose AC is not given is taken to be seen if its AF is above 0. Those of a record with
    not one AF an ALT are left out, as without an AF.

    Parameters
    ----------
    sites
        VCFs, such as one a chromosome.
    annotation
        Whose coding sequences are left out; None leaves none out.
    progress
        Called with the records read and None.

    Raises
    ------
    InputError
        See `open_vcf`; a header does not declare AF; a record has AF or AC twice; thresholds that
        leave no gap or `at_most` below 1; a label is left without a variant; the contigs are not
        those of the cCREs or the annotation.
    """
    if not 0 < rules.rare_below <= rules.common_above < 1:
        raise InputError(
            f"rare below {rules.rare_below}, common above {rules.common_above}; expected 0 < rare "
            "<= common < 1"
        )
    if rules.at_most is not None and rules.at_most < 1:
        raise InputError(f"--at-most is {rules.at_most}; expected at least 1, or 0 for all")
    counts = Counts(f"ALTs of {', '.join(Path(path).name for path in sites)}", "labelled ALTs")
    rng = np.random.default_rng(rules.seed)
    samples = {label: Reservoir[Labelled](rules.at_most, rng) for label in (POSITIVE, NEGATIVE)}
    contigs: dict[str, int | None] = {}
    seen: dict[str, None] = {}  # contigs with a record
    n_records = 0
    for path in sites:
        with open_vcf(path) as reader:
            contigs |= reader.contigs
            # one value is not that of several ALTs, whatever Number is declared; that some of
            # many records have such (1000 Genomes) is counted and stops nothing
            info = InfoColumns.of(
                reader.header_lines, ["AF"], also=["AC"], by_alt=["AF", "AC"], name=reader.name
            )
            for record in reader:
                seen[record.chrom] = None
                n_records += 1
                if progress is not None and n_records % _REPORT_EVERY == 0:
                    progress(n_records, None)
                for variant in _labelled(record, info, ccres, annotation, rules, counts):
                    samples[variant.label].offer(variant)
    _check_contigs(sites, seen, ccres, annotation)
    kept = _once(samples, counts)
    for label, name in ((POSITIVE, "rare"), (NEGATIVE, "common")):
        if not any(variant.label == label for variant in kept):
            raise InputError(
                f"{_few(sites)}: no {name} variant is left: {counts}; give more sites, or change "
                "the thresholds, --class or --all-filters"
            )
    used = {variant.chrom for variant in kept}
    return LabelledSet(
        kept,
        (counts,),
        {name: length for name, length in contigs.items() if name in used},
        rules.sentences(coding=annotation is not None),
    )


def _labelled(
    record: Record,
    info: InfoColumns,
    ccres: Ccres,
    annotation: Annotation | None,
    rules: GnomadRules,
    counts: Counts,
) -> Iterator[Labelled]:
    """Yield the ALTs of a record that have a label, and count the others."""
    n = max(1, len(record.alts))
    counts.read(n)
    if not record.alts:
        counts.remove(NO_ALT)
        return
    if not rules.all_filters and record.line.split("\t", 7)[6] not in ("PASS", ".", ""):
        counts.remove("FILTER is not PASS", n)
        return
    ref = record.ref.upper()
    # at least one base, so that an odd record is somewhere
    stretch = record.chrom, record.pos - 1, record.pos - 1 + max(1, len(ref))
    inside = ccres.classes(*stretch)
    chosen = tuple(dict.fromkeys(name for name in inside if is_chosen(name, rules.classes)))
    if rules.outside and inside:
        counts.remove("in a cCRE", n)
        return
    if not (rules.outside or chosen):
        counts.remove("in no cCRE of the classes", n)
        return
    if annotation is not None and annotation.coding.overlaps(*stretch):
        counts.remove("in a coding sequence", n)
        return
    known = info.of_record(record)
    afs, acs = known["AF"], known.get("AC", [None] * n)
    for i, alt in enumerate(map(str.upper, record.alts)):
        af, ac = number_of(afs[i]), number_of(acs[i])
        reason = _removed(ref, alt, af, ac, rules)
        if reason is not None or af is None:
            counts.remove(reason or "without an AF")
            continue
        label = POSITIVE if af < rules.rare_below else NEGATIVE
        values: dict[str, Value] = {"af": af}
        if names := tuple(name.replace(",", "+") for name in chosen if name):
            values["ccre"] = names
        yield Labelled(record.chrom, record.pos, ref, alt, label, values)


def _removed(
    ref: str, alt: str, af: float | None, ac: float | None, rules: GnomadRules
) -> str | None:
    """Return why an ALT in the right place has no label, or None."""
    if spelling_status(ref, alt) is not VariantStatus.OK:
        return NOT_ACGT
    if not rules.all_types and not len(ref) == len(alt) == 1:
        return "not an SNV"
    if af is None:
        return "without an AF"
    if (af if ac is None else ac) <= 0:
        return "never seen (AC 0)"
    if rules.rare_below <= af <= rules.common_above:
        return "neither rare nor common"
    return None


def _once(samples: dict[float, Reservoir[Labelled]], counts: Counts) -> list[Labelled]:
    """Return what was drawn, each variant once, and none that has both labels; count the others."""
    drawn: dict[float, dict[str, Labelled]] = {}
    for label, sample in samples.items():
        drawn[label] = {variant.id: variant for variant in sample.items}
        for reason, n in (
            (
                "of a label with more than --at-most, not drawn",
                sample.n_offered - len(sample.items),
            ),
            ("the same variant again", len(sample.items) - len(drawn[label])),
        ):
            if n:
                counts.remove(reason, n)
    both = drawn[POSITIVE].keys() & drawn[NEGATIVE].keys()
    if both:
        counts.remove("rare in one record and common in another", 2 * len(both))
    kept = [v for found in drawn.values() for name, v in found.items() if name not in both]
    counts.keep(len(kept))
    return kept


def _check_contigs(
    sites: Sequence[str | Path],
    seen: dict[str, None],
    ccres: Ccres,
    annotation: Annotation | None,
) -> None:
    """Raise InputError where files name no contig alike: all would be outside, or not coding."""
    if not seen:
        raise InputError(f"{_few(sites)}: no record; give a sites VCF that has some")
    others: list[tuple[str, tuple[str, ...], Callable[[str], bool]]] = [
        ("cCREs", ccres.contigs, ccres.has_contig)
    ]
    if annotation is not None:
        has = annotation.everything.stretches
        others.append(("GTF", annotation.everything.contigs, lambda name: bool(has(name))))
    for what, names, has_contig in others:
        if not any(map(has_contig, seen)):
            raise InputError(
                f"{_few(sites)}: its contigs ({_few(seen)}) are not those of the {what} "
                f"({_few(names)}); give files of one assembly"
            )


def _few(names: Sequence[object] | dict[str, None]) -> str:
    listed = list(map(str, names))
    return ", ".join(listed[:5]) + (" ..." if len(listed) > 5 else "")
