"""What is measured of one track: ranking, slope, and what each cut tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfdvep.enrichment.measures.cuts import Cut, ranking_score
from mfdvep.enrichment.measures.logistic import Slope, slope
from mfdvep.enrichment.measures.ranking import (
    Ranking,
    by_chromosome,
    groups_of,
    rank,
    sort_with_labels,
)
from mfdvep.enrichment.sample import Sample, Tagged


@dataclass(frozen=True)
class AtCut:
    """What a cut does on a track.

    Attributes
    ----------
    low, high
        Thresholds; NaN for one that the cut has not.
    tied
        Variants whose effect equals a threshold; they are not tagged.
    variants
        int64: the tagged ones.
    tagged
        What was counted of them.
    """

    low: float
    high: float
    tied: int
    variants: np.ndarray
    tagged: Tagged


@dataclass(frozen=True)
class Track:
    """What was measured of a track; `contigs` is AUROC and AUPRC within each, (2, C)."""

    ranking: Ranking
    contigs: np.ndarray
    sd: float
    slope: Slope
    cuts: tuple[AtCut, ...]


def measure(effects: np.ndarray, sample: Sample, cuts: Sequence[Cut]) -> Track:
    """Return what is measured of a track's effects, float32 (n,), finite; one side of all cuts."""
    sided = cuts[0].sided
    score = ranking_score(effects, sided)
    keys = sort_with_labels(score, sample.positive)
    wide = score.astype(np.float64)
    sd = float(wide.std())
    values = score if sided == "absolute" else effects
    ordered = np.sort(values)
    at_cuts = []
    for cut in cuts:
        low, high = cut.thresholds(ordered)
        variants = cut.tags(values, low, high)
        at_cuts.append(
            AtCut(low, high, _tied(ordered, low, high), variants, Tagged.of(sample, variants))
        )
    return Track(
        rank(groups_of(keys)),
        by_chromosome(score, sample.positive, list(sample.contigs.values())),
        sd,
        slope(wide / sd if sd > 0 else wide, sample.positive),
        tuple(at_cuts),
    )


def _tied(ordered: np.ndarray, *thresholds: float) -> int:
    """Return how many of the sorted effects equal a threshold."""
    return sum(
        int(np.searchsorted(ordered, at, "right") - np.searchsorted(ordered, at, "left"))
        for at in map(np.float64, thresholds)
        if np.isfinite(at)
    )
