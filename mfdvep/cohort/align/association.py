"""Linear regressions of many quantities on many burdens at once, with covariates. Numpy, scipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from scipy.stats import t as student

from mfdvep.enrichment.measures.odds import adjusted
from mfdvep.errors import InputError

_MEDIAN = float(chi2.median(1))
_FLAT = 1e-9  # of a column's length: what is left of one that covariates explain is rounding


@dataclass(frozen=True)
class Associations:
    """K quantities by G columns, each regressed alone with the covariates; NaN where not defined.

    Attributes
    ----------
    beta, se, t, p
        float64 (K, G): of the column, in units of the quantity a unit of the column; two-sided p.
    q, bonferroni
        float64 (K, G): p corrected over all K G tests that are defined (Benjamini and Hochberg;
        Bonferroni).
    inflation
        float64 (K,): lambda, the median of the tests' chi-square over that of the null.
    n, df
        People; degrees of freedom.
    """

    beta: np.ndarray
    se: np.ndarray
    t: np.ndarray
    p: np.ndarray
    q: np.ndarray
    bonferroni: np.ndarray
    inflation: np.ndarray
    n: int
    df: int


def associate(
    quantities: np.ndarray, columns: np.ndarray, covariates: np.ndarray | None = None
) -> Associations:
    """Return the regression of each quantity on each column, an intercept and the covariates.

    All at once: both sides are first rid of the covariates, which gives the same coefficient and,
    with the degrees of freedom of the whole, the same standard error.

    Parameters
    ----------
    quantities
        (n, K)
    columns
        (n, G); one that has one value, or that covariates explain, has no result.
    covariates
        (n, c)

    Raises
    ------
    InputError
        No degree of freedom is left.

    Source: Frisch, Waugh 1933, Lovell 1963; Devlin, Roeder 1999 (lambda).
    """
    n = len(quantities)
    ones = np.ones((n, 1))
    design = ones if covariates is None else np.hstack([ones, covariates.astype(np.float64)])
    scaled = design / np.maximum(np.abs(design).max(0), 1e-300)  # so that rank is told by shape
    basis, sizes, _ = np.linalg.svd(scaled, full_matrices=False)
    basis = basis[:, sizes > sizes[0] * 1e-10]
    df = n - basis.shape[1] - 1
    if df < 1:
        raise InputError(f"{n} people for {design.shape[1]} covariates and a burden; give more")
    y, x = (values.astype(np.float64) for values in (quantities, columns))
    length = np.sqrt((x * x).sum(0))
    y, x = (values - basis @ (basis.T @ values) for values in (y, x))
    xx = (x * x).sum(0)
    xx = np.where(np.sqrt(xx) > _FLAT * np.maximum(length, 1e-300), xx, np.nan)
    beta = (y.T @ x) / xx  # (K, G)
    rest = np.maximum((y * y).sum(0)[:, None] - beta * beta * xx, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt(rest / df / xx)
        t = beta / se
    p = 2 * student.sf(np.abs(t), df)
    q = adjusted(p.ravel()).reshape(p.shape)
    bonferroni = np.minimum(p * np.isfinite(p).sum(), 1)
    return Associations(beta, se, t, p, q, bonferroni, inflation(p), n, df)


def inflation(p: np.ndarray) -> np.ndarray:
    """Return lambda of each row of p (K, G), over those that are defined; NaN without any."""
    out = np.full(len(p), np.nan)
    for i, row in enumerate(p):
        if len(known := row[np.isfinite(row)]):
            out[i] = np.median(chi2.isf(known, 1)) / _MEDIAN
    return out


def principal_components(
    fitted: np.ndarray, applied: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return components of some people's embedding in others (m, k), and the share of variance.

    Parameters
    ----------
    fitted, applied
        (l, d), (m, d): embeddings by which the components are found, and of which they are taken.
    n
        k is this, or less if fewer vary.
    """
    mean = fitted.mean(0, dtype=np.float64)
    _, sizes, directions = np.linalg.svd(fitted - mean, full_matrices=False)
    k = min(n, int((sizes > 1e-9 * max(sizes[0], 1e-300)).sum()))
    return (applied - mean) @ directions[:k].T, (sizes**2 / (sizes**2).sum())[:k]
