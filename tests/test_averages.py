"""Means and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mfdvep.averages import mean_and_interval


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
