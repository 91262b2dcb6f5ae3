"""Which rows of the scores are tested, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mfdvep.enrichment.keys import Key, keys_of
from mfdvep.enrichment.labels import Labels
from mfdvep.enrichment.score_table import ScoreTable
from mfdvep.errors import InputError
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.variant_file import VariantColumns


@dataclass(frozen=True)
class Tested:
    """The rows that are tested, in the order of contigs as they first come.

    Attributes
    ----------
    rows
        int64 (n,): rows of the scores.
    matches
        The match groups of each, n: with those of rows that repeat its variant.
    baseline_rows
        int64 (n,): the same variants' rows of the baseline's scores; None without a baseline.
    variants
        Of all rows of the scores.
    counts
        rows; unscored {status: n}; unlabelled; duplicates; not_finite; not_in_baseline; used. The
        rows are the sum of the others.
    """

    rows: np.ndarray
    matches: tuple[tuple[str, ...], ...]
    baseline_rows: np.ndarray | None
    variants: VariantColumns
    counts: dict[str, Any] = field(default_factory=dict)


def select_rows(
    scores: EffectFile | ScoreTable,
    labels: Labels,
    *,
    tracks: Sequence[int],
    baseline: EffectFile | ScoreTable | None = None,
    baseline_tracks: Sequence[int] = (),
    by_element: bool = False,
) -> Tested:
    """Return the rows that have a status OK and a label, each variant once.

    A row is left out, and counted, for the first of: a status other than OK, no label, a variant
    of an earlier row, a score of the chosen tracks that is no finite number (of a flat table), no
    such effect in the baseline.

    Parameters
    ----------
    tracks, baseline_tracks
        Columns of the files that are looked at.
    by_element
        Whether a variant that was measured in several elements is there once for each.

    Raises
    ------
    InputError
        A variant is there twice with different labels; no row is left.
    """
    variants = scores.variants()
    keys = keys_of(variants)
    status = np.array(variants.status)
    reason = np.where(status == "OK", "", status).astype(object)
    _mark(reason, ~np.isfinite(labels.values), "unlabelled")
    elements = labels.elements if by_element else ("",) * len(keys)
    repeated, matches = _repeated(keys, elements, reason, labels, scores.path)
    _mark(reason, repeated, "duplicates")
    _mark(reason, ~_has_numbers(scores, tracks), "not_finite")
    where: dict[Key, int] = {}
    if baseline is not None:
        other = baseline.variants()
        fit = (np.array(other.status) == "OK") & _has_numbers(baseline, baseline_tracks)
        where = {key: i for i, key in enumerate(keys_of(other)) if fit[i]}
        _mark(reason, np.array([key not in where for key in keys]), "not_in_baseline")
    rows = np.flatnonzero(reason == "")
    counted = Counter(reason.tolist())
    others = ("unlabelled", "duplicates", "not_finite", "not_in_baseline")
    counts = {
        "rows": len(reason),
        "unscored": {k: n for k, n in sorted(counted.items()) if k and k not in others},
        **{name: counted[name] for name in others},
        "used": len(rows),
    }
    if not len(rows):
        said = ", ".join(f"{n:,} {name}" for name, n in sorted(counted.items()))
        raise InputError(
            f"{scores.path}: none of {len(reason):,} rows has a status OK, a label and finite "
            f"scores ({said})"
        )
    first = {name: i for i, name in reversed(list(enumerate(k[0] for k in keys)))}
    rows = rows[np.argsort([first[keys[i][0]] for i in rows], kind="stable")]
    matched = None if baseline is None else np.array([where[keys[i]] for i in rows])
    return Tested(rows, tuple(matches[i] for i in rows), matched, variants, counts)


def _has_numbers(scores: EffectFile | ScoreTable, tracks: Sequence[int]) -> np.ndarray:
    """Return which rows have finite scores; a matrix has them where the status is OK."""
    if isinstance(scores, ScoreTable):
        return scores.finite(tracks)
    return np.ones(len(scores), dtype=bool)


def _mark(reason: np.ndarray, rows: np.ndarray, name: str) -> None:
    """Give rows that have no reason yet to be left out this one."""
    reason[rows & (reason == "")] = name


def _repeated(
    keys: Sequence[Key],
    elements: Sequence[str],
    reason: np.ndarray,
    labels: Labels,
    path: str,
) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Return which rows repeat an earlier one that is not left out, and the groups of all rows.

    The earlier row gets the match groups of those that repeat it.
    """
    seen: dict[tuple[Key, str], int] = {}
    out = np.zeros(len(keys), dtype=bool)
    matches = list(labels.matches)
    for i in np.flatnonzero(reason == "").tolist():
        earlier = seen.setdefault((keys[i], elements[i]), i)
        if earlier == i:
            continue
        out[i] = True
        matches[earlier] += matches[i]
        one, other = labels.values[earlier], labels.values[i]
        if one != other:
            chrom, pos, ref, alt = keys[i]
            raise InputError(
                f"{path}: rows {earlier + 1} and {i + 1} are one variant, {chrom}:{pos} "
                f"{ref}>{alt}, with the labels {one:g} and {other:g}; leave one out"
            )
    return out, matches
