"""2x2 tables, many at once: odds ratios with intervals, and Fisher's test. Pure numpy and scipy.

A table is a row (a, b, c, d): tagged positives, tagged negatives, untagged positives, untagged
negatives. Tracks that tag equally many variants often share a table, so what takes long is done
once for each table that differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import false_discovery_control, fisher_exact, norm

LEVEL = 0.95
Z = float(norm.ppf(0.5 + LEVEL / 2))
"""Standard deviations that a 95 % interval reaches on either side."""
_TAIL = (1 - LEVEL) / 2
_WIDE = 16.0  # standard deviations of a conditional distribution that are summed
_SMALL = 2000  # values of a distribution that are all summed


@dataclass(frozen=True)
class Estimates:
    """Estimates of m odds ratios and 95 % intervals, float64 (m,) each; NaN where not defined."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of_log(cls, log: np.ndarray, variance: np.ndarray) -> Estimates:
        """Return the estimates whose logarithm is normal with these means and variances, (m,)."""
        half = Z * np.sqrt(variance)
        return cls(np.exp(log), np.exp(log - half), np.exp(log + half))


def tables_of(
    tagged_positive: np.ndarray,
    tagged_negative: np.ndarray,
    *,
    positives: np.ndarray | int,
    negatives: np.ndarray | int,
) -> np.ndarray:
    """Return tables, int64 (m, 4), of the counts that are tagged, (m,), and of all."""
    a, b = np.atleast_1d(tagged_positive), np.atleast_1d(tagged_negative)
    return np.stack([a, b, positives - a, negatives - b], axis=-1).astype(np.int64)


def is_informative(tables: np.ndarray) -> np.ndarray:
    """Return which tables, (m, 4), have something tagged and untagged, of both classes; (m,)."""
    a, b, c, d = tables.T
    return (a + b > 0) & (c + d > 0) & (a + c > 0) & (b + d > 0)


def sample_odds_ratio(tables: np.ndarray) -> np.ndarray:
    """Return a d / (b c), float64 (m,); inf where only b c is 0, NaN where a margin is."""
    a, b, c, d = tables.T.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(is_informative(tables), (a * d) / (b * c), np.nan)


def haldane(tables: np.ndarray) -> Estimates:
    """Return odds ratios with 1/2 added to all four counts, and Woolf's intervals; always finite.

    Parameters
    ----------
    tables
        (m, 4); counts may be sums of weights.

    Source: Haldane 1956, Anscombe 1956 (the 1/2); Woolf 1955 (the interval).
    """
    cells = tables.astype(np.float64) + 0.5
    cells = np.where(is_informative(tables)[:, None], cells, np.nan)
    return Estimates.of_log(log_odds_ratio(cells), (1 / cells).sum(1))


def log_odds_ratio(cells: np.ndarray) -> np.ndarray:
    """Return log(a d / (b c)) of tables (..., 4) of positive counts."""
    logs = np.log(cells)
    return logs[..., 0] - logs[..., 1] - logs[..., 2] + logs[..., 3]


def conditional(tables: np.ndarray) -> Estimates:
    """Return conditional maximum-likelihood odds ratios and exact intervals, given all margins.

    As `scipy.stats.contingency.odds_ratio(kind="conditional")`, which takes seconds where a
    hundred thousand variants are tagged: an end of the interval is where the tail of Fisher's
    noncentral hypergeometric distribution beyond the count is 2.5 %; 0 and inf where the count is
    as small or as large as the margins allow.
    """
    return Estimates(*_each(tables, _conditional, 3).T)


def fisher_p(tables: np.ndarray) -> np.ndarray:
    """Return the two-sided p of Fisher's exact test, (m,); NaN where a margin is 0."""
    return _each(tables, _fisher, 1)[:, 0]


def adjusted(p: np.ndarray) -> np.ndarray:
    """Return the q of Benjamini and Hochberg over the p that are defined, (m,); NaN elsewhere."""
    q = np.full(len(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return q


def _each(
    tables: np.ndarray, function: Callable[[np.ndarray], tuple[float, ...]], width: int
) -> np.ndarray:
    """Return what a function gives for each table, (m, width), called once a different table."""
    out = np.full((len(tables), width), np.nan)
    known = np.flatnonzero(is_informative(tables))
    if len(known):
        different, back = np.unique(tables[known], axis=0, return_inverse=True)
        out[known] = np.array([function(table) for table in different])[back]
    return out


def _fisher(table: np.ndarray) -> tuple[float]:
    return (float(fisher_exact(table.reshape(2, 2)).pvalue),)


def _conditional(table: np.ndarray) -> tuple[float, float, float]:
    """Return estimate and ends of the interval of one informative table."""
    a, b, c, d = (int(count) for count in table)
    first, last = max(0, a - d), min(a + b, a + c)  # what a can be with these margins
    values, logs = _weights(a, b, c, d, first, last)
    centre = float(log_odds_ratio(table + 0.5))
    step = 1 / np.sqrt((1 / (table + 0.5)).sum())

    def tail(log: float, beyond: np.ndarray) -> float:
        """Return log of the share of the distribution at an odds ratio, over that of 2.5 %."""
        weights = logs + log * values
        weights = np.exp(weights - weights.max())
        return float(np.log(weights[beyond].sum() / weights.sum() / _TAIL))

    def excess(log: float) -> float:
        weights = logs + log * values
        weights = np.exp(weights - weights.max())
        return float(values @ weights / weights.sum())

    at_least, at_most = values >= 0, values <= 0
    low, estimate, high = 0.0, 0.0 if a == first else np.inf, np.inf
    if a > first:
        low = _root(lambda log: tail(log, at_least), centre, 1 / step)
    if a < last:
        high = _root(lambda log: tail(log, at_most), centre, 1 / step)
    if first < a < last:
        estimate = _root(excess, centre, 1 / step)
    return estimate, low, high


def _weights(
    a: int, b: int, c: int, d: int, first: int, last: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts that a may be, minus a, and the logs of their weights at odds ratio 1.

    Of a long distribution only that round a: an interval's end is a few standard deviations off.
    """
    if last - first > _SMALL:
        spread = int(_WIDE / np.sqrt(sum(1 / (n + 0.5) for n in (a, b, c, d)))) + _SMALL // 2
        first, last = max(first, a - spread), min(last, a + spread)
    x = np.arange(first, last, dtype=np.float64)  # the step from x to x + 1
    steps = np.log((a + c - x) * (a + b - x)) - np.log((x + 1) * (d - a + x + 1))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    return np.arange(first, last + 1, dtype=np.float64) - a, logs - logs.max()


def _root(function: Callable[[float], float], centre: float, step: float) -> float:
    """Return exp of where a monotonic function of a log odds ratio is 0."""
    low, high = centre - 3 * step, centre + 3 * step
    while function(low) * function(high) > 0:
        low, high = low - 2 * (high - low), high + 2 * (high - low)
    return float(np.exp(brentq(function, low, high, xtol=1e-13, rtol=1e-14)))
