"""Calibration of simulated predictions whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from mfdvep.training.calibration import (
    CALIBRATION,
    calibration_error,
    curve,
    intercept_and_slope,
    reliability,
    track_calibration,
)

N = 40_000


def simulate(stretch: float = 1.0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions (N, 1) and labels of log-odds (prediction - shift) / stretch."""
    rng = np.random.default_rng(0)
    truth = rng.normal(-3, 1.2, (N, 1))
    labels = rng.random((N, 1)) < expit(truth)
    return expit(stretch * truth + shift).astype(np.float32), labels.astype(np.uint8)


def of(predicted, labels):
    known = np.ones(labels.shape, dtype=bool)
    return {k: v[0] for k, v in track_calibration(predicted, labels, known).items()}


def test_calibrated_predictions():
    predicted, labels = simulate()
    found = of(predicted, labels)
    assert found["calibration_slope"] == pytest.approx(1, abs=0.05)
    assert found["calibration_intercept"] == pytest.approx(0, abs=0.12)
    assert found["ece"] < 0.006
    assert found["mean_predicted"] == pytest.approx(labels.mean(), abs=0.004)
    assert found["brier"] == pytest.approx(np.mean((predicted - labels) ** 2), rel=1e-5)


def test_overconfident_predictions_have_a_slope_below_one():
    found = of(*simulate(stretch=2.0))
    assert found["calibration_slope"] == pytest.approx(0.5, abs=0.03)
    assert found["ece"] > 0.02


def test_predictions_that_are_all_too_high():
    found = of(*simulate(shift=1.0))
    assert found["calibration_slope"] == pytest.approx(1, abs=0.05)
    assert found["calibration_intercept"] == pytest.approx(-1, abs=0.1)
    assert found["ece"] > 0.05


def test_the_fit_is_the_maximum_of_the_likelihood():
    predicted, labels = (x[:500, 0] for x in simulate(stretch=1.5, shift=0.3))
    predicted, truth = predicted.astype(float), labels.astype(bool)
    x = np.log(predicted / (1 - predicted))

    def loss(ab):
        return np.logaddexp(0, np.where(truth, -1, 1) * (ab[0] + ab[1] * x)).sum()

    best = minimize(loss, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    assert intercept_and_slope(predicted, truth) == pytest.approx(best.x, abs=1e-3)


def test_missing_labels_do_not_count():
    predicted, labels = simulate()
    known = np.random.default_rng(1).random((N, 1)) < 0.5
    wrong = np.where(known, labels, 1)
    found = track_calibration(predicted, wrong, known)
    kept = of(predicted[known][:, None], labels[known][:, None])
    assert {k: v[0] for k, v in found.items()} == pytest.approx(kept)
    counts = reliability(predicted, wrong, known)[0]
    assert counts.sum(0) == pytest.approx(
        [known.sum(), predicted[known].sum(dtype=float), labels[known].sum()]
    )


@pytest.mark.parametrize("value", [0, 1])
def test_one_class_has_no_calibration(value):
    found = of(np.full((9, 1), 0.5), np.full((9, 1), value))
    assert set(found) == set(CALIBRATION)
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]),
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0]),
        ([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1]),
        ([0.3, 0.3, 0.3, 0.3], [0, 1, 0, 1]),
    ],
    ids=["apart", "apart the wrong way round", "apart but for a tie", "all alike"],
)
def test_no_finite_fit(predicted, truth):
    assert np.isnan(intercept_and_slope(np.array(predicted), np.array(truth, dtype=bool))).all()


def test_probabilities_of_zero_and_one_have_a_fit():
    predicted = np.array([0.0, 0.0, 1.0, 1.0, 0.5])
    found = intercept_and_slope(predicted, np.array([False, True, True, False, True]))
    assert np.isfinite(found).all()


def test_calibration_error_of_a_case_to_check_by_eye():
    predicted = np.array([0.9, 0.1, 0.3, 0.7])
    truth = np.array([True, False, False, False])
    # two bins: .1 and .3 with no peak, .7 and .9 with one of two
    assert calibration_error(predicted, truth, n_bins=2) == pytest.approx((0.2 + 0.3) / 2)
    # as many bins as values
    assert calibration_error(predicted, truth) == pytest.approx((0.1 + 0.1 + 0.3 + 0.7) / 4)


def test_reliability_of_a_case_to_check_by_eye():
    predicted = np.array([[0.5, 0.55], [0.52, 0.02]])
    labels = np.array([[1, 0], [0, 1]])
    counts = reliability(predicted, labels, np.array([[True, True], [True, False]]))
    assert curve(counts[0]) == [{"labels": 2, "predicted": 0.51, "observed": 0.5}]
    assert curve(counts.sum(0)) == [
        {"labels": 3, "predicted": pytest.approx(1.57 / 3), "observed": pytest.approx(1 / 3)}
    ]


def test_extreme_predictions_have_a_bin():
    counts = reliability(np.array([[0.0], [1.0]]), np.array([[0], [1]]), np.ones((2, 1), bool))
    assert counts[0, 0, 0] == counts[0, -1, 0] == 1
