"""The models that ours is measured beside, against plain calls of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score

from mfdvep.errors import TrainingError
from mfdvep.expression import fitting
from mfdvep.expression.heads import mixed, train_heads
from mfdvep.expression.options import LABEL, TrainOptions
from mfdvep.expression.references import (
    PENALTIES,
    boosting_scores,
    cnn_scores,
    logistic_scores,
    marginal_scores,
)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(160, 100)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] + rng.normal(size=160) > 0).astype(np.float32)
    return x[:120], y[:120], x[120:], y[120:]


def test_boosting_is_that_of_scikit_learn(drawn):
    x, y, other, _ = drawn
    expected = HistGradientBoostingClassifier(random_state=3).fit(x, y).decision_function(other)
    assert np.array_equal(boosting_scores(x, y, other, seed=3), expected)


def test_logistic_regression_has_the_best_penalty_of_cross_validation(drawn):
    x, y, other, _ = drawn
    order = np.random.default_rng(3).permutation(120)
    folds = StratifiedKFold(3, shuffle=True, random_state=3)
    areas = [
        cross_val_score(LogisticRegression(C=c, max_iter=2000), x[order], y[order], cv=folds,
                        scoring="roc_auc").mean()
        for c in PENALTIES
    ]  # fmt: skip
    best = LogisticRegression(C=PENALTIES[int(np.argmax(areas))], max_iter=2000).fit(x, y)
    found = logistic_scores(x, y, other, seed=3)
    np.testing.assert_allclose(found, best.decision_function(other), rtol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_marginal_baseline_is_the_best_mark_near_the_start(sign):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 3, 100)).astype(np.float32)
    y = (np.arange(60) % 2).astype(np.float32)
    x[:, 1, 45:55] += sign * 3 * y[:, None]
    x[:, 2, :20] += 9 * y[:, None]  # too far from the start site
    found = marginal_scores(x[:40], y[:40], x[40:])
    np.testing.assert_allclose(found, sign * x[40:, 1, 40:60].mean(1), rtol=1e-6)
    assert roc_auc_score(y[40:], found) == 1


def test_the_convolutional_network_learns(drawn, monkeypatch):
    monkeypatch.setattr(fitting, "MIN_STEPS", 30)
    x, y, other, told = (part.copy() for part in drawn)
    x[:, 40:50] += y[:, None]
    other[:, 40:50] += told[:, None]
    options = TrainOptions(head_epochs=1, heads=1)
    found = cnn_scores(x, y, other, options, seed=1)
    assert found.shape == told.shape
    assert roc_auc_score(told, found) > 0.9
    assert np.array_equal(found, cnn_scores(x, y, other, options, seed=1))


def test_heads_standardise_features_but_not_flags(drawn, few_steps):
    x, y, _, _ = drawn
    x = np.concatenate([100 + 5 * x[:, :2], y[:, None]], axis=1)
    options = TrainOptions(head_epochs=1, heads=2)
    heads, logs = train_heads(x, y, options, target=LABEL, seed=1)
    np.testing.assert_allclose(heads.feature_mean[:2], x[:, :2].mean(0), rtol=1e-5)
    assert heads.feature_mean[2] == 0
    assert heads.feature_sd[2] == 1
    assert len(logs) == len(heads.heads) == 2


def test_labels_of_one_class_are_refused(drawn):
    x, _, _, _ = drawn
    with pytest.raises(TrainingError, match="120 genes of known expression, labels are all 1"):
        train_heads(x, np.ones(120), TrainOptions(), target=LABEL, seed=1)


def test_mixtures_lie_between_two_examples():
    torch.manual_seed(4)
    x, y = torch.rand(50, 3), torch.arange(50.0)
    given, wanted = mixed(x, y)
    assert given.shape == x.shape
    # on a line from label to label, features are on the line too
    told, of = mixed(y[:, None], y)
    torch.testing.assert_close(told[:, 0], of)
    assert wanted.min() >= 0
    assert wanted.max() <= 49


def test_genes_without_labels_tell_how_features_are_spread(drawn, few_steps):
    x, y, other, _ = drawn
    everything = np.concatenate([x, other + 3])
    options = TrainOptions(head_epochs=1, heads=1)
    heads, _ = train_heads(x, y, options, target=LABEL, seed=1, reference=everything)
    np.testing.assert_allclose(heads.feature_mean, everything.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(heads.feature_sd, everything.std(0, ddof=1), rtol=1e-4)
