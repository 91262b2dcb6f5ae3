"""Changes of alleles to batches of stretches: what the incremental engine computes at once.

Numpy only; positions are 0-based.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from mfdvep.genomics.sequences import CENTRE, N_CODE, WINDOW_BASES, reverse_complement
from mfdvep.scoring.geometry import MAX_CHANGED, PAIR_ROWS, WINDOW_ROWS, Plan, best_plan
from mfdvep.scoring.windows import Change

MAX_EXTENT = 512  # bases between the first and the last change of a stretch
_EXTENT_STEP = 32  # extents are rounded up to it, so that stretches of a batch are equally long


@dataclass(frozen=True)
class Batch:
    """Stretches of one length, the windows in them, and the changes that they hold.

    The stretches of the forward strand come first, then those of the reverse, in equal order;
    so do windows, changes and pairs.

    Attributes
    ----------
    of
        (n,): which of the caller's changes; n_pairs = n_strands * n * S, in that order.
    codes
        (B, T + 1) uint8.
    window_stretch, window_offset
        (n_w,).
    change_stretch, change_start
        (n_c,); of no length if the ALT alleles have stretches of their own.
    change_bases
        (n_c, m) uint8.
    pair_change, pair_window
        (n_pairs,): `pair_window` is the window with REF.
    pair_other
        (n_pairs,): the window with ALT; None if there are changes.
    plan
        For the engine.
    """

    of: np.ndarray
    codes: np.ndarray
    window_stretch: np.ndarray
    window_offset: np.ndarray
    change_stretch: np.ndarray
    change_start: np.ndarray
    change_bases: np.ndarray
    pair_change: np.ndarray
    pair_window: np.ndarray
    pair_other: np.ndarray | None
    plan: Plan


class _Layout(NamedTuple):
    """What a stretch comes to: bases from the first change to the last, rounded up; and more."""

    extent: int
    cost: int
    n_rows: int


class _Group(NamedTuple):
    """Changes that share a stretch: their indices, in order of place; and the stretch's layout."""

    of: list[int]
    extent: int
    n_rows: int


def _cut(groups: Iterable[_Group], n_rows: int) -> Iterator[list[_Group]]:
    """Yield runs of groups that together have at most so many rows, or one that has more."""
    run: list[_Group] = []
    room = n_rows
    for group in groups:
        if run and group.n_rows > room:
            yield run
            run, room = [], n_rows
        run.append(group)
        room -= group.n_rows
    yield run


