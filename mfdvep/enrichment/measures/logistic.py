"""Logistic regression of a label on one score. Pure numpy and scipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from mfdvep.enrichment.measures.odds import Z

_ITERATIONS = 50
_STRETCH = 1 << 14  # variants whose arrays fit a cache
_CONVERGED = 1e-10  # change of the coefficient; Newton squares it in the next step


@dataclass(frozen=True)
class Slope:
    """The change of the label's log-odds per SD of the score; NaN where there is no estimate.

    Attributes
    ----------
    coefficient, error
        Maximum-likelihood estimate and its standard error.
    intercept
        Estimate at a score of 0.
    """

    coefficient: float
    error: float
    intercept: float

    @property
    def interval(self) -> tuple[float, float]:
        """Wald's 95 % interval."""
        return self.coefficient - Z * self.error, self.coefficient + Z * self.error

    @property
    def p(self) -> float:
        """Of Wald's test, two-sided."""
        return float(2 * ndtr(-abs(self.coefficient / self.error)))


def slope(x: np.ndarray, positive: np.ndarray) -> Slope:
    """Return the logistic regression of a label on a score, by Newton's method.

    Parameters
    ----------
    x
        float64 (n,): the score over its SD.
    positive
        (n,) bool.

    Returns
    -------
    Slope
        All NaN where one class is missing, the score does not vary, or it separates the classes,
        so that the likelihood has no maximum.
    """
    share = float(positive.mean())
    if not (0 < share < 1) or x.min() == x.max():
        return Slope(*[np.nan] * 3)
    intercept, coefficient = float(np.log(share / (1 - share))), 0.0
    for _ in range(_ITERATIONS):
        a, b, c, g0, g1 = _sums(x, positive, intercept, coefficient)
        determinant = a * c - b * b
        if not determinant > 1e-12 * a * c:  # p is 0 or 1 nearly everywhere
            break
        step = (a * g1 - b * g0) / determinant
        intercept += (c * g0 - b * g1) / determinant
        coefficient += step
        if not abs(coefficient) < 1e3:
            break
        if abs(step) <= _CONVERGED * max(1.0, abs(coefficient)):
            return Slope(coefficient, float(np.sqrt(a / determinant)), intercept)
    return Slope(*[np.nan] * 3)


def _sums(x: np.ndarray, positive: np.ndarray, intercept: float, coefficient: float) -> np.ndarray:
    """Return sums of w, w x, w x^2, the residual, and the residual times x, where w = p (1 - p).

    A stretch at a time, which stays in the cache: half the time of whole arrays.
    """
    out = np.zeros(5)
    for start in range(0, len(x), _STRETCH):
        at = x[start : start + _STRETCH]
        p = expit(intercept + coefficient * at)
        residual = positive[start : start + _STRETCH] - p
        w = p * (1 - p)
        weighted = w * at
        out += w.sum(), weighted.sum(), weighted @ at, residual.sum(), residual @ at
    return out
