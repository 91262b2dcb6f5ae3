"""Labels of scored variants: from columns of the scores, or from a labelled VCF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.enrichment.keys import Key, key_of, keys_of
from mfdvep.enrichment.score_table import ScoreTable
from mfdvep.errors import InputError
from mfdvep.genomics.info_columns import InfoColumns
from mfdvep.genomics.vcf import open_vcf
from mfdvep.scoring.effect_file import EffectFile

MATCH_COLUMNS = ("MATCH", "match_group")
ELEMENT_COLUMNS = ("ELEMENT", "element")
_WORDS = {"true": "1", "false": "0"}
_SEPARATOR = re.compile("[,;]")

Row = tuple[str | None, str | None, str | None]  # label, match groups, element


@dataclass(frozen=True)
class Labels:
    """Labels of the n rows of a file of scores.

    Attributes
    ----------
    values
        float64 (n,), NaN where a row has no label.
    matches
        The match groups that each row names, n.
    elements
        The element that each row belongs to, n; "" where it names none.
    """

    values: np.ndarray
    matches: tuple[tuple[str, ...], ...]
    elements: tuple[str, ...]


def read_labels(
    scores: EffectFile | ScoreTable,
    key: str,
    *,
    labelled: str | Path | None = None,
    element: str | None = None,
) -> Labels:
    """Return the label, match groups and element of each row of a file of scores.

    Parameters
    ----------
    key
        Column of the scores, or INFO key of `labelled`.
    labelled
        VCF, BCF, or Parquet of variants, which are found in the scores by contig (chr1 is 1),
        position and alleles after trimming; None where the scores have the labels themselves.
    element
        Column or INFO key by which variants are grouped; None: ELEMENT where there is one.

    Raises
    ------
    InputError
        No such column or key; a label that is no number; a variant with two labels in
        `labelled`; no variant of the scores has a label (how they differ is said).
    """
    if labelled is None:
        rows = _of_columns(scores, key, element)
        where = [f"{scores.path}: row {i + 1}" for i in range(len(rows))]
    else:
        known = _of_file(labelled, key, element)
        keys = keys_of(scores.variants())
        rows = [known.get(k, (None, None, None)) for k in keys]
        where = [f"{labelled}: {k[0]}:{k[1]} {k[2]}>{k[3]}" for k in keys]
        if not any(k in known for k in keys):
            raise InputError(_how_they_differ(scores.path, str(labelled), keys, known))
    values = np.array([_number(row[0], key, at) for row, at in zip(rows, where, strict=True)])
    if not np.isfinite(values).any():
        raise InputError(f"{labelled or scores.path}: {key} labels no variant of the scores")
    matches = (tuple(filter(None, _SEPARATOR.split(row[1] or ""))) for row in rows)
    return Labels(values, tuple(matches), tuple(row[2] or "" for row in rows))


def default_key(scores: EffectFile | ScoreTable, labelled: str | Path | None) -> str:
    """Return what labels are called where nobody says: LABEL, or a column label of the scores."""
    return "label" if labelled is None and "label" in scores.extra else "LABEL"


def _of_columns(scores: EffectFile | ScoreTable, key: str, element: str | None) -> list[Row]:
    match = next((c for c in MATCH_COLUMNS if c in scores.extra), None)
    group = element or next((c for c in ELEMENT_COLUMNS if c in scores.extra), None)
    nothing: list[str | None] = [None] * len(scores)
    columns = [scores.text(c) if c else nothing for c in (key, match, group)]
    return list(zip(*columns, strict=True))


def _of_file(path: str | Path, key: str, element: str | None) -> dict[Key, Row]:
    """Return what a labelled VCF says of its variants that have a label.

    A variant that is there again adds its match groups.
    """
    found: dict[Key, Row] = {}
    keys = [key] if element is None else [key, element]
    also = ("MATCH", *(ELEMENT_COLUMNS[:1] if element is None else ()))
    with open_vcf(path) as reader:
        info = InfoColumns.of(reader.header_lines, keys, also=also, name=reader.name)
        group = element or ELEMENT_COLUMNS[0]
        for record in reader:
            columns = info.of_record(record)
            nothing: list[str | None] = [None] * max(1, len(record.alts))
            texts = [columns.get(name, nothing) for name in (key, "MATCH", group)]
            for alt, *row in zip(record.alts, *texts, strict=False):
                label, match, part = row
                if label is None:
                    continue
                name = key_of(record.chrom, record.pos, record.ref, alt)
                earlier = found.get(name)
                if earlier is not None and earlier[0] != label:
                    raise InputError(
                        f"{path}: {record.chrom}:{record.pos} {record.ref}>{alt} is there twice, "
                        f"with {key}={earlier[0]} and {key}={label}; take one out"
                    )
                if earlier is not None:
                    match = ",".join(filter(None, (earlier[1], match)))
                found[name] = (label, match, part)
    if not found:
        raise InputError(f"{path}: no record has a value of {key}")
    return found


def _number(text: str | None, key: str, where: str) -> float:
    """Return a label as a number, NaN for none."""
    if text is None:
        return np.nan
    try:
        return float(_WORDS.get(text.lower(), text))
    except ValueError as error:
        raise InputError(
            f"{where}: label {key}={text!r}; expected a number, such as 1 and 0, or true and false"
        ) from error


def _how_they_differ(scores: str, labelled: str, keys: Sequence[Key], known: dict[Key, Row]) -> str:
    """Return why no scored variant is labelled, as far as it can be seen."""
    said = (
        f"none of the {len(keys):,} variants of {scores} is among the {len(known):,} of {labelled}"
    )
    swapped = sum((k[0], k[1], k[3], k[2]) in known for k in keys)
    if swapped:
        return (
            f"{said}, but {swapped:,} are with REF and ALT swapped; swap them in one of the files"
        )
    contigs = {k[0] for k in keys}
    shared = contigs & {k[0] for k in known}
    if not shared:
        return (
            f"{said}: contigs of the scores begin {_some(sorted(contigs))}, of the labels "
            f"{_some(sorted({k[0] for k in known}))}; give the variants that were scored"
        )
    refs = {k[:2]: k[2] for k in known}
    same_place = [(k, refs[k[:2]]) for k in keys if k[:2] in refs]
    if same_place:
        key, ref = same_place[0]
        return (
            f"{said}, though {len(same_place):,} positions are in both: {key[0]}:{key[1]} is "
            f"{key[2]}>{key[3]} in the scores and has REF {ref} in the labels; are both of one "
            "assembly?"
        )
    key, other = keys[0], next(k for k in known if k[0] in shared)
    return (
        f"{said}, nor at their positions: the scores begin at {key[0]}:{key[1]}, the labels of a "
        f"shared contig at {other[0]}:{other[1]}; are both of one assembly?"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
