"""Intervals into bins: named cases, and base by base as a second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.expression.genes import Tss
from mfdvep.expression.places import Places, fill, one_spelling


def one(intervals, values, starts=(0,), **options):
    return fill(np.array(starts), np.array(intervals), np.array(values, dtype=float), **options)


def test_a_bin_has_signal_times_the_share_that_is_covered():
    (bins,) = one([[50, 225]], [8.0])
    assert bins[:4].tolist() == [4.0, 8.0, 2.0, 0.0]
    assert not bins[3:].any()


def test_signals_of_overlapping_peaks_add():
    (bins,) = one([[0, 100], [50, 100], [0, 100]], [1.0, 4.0, 1.0])
    assert bins[0] == 1.0 + 2.0 + 1.0


def test_a_peak_over_everything_fills_the_bins_of_each_gene():
    assert (one([[-5, 99_999]], [3.0], starts=(0, 40, 20_000)) == 3.0).all()


def test_what_ends_where_bins_begin_is_not_in_them():
    assert not one([[0, 500], [10_500, 11_000], [700, 700]], [1.0, 1.0, 1.0], starts=(500,)).any()


peaks = st.lists(
    st.tuples(st.integers(-300, 25_000), st.integers(0, 9_000), st.sampled_from([0.5, 1.0, 7.25])),
    max_size=12,
)


@given(peaks, st.lists(st.integers(-6_000, 15_000), min_size=1, max_size=4), st.integers(1, 4))
def test_as_counted_base_by_base(found, starts, most):
    starts = np.sort(starts)
    intervals = np.array([(s, s + n) for s, n, _ in found], dtype=np.int64).reshape(-1, 2)
    values = np.array([v for *_, v in found], dtype=float)
    filled = fill(starts, intervals, values, most=most)
    for start, bins in zip(starts, filled, strict=True):
        bases = np.zeros(10_000)
        for (a, b), value in zip(intervals, values, strict=True):
            bases[max(a - start, 0) : max(b - start, 0)] += value
        np.testing.assert_allclose(bins, bases.reshape(100, 100).mean(axis=1), atol=1e-12)


def test_the_order_of_peaks_makes_no_difference_to_a_bit():
    rng = np.random.default_rng(0)
    starts = np.sort(rng.integers(0, 50_000, 20))
    begin = rng.integers(0, 60_000, 300)
    intervals = np.stack([begin, begin + rng.integers(1, 3_000, 300)], axis=1)
    values, order = rng.random(300), rng.permutation(300)
    again = fill(starts, intervals[order], values[order])
    assert again.tobytes() == fill(starts, intervals, values).tobytes()


def test_names_of_one_contig_come_together():
    assert one_spelling("chr1") == one_spelling("1")
    assert len({one_spelling(name) for name in ("chrM", "M", "MT", "chrMT")}) == 1
    genes = [Tss("a", "", "chr2", 900, "+"), Tss("b", "", "2", 100, "-"), Tss("c", "", "3", 1, "+")]
    places = Places.of(genes)
    assert [rows.tolist() for rows in places.rows.values()] == [[1, 0], [2]]
    assert places.starts["2"].tolist() == [100 - 4999, 900 - 5000]


@pytest.mark.parametrize("n", [0, 1])
def test_no_peaks_and_few(n):
    filled = one(np.zeros((n, 2), dtype=int), np.ones(n))
    assert filled.shape == (1, 100)
    assert not filled.any()
