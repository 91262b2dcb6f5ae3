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
from mfdvep.scoring.effect_file import EffectFile, VariantColumns


@dataclass(frozen=True)
class Tested:
    """The rows that are tested, in the order of contigs as they first come.

    Attributes
    ----------
    rows
        int64 (n,): rows of the scores.
    baseline_rows
        int64 (n,): the same variants' rows of the baseline's scores; None without a baseline.
    variants
        Of all rows of the scores.
    counts
        rows; unscored {status: n}; unlabelled; duplicates; not_finite; not_in_baseline; used. The
        rows are the sum of the others.
    """

    rows: np.ndarray
    baseline_rows: np.ndarray | None
    variants: VariantColumns
    counts: dict[str, Any] = field(default_factory=dict)


def select_rows(
    scores: EffectFile | ScoreTable,
    labels: Labels,
    *,
    baseline: EffectFile | ScoreTable | None = None,
) -> Tested:
    """Return the rows that have a status OK and a label, each variant once.

    A row is left out, and counted, for the first of: a status other than OK, no label, a variant
    of an earlier row, a score that is no finite number (of a flat table), no effect in the
    baseline.

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
    _mark(reason, _repeated(keys, reason, labels, scores.path), "duplicates")
    if isinstance(scores, ScoreTable):
        _mark(reason, ~scores.finite(), "not_finite")
    where: dict[Key, int] = {}
    if baseline is not None:
        other = baseline.variants()
        scored = (i for i, s in enumerate(other.status) if s == "OK")
        names = keys_of(other)
        where = {names[i]: i for i in scored}
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
        said = ", ".join(f"{n} {name}" for name, n in sorted(counted.items()))
        raise InputError(f"{scores.path}: no scored row has a label ({said})")
    first = {name: i for i, name in reversed(list(enumerate(k[0] for k in keys)))}
    rows = rows[np.argsort([first[keys[i][0]] for i in rows], kind="stable")]
    matched = None if baseline is None else np.array([where[keys[i]] for i in rows])
    return Tested(rows, matched, variants, counts)


def _mark(reason: np.ndarray, rows: np.ndarray, name: str) -> None:
    """Give rows that have no reason yet to be left out this one."""
    reason[rows & (reason == "")] = name


def _repeated(keys: Sequence[Key], reason: np.ndarray, labels: Labels, path: str) -> np.ndarray:
    """Return which rows have a variant of an earlier row that is not left out."""
    seen: dict[Key, int] = {}
    out = np.zeros(len(keys), dtype=bool)
    for i in np.flatnonzero(reason == "").tolist():
        earlier = seen.setdefault(keys[i], i)
        out[i] = earlier != i
        one, other = labels.values[earlier], labels.values[i]
        if one != other:
            chrom, pos, ref, alt = keys[i]
            raise InputError(
                f"{path}: rows {earlier + 1} and {i + 1} are one variant, {chrom}:{pos} "
                f"{ref}>{alt}, with the labels {one:g} and {other:g}; leave one out"
            )
    return out
