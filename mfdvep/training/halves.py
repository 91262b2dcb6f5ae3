"""How independent the two halves of the latent features are on held-out bins.

Source: science.md "Independence", measures worth reporting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier

from mfdvep.averages import mean_and_interval
from mfdvep.model.independence import Predictors
from mfdvep.model.mfd import Features


def independence_over_seeds(
    fit: Features,
    held: Features,
    *,
    n_seeds: int,
) -> tuple[dict[str, float | None], dict[str, dict[str, Any]]]:
    """Return the measures of `halves_independence`, means over seeds, and how they vary.

    The seeds are of the fresh predictors and of the forest with its draws; the model and the bins
    stay, so that the spread is that of the measuring alone. The canonical correlation does not
    depend on a seed.

    Parameters
    ----------
    fit, held
        As for `halves_independence`.
    n_seeds
        Seeds 0, 1, ... n_seeds - 1; at least 1.

    Returns
    -------
    dict
        Measure -> mean over the seeds; None if it is not defined for one of them.
    dict
        Measure -> "values" (n_seeds), "sd" (n - 1) and "interval", the 95 % interval of the mean
        by Student's t, [low, high]; both None for one seed. Empty values where not defined.
    """
    runs = [halves_independence(fit, held, seed=seed) for seed in range(n_seeds)]
    means: dict[str, float | None] = {}
    spread: dict[str, dict[str, Any]] = {}
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        values = values if np.isfinite(values).all() else values[:0]
        means[name], interval = mean_and_interval(values)
        spread[name] = {
            "values": values.tolist(),
            "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
            "interval": interval,
        }
    return means, spread


def halves_independence(
    fit: Features,
    held: Features,
    *,
    seed: int = 0,
    hidden: int = 256,
    epochs: int = 20,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Return measures of how much each half tells of the other; all are 0 or 0.5 if nothing.

    Everything is fitted on one set of bins and measured on another.

    Parameters
    ----------
    fit, held
        Features of the bins to fit on and to measure on; two (n, K) each, of unit variance or so.
    hidden, epochs
        Width of the freshly trained predictors, and passes over `fit`.

    Returns
    -------
    dict
        r2_technical_from_biological, r2_biological_from_technical: of freshly trained
        predictors, over all dimensions together, below 0 if worse than the mean;
        canonical_correlation: mean over the K canonical pairs of |r|;
        forest_accuracy: of a random forest that tells true pairs from shuffled ones (chance 0.5).
        An r2 of features that do not vary is NaN. Where both halves are linear images of the same
        W channels (science.md "Network" 2), the canonical correlation is 1 whatever the penalty
        did, and says little.
    """
    forward, backward = _fresh_r2(fit, held, seed, hidden, epochs, progress)
    pairs = [(x.biological.numpy(), x.technical.numpy()) for x in (fit, held)]
    return {
        "r2_technical_from_biological": forward,
        "r2_biological_from_technical": backward,
        "canonical_correlation": canonical_correlation(*pairs),
        "forest_accuracy": forest_accuracy(*pairs, seed=seed),
    }


def _fresh_r2(
    fit: Features,
    held: Features,
    seed: int,
    hidden: int,
    epochs: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[float, float]:
    n, batch = len(fit.biological), 256
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        predictors = Predictors(fit.biological.shape[1], hidden)
    steps = epochs * max(1, n // batch)
    optimiser = torch.optim.Adam(predictors.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        rows = torch.randint(n, (batch,), generator=generator)
        part = Features(*(half[rows] for half in fit))
        technical, biological = predictors(part)
        loss = (technical - part.technical).square().mean()
        loss = loss + (biological - part.biological).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(step + 1, steps)
    predictors.eval()
    with torch.inference_mode():
        technical, biological = predictors(held)
    return _r2(held.technical, technical), _r2(held.biological, biological)


def _r2(truth: torch.Tensor, predicted: torch.Tensor) -> float:
    residual = (truth - predicted).square().sum()
    total = (truth - truth.mean(0)).square().sum()
    return float(1 - residual / total) if total > 0 else float("nan")


def canonical_correlation(
    fit: tuple[np.ndarray, np.ndarray], held: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return the mean |canonical correlation| of two sets of variables, on held-out rows.

    The canonical directions are found on `fit`: whitening by the SVD of each side, directions of
    less than 1e-6 of the largest singular value left out. Measured in the same rows, n of them,
    even independent sets of K variables would give about sqrt(2 K / n). A direction in which the
    held-out rows do not vary gives 0.
    """
    bases, means = [], []
    for x in fit:
        mean = x.mean(0, dtype=np.float64)
        _, singular, rotation = np.linalg.svd(x - mean, full_matrices=False)
        kept = singular > 1e-6 * singular[0]
        bases.append(rotation[kept].T / singular[kept])
        means.append(mean)
    white = [(x - mean) @ basis for x, mean, basis in zip(fit, means, bases, strict=True)]
    left, _, right = np.linalg.svd(white[0].T @ white[1], full_matrices=False)
    a = (held[0] - means[0]) @ bases[0] @ left
    b = (held[1] - means[1]) @ bases[1] @ right.T
    a, b = a - a.mean(0), b - b.mean(0)
    scale = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    varies = scale > 1e-12  # of white variables, about n_held / n_fit
    if not varies.any():
        return 0.0
    r = np.divide((a * b).sum(0), scale, out=np.zeros_like(scale), where=varies)
    return float(np.abs(r).mean())


def forest_accuracy(
    fit: tuple[np.ndarray, np.ndarray],
    held: tuple[np.ndarray, np.ndarray],
    *,
    seed: int = 0,
    limit: int = 5000,
) -> float:
    """Return how often a random forest tells true (biological, technical) pairs from shuffled ones.

    Parameters
    ----------
    limit
        Bins used of each set, drawn at random; as many true pairs as shuffled ones.
    """
    rng = np.random.default_rng(seed)

    def pairs(features: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        rows = rng.permutation(len(features[0]))[:limit]
        a, b = features[0][rows], features[1][rows]
        x = np.concatenate([np.hstack([a, b]), np.hstack([a, rng.permutation(b)])])
        return x, np.repeat([1, 0], len(rows))

    forest = RandomForestClassifier(100, min_samples_leaf=5, n_jobs=1, random_state=seed)
    return float(forest.fit(*pairs(fit)).score(*pairs(held)))
