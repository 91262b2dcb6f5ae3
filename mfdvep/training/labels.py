"""Positive bins of many experiments over a genome, held compactly, given out in order of bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfdvep.training.peaks import Intervals, bins_of, expand, merge, runs_of


@dataclass(frozen=True)
class Grid:
    """All bins of a genome under one numbering, in which contigs never touch.

    Attributes
    ----------
    bin_size
        Bases a bin.
    first
        (K,) int64, number of each contig's bin 0.
    count
        (K,) int64, complete bins of each contig; bin i of a contig has number first + i.
    """

    bin_size: int
    first: np.ndarray
    count: np.ndarray

    @classmethod
    def over(cls, lengths: Sequence[int], bin_size: int) -> Grid:
        """Return the grid of contigs of these lengths in bases, from base 0 of each."""
        count = np.array(lengths, dtype=np.int64) // bin_size
        # One for the incomplete bin at the end, one that no peak reaches so that none are joined.
        slots = count + 2
        return cls(bin_size, np.cumsum(slots) - slots, count)

    @property
    def size(self) -> int:
        """One more than the largest number in use."""
        return int(self.first[-1] + self.count[-1] + 2)

    def bins(self, intervals: Intervals, min_overlap: int) -> np.ndarray:
        """Return the bins covered by at least `min_overlap` bases, (m,) int64, ascending.

        Incomplete bins at the ends of contigs are among them.
        """
        shift = self.first[intervals.contig] * self.bin_size
        start, end = merge(intervals.start + shift, intervals.end + shift)
        return bins_of(start, end, bin_size=self.bin_size, min_overlap=min_overlap)


class BinLabels:
    """Positive bins of the tracks added so far, as ranges of bins of a grid: 8 bytes each."""

    def __init__(self, grid: Grid) -> None:
        self._dtype = np.int32 if grid.size < 1 << 31 else np.int64
        self._first: list[np.ndarray] = []
        self._end: list[np.ndarray] = []

    def add(self, bins: np.ndarray) -> None:
        """Add the next track, positive in these bins, (m,) ascending numbers of the grid."""
        first, end = runs_of(bins)
        self._first.append(first.astype(self._dtype))
        self._end.append(end.astype(self._dtype))

    def between(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels of the bins [begin, end).

        Returns
        -------
        count
            (end - begin,) int64, positive tracks of each bin.
        tracks
            (sum of count,) int64, these tracks bin after bin, ascending within a bin.
        """
        n_tracks = len(self._first)
        owners, firsts, ends = [], [], []
        for track, (first, stop) in enumerate(zip(self._first, self._end, strict=True)):
            lo, hi = stop.searchsorted(begin, "right"), first.searchsorted(end, "left")
            if lo < hi:
                owners.append(np.full(hi - lo, track, dtype=np.int64))
                firsts.append(first[lo:hi])
                ends.append(stop[lo:hi])
        if not owners:
            return np.zeros(end - begin, dtype=np.int64), np.zeros(0, dtype=np.int64)
        first = np.maximum(np.concatenate(firsts).astype(np.int64), begin) - begin  # (runs,)
        stop = np.minimum(np.concatenate(ends).astype(np.int64), end) - begin
        # One key for bin and track: sorting two columns takes ten times as long.
        key = expand(first, stop) * n_tracks + np.repeat(np.concatenate(owners), stop - first)
        key.sort()
        bins, tracks = np.divmod(key, n_tracks)
        return np.bincount(bins, minlength=end - begin), tracks
