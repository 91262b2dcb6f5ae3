"""Changes of alleles to batches of stretches: what the incremental engine computes at once.

Numpy only; positions are 0-based.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from mfdvep.genomics.sequences import CENTRE, N_CODE, WINDOW_BASES, reverse_complement
from mfdvep.scoring.geometry import MAX_CHANGED, WINDOW_ROWS, Plan, best_plan
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
            Rows of tokens and of windows held at once; a batch has more only if one stretch has.
        """
        kinds: dict[str, list[int]] = {"one": [], "several": [], "other": []}
        for i, change in enumerate(changes):
            kinds[self._kind(change)].append(i)
        for kind in ("one", "several"):
            groups = list(self._groups(changes, kinds[kind]))
            groups.sort(key=lambda group: self._extent(changes, group))  # stable
            for extent, alike in groupby(groups, lambda group: self._extent(changes, group)):
                yield from self._cut(changes, list(alike), extent, n_rows)
        yield from self._apart(changes, kinds["other"], n_rows)

    @staticmethod
    def _kind(change: Change) -> str:
        if change.ref_length != len(change.alt) or len(change.alt) > MAX_CHANGED:
            return "other"
        return "one" if change.ref_length == 1 else "several"

    @staticmethod
    def _extent(changes: Sequence[Change], group: Sequence[int]) -> int:
        between = changes[group[-1]].start - changes[group[0]].start
        return -(-between // _EXTENT_STEP) * _EXTENT_STEP

    def _plan(self, extent: int, n_windows: int, n_changes: int, n_bases: int) -> Plan:
        return best_plan(
            self._width,
            n_tokens=WINDOW_BASES - 1 + self._span + extent,
            n_windows=n_windows,
            n_changes=n_changes,
            n_pairs=n_changes * len(self._shifts),
            n_bases=n_bases,
        )

    def _windows(self, starts: np.ndarray) -> np.ndarray:
        """Return the offsets (n, S) of the windows of changes from the first of a stretch."""
        return (starts[:, None] + self._shifts - self._shifts[0]).astype(np.int64)

    def _groups(self, changes: Sequence[Change], among: Sequence[int]) -> Iterator[list[int]]:
        """Yield changes that lie together, as long as one stretch for them costs less than two."""
        group: list[int] = []
        for i in sorted(among, key=lambda i: (changes[i].contig, changes[i].start)):
            if group and not self._joins(changes, group, i):
                yield group
                group = []
            group.append(i)
        if group:
            yield group

    def _joins(self, changes: Sequence[Change], group: Sequence[int], i: int) -> bool:
        first, last = changes[group[0]], changes[group[-1]]
        change = changes[i]
        if change.contig != first.contig or change.start - first.start > MAX_EXTENT:
            return False
        if change.start == last.start:
            return True
        costs = [self._cost(changes, group), self._cost(changes, [i])]
        return self._cost(changes, [*group, i]) <= sum(costs)

    def _cost(self, changes: Sequence[Change], group: Sequence[int]) -> int:
        starts = {changes[i].start for i in group}
        n_windows = len(starts) * len(self._shifts)
        # windows of changes that are nearer than the shifts reach are the same ones
        n_windows = min(n_windows, max(starts) - min(starts) + self._span + 1)
        extent = self._extent(changes, group)
        return self._plan(extent, n_windows, len(group), changes[group[0]].ref_length).cost

    def _cut(
        self, changes: Sequence[Change], groups: list[list[int]], extent: int, n_rows: int
    ) -> Iterator[Batch]:
        batch: list[list[int]] = []
        n = 0
        for group in groups:
            more = self._rows(extent, len(group))
            if batch and n + more > n_rows:
                yield self._batch(changes, batch, extent)
                batch, n = [], 0
            batch.append(group)
            n += more
        yield self._batch(changes, batch, extent)

    def _rows(self, extent: int, n_changes: int) -> int:
        """Return about how many rows a stretch holds at once."""
        n_windows = n_changes * len(self._shifts)
        plan = self._plan(extent, n_windows, n_changes, 1)
        own = n_windows * WINDOW_ROWS[plan.windows_from]
        return len(self._strands) * (WINDOW_BASES + self._span + extent + own)

    def _batch(self, changes: Sequence[Change], groups: list[list[int]], extent: int) -> Batch:
        n_codes = WINDOW_BASES + self._span + extent
        of = np.array([i for group in groups for i in group])
        stretch = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        firsts = np.array([changes[group[0]].start for group in groups])
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
        offsets = self._windows(starts)  # (n, S)
        keys, pair_window = np.unique(stretch[:, None] * n_codes + offsets, return_inverse=True)
        window_stretch, window_offset = np.divmod(keys, n_codes)
        pair_change = np.repeat(np.arange(len(of)), len(self._shifts))
        forward = (codes, window_offset, at, bases)
        backward = (
            reverse_complement(codes),
            n_codes - WINDOW_BASES - window_offset,
            n_codes - at - n_bases,
            reverse_complement(bases),
        )
        of_strand = [(forward, backward)[strand] for strand in self._strands]
        codes, window_offset, at, bases = (
            np.concatenate(parts) for parts in zip(*of_strand, strict=True)
        )
        return Batch(
            of=of,
            codes=codes,
            window_stretch=self._on_strands(window_stretch, len(groups)),
            window_offset=window_offset,
            change_stretch=self._on_strands(stretch, len(groups)),
            change_start=at,
            change_bases=bases,
            pair_change=self._on_strands(pair_change, len(of)),
            pair_window=self._on_strands(pair_window.reshape(-1), len(keys)),
            pair_other=None,
            plan=self._plan(extent, len(keys) // len(groups), len(of) // len(groups), n_bases),
        )

    def _apart(
        self, changes: Sequence[Change], among: Sequence[int], n_rows: int
    ) -> Iterator[Batch]:
        """Yield batches of changes of length: a stretch with REF, and one with ALT."""
        size = max(1, n_rows // (2 * self._rows(0, 1)))
        n_codes = WINDOW_BASES + self._span
        none = np.zeros(0, dtype=np.int64)
        for first in range(0, len(among), size):
            of = np.array(among[first : first + size])
            pairs = np.stack([changes[i].sequences(n_codes) for i in of], axis=1)  # (2, n, T + 1)
            codes = pairs.reshape(-1, n_codes)
            offset = np.tile(self._shifts - self._shifts[0], len(codes))
            of_strand = [
                (codes, offset),
                (reverse_complement(codes), n_codes - WINDOW_BASES - offset),
            ]
            codes, offset = (
                np.concatenate([of_strand[strand][k] for strand in self._strands]) for k in (0, 1)
            )
            n_pairs = len(of) * len(self._shifts)
            window = np.arange(2 * n_pairs).reshape(2, n_pairs)  # REF, ALT
            yield Batch(
                of=of,
                codes=codes,
                window_stretch=np.repeat(np.arange(len(codes)), len(self._shifts)),
                window_offset=offset,
                change_stretch=none,
                change_start=none,
                change_bases=none.reshape(0, 1).astype(np.uint8),
                pair_change=none,
                pair_window=self._on_strands(window[0], 2 * n_pairs),
                pair_other=self._on_strands(window[1], 2 * n_pairs),
                plan=self._plan(0, len(self._shifts), 0, 1),
            )

    def _on_strands(self, index: np.ndarray, n: int) -> np.ndarray:
        """Return an index into n things for each strand in turn."""
        return np.concatenate([index + k * n for k in range(len(self._strands))])
