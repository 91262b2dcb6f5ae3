"""A linear probe of what an image is made into, fitted on few labelled people. Numpy, sklearn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV

from mfdvep.enrichment.measures.ranking import weighted_auroc
from mfdvep.enrichment.measures.resampling import bootstrap_weights, percentile_interval
from mfdvep.errors import InputError

PENALTIES = 10.0 ** np.arange(-3, 7)
QUANTITY, CLASSES = "correlation", "auroc"
_SAMPLES = 1000
_FEWEST = 10  # labelled people


def measure_of(values: np.ndarray) -> str:
    """Return what a phenotype is measured by: AUROC of two values 0 and 1, else correlation."""
    return CLASSES if set(np.unique(values)) <= {0.0, 1.0} else QUANTITY


def probe(
    features: Mapping[str, np.ndarray],
    phenotype: np.ndarray,
    labelled: np.ndarray,
    tested: np.ndarray,
    families: Sequence[str],
    *,
    sizes: Sequence[int | None],
    n_draws: int,
    pairs: Sequence[tuple[str, str]],
    rng: np.random.Generator,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return how well features predict a phenotype of other people: by features, and by pair.

    For each size so many labelled people are drawn, the same ones for all features. A ridge
    regression is fitted on them (of 0 and 1 for two classes), its penalty by leave-one-out among
    them alone, and predicts the tested people.

    Rows: size, features, measure, value (mean over draws), low, high; and for the pairs size,
    first, second, difference, low, high. Intervals: 95 %, over families of tested people and over
    draws, both drawn again; the samples are the same for all features of a size.

    Parameters
    ----------
    features
        Name -> (n, d).
    phenotype
        (n,), finite in the people used.
    labelled, tested
        int64 rows.
    sizes
        How many labelled people; None for all, in one draw.
    pairs
        Names (first, second) whose difference is told.

    Raises
    ------
    InputError
        More people asked for than are labelled, fewer than 10, or a phenotype of one value.
    """
    measure = measure_of(phenotype[np.concatenate([labelled, tested])])
    truth = phenotype[tested]
    if len(tested) < 2 or truth.min() == truth.max():
        raise InputError(f"{len(tested)} tested people have one value; nothing can be told apart")
    names, family = np.unique(np.asarray(families)[tested], return_inverse=True)
    rows, differences = [], []
    for size in sizes:
        n = len(labelled) if size is None else size
        if not _FEWEST <= n <= len(labelled):
            raise InputError(
                f"probe with {n} labelled people; expected from {_FEWEST} to the {len(labelled)} "
                "who are labelled and trained on"
            )
        drawn = _draws(phenotype, labelled, n, n_draws if n < len(labelled) else 1, rng)
        weights = bootstrap_weights(len(names), _SAMPLES, rng)
        again = rng.integers(0, len(drawn), (_SAMPLES, len(drawn)))
        found = {}
        for name, values in features.items():
            predicted = np.stack([_predict(values, phenotype, own, tested) for own in drawn])
            plain = _scores(measure, predicted, truth, np.ones((1, len(names))), family).mean()
            scores = _scores(measure, predicted, truth, weights, family)  # (draws, B)
            samples = scores[again, np.arange(_SAMPLES)[:, None]].mean(axis=1)
            found[name] = float(plain), samples
            rows.append({"size": n, "features": name, "measure": measure, "value": float(plain),
                         **_ends(samples, len(names)), "n_draws": len(drawn),
                         "n_tested": len(tested)})  # fmt: skip
        for first, second in pairs:
            (a, of_a), (b, of_b) = found[first], found[second]
            differences.append({"size": n, "first": first, "second": second, "measure": measure,
                                "difference": a - b, **_ends(of_a - of_b, len(names))})  # fmt: skip
    return rows, differences


def _draws(
    phenotype: np.ndarray, labelled: np.ndarray, n: int, times: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return so many draws of n labelled people who do not all have one value."""
    if phenotype[labelled].min() == phenotype[labelled].max():
        raise InputError("the labelled people have one value of the phenotype; give another")
    found: list[np.ndarray] = []
    while len(found) < times:
        own = np.sort(rng.permutation(labelled)[:n])
        if phenotype[own].min() < phenotype[own].max():
            found.append(own)
    return found


def _predict(
    values: np.ndarray, phenotype: np.ndarray, fitted: np.ndarray, tested: np.ndarray
) -> np.ndarray:
    """Return predictions (m,); features are centred, and scaled all alike, by the fitted people.

    Not each by its own: in which directions features vary most is what training has learnt.
    """
    flat = values.reshape(len(values), -1).astype(np.float64)
    mean = flat[fitted].mean(0)
    scale = (flat[fitted] - mean).std() or 1.0
    model = RidgeCV(alphas=PENALTIES).fit((flat[fitted] - mean) / scale, phenotype[fitted])
    return np.asarray(model.predict((flat[tested] - mean) / scale))


def _scores(
    measure: str, predicted: np.ndarray, truth: np.ndarray, weights: np.ndarray, family: np.ndarray
) -> np.ndarray:
    """Return the measure of each draw and bootstrap sample, (draws, B); 0 of no variation."""
    if measure == CLASSES:
        return np.stack([weighted_auroc(own, truth > 0, weights, family) for own in predicted])
    times = weights[:, family]  # (B, m)
    times = times / times.sum(1, keepdims=True)
    # centred first, so that the differences of moments lose no digits
    p, t = predicted - predicted.mean(1, keepdims=True), (truth - truth.mean())[None]
    covariance, of_p, of_t = (
        ((a * b) @ times.T) - (a @ times.T) * (b @ times.T) for a, b in ((p, t), (p, p), (t, t))
    )
    sizes = np.sqrt(np.maximum(of_p * of_t, 0))
    return np.divide(covariance, sizes, out=np.zeros_like(covariance), where=sizes > 0)


def _ends(samples: np.ndarray, n_families: int) -> dict[str, float]:
    low, high = percentile_interval(samples, n_families)
    return {"low": float(low), "high": float(high)}
