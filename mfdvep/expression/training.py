"""Training of the whole model: scale, autoencoder, heads; nothing is learnt from other genes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from mfdvep.errors import InputError
from mfdvep.expression.autoencoder import latents, rebuilding_error, train_autoencoder
from mfdvep.expression.heads import check_labels, train_heads
from mfdvep.expression.model import ExpressionModel
from mfdvep.expression.network import ExpressionNetwork, with_cell
from mfdvep.expression.options import LABEL, TrainOptions
from mfdvep.expression.profiles import Profiles
from mfdvep.expression.scaling import Scale

Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called with ("autoencoder" or "heads", done, total, figures)."""


@dataclass(frozen=True)
class Trained:
    """A model, and what its training gave.

    Attributes
    ----------
    model
        In evaluation mode.
    log
        Losses by epoch, of the "autoencoder" and of each of the "heads".
    """

    model: ExpressionModel
    log: dict[str, Any]


def train_model(
    profiles: Profiles,
    options: TrainOptions,
    *,
    target: str = LABEL,
    seed: int = 1,
    progress: Progress | None = None,
) -> Trained:
    """Return a model trained on the training genes of all cells of profiles.

    The epochs that are kept are those with the smallest loss on the validation genes, if there
    are any. Test genes and those left out take no part.

    Raises
    ------
    TrainingError
        No training genes; labels of one class; a loss that is not finite.
    """
    rows = {split: profiles.rows(split) for split in ("train", "validation")}
    y = {split: targets(profiles, where, target) for split, where in rows.items()}
    for number, cell in enumerate(profiles.cells):
        values = y["train"][number]
        check_labels(values[~np.isnan(values)], target, f"training genes of {cell}")
    scale = Scale.of(profiles)
    scaled = scale.of_all(profiles)
    of_split = {split: scaled[:, where] for split, where in rows.items()}

    def telling(what: str) -> Callable[[int, int, dict[str, float]], None] | None:
        return None if progress is None else lambda *given: progress(what, *given)

    autoencoder, losses = train_autoencoder(
        pooled(of_split["train"]),
        pooled(of_split["validation"]),
        options,
        seed=seed,
        progress=telling("autoencoder"),
    )
    features = {
        split: features_of([latents(autoencoder, x) for x in of_cells])
        for split, of_cells in of_split.items()
    }
    known = {split: ~np.isnan(pooled(values)) for split, values in y.items()}
    given = {s: (features[s][known[s]], pooled(y[s])[known[s]]) for s in features}
    heads, head_losses = train_heads(
        *given["train"],
        options,
        target=target,
        seed=seed,
        held_out=given["validation"],
        progress=telling("heads"),
    )
    about = {
        "split": contigs_of(profiles),
        "profiles": profiles.provenance,
        "thresholds": dict(
            zip(profiles.cells, [float(t) for t in profiles.thresholds], strict=True)
        ),
        "genes": {split: len(where) for split, where in rows.items()},
        "profiles_rebuilt": _rebuilt(autoencoder, of_split),
        "training": {"seed": seed, **asdict(options), "torch": torch.__version__},
        "epochs_run": {"autoencoder": len(losses), "heads": [len(log) for log in head_losses]},
    }
    model = ExpressionModel(
        ExpressionNetwork(autoencoder, heads, len(profiles.cells)),
        cells=profiles.cells,
        marks=profiles.marks,
        target=target,
        scale=scale,
        about=about,
    )
    return Trained(model, {"autoencoder": losses, "heads": head_losses})


def _rebuilt(autoencoder: Any, of_split: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the share of the variance that the latents' means rebuild, of each split."""
    out = {}
    for split, of_cells in of_split.items():
        x = pooled(of_cells)
        if len(x):
            error = rebuilding_error(autoencoder, torch.from_numpy(x))
            out[split] = round(float(1 - error / x.var(axis=0).mean()), 4)
    return out


def targets(profiles: Profiles, rows: np.ndarray, target: str) -> np.ndarray:
    """Return labels, or log expression, of some genes: float32 (c, n), NaN where not known."""
    of = profiles.labels if target == LABEL else profiles.log_expression
    return np.stack([of(cell)[rows] for cell in range(len(profiles.cells))])


def pooled(of_cells: np.ndarray) -> np.ndarray:
    """Return an array (c, n, ...) as (c n, ...): the genes of the first cell, and so on."""
    return of_cells.reshape(of_cells.shape[0] * of_cells.shape[1], *of_cells.shape[2:])


def features_of(latent: Sequence[np.ndarray]) -> np.ndarray:
    """Return the features (c n, f) of latents (n, k) of c cells: the cell beside them."""
    x = torch.from_numpy(np.concatenate(latent))
    cell = torch.arange(len(latent)).repeat_interleave(len(latent[0]))
    return with_cell(x, cell, len(latent)).numpy()


def contigs_of(profiles: Profiles) -> dict[str, list[str]]:
    """Return the contigs of each split but training."""
    contigs = np.array([gene.chrom for gene in profiles.genes])
    return {
        split: sorted(set(contigs[profiles.rows(split)].tolist()))
        for split in ("validation", "test", "left_out")
    }


def of_cells(profiles: Profiles, cells: Sequence[str]) -> Profiles:
    """Return the profiles of some cells, in the order given.

    Raises
    ------
    InputError
        A cell that is not there, or given twice.
    """
    numbers = []
    for cell in cells:
        if cell not in profiles.cells:
            raise InputError(f"cell {cell!r}: the profiles have {', '.join(profiles.cells)}")
        numbers.append(profiles.cells.index(cell))
    if len(set(numbers)) < len(numbers):
        raise InputError(f"cells {', '.join(cells)}: one is given twice; name each once")
    return replace(
        profiles,
        cells=tuple(cells),
        signal=profiles.signal[numbers],
        expression=profiles.expression[numbers],
        thresholds=profiles.thresholds[numbers],
    )
