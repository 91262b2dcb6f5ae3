"""Pearson's and Spearman's correlation of many rows with one: interval and p. Numpy and scipy."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from scipy.special import gammaln
from scipy.stats import rankdata
from scipy.stats import t as student

from mfdvep.enrichment.measures.odds import Z

FEWEST = 4
"""Values, below which Fisher's interval is not defined."""
EXACT = 8
"""Values, up to which all orders are counted for Spearman's p: 40,320 at most."""
_PERFECT = 1 - 1e-14  # rounding keeps a perfect correlation from being 1


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation, the ends of its 95 % interval, and p.

    Where a row of x, or y, has one value only, all four are NaN. A perfect correlation has no
    interval: the formula would give one of no width, however few the values.

    Parameters
    ----------
    x
        float64 (k, n), n at least `FEWEST`.
    y
        float64 (n,).

    Returns
    -------
    numpy.ndarray
        float64 (4, k): the value, low, high, two-sided p.

    Source: Fisher 1921 (interval); Student's t with n - 2 degrees of freedom (p).
    """
    r = _product_moment(x, y)
    return np.stack([r, *_interval(r, 1 / (len(y) - 3)), _student_p(r, len(y))])


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation (ties: mean ranks) as `pearson` has it.

    Up to `EXACT` values, p is the share of all orders of y whose correlation is as far from 0,
    ties as they are. Of more values it is Student's t with n - 2 degrees of freedom, but no less
    than 2 / n!, what a perfect order has without ties: t gives 0 there.

    Source: Bonett, Wright 2000 (variance (1 + r^2 / 2) / (n - 3) of Fisher's transform).
    """
    n, x, y = len(y), rankdata(x, axis=1), rankdata(y)
    r = _product_moment(x, y)
    least = 2 * np.exp(-gammaln(n + 1))
    p = _order_p(x, y) if n <= EXACT else np.maximum(_student_p(r, n), least)
    return np.stack([r, *_interval(r, (1 + r * r / 2) / (n - 3)), p])


def _product_moment(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # the mean of equal values may differ from them by rounding, which would correlate
    varies = (x.min(1) < x.max(1)) & (y.min() < y.max())
    r = np.full(len(x), np.nan)
    a, b = _unit(x[varies]), _unit(y[None])[0]
    r[varies] = a @ b
    return np.clip(r, -1, 1)


def _unit(values: np.ndarray) -> np.ndarray:
    """Return rows less their means, of length 1; NaN for a row of one value."""
    # scaled first, so that squares of the smallest and the largest numbers stay numbers
    with np.errstate(divide="ignore", invalid="ignore"):
        values = values / np.abs(values).max(1, keepdims=True)
        values = values - values.mean(1, keepdims=True)
        values = values / np.abs(values).max(1, keepdims=True)
        return values / np.sqrt((values * values).sum(1, keepdims=True))


def _interval(r: np.ndarray, variance: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    middle = np.arctanh(np.where(np.abs(r) < _PERFECT, r, np.nan))
    half = Z * np.sqrt(variance)
    return np.tanh(middle - half), np.tanh(middle + half)


def _student_p(r: np.ndarray, n: int) -> np.ndarray:
    with np.errstate(divide="ignore"):
        t = np.abs(r) * np.sqrt((n - 2) / ((1 - r) * (1 + r)))
    return np.asarray(2 * student.sf(t, n - 2))


def _order_p(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Spearman's p over all orders, of mean ranks x (k, n) and y (n,)."""
    n = len(y)
    twice_x, twice_y = np.rint(2 * x), np.rint(2 * y)  # whole numbers: sums are exact
    centre = n * (n + 1) ** 2  # mean of the sums of products
    orders = twice_y[np.array(list(permutations(range(n))))]  # (n!, n)
    p = np.full(len(x), np.nan)
    # what all orders give depends on how many values are tied, not on which
    patterns, of = np.unique(np.sort(twice_x, axis=1), axis=0, return_inverse=True)
    for i, pattern in enumerate(patterns):
        if pattern[0] == pattern[-1] or twice_y.min() == twice_y.max():
            continue
        rows = np.flatnonzero(of.ravel() == i)
        all_orders = np.sort(np.abs(orders @ pattern - centre))
        seen = np.abs(twice_x[rows] @ twice_y - centre)
        p[rows] = 1 - np.searchsorted(all_orders, seen, side="left") / len(all_orders)
    return p
