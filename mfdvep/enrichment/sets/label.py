"""Labels of any origin: a column, an INFO key, a BED, or two files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mfdvep.enrichment.sets.alleles import (
    NO_ALT,
    NOT_ACGT,
    Allele,
    Progress,
    number_of,
    read_alleles,
)
from mfdvep.enrichment.sets.counts import Counts
from mfdvep.enrichment.sets.labelled import NEGATIVE, POSITIVE, Labelled, LabelledSet
from mfdvep.enrichment.sets.tables import MISSING
from mfdvep.errors import InputError
from mfdvep.genomics.regions import Regions

_AGAIN, _BOTH = "the same variant again", "with both labels"
_WORDS = {"true": POSITIVE, "false": NEGATIVE}

Key = tuple[object, ...]


def label_by_column(
    path: str | Path, column: str | None = None, *, progress: Progress = None
) -> LabelledSet:
    """Return the ALTs of a file with the labels of an INFO key or a column.

    Labels are 0 and 1, true and false, or quantities; or an INFO Flag, which is 1 on the ALTs of
    records that have it and 0 on all others. An ALT measured in several elements (column
    element, INFO ELEMENT) is there once for each.

    Parameters
    ----------
    column
        By default label, or LABEL of a VCF.

    Raises
    ------
    InputError
        See `read_alleles`; a label that is no number; no label; all labels are the same.
    """
    none = "without a label"
    counts = _counts(path, [none])
    names = (column,) if column else ("label", "LABEL")

    def label(allele: Allele) -> float | None:
        text = next((allele.info[name] for name in names if name in allele.info), "")
        if text in MISSING:
            counts.remove(none)
            return None
        number = _WORDS.get(text.lower(), number_of(text))
        if number is None:
            raise InputError(
                f"{path}: {names[0]} of {allele.chrom}:{allele.pos} is {text[:30]!r}; expected a "
                "number, or true or false"
            )
        return number

    alleles = read_alleles(path, counts, keys=names, progress=progress)
    found = _unique(((allele, label(allele)) for allele in alleles), counts)
    if not found and counts.removed[none]:
        raise InputError(
            f"{path}: no ALT has {' or '.join(names)}: {counts}; name the column or INFO key that "
            "has the labels; of a VCF, one that its header declares"
        )
    return _checked(found, (counts,), f"LABEL: {names[0]} of {Path(path).name}")


def label_by_bed(vcf: str | Path, bed: str | Path, *, progress: Progress = None) -> LabelledSet:
    """Return the ALTs of a file, 1 where REF overlaps an interval of a BED and 0 elsewhere.

    Raises
    ------
    InputError
        See `read_alleles` and `Regions.parse`; all are inside or all are outside.
    """
    inside = Regions.parse(beds=[bed])
    counts = _counts(vcf, [])
    seen: set[str] = set()

    def label(allele: Allele) -> float:
        seen.add(allele.chrom)
        at = allele.pos - 1
        return float(inside.overlaps(allele.chrom, at, at + len(allele.ref)))

    alleles = read_alleles(vcf, counts, progress=progress)
    found = _unique(((allele, label(allele)) for allele in alleles), counts)
    if seen and not any(map(inside.stretches, seen)):
        raise InputError(
            f"{vcf}: its contigs ({', '.join(sorted(seen)[:5])}) are not those of {bed} "
            f"({', '.join(inside.contigs[:5])}); give files of one assembly"
        )
    name = Path(bed).name
    return _checked(found, (counts,), f"LABEL: 1 where REF overlaps {name}, 0 elsewhere")


def label_two_files(
    positive: str | Path, negative: str | Path, *, progress: Progress = None
) -> LabelledSet:
    """Return the ALTs of two files, 1 and 0; one that is in both is left out.

    Raises
    ------
    InputError
        See `read_alleles`; a file has none that is only in it.
    """
    both = _counts(positive, []), _counts(negative, [])
    ones = _all(positive, POSITIVE, both[0], progress)
    zeros = _all(negative, NEGATIVE, both[1], progress)
    shared = ones.keys() & zeros.keys()
    for found, counts in zip((ones, zeros), both, strict=True):
        for key in shared:
            del found[key]
        counts.n_kept -= len(shared)
        counts.remove("in both files", len(shared))
    rule = f"LABEL: 1 of {Path(positive).name}, 0 of {Path(negative).name}"
    return _checked(ones | zeros, both, rule)


def _all(path: str | Path, label: float, counts: Counts, progress: Progress) -> dict[Key, Labelled]:
    """Return the ALTs of a file, all with one label."""
    alleles = read_alleles(path, counts, progress=progress)
    return _unique(((allele, label) for allele in alleles), counts)


def _counts(path: str | Path, reasons: list[str]) -> Counts:
    return Counts(f"ALTs of {Path(path).name}", "labelled ALTs", [NO_ALT, NOT_ACGT, *reasons])


def _unique(labelled: Iterator[tuple[Allele, float | None]], counts: Counts) -> dict[Key, Labelled]:
    """Return each variant of an element once; none whose labels contradict each other."""
    found: dict[Key, Labelled] = {}
    torn: set[Key] = set()
    for allele, label in labelled:
        if label is None:
            continue
        values = allele.values()
        key = (*allele.key, values.get("element"))
        if key in torn:
            counts.remove(_BOTH)
        elif key not in found:
            found[key] = Labelled(allele.chrom, allele.pos, allele.ref, allele.alt, label, values)
        elif found[key].label == label:
            counts.remove(_AGAIN)
        else:
            torn.add(key)
            del found[key]
            counts.remove(_BOTH, 2)
    counts.keep(len(found))
    return found


def _checked(found: dict[Key, Labelled], counts: tuple[Counts, ...], rule: str) -> LabelledSet:
    labels = {variant.label for variant in found.values()}
    if len(labels) < 2:
        have = f"all {len(found)} have {labels.pop():g}" if labels else "none is left"
        raise InputError(
            f"labels of one class: {have}: {'; '.join(map(str, counts))}; give variants of both"
        )
    return LabelledSet(list(found.values()), counts, {}, (rule,))
