"""The models of a comparison by name, and what each takes of the profiles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from mfdvep.errors import InputError
from mfdvep.expression.autoencoder import latents, train_autoencoder
from mfdvep.expression.heads import check_labels, train_heads
from mfdvep.expression.neighbours import AttentionHead, nearest, neighbour_features
from mfdvep.expression.network import with_cell
from mfdvep.expression.options import LABEL, TrainOptions
from mfdvep.expression.profiles import Profiles
from mfdvep.expression.references import (
    boosting_scores,
    cnn_scores,
    logistic_scores,
    marginal_scores,
)
from mfdvep.expression.scaling import Scale
from mfdvep.files import Parts
from mfdvep.folders import writing

ATTENTION_OVER = 4


@dataclass(frozen=True)
class Contender:
    """A model of a comparison.

    Attributes
    ----------
    told
        What it is, in words.
    neighbours
        Neighbouring genes whose latents it takes; None: it takes profiles, not latents.
    pooled
        Whether it is also trained on several cells at once.
    drawn
        Whether a seed changes it though it sees the same genes.
    """

    told: str
    neighbours: int | None = None
    pooled: bool = False
    drawn: bool = True


CONTENDERS = {
    "marginal": Contender("best single mark within 1 kb of the start site", drawn=False),
    "logistic": Contender("logistic regression on all bins", pooled=True),
    "boosting": Contender("gradient boosting on all bins", pooled=True),
    "cnn": Contender("convolutional network like DeepChrome"),
    "simplechrome": Contender("latents and a perceptron", neighbours=0, pooled=True),
    "simplechrome_k2": Contender("with the latents of the 2 nearest genes", neighbours=2),
    "simplechrome_k4": Contender("with the latents of the 4 nearest genes", neighbours=4),
    "simplechrome_attention": Contender(
        f"with attention over the {ATTENTION_OVER} nearest genes", neighbours=ATTENTION_OVER
    ),
}


def chosen(names: Sequence[str], there: Collection[str], what: str) -> tuple[str, ...]:
    """Return the names, each once.

    Raises
    ------
    InputError
        None, or one that is not there.
    """
    for name in names:
        if name not in there:
            raise InputError(f"{what} {name!r}; expected of {', '.join(there)}")
    if not names:
        raise InputError(f"no {what}; expected of {', '.join(there)}")
    return tuple(dict.fromkeys(names))


class Inputs:
    """Profiles as the models take them, for one seed; the autoencoder is trained when asked for.

    Parameters
    ----------
    profiles
        With training genes, which alone give the scale and train the autoencoder.
    options
        Of the training.
    seed
        Of the autoencoder.
    folder
        Where its latents are kept, so that one is trained once.
    """

    def __init__(self, profiles: Profiles, options: TrainOptions, seed: int, folder: Path) -> None:
        self._profiles, self._options, self._seed = profiles, options, seed
        self._kept = folder / f"latent.{seed}.npy"
        self.train = profiles.rows("train")

    @cached_property
    def scaled(self) -> np.ndarray:
        """Scaled profiles, float32 (c, n, m, 100)."""
        return Scale.of(self._profiles).of_all(self._profiles)

    @cached_property
    def latent(self) -> np.ndarray:
        """Latents' means of all genes, float32 (c, n, k): of one autoencoder for all cells."""
        if self._kept.is_file():
            return np.load(self._kept)
        train = self.scaled[:, self.train]
        flat = train.reshape(-1, *train.shape[2:])
        autoencoder, _ = train_autoencoder(flat, None, self._options, seed=self._seed)
        found = np.stack([latents(autoencoder, of_cell) for of_cell in self.scaled])
        write_array(self._kept, found)
        return found

    def features(self, model: str, cell: int) -> np.ndarray:
        """Return what a model takes of a cell: (n, f), or (n, m, 100) of the marginal one."""
        neighbours = CONTENDERS[model].neighbours
        if neighbours is None:
            x = self.scaled[cell]
            return x if model == "marginal" else x.reshape(len(x), -1)
        if neighbours == 0:
            return self.latent[cell]
        return neighbour_features(self.latent[cell], nearest(self._profiles.genes, neighbours))


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array that appears whole or not at all; raises OutputError."""
    with Parts(path) as parts, writing(path), open(parts[path], "wb") as handle:
        np.save(handle, values)


@dataclass(frozen=True)
class Task:
    """What a model is trained on and tells.

    Attributes
    ----------
    cells
        Whose labels train.
    tested
        Cells whose genes are told.
    rows, other
        Which genes train and are told.
    with_cell
        Whether the cell is an input; then `tested` are among `cells`.
    """

    cells: Sequence[int]
    tested: Sequence[int]
    rows: np.ndarray
    other: np.ndarray
    with_cell: bool


def scores(
    model: str, task: Task, inputs: Inputs, labels: np.ndarray, options: TrainOptions, seed: int
) -> np.ndarray:
    """Return a model's scores, float32 (tested, other).

    Parameters
    ----------
    labels
        float32 (c, n); genes of unknown expression, NaN, do not train.

    Raises
    ------
    TrainingError
        Training labels of one class.
    """
    x, y, train = [], [], inputs.train
    for number, cell in enumerate(task.cells):
        known = task.rows[~np.isnan(labels[cell, task.rows])]
        x.append(_beside(inputs.features(model, cell)[known], number, task))
        y.append(labels[cell, known])
    other = [
        _beside(inputs.features(model, cell)[task.other],
                list(task.cells).index(cell) if task.with_cell else 0, task)
        for cell in task.tested
    ]  # fmt: skip
    check_labels(np.concatenate(y), LABEL, "training genes")
    # marks of all training genes tell how latents are spread; labels are those of the chosen
    reference = None
    if CONTENDERS[model].neighbours is not None:
        of_cells = enumerate(task.cells)
        everything = [_beside(inputs.features(model, c)[train], i, task) for i, c in of_cells]
        reference = np.concatenate(everything)
    fit = _fit_of(model, options, seed, reference)
    found = fit(np.concatenate(x), np.concatenate(y), np.concatenate(other))
    return found.astype(np.float32).reshape(len(task.tested), len(task.other))


def _beside(x: np.ndarray, number: int, task: Task) -> np.ndarray:
    """Return features with the cell beside them, if the task says so."""
    if not task.with_cell:
        return x
    cell = torch.full((len(x),), number)
    return with_cell(torch.from_numpy(x), cell, len(task.cells)).numpy()


def _fit_of(
    model: str, options: TrainOptions, seed: int, reference: np.ndarray | None
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    if model == "marginal":
        return marginal_scores
    if model == "logistic":
        return partial(logistic_scores, seed=seed)
    if model == "boosting":
        return partial(boosting_scores, seed=seed)
    if model == "cnn":  # one network: several take long
        return partial(cnn_scores, options=replace(options, heads=1), seed=seed)
    return partial(_head_scores, model=model, options=options, seed=seed, reference=reference)


def _head_scores(
    x: np.ndarray,
    y: np.ndarray,
    other: np.ndarray,
    *,
    model: str,
    options: TrainOptions,
    seed: int,
    reference: np.ndarray | None,
) -> np.ndarray:
    def attention(n_features: int) -> AttentionHead:
        return AttentionHead(options.n_latent, ATTENTION_OVER, options.dropout)

    make = attention if model == "simplechrome_attention" else None
    network, _ = train_heads(x, y, options, target=LABEL, seed=seed, make=make, reference=reference)
    with torch.no_grad():
        return network(torch.from_numpy(other)).numpy()