class Stretches:
    """Lays changes out in stretches.

    Parameters
    ----------
    shifts
        S window offsets in bases, rising.
    strand
        "both", "forward" or "reverse".
    width
        W of the model, for what things cost.
    """

    def __init__(self, shifts: Sequence[int], strand: str, width: int) -> None:
        self._shifts = np.array(shifts)
        self._span = int(self._shifts[-1] - self._shifts[0])
        self._strands = {"both": (0, 1), "forward": (0,), "reverse": (1,)}[strand]
        self._width = width

    def batches(self, changes: Sequence[Change], *, n_rows: int) -> Iterator[Batch]:
        """Yield batches of all changes.

        Parameters
        ----------
        n_rows
            Rows of tokens, windows and changes held at once. A stretch of several variants may
            have four times as many, since what it shares is worth more than what fits into a
            cache; one of one variant may have any number.
        """
        of_length, by_width = [], defaultdict(list)
        for i, change in enumerate(changes):
            if change.ref_length != len(change.alt) or len(change.alt) > MAX_CHANGED:
                of_length.append(i)
            else:
                by_width[(change.ref_length - 1).bit_length()].append(i)  # 1, 2, 3-4, 5-8 ...
        for alike in by_width.values():
            groups = sorted(self._groups(changes, alike, 4 * n_rows), key=lambda x: x.extent)
            for _, equal in groupby(groups, lambda group: group.extent):
                for part in _cut(equal, n_rows):
                    yield self._batch(changes, part)
        yield from self._apart(changes, of_length, n_rows)

    def _plan(self, extent: int, n_windows: int, n_changes: int, n_bases: int) -> Plan:
        return best_plan(
            self._width,
            n_tokens=WINDOW_BASES - 1 + self._span + extent,
            n_windows=n_windows,
            n_changes=n_changes,
            n_pairs=n_changes * len(self._shifts),
            n_bases=n_bases,
        )

    def _groups(
        self, changes: Sequence[Change], among: Sequence[int], n_rows: int
    ) -> Iterator[_Group]:
        """Yield changes that lie together, as long as one stretch for them costs less than two."""
        alone = self._layout(0, 1, 1)
        of: list[int] = []
        layout, n_places = alone, 1
        for i in sorted(among, key=lambda i: (changes[i].contig, changes[i].start)):
            if of:
                first, last = changes[of[0]], changes[of[-1]]
                between = changes[i].start - first.start
                if changes[i].contig == first.contig and between <= MAX_EXTENT:
                    n = n_places + (changes[i].start != last.start)
                    joined = self._layout(between, n, len(of) + 1)
                    if joined.cost <= layout.cost + alone.cost and joined.n_rows <= n_rows:
                        of.append(i)
                        layout, n_places = joined, n
                        continue
                yield _Group(of, layout.extent, layout.n_rows)
            of, layout, n_places = [i], alone, 1
        if of:
            yield _Group(of, layout.extent, layout.n_rows)

    def _layout(self, between: int, n_places: int, n_changes: int) -> _Layout:
        """Return what a stretch for changes at some places costs and holds, as of SNVs."""
        extent = -(-between // _EXTENT_STEP) * _EXTENT_STEP
        # windows of places that are nearer than the shifts reach are the same ones
        n_windows = min(n_places * len(self._shifts), between + self._span + 1)
        plan = self._plan(extent, n_windows, n_changes, 1)
        of_windows = n_windows * WINDOW_ROWS[plan.windows_from]
        of_pairs = n_changes * len(self._shifts) * PAIR_ROWS
        n_rows = len(self._strands) * (WINDOW_BASES + self._span + extent + of_windows + of_pairs)
        return _Layout(extent, plan.cost, n_rows)

    def _batch(self, changes: Sequence[Change], groups: Sequence[_Group]) -> Batch:
        """Return the batch of groups of one extent."""
        extent = groups[0].extent
        n_codes = WINDOW_BASES + self._span + extent
        of = np.array([i for group in groups for i in group.of])
        stretch = np.repeat(np.arange(len(groups)), [len(group.of) for group in groups])
        firsts = np.array([changes[group.of[0]].start for group in groups])
        starts = np.array([changes[i].start for i in of]) - firsts[stretch]  # from the first
        codes = np.full((len(groups), n_codes), N_CODE, dtype=np.uint8)
        for i, b, start in zip(of, stretch, starts, strict=True):
            known = changes[i].reference[: n_codes - start]
            codes[b, start : start + len(known)] = known
        n_bases = max(changes[i].ref_length for i in of)
        at = starts + CENTRE - self._shifts[0]
        bases = codes[stretch[:, None], at[:, None] + np.arange(n_bases)]
        for row, i in zip(bases, of, strict=True):
            row[: len(changes[i].alt)] = changes[i].alt
        offsets = starts[:, None] + self._shifts - self._shifts[0]  # (n, S)
        keys, pair_window = np.unique(stretch[:, None] * n_codes + offsets, return_inverse=True)
        window_stretch, window_offset = np.divmod(keys, n_codes)
        pair_change = np.repeat(np.arange(len(of)), len(self._shifts))
        return Batch(
            of=of,
            codes=self._bases(codes),
            window_stretch=self._on_strands(window_stretch, len(groups)),
            window_offset=self._places(window_offset, n_codes - WINDOW_BASES),
            change_stretch=self._on_strands(stretch, len(groups)),
            change_start=self._places(at, n_codes - n_bases),
            change_bases=self._bases(bases),
            pair_change=self._on_strands(pair_change, len(of)),
            pair_window=self._on_strands(pair_window.reshape(-1), len(keys)),
            pair_other=None,
            plan=self._plan(extent, len(keys) // len(groups), len(of) // len(groups), n_bases),
        )

    def _apart(
        self, changes: Sequence[Change], among: Sequence[int], n_rows: int
    ) -> Iterator[Batch]:
        """Yield batches of changes of length: a stretch with REF, and one with ALT."""
        size = max(1, n_rows // (2 * self._layout(0, 1, 1).n_rows))
        n_codes = WINDOW_BASES + self._span
        none = np.zeros(0, dtype=np.int64)
        for first in range(0, len(among), size):
            of = np.array(among[first : first + size])
            pairs = np.stack([changes[i].sequences(n_codes) for i in of], axis=1)  # (2, n, T + 1)
            codes = self._bases(pairs.reshape(-1, n_codes))
            offset = np.tile(self._shifts - self._shifts[0], pairs.shape[0] * pairs.shape[1])
            n_pairs = len(of) * len(self._shifts)
            window = np.arange(2 * n_pairs).reshape(2, n_pairs)  # REF, ALT
            yield Batch(
                of=of,
                codes=codes,
                window_stretch=np.repeat(np.arange(len(codes)), len(self._shifts)),
                window_offset=self._places(offset, n_codes - WINDOW_BASES),
                change_stretch=none,
                change_start=none,
                change_bases=none.reshape(0, 1).astype(np.uint8),
                pair_change=none,
                pair_window=self._on_strands(window[0], 2 * n_pairs),
                pair_other=self._on_strands(window[1], 2 * n_pairs),
                plan=self._plan(0, len(self._shifts), 0, 1),
            )

    def _bases(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (n, L), read on each strand in turn."""
        return np.concatenate(
            [reverse_complement(codes) if strand else codes for strand in self._strands]
        )

    def _places(self, first: np.ndarray, last: int) -> np.ndarray:
        """Return first bases (n,) of what may lie as far right as `last`, seen on each strand."""
        return np.concatenate([last - first if strand else first for strand in self._strands])

    def _on_strands(self, index: np.ndarray, n: int) -> np.ndarray:
        """Return an index into n things for each strand in turn."""
        return np.concatenate([index + k * n for k in range(len(self._strands))])
