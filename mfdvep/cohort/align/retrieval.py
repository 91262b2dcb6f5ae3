"""How often a person's own pair is among the nearest, against pairs at random. Numpy, scipy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import binomtest

from mfdvep.enrichment.measures.resampling import bootstrap_weights, percentile_interval

AT = (1, 5, 10)
PERCENTILE = "mean_percentile"
_SAMPLES = 1000  # of the bootstrap
_BATCH = 200  # permutations at once


def retrieval(
    similarity: np.ndarray,
    families: Sequence[str],
    *,
    n_permutations: int,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Return how well each row finds its own column: a row a measure.

    Measures: "retrieval@k", the share of rows whose own column is among the k most similar; and
    "mean_percentile", the mean share of the other columns that are less similar than the own one.
    Equal similarities count half.

    Each has: n; value; low, high (95 %, bootstrap of families; where all rows find their own or
    none does no sample differs, and it is Clopper and Pearson's of as many rows as there are
    families); chance (its expectation for pairs at random); null_mean, null_low, null_95 and
    null_999 (5 %, 95 % and 99.9 % quantiles over permutations of the columns); p (one-sided,
    permutations).

    Parameters
    ----------
    similarity
        (n, n), the own column of row i is i.
    families
        n names.
    n_permutations
        At least 1.

    n is at least 2.
    """
    n = len(similarity)
    ranks = ranks_of(similarity)  # (n, n)
    own = ranks[np.arange(n), np.arange(n)]
    measures: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        f"retrieval@{k}": partial(np.greater, k) for k in AT
    }
    measures[PERCENTILE] = lambda ranks: 1 - ranks / (n - 1)
    null = {name: np.empty(n_permutations) for name in measures}
    for start in range(0, n_permutations, _BATCH):
        size = min(_BATCH, n_permutations - start)
        orders = rng.permuted(np.tile(np.arange(n), (size, 1)), axis=1)
        drawn = ranks[np.arange(n), orders]  # (size, n)
        for name, measure in measures.items():
            null[name][start : start + size] = measure(drawn).mean(axis=1)
    names, family = np.unique(np.asarray(families), return_inverse=True)
    weights = bootstrap_weights(len(names), _SAMPLES, rng)[:, family]  # (B, n)
    out = []
    for name, measure in measures.items():
        each = measure(own).astype(np.float64)
        low, high = percentile_interval(weights @ each / weights.sum(1), len(names))
        value, drawn = each.mean(), null[name]
        if name != PERCENTILE and value in (0, 1) and np.isfinite(low):
            exact = binomtest(int(value) * len(names), len(names)).proportion_ci(method="exact")
            low, high = exact.low, exact.high
        quantiles = np.quantile(drawn, [0.05, 0.95, 0.999])
        out.append({
            "measure": name, "n": n, "value": value, "low": float(low), "high": float(high),
            "chance": 0.5 if name == PERCENTILE else min(1.0, int(name.partition("@")[2]) / n),
            "null_mean": drawn.mean(),
            **dict(zip(("null_low", "null_95", "null_999"), quantiles, strict=True)),
            "p": (1 + int((drawn >= value - 1e-12).sum())) / (1 + n_permutations),
        })  # fmt: skip
    return out


def similarity_of(image: np.ndarray, genetics: Sequence[np.ndarray]) -> np.ndarray:
    """Return similarities (n, n) of images (rows) with people (columns).

    Means of cosines over the modalities that the person of the column has.

    Parameters
    ----------
    image
        (n, d) of length 1.
    genetics
        M of (n, d), NaN for who lacks the modality; everybody has one of them.
    """
    has = np.stack([np.isfinite(own[:, 0]) for own in genetics])  # (M, n)
    mean = sum(np.nan_to_num(own) for own in genetics) / has.sum(0)[:, None]
    return np.asarray(image @ mean.T)


def ranks_of(similarity: np.ndarray) -> np.ndarray:
    """Return for each row and column how many columns are more similar, equal ones half."""
    n = len(similarity)
    out = np.empty((n, n))
    for row, values in zip(out, similarity, strict=True):
        ordered = np.sort(values)
        above = n - np.searchsorted(ordered, values, side="right")
        equal = n - above - np.searchsorted(ordered, values, side="left") - 1
        row[:] = above + equal / 2
    return out
