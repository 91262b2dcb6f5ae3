"""Means and their intervals. Pure numpy and scipy."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student


def mean_and_interval(
    values: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float | None, list[float] | None]:
    """Return the mean of the finite values and its 95 % interval [low, high].

    The interval is Student's t, mean +- t(n - 1, .975) SE. Without weights SE is SD / sqrt(n); of a
    mean with weights w that sum to 1 it is sqrt(n / (n - 1) sum((w (value - mean))^2)), the same
    where all are 1 / n. None for what is not defined: a mean of no value, an interval of fewer
    than two.

    Parameters
    ----------
    values
        (n,)
    weights
        (n,) positive, of any sum; by default all count alike.
    """
    finite = np.isfinite(values)
    known = values[finite].astype(np.float64)
    n = len(known)
    if n == 0:
        return None, None
    if weights is None:
        mean = float(known.mean())
        error = known.std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
    else:
        shares = weights[finite] / weights[finite].sum()
        mean = float(shares @ known)
        error = np.sqrt(n / (n - 1) * ((shares * (known - mean)) ** 2).sum()) if n > 1 else 0.0
    if n == 1:
        return mean, None
    half = float(student.ppf(0.975, n - 1) * error)
    return mean, [mean - half, mean + half]


def means_and_intervals(values: np.ndarray) -> np.ndarray:
    """Return `mean_and_interval` of each column, and of how many values it is.

    Parameters
    ----------
    values
        float64 (n, k).

    Returns
    -------
    numpy.ndarray
        float64 (4, k): finite values, their mean, low, high; NaN for what is not defined.
    """
    known = np.isfinite(values)
    n = known.sum(0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, values, 0).sum(0) / n
        variance = (np.where(known, values - mean, 0) ** 2).sum(0) / (n - 1)
        half = student.ppf(0.975, n - 1) * np.sqrt(variance / n)
    return np.stack([n, mean, mean - half, mean + half])
