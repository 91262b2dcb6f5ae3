"""Means and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mfdvep.averages import mean_and_interval, means_and_intervals


def test_the_interval_is_students():
    values = np.random.default_rng(0).normal(size=7)
    mean, interval = mean_and_interval(np.append(values, np.nan))
    assert mean == pytest.approx(values.mean())
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval == pytest.approx(list(expected))


def test_an_interval_to_check_by_hand():
    # mean 2, SD 1, t(2, .975) = 4.303
    _, interval = mean_and_interval(np.array([1.0, 2.0, 3.0]))
    assert interval == pytest.approx([2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5], abs=1e-3)


def test_too_few_values():
    assert mean_and_interval(np.array([np.nan])) == (None, None)
    assert mean_and_interval(np.array([0.5, np.inf])) == (0.5, None)


def test_weights():
    values = np.array([1.0, 2.0, 4.0])
    alike = mean_and_interval(values, np.array([5, 5, 5]))
    assert alike[0] == pytest.approx(7 / 3)
    assert alike[1] == pytest.approx(mean_and_interval(values)[1])
    mean, (low, high) = mean_and_interval(np.array([1.0, 3.0]), np.array([3.0, 1.0]))
    assert mean == pytest.approx(1.5)
    # weights .75 and .25, deviations -.5 and 1.5: SE = sqrt(2 (.375^2 + .375^2)) = .75
    assert (low, high) == pytest.approx((1.5 - 12.7062 * 0.75, 1.5 + 12.7062 * 0.75), rel=1e-5)
    assert mean_and_interval(np.array([2.0, np.nan]), np.array([1.0, 9.0])) == (2.0, None)


def test_columns_are_as_each_alone():
    values = np.random.default_rng(1).normal(size=(5, 4))
    values[0, 1] = values[:4, 2] = values[:, 3] = np.nan  # 5, 4, 1 and no values
    for column, (n, *found) in zip(values.T, means_and_intervals(values).T, strict=True):
        mean, interval = mean_and_interval(column)
        expected = [np.nan if v is None else v for v in (mean, *(interval or (None, None)))]
        assert found == pytest.approx(expected, nan_ok=True)
        assert n == np.isfinite(column).sum()
