"""What a comparison says: AUROC with intervals, and differences of models on the same genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfdvep.enrichment.measures.odds import adjusted
from mfdvep.enrichment.measures.ranking import auroc, groups_of, sort_with_labels, weighted_auroc
from mfdvep.enrichment.measures.resampling import (
    blocks_of,
    bootstrap_weights,
    percentile_interval,
)
from mfdvep.expression.comparing import ALL, ONE, OTHERS, Fit
from mfdvep.expression.options import LABEL
from mfdvep.expression.profiles import Profiles
from mfdvep.expression.training import targets

SAMPLES = 1000
BLOCK = 1_000_000
"""Bases: genes nearer than that are drawn together."""
MEAN = "mean"
"""In place of a cell: the mean of the AUROC over all."""
REFERENCES = ("boosting", "logistic", "cnn", "marginal")
OURS = "simplechrome"

Rows = list[dict[str, Any]]
_Key = tuple[str, str, str, int]  # setting, cell, model, genes


@dataclass(frozen=True)
class Measured:
    """AUROC of a model by seed, as it is, (S,), and in B bootstrap samples of genes, (S, B)."""

    value: np.ndarray
    drawn: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """The rows of the tables.

    Attributes
    ----------
    models
        A row a setting, cell (or "mean"), model and number of training genes: `auroc` (mean over
        seeds), its interval `low`, `high` over test genes and seeds, `seed_sd`.
    differences
        A row a pair of models: `difference` of their AUROC, `low`, `high`, `p`, `q`.
    """

    models: Rows
    differences: Rows


def compare(
    profiles: Profiles, found: Mapping[Fit, np.ndarray], *, seed: int = 1, samples: int = SAMPLES
) -> Comparison:
    """Return how well the models of a comparison do, and how they differ.

    The bootstrap draws test genes, in blocks of `BLOCK` bases, and seeds, both with replacement,
    the same ones for all models and cells; the interval is the middle 95 %. With one seed it says
    nothing of other ones. p is twice the share of samples in which the difference has the other
    sign or is 0, at least 2 / (samples + 1); q is Benjamini and Hochberg's over all differences.

    Parameters
    ----------
    found
        From `run_fits`.
    """
    rng = np.random.default_rng(seed)
    test = profiles.rows("test")
    chroms = [profiles.genes[row].chrom for row in test]
    starts = np.array([profiles.genes[row].tss for row in test])
    blocks = blocks_of(chroms, starts, np.full(len(test), -1), size=BLOCK)
    weights = bootstrap_weights(int(blocks.max()) + 1, samples, rng)
    n_seeds = len({fit.seed for fit in found})
    chosen = rng.integers(n_seeds, size=(n_seeds, samples))  # seeds of a sample
    measured = _measured(profiles, found, blocks, weights)
    measured |= _means(measured, profiles.cells)
    models = [_model_row(key, of, chosen) for key, of in measured.items()]
    differences = [
        _difference_row(first, second, measured, chosen) for first, second in _pairs(list(measured))
    ]
    q = adjusted(np.array([row["p"] for row in differences], dtype=float))
    for row, value in zip(differences, q, strict=True):
        row["q"] = float(value)
    return Comparison(models, differences)


def _measured(
    profiles: Profiles,
    found: Mapping[Fit, np.ndarray],
    blocks: np.ndarray,
    weights: np.ndarray,
) -> dict[_Key, Measured]:
    test, n_train = profiles.rows("test"), len(profiles.rows("train"))
    labels = targets(profiles, test, LABEL)
    parts: dict[_Key, list[tuple[float, np.ndarray]]] = {}
    for fit, scores in found.items():
        cells = profiles.cells if fit.setting == ALL else (fit.cell,)
        for cell, of_cell in zip(cells, scores, strict=True):
            y = labels[profiles.cells.index(cell)]
            known = ~np.isnan(y)
            high = y[known] == 1
            value = auroc(groups_of(sort_with_labels(of_cell[known], high)))
            drawn = weighted_auroc(of_cell[known], high, weights, blocks[known])
            key = (fit.setting, cell, fit.model, n_train if fit.size is None else fit.size)
            parts.setdefault(key, []).append((value, drawn))
    return {
        key: Measured(np.array([v for v, _ in of]), np.stack([d for _, d in of]))
        for key, of in parts.items()
    }


def _means(measured: Mapping[_Key, Measured], cells: Sequence[str]) -> dict[_Key, Measured]:
    """Return the means over cells, of what is there for several and all."""
    out = {}
    for setting, _, model, n in measured:
        keys = [(setting, cell, model, n) for cell in cells]
        if len(cells) > 1 and all(key in measured for key in keys):
            of = [measured[key] for key in keys]
            value = np.mean([m.value for m in of], axis=0)
            out[setting, MEAN, model, n] = Measured(value, np.mean([m.drawn for m in of], axis=0))
    return out


def _sampled(drawn: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the mean over the seeds of each sample: (B,) of (S, B)."""
    return np.take_along_axis(drawn, chosen, axis=0).mean(0)


def _model_row(key: _Key, of: Measured, chosen: np.ndarray) -> dict[str, Any]:
    low, high = percentile_interval(_sampled(of.drawn, chosen))
    setting, cell, model, n = key
    return {
        "setting": setting,
        "cell": cell,
        "model": model,
        "genes": n,
        "seeds": len(of.value),
        "auroc": float(of.value.mean()),
        "low": float(low),
        "high": float(high),
        "seed_sd": float(of.value.std(ddof=1)) if len(of.value) > 1 else float("nan"),
    }


def _pairs(keys: Sequence[_Key]) -> list[tuple[_Key, _Key]]:
    """Return what is set against what.

    Ours against each reference; ours with neighbours against ours without; and ours, trained on all
    or other cells, against ours trained on the cell itself.
    """
    there = set(keys)
    pairs = []
    for key in keys:
        setting, cell, model, n = key
        if not model.startswith(OURS):
            continue
        others = [(setting, cell, name, n) for name in REFERENCES]
        if model != OURS:
            others.append((setting, cell, OURS, n))
        if setting in (ALL, OTHERS):
            others.append((ONE, cell, model, n))
        pairs += [(key, other) for other in others if other in there]
    return pairs


def _difference_row(
    first: _Key, second: _Key, measured: Mapping[_Key, Measured], chosen: np.ndarray
) -> dict[str, Any]:
    a, b = measured[first], measured[second]
    drawn = _sampled(a.drawn - b.drawn, chosen)
    low, high = percentile_interval(drawn)
    known = drawn[np.isfinite(drawn)]
    beyond = min((known <= 0).sum(), (known >= 0).sum()) + 1
    return {
        "setting": first[0],
        "cell": first[1],
        "genes": first[3],
        "first": first[2],
        "second": second[2],
        "second_setting": second[0],
        "difference": float((a.value - b.value).mean()),
        "low": float(low),
        "high": float(high),
        "p": min(1.0, 2 * float(beyond) / (len(known) + 1)),
    }
