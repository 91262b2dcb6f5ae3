"""2x2 tables against scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from scipy.stats.contingency import odds_ratio
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.multitest import multipletests

from mfdvep.enrichment.measures.odds import (
    adjusted,
    conditional,
    fisher_p,
    haldane,
    is_informative,
    sample_odds_ratio,
    tables_of,
)

RTOL = 1e-8
CELL = st.one_of(st.integers(0, 6), st.integers(0, 3000))
TABLE = st.tuples(CELL, CELL, CELL, CELL).map(np.array)


def informative(table: np.ndarray) -> bool:
    return bool(is_informative(table[None])[0])


def test_counts_to_check_by_eye():
    # 3 of 4 positives and 1 of 5 negatives are tagged
    table = tables_of(np.array([3]), np.array([1]), positives=4, negatives=5)
    assert table.tolist() == [[3, 1, 1, 4]]
    assert sample_odds_ratio(table) == [12.0]
    assert haldane(table).value[0] == pytest.approx(3.5 * 4.5 / (1.5 * 1.5))


@settings(max_examples=80, deadline=None)
@given(TABLE.filter(informative))
def test_conditional_estimate_and_exact_interval_are_scipys(table):
    found = conditional(table[None])
    try:
        expected = odds_ratio(table.reshape(2, 2), kind="conditional")
        low, high = expected.confidence_interval(0.95)
    except ValueError:  # scipy 1.17's mean is NaN for odds of 1 + 5e-14, as of 2998 2 2998 2
        reject()
    # scipy's root is right to 2e-12
    np.testing.assert_allclose(found.value[0], expected.statistic, rtol=RTOL, atol=1e-11)
    ends = [found.low[0], found.high[0]]
    np.testing.assert_allclose(ends, [low, high], rtol=RTOL, atol=1e-11)


def test_a_table_that_scipy_does_not_solve():
    """Two equal rows: the estimate is 1, and the interval is the same seen from either side."""
    found = conditional(np.array([[2998, 2, 2998, 2]]))
    assert found.value[0] == pytest.approx(1, abs=1e-8)
    assert found.low[0] * found.high[0] == pytest.approx(1, rel=1e-6)


def test_a_table_of_a_million_is_scipys():
    # the distribution is cut to 16 SD round the count; scipy sums all of it
    table = np.array([5200, 4800, 494_800, 495_200])
    found = conditional(table[None])
    expected = odds_ratio(table.reshape(2, 2))
    np.testing.assert_allclose(found.value[0], expected.statistic, rtol=RTOL)
    low, high = expected.confidence_interval(0.95)
    np.testing.assert_allclose([found.low[0], found.high[0]], [low, high], rtol=RTOL)


@settings(max_examples=50, deadline=None)
@given(TABLE.filter(informative))
def test_haldane_and_woolf_are_those_of_statsmodels(table):
    found = haldane(table[None])
    expected = Table2x2(table.reshape(2, 2) + 0.5, shift_zeros=False)
    low, high = expected.oddsratio_confint(0.05)
    np.testing.assert_allclose(found.value[0], expected.oddsratio, rtol=RTOL)
    np.testing.assert_allclose([found.low[0], found.high[0]], [low, high], rtol=RTOL)


@settings(max_examples=50, deadline=None)
@given(st.lists(TABLE, min_size=1, max_size=8))
def test_fisher_is_scipys_and_equal_tables_give_equal_p(tables):
    found = fisher_p(np.array([*tables, *tables]))
    np.testing.assert_array_equal(found[: len(tables)], found[len(tables) :])
    for table, p in zip(tables, found, strict=False):
        if informative(table):
            np.testing.assert_allclose(p, fisher_exact(table.reshape(2, 2)).pvalue, rtol=RTOL)
        else:
            assert np.isnan(p)


@pytest.mark.parametrize("table", [[0, 0, 5, 5], [3, 4, 0, 0], [3, 0, 2, 0], [0, 3, 0, 2]])
def test_a_margin_of_zero_says_nothing(table):
    tables = np.array([table])
    estimates = [sample_odds_ratio(tables), fisher_p(tables)]
    estimates += [haldane(tables).value, haldane(tables).low, conditional(tables).value]
    assert np.isnan(estimates).all()


@pytest.mark.parametrize(
    ("table", "sample", "low", "high"),
    [
        ([4, 0, 3, 9], np.inf, 1.0, np.inf),  # no tagged negative: bounded below alone
        ([0, 4, 9, 3], 0.0, 0.0, 1.0),
    ],
)
def test_a_zero_cell_leaves_one_end_open(table, sample, low, high):
    tables = np.array([table])
    found = conditional(tables)
    assert sample_odds_ratio(tables)[0] == found.value[0] == sample
    if sample == 0:
        assert found.low[0] == low
        assert found.high[0] < high
    else:
        assert found.low[0] > low
        assert found.high[0] == high
    assert np.isfinite(haldane(tables).value[0])


def test_benjamini_hochberg_is_that_of_statsmodels_without_what_is_not_defined():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.2, 0.01, np.nan])
    known = np.isfinite(p)
    q = adjusted(p)
    assert np.isnan(q[~known]).all()
    np.testing.assert_allclose(q[known], multipletests(p[known], method="fdr_bh")[1], rtol=RTOL)
    assert np.isnan(adjusted(np.full(3, np.nan))).all()
