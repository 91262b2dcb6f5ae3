"""Labels come out bin by bin as they went in track by track."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.training.labels import BinLabels, Grid
from mfdvep.training.peaks import Intervals


def intervals(*rows: tuple[int, int, int]) -> Intervals:
    contig, start, end = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Intervals(contig.astype(np.int32), start, end, np.arange(len(start)), {})


def test_peaks_at_the_ends_of_neighbouring_contigs_are_not_joined():
    grid = Grid.over([16, 16], 8)
    # 3 bases at the end of one and 3 at the start of the next would be 6 of a bin
    assert grid.bins(intervals((0, 13, 16), (1, 0, 3)), 4).tolist() == []
    ends = grid.bins(intervals((0, 12, 16), (1, 0, 4)), 4)
    assert ends.tolist() == [grid.first[0] + 1, grid.first[1]]


def test_the_incomplete_bin_is_none_of_the_contig():
    grid = Grid.over([15, 16], 8)
    assert grid.count.tolist() == [1, 2]
    found = grid.bins(intervals((0, 0, 15)), 4)
    assert found.tolist() == [0, 1]
    assert found[1] < grid.first[1]
    assert grid.size > grid.first[1] + 2


@given(st.lists(st.sets(st.integers(0, 39)), min_size=1, max_size=6), st.integers(0, 39), st.data())
def test_labels_agree_with_a_dense_matrix(tracks, begin, data):
    end = data.draw(st.integers(begin, 40))
    labels, dense = BinLabels(Grid.over([320], 8)), np.zeros((40, len(tracks)), dtype=bool)
    for track, bins in enumerate(tracks):
        labels.add(np.array(sorted(bins), dtype=np.int64))
        dense[list(bins), track] = True
    count, found = labels.between(begin, end)
    assert count.tolist() == dense[begin:end].sum(1).tolist()
    assert found.tolist() == np.nonzero(dense[begin:end])[1].tolist()
