"""How well effects agree with those of a reference computation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from mfdvep.scoring.effects import KINDS, EffectBatch

GOOD_SPEARMAN, GOOD_OVERLAP = 0.9999, 0.99
TOP = 0.01  # share of effects whose membership is compared


@dataclass(frozen=True)
class Fidelity:
    """Agreement of one kind of effect with a reference.

    Attributes
    ----------
    kind
        "combined", "biological" or "technical".
    spearman
        Rank correlation over all variants and tracks together.
    median_track, worst_track
        Of the rank correlations over variants of each track that is not constant; NaN if all are.
    top_overlap
        Share of the largest 1 % of effects, in size, that are among the reference's.
    largest
        Difference.
    relative
        Root mean square of the differences over that of the reference.
    """

    kind: str
    spearman: float
    median_track: float
    worst_track: float
    top_overlap: float
    largest: float
    relative: float

    @property
    def is_good(self) -> bool:
        """Whether ranks and the largest effects are those of the reference for all purposes."""
        return (
            self.spearman >= GOOD_SPEARMAN  # False for NaN, as the next one
            and self.median_track >= GOOD_SPEARMAN
            and self.top_overlap >= GOOD_OVERLAP
        )


def compare(found: EffectBatch, reference: EffectBatch) -> list[Fidelity]:
    """Return the agreement of every kind of effect, over the variants that were scored.

    Raises
    ------
    ValueError
        Other variants or tracks; or none that was scored.
    """
    if found.variants != reference.variants or found.status != reference.status:
        raise ValueError("effects of other variants cannot be compared")
    return [
        _agreement(
            kind,
            getattr(found, kind)[found.scored].astype(np.float64),
            getattr(reference, kind)[found.scored].astype(np.float64),
        )
        for kind in KINDS
    ]


def _agreement(kind: str, found: np.ndarray, reference: np.ndarray) -> Fidelity:
    if found.shape != reference.shape or not found.size:
        raise ValueError(f"effects of shape {found.shape} and {reference.shape}")
    varies = np.ptp(reference, axis=0) > 0
    by_track = np.full(1, np.nan)
    if varies.any():
        ranks = (rankdata(values[:, varies], axis=0) for values in (found, reference))
        by_track = _correlation(*ranks)
    difference = found - reference
    return Fidelity(
        kind,
        float(_correlation(rankdata(found)[:, None], rankdata(reference)[:, None])[0]),
        float(np.median(by_track)),
        float(by_track.min()),
        _top_overlap(np.abs(found).ravel(), np.abs(reference).ravel()),
        float(np.abs(difference).max()),
        float(np.linalg.norm(difference) / max(np.linalg.norm(reference), np.finfo(float).tiny)),
    )


def _correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of each column of two arrays (n, m): (m,)."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    with np.errstate(invalid="ignore"):
        return (x * y).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))


def _top_overlap(found: np.ndarray, reference: np.ndarray) -> float:
    n = max(1, round(TOP * len(found)))
    top = [np.argpartition(-values, n - 1)[:n] for values in (found, reference)]
    return len(set(top[0]) & set(top[1])) / n
