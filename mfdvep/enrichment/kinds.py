"""All tracks of one kind of effect, measured; and what they tag together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from mfdvep.enrichment.measures.cuts import Cut, ranking_score
from mfdvep.enrichment.measures.ranking import Groups, groups_of, sort_with_labels
from mfdvep.enrichment.sample import Sample, Tagged, bootstrap_odds_ratios
from mfdvep.enrichment.tracks import AtCut, Track, measure
from mfdvep.enrichment.views import View

_AT_ONCE = 64  # tracks


@dataclass(frozen=True)
class Union:
    """The variants that a cut tags on any track.

    Attributes
    ----------
    variants
        Their indices.
    n_tracks
        How many tracks tag each.
    track, effect
        Of the tracks that tag a variant, that of its largest effect in size, as a position among
        the measured tracks; and that effect, float32.
    tagged
        What was counted of them.
    drawn
        float32 (B,): Haldane's odds ratio in each bootstrap sample.
    """

    variants: np.ndarray
    n_tracks: np.ndarray
    track: np.ndarray
    effect: np.ndarray
    tagged: Tagged
    drawn: np.ndarray


@dataclass(frozen=True)
class Kind:
    """What was measured of a kind of effect.

    Attributes
    ----------
    name, track_names
        Of the kind, and of its T tracks.
    tracks
        T measurements; of their cuts, variants and counts by block are not kept.
    drawn
        float32 (cuts, T, B): Haldane's odds ratio in each bootstrap sample.
    unions
        One a cut.
    largest
        float32 (n,): for each variant the highest ranking score over the tracks.
    groups
        Of equal ones among these.
    """

    name: str
    track_names: list[str]
    tracks: list[Track]
    drawn: np.ndarray
    unions: list[Union]
    largest: np.ndarray
    groups: Groups


class _Gathering:
    """The variants that a cut has tagged so far."""

    def __init__(self, n: int) -> None:
        self.n_tracks = np.zeros(n, dtype=np.int32)
        self.track = np.full(n, -1, dtype=np.int32)
        self.effect = np.zeros(n, dtype=np.float32)

    def add(self, number: int, at_cut: AtCut, effects: np.ndarray) -> None:
        variants = at_cut.variants
        self.n_tracks[variants] += 1
        first = self.track[variants] < 0
        larger = np.abs(effects[variants]) > np.abs(self.effect[variants])
        better = variants[first | larger]
        self.track[better], self.effect[better] = number, effects[better]

    def union(self, sample: Sample) -> Union:
        variants = np.flatnonzero(self.n_tracks)
        tagged = Tagged.of(sample, variants)
        return Union(
            variants,
            self.n_tracks[variants],
            self.track[variants],
            self.effect[variants],
            tagged,
            bootstrap_odds_ratios(sample, [tagged])[0],
        )


def measure_kind(
    view: View,
    sample: Sample,
    cuts: Sequence[Cut],
    *,
    threads: int,
    progress: Callable[[int], None] | None = None,
) -> Kind:
    """Return what is measured of every track of a view, and of what the tracks tag together.

    Parameters
    ----------
    threads
        Tracks measured at once.
    progress
        Called with the number of tracks done.

    Raises
    ------
    InputError
        See `View.blocks`.
    """
    n = len(sample)
    gathered = [_Gathering(n) for _ in cuts]
    largest = np.full(n, -np.inf, dtype=np.float32)
    tracks: list[Track] = []
    drawn: list[np.ndarray] = []  # (cuts, k, B) each
    with ThreadPoolExecutor(threads) as pool:
        # some tracks at a time: the variants that each tags are held, 1.3 MB for a million variants
        for effects in (rows for block in view.blocks() for rows in _batched(block, _AT_ONCE)):
            measured = list(pool.map(lambda row: measure(row, sample, cuts), effects))
            for i, (row, track) in enumerate(zip(effects, measured, strict=True)):
                for gathering, at_cut in zip(gathered, track.cuts, strict=True):
                    gathering.add(len(tracks) + i, at_cut, row)
                np.maximum(largest, ranking_score(row, cuts[0].sided), out=largest)
            of_cuts = zip(*(track.cuts for track in measured), strict=True)
            drawn.append(
                np.stack([bootstrap_odds_ratios(sample, [c.tagged for c in cs]) for cs in of_cuts])
            )
            tracks += map(_without_variants, measured)
            if progress is not None:
                progress(len(tracks))
    unions = [gathering.union(sample) for gathering in gathered]
    groups = groups_of(sort_with_labels(largest, sample.positive))
    joined = np.concatenate(drawn, axis=1)
    return Kind(view.name, view.track_names, tracks, joined, unions, largest, groups)


def _batched(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield the rows of an array, so many at a time."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _without_variants(track: Track) -> Track:
    """Return a track without the tagged variants and their counts by block, which are many."""
    none = np.zeros(0, dtype=np.int64)
    cuts = tuple(
        replace(cut, variants=none, tagged=replace(cut.tagged, blocks=none)) for cut in track.cuts
    )
    return replace(track, cuts=cuts)
