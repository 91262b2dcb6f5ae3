"""AUROC, AUPRC and slopes against scikit-learn, statsmodels, and pairs counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from mfdvep.enrichment.measures.logistic import slope
from mfdvep.enrichment.measures.ranking import (
    average_precision,
    by_chromosome,
    curves,
    groups_of,
    rank,
    sort_with_labels,
    weighted_auroc,
)

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
FEW = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e-40, -1e-40])
SCORES = st.lists(st.tuples(st.one_of(FLOATS, FEW), st.booleans()), min_size=2, max_size=40)


def arrays(pairs):
    return np.array([s for s, _ in pairs], dtype=np.float32), np.array([y for _, y in pairs])


def grouped(score, positive):
    return groups_of(sort_with_labels(score, positive))


def data(n=400, *, ties=False, seed=0):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    score = (rng.standard_normal(n) + positive).astype(np.float32)
    return (np.round(score, 1) if ties else score), positive


@settings(max_examples=100, deadline=None)
@given(SCORES)
def test_groups_are_the_distinct_scores_in_order(pairs):
    score, positive = arrays(pairs)
    groups = grouped(score, positive)
    values = np.unique(score + np.float32(0))
    assert groups.positives.tolist() == [int((positive & (score == v)).sum()) for v in values]
    assert groups.negatives.tolist() == [int((~positive & (score == v)).sum()) for v in values]


@settings(max_examples=100, deadline=None)
@given(SCORES.filter(lambda pairs: len({y for _, y in pairs}) == 2))
def test_auroc_and_auprc_are_those_of_scikit_learn(pairs):
    score, positive = arrays(pairs)
    found = rank(grouped(score, positive))
    np.testing.assert_allclose(found.auroc, roc_auc_score(positive, score), atol=1e-12)
    np.testing.assert_allclose(found.auprc, average_precision_score(positive, score), atol=1e-12)


def delong_by_pairs(score, positive):
    """DeLong's variance from its definition: every pair of a positive and a negative."""
    x, y = score[positive][:, None], score[~positive][None]
    wins = (x > y) + 0.5 * (x == y)
    auroc = wins.mean()
    return auroc, wins.mean(1).var(ddof=1) / x.size + wins.mean(0).var(ddof=1) / y.size


@pytest.mark.parametrize("ties", [False, True])
def test_delongs_interval_from_pairs(ties):
    score, positive = data(150, ties=ties)
    auroc, variance = delong_by_pairs(score, positive)
    found = rank(grouped(score, positive))
    logit, half = np.log(auroc / (1 - auroc)), 1.959963984540054 * np.sqrt(variance)
    ends = [1 / (1 + np.exp(-(logit + s * half / (auroc * (1 - auroc))))) for s in (-1, 1)]
    np.testing.assert_allclose([found.auroc_low, found.auroc_high], ends, rtol=1e-10)


def test_intervals_hold_their_level():
    # 300 samples of a known AUROC, P(N(1, 1) > N(0, 1)) = .760: 95 % within 3 SE of 95 %
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        positive = np.arange(120) < 40
        score = (rng.standard_normal(120) + positive).astype(np.float32)
        found = rank(grouped(score, positive))
        held += found.auroc_low <= 0.7602499 <= found.auroc_high
    assert 0.95 - 3 * 0.0126 < held / 300 <= 0.99


@pytest.mark.parametrize(("score", "auroc"), [([0, 0, 1, 1], 1.0), ([1, 1, 0, 0], 0.0)])
def test_a_perfect_ranking_has_no_interval(score, auroc):
    found = rank(grouped(np.array(score, np.float32), np.array([False, False, True, True])))
    assert found.auroc == auroc
    assert np.isnan([found.auroc_low, found.auroc_high]).all()


def test_one_class_has_no_ranking():
    assert np.isnan(rank(grouped(np.ones(3, np.float32), np.ones(3, bool))).auroc)


def test_within_chromosomes():
    score, positive = data(90)
    positive[60:] = True  # the last has one class
    where = [slice(0, 30), slice(30, 60), slice(60, 90)]
    found = by_chromosome(score, positive, where)
    for i in (0, 1):
        assert found[0, i] == pytest.approx(roc_auc_score(positive[where[i]], score[where[i]]))
        expected = average_precision_score(positive[where[i]], score[where[i]])
        assert found[1, i] == pytest.approx(expected)
    assert np.isnan(found[:, 2]).all()


def test_curves_are_those_of_scikit_learn():
    score, positive = data(60, ties=True)
    found = curves(grouped(score, positive))
    fpr, tpr, _ = roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(found["fpr"], fpr)
    np.testing.assert_allclose(found["tpr"], tpr)
    steps = np.diff(found["recall"]) @ found["precision"][1:]
    assert steps == pytest.approx(average_precision(grouped(score, positive)))


def test_curves_of_many_scores_keep_their_ends():
    found = curves(grouped(*data(5000)), points=100)
    assert len(found["fpr"]) <= 100
    assert (found["fpr"][-1], found["tpr"][-1]) == (1.0, 1.0)


def test_weights_count_variants_as_often():
    score, positive = data(80, ties=True)
    blocks = np.repeat(np.arange(8), 10)
    weights = np.random.default_rng(0).integers(0, 4, (5, 8)).astype(float)
    found = weighted_auroc(score, positive, weights, blocks)
    for row, value in zip(weights, found, strict=True):
        expected = roc_auc_score(positive, score, sample_weight=row[blocks])
        assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_slope_is_that_of_statsmodels(seed):
    score, positive = data(300, seed=seed)
    x = score.astype(np.float64) / score.astype(np.float64).std()
    fit = sm.Logit(positive.astype(float), sm.add_constant(x)).fit(disp=0, tol=1e-14, maxiter=100)
    found = slope(x, positive)
    np.testing.assert_allclose(
        [found.intercept, found.coefficient, found.error, found.p, *found.interval],
        [*fit.params, fit.bse[1], fit.pvalues[1], *fit.conf_int()[1]],
        rtol=1e-8,
    )


@pytest.mark.parametrize(
    ("x", "positive"),
    [
        ([0, 0, 0, 0], [1, 0, 1, 0]),  # does not vary
        ([0, 1, 2, 3], [1, 1, 1, 1]),  # one class
        ([0, 1, 2, 3], [0, 0, 1, 1]),  # separates: the likelihood has no maximum
    ],
)
def test_no_slope_where_there_is_none(x, positive):
    found = slope(np.array(x, float), np.array(positive, bool))
    assert np.isnan(found.coefficient)
