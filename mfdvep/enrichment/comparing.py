"""Kinds of effect beside each other, in the same bootstrap samples; and groups of tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from mfdvep.enrichment.counting import stacked
from mfdvep.enrichment.kinds import Kind
from mfdvep.enrichment.measures.cuts import Cut
from mfdvep.enrichment.measures.odds import haldane
from mfdvep.enrichment.measures.ranking import auroc, weighted_auroc
from mfdvep.enrichment.measures.resampling import percentile_interval
from mfdvep.enrichment.results import Columns
from mfdvep.enrichment.sample import Sample, Tagged, tables_of_tagged
from mfdvep.model.tracks import TrackTable

_Drawn = tuple[float, np.ndarray, int]  # a value, it in each sample, blocks that tell of it
_FIRST = ("biological", "combined", "baseline", "technical")


def odds_ratios(sample: Sample, tagged: Sequence[Tagged]) -> np.ndarray:
    """Return Haldane's odds ratio of T sets of tagged variants, float64 (T,)."""
    return haldane(tables_of_tagged(sample, tagged)).value


def group_rows(
    sample: Sample, kind: Kind, number: int, cut: Cut, table: TrackTable, column: str
) -> Columns:
    """Return the mean odds ratio (Haldane's) of the tracks of each value of a column.

    With 95 % bootstrap intervals: they say how much the means would move with other variants, not
    with other tracks. Tracks that tag nothing are left out.

    Parameters
    ----------
    table
        The kind's T tracks.
    """
    tagged = [track.cuts[number].tagged for track in kind.tracks]
    values = odds_ratios(sample, tagged)
    drawn = kind.drawn[number]  # (T, B)
    rows: list[Columns] = []
    for name in sorted(set(table[column])):
        members = np.array([value == name for value in table[column]]) & np.isfinite(values)
        if not members.any():
            continue
        spread = max(tagged[i].spread for i in np.flatnonzero(members))
        low, high = percentile_interval(_mean(drawn[members]), spread)
        rows.append(
            {
                "kind": [kind.name],
                "cut": [cut.name],
                "column": [column],
                "value": [name],
                "n_tracks": [int(members.sum())],
                "mean_odds_ratio": [float(values[members].mean())],
                "low": [float(low)],
                "high": [float(high)],
            }
        )
    return stacked(rows)


def comparisons(sample: Sample, kinds: Sequence[Kind], cuts: Sequence[Cut]) -> Columns:
    """Return each pair of kinds beside each other: see `Enrichment.comparisons`.

    Odds ratios are Haldane's and are compared as ratios, AUROC as differences. Intervals are of
    pairs: every sample draws the same blocks for both kinds.
    """
    ordered = sorted(kinds, key=lambda k: _FIRST.index(k.name) if k.name in _FIRST else 9)
    rows: list[Columns] = []
    for number, cut in enumerate(cuts):
        overall = {
            k.name: (
                float(odds_ratios(sample, [k.unions[number].tagged])[0]),
                k.unions[number].drawn.astype(np.float64),
                k.unions[number].tagged.spread,
            )
            for k in kinds
        }
        means = {k.name: _mean_over_tracks(sample, k, number) for k in kinds}
        for first, second in combinations([k.name for k in ordered], 2):
            rows.append(_row("odds_ratio", cut.name, first, second, overall, "ratio", np.divide))
            rows.append(_row("mean_odds_ratio", cut.name, first, second, means, "ratio", np.divide))
    ranked = {k.name: _auroc(sample, k) for k in kinds} if len(kinds) > 1 else {}
    for first, second in combinations([k.name for k in ordered], 2):
        rows.append(_row("auroc", "", first, second, ranked, "difference", np.subtract))
    return stacked(rows)


def _row(
    measure: str,
    cut: str,
    first: str,
    second: str,
    found: dict[str, _Drawn],
    scale: str,
    compare: Callable[..., np.ndarray],
) -> Columns:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(compare(found[first][0], found[second][0]))
        drawn = compare(found[first][1], found[second][1])
    low, high = percentile_interval(drawn, min(found[first][2], found[second][2]))
    return {
        "measure": [measure],
        "cut": [cut],
        "first": [first],
        "second": [second],
        "first_value": [found[first][0]],
        "second_value": [found[second][0]],
        "scale": [scale],
        "value": [value],
        "low": [float(low)],
        "high": [float(high)],
    }


def _mean_over_tracks(sample: Sample, kind: Kind, number: int) -> _Drawn:
    tagged = [track.cuts[number].tagged for track in kind.tracks]
    values = odds_ratios(sample, tagged)
    known = np.isfinite(values)
    if not known.any():
        return np.nan, np.full(len(sample.weights), np.nan), 0
    spread = max(t.spread for t in tagged)
    return float(values[known].mean()), _mean(kind.drawn[number][known]), spread


def _auroc(sample: Sample, kind: Kind) -> _Drawn:
    drawn = weighted_auroc(kind.largest, sample.positive, sample.weights, sample.blocks)
    return auroc(kind.groups), drawn, sample.n_blocks


def _mean(drawn: np.ndarray) -> np.ndarray:
    """Return the mean over tracks in each sample, (B,), of odds ratios (T, B) that are defined."""
    known = np.isfinite(drawn)
    total = np.where(known, drawn, 0).sum(0, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / known.sum(0)
