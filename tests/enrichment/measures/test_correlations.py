"""Correlations with intervals and p, against scipy and against formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mfdvep.enrichment.measures.correlations import EXACT, pearson, spearman

RNG = np.random.default_rng(0)
TIED = RNG.integers(0, 4, (5, 30)).astype(float)
CONTINUOUS = RNG.standard_normal((5, 30)) + np.linspace(0, 1, 30)
LABELS = {
    "continuous": np.linspace(0, 3, 30) + RNG.standard_normal(30),
    "tied": RNG.integers(0, 5, 30).astype(float),
    "of two values": np.arange(30) % 2.0,
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("x", [TIED, CONTINUOUS], ids=["tied", "continuous"])
def test_pearson_is_scipys(x, labels):
    y = LABELS[labels]
    for row, found in zip(x, pearson(x, y).T, strict=True):
        expected = stats.pearsonr(row, y)
        ends = expected.confidence_interval(0.95)
        assert found == pytest.approx([expected.statistic, *ends, expected.pvalue], abs=1e-8)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("x", [TIED, CONTINUOUS], ids=["tied", "continuous"])
def test_spearman_is_scipys_with_the_interval_of_bonett_and_wright(x, labels):
    y = LABELS[labels]
    for row, found in zip(x, spearman(x, y).T, strict=True):
        expected = stats.spearmanr(row, y)
        r = expected.statistic
        half = stats.norm.ppf(0.975) * np.sqrt((1 + r**2 / 2) / (len(y) - 3))
        ends = np.tanh([np.arctanh(r) - half, np.arctanh(r) + half])
        assert found == pytest.approx([r, *ends, expected.pvalue], abs=1e-8)


def test_labels_of_two_values_are_point_biserial():
    y = LABELS["of two values"]
    value, _, _, p = pearson(CONTINUOUS, y)
    for row, r, its_p in zip(CONTINUOUS, value, p, strict=True):
        expected = stats.pointbiserialr(y == 1, row)
        assert (r, its_p) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-8)
        # and the p of a t-test of two groups
        assert its_p == pytest.approx(stats.ttest_ind(row[y == 1], row[y == 0]).pvalue, abs=1e-8)


@pytest.mark.parametrize("n", [4, 5, 6])
@pytest.mark.parametrize("tied", [False, True])
def test_few_values_take_all_orders(n, tied):
    rng = np.random.default_rng(n)
    x = rng.integers(0, 3, (4, n)).astype(float) if tied else rng.standard_normal((4, n))
    y = rng.integers(0, 3, n).astype(float) if tied else rng.standard_normal(n)
    for row, found in zip(x, spearman(x, y).T, strict=True):
        if len(set(row)) == 1:
            assert np.isnan(found).all()
            continue
        exact = stats.permutation_test(
            (row,), lambda a: stats.spearmanr(a, y).statistic, permutation_type="pairings",
            n_resamples=np.inf, vectorized=False,
        )  # fmt: skip
        all_orders = np.abs(exact.null_distribution)
        share = (all_orders >= abs(exact.statistic) - 1e-9).mean()
        assert found[3] == pytest.approx(share, abs=1e-8)


def test_a_perfect_order_of_four_is_no_proof():
    # Student's t would give p = 0; 2 of the 24 orders are perfect
    value, low, high, p = spearman(np.array([[1.0, 2, 3, 4]]), np.array([5.0, 6, 9, 10]))[:, 0]
    assert (value, p) == pytest.approx((1, 2 / 24))
    assert np.isnan([low, high]).all()
    up = np.arange(12.0)
    assert spearman(up[None], np.exp(up))[3, 0] == pytest.approx(2 / 479_001_600, rel=1e-6)


def test_exact_p_and_students_meet():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((200, EXACT)), rng.standard_normal(EXACT)
    value, _, _, p = spearman(x, y)
    # Student's distribution is close by then, but for the last few orders
    near = 2 * stats.t.sf(np.abs(value) * np.sqrt(6 / (1 - value**2)), 6)
    assert np.abs(p - near)[np.abs(value) < 0.95].max() < 0.03


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-20, np.float64(np.float32(1 / 3)), 1e9])
def test_one_value_has_no_correlation(constant):
    # the mean of equal numbers may differ from them in the last place
    for n in (4, 7, 10, 33):
        y = np.arange(n) + 0.1
        x = np.stack([np.full(n, constant), y])
        for measure in (pearson, spearman):
            assert np.isnan(measure(x, y)[:, 0]).all()
            assert measure(x, y)[0, 1] == pytest.approx(1)
            assert np.isnan(measure(x, np.full(n, constant))).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-44, 1e-20, 1.0, 1e20, 1e300])
def test_size_does_not_matter(scale):
    y = LABELS["continuous"]
    for measure in (pearson, spearman):
        expected = measure(CONTINUOUS, y)
        assert measure(CONTINUOUS * scale, y) == pytest.approx(expected, abs=1e-12)
        assert measure(CONTINUOUS, y * scale) == pytest.approx(expected, abs=1e-12)


def test_a_sign_turned_turns_the_interval():
    for measure in (pearson, spearman):
        value, low, high, p = measure(CONTINUOUS, LABELS["tied"])
        turned = measure(-CONTINUOUS, LABELS["tied"])
        assert turned == pytest.approx(np.stack([-value, -high, -low, p]), abs=1e-12)


@given(st.lists(st.integers(0, 20), min_size=4, max_size=12), st.randoms(use_true_random=False))
def test_properties(values, random):
    other = [random.randint(0, 20) for _ in values]
    x, y = np.array([values], dtype=float), np.array(other, dtype=float)
    defined = len(set(values)) > 1 and len(set(other)) > 1
    for measure in (pearson, spearman):
        value, low, high, p = measure(x, y)[:, 0]
        assert np.isfinite(value) == np.isfinite(p) == defined
        if defined:
            assert 0 <= p <= 1
            assert np.isnan(low) == (abs(value) > 1 - 1e-9)
            assert np.isnan(low) or low < value < high
            swapped = measure(y[None], x[0])[:, 0]
            assert swapped == pytest.approx([value, low, high, p], nan_ok=True, abs=1e-9)
    # ranks do not see a rising function
    assert spearman(x**3, y) == pytest.approx(spearman(x, y), nan_ok=True)


@pytest.mark.parametrize("n", [6, 12, 40])
@pytest.mark.parametrize("measure", [pearson, spearman])
def test_under_the_null_levels_hold(measure, n):
    rng = np.random.default_rng(n)
    missed, below, n_draws = 0, 0, 0
    for _ in range(5):
        _, low, high, p = measure(rng.standard_normal((2000, n)), rng.standard_normal(n))
        missed += ((low > 0) | (high < 0)).sum()
        below += (p < 0.05).sum()
        n_draws += len(p)
    error = np.sqrt(0.05 * 0.95 / n_draws)
    assert below / n_draws < 0.05 + 3 * error
    # Fisher's transform is a little off with few values
    assert missed / n_draws < 0.05 + 3 * error + 0.1 / n
    assert missed / n_draws > 0.02


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.7])
def test_intervals_hold_what_is_there(rho):
    rng = np.random.default_rng(3)
    n, held = 60, {pearson: 0, spearman: 0}
    truth = {pearson: rho, spearman: 6 / np.pi * np.arcsin(rho / 2)}
    for _ in range(1000):
        y = rng.standard_normal(n)
        x = rho * y + np.sqrt(1 - rho**2) * rng.standard_normal((1, n))
        for measure in held:
            _, low, high, _ = measure(x, y)[:, 0]
            held[measure] += low <= truth[measure] <= high
    for count in held.values():
        assert abs(count / 1000 - 0.95) < 3 * np.sqrt(0.05 * 0.95 / 1000) + 0.01
