"""Models beside each other on the same test genes: over training sizes, seeds, and cells.

Every fit's scores are kept in the folder as they come, so that an interrupted comparison goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import torch

from mfdvep import __version__
from mfdvep.errors import InputError, OutputError, TrainingError
from mfdvep.expression.contenders import CONTENDERS, Inputs, Task, scores, write_array
from mfdvep.expression.options import LABEL, TrainOptions
from mfdvep.expression.profiles import Profiles
from mfdvep.expression.training import targets
from mfdvep.folders import writing

ONE, ALL, OTHERS = "one", "all", "others"
SETTINGS = {
    ONE: "trained on the cell itself",
    ALL: "trained on all cells, with the cell as input",
    OTHERS: "trained on the other cells only",
}
IDENTITY, FITS = "compare.json", "fits"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes
    ----------
    models
        Of `CONTENDERS`.
    sizes
        Training genes; None is all of them. Of a seed, those of a size are among those of a larger.
    seeds
        Each draws its training genes, its autoencoder and its heads.
    settings
        Of `SETTINGS`.
    options
        Of the training.
    """

    models: tuple[str, ...]
    sizes: tuple[int | None, ...]
    seeds: tuple[int, ...]
    settings: tuple[str, ...] = tuple(SETTINGS)
    options: TrainOptions = field(default_factory=TrainOptions)


@dataclass(frozen=True)
class Fit:
    """One training: a model, on so many genes, in a setting; `cell` is "" if it tells all cells."""

    setting: str
    cell: str
    model: str
    size: int | None
    seed: int

    @property
    def name(self) -> str:
        """Of its file."""
        size = "all" if self.size is None else self.size
        cell = quote(self.cell, safe="")
        return ".".join([self.setting, cell or "-", self.model, str(size), str(self.seed)])


def fits_of(plan: Plan, cells: Sequence[str]) -> Iterator[Fit]:
    """Yield the fits of a plan, seed by seed.

    Several cells at once are tried with the models that can, and those left out with all genes.
    """
    several = len(cells) > 1
    for seed, model in product(plan.seeds, plan.models):
        pooled = several and CONTENDERS[model].pooled
        for size in plan.sizes:
            if ONE in plan.settings:
                yield from (Fit(ONE, cell, model, size, seed) for cell in cells)
            if ALL in plan.settings and pooled:
                yield Fit(ALL, "", model, size, seed)
        if OTHERS in plan.settings and pooled and None in plan.sizes:
            yield from (Fit(OTHERS, cell, model, None, seed) for cell in cells)


def open_folder(folder: Path, digest: str, cells: Sequence[str], options: TrainOptions) -> None:
    """Make the folder of a comparison, or go on in one of the same profiles, cells and options.

    Raises
    ------
    OutputError
        It is another comparison's, or no comparison's.
    """
    identity = {"profiles": digest, "cells": list(cells), "options": asdict(options)}
    identity |= {"mfdvep": __version__}
    path = folder / IDENTITY
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        different = [key for key in identity if found.get(key) != identity[key]]
        if different:
            raise OutputError(
                f"{folder}: a comparison with other {', '.join(different)}; name another folder"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder}: not empty, and no comparison's; name another folder")
    with writing(folder):
        (folder / FITS).mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")


def run_fits(
    profiles: Profiles, plan: Plan, folder: Path, *, progress: Progress | None = None
) -> dict[Fit, np.ndarray]:
    """Return the scores of the test genes by every fit of a plan, float32 (cells told, test).

    Parameters
    ----------
    folder
        From `open_folder`: fits that it has are read, others are written.
    progress
        Called with (fits done, fits).

    Raises
    ------
    InputError
        No training or no test genes, or fewer than a size.
    TrainingError
        Training labels of one class, with the fit.
    """
    train, test = profiles.rows("train"), profiles.rows("test")
    _check(plan, len(train), len(test))
    labels = targets(profiles, np.arange(len(profiles)), LABEL)
    fits = list(fits_of(plan, profiles.cells))
    found: dict[Fit, np.ndarray] = {}
    inputs: dict[int, Inputs] = {}
    for number, fit in enumerate(fits):
        # what no seed changes is fitted once
        same = not CONTENDERS[fit.model].drawn and fit.size is None
        seed = plan.seeds[0] if same else fit.seed
        path = folder / FITS / f"{replace(fit, seed=seed).name}.npy"
        if not path.is_file():
            if seed not in inputs:
                inputs = {
                    seed: Inputs(profiles, plan.options, seed, folder / FITS)
                }  # of one seed at a time
            order = np.random.default_rng(seed).permutation(train)
            task = _task(fit, profiles.cells, order[: fit.size], test)
            try:
                values = scores(fit.model, task, inputs[seed], labels, plan.options, seed)
            except TrainingError as error:
                raise TrainingError(f"{fit.name}: {error}") from error
            write_array(path, values)
        found[fit] = np.load(path)
        if progress is not None:
            progress(number + 1, len(fits))
    return found


def _check(plan: Plan, n_train: int, n_test: int) -> None:
    if not n_train or not n_test:
        raise InputError(
            f"{n_train:,} training and {n_test:,} test genes; prepare the profiles with --test "
            "naming contigs that have genes, and others beside them"
        )
    largest = max((size for size in plan.sizes if size is not None), default=0)
    if largest > n_train:
        raise InputError(f"size {largest:,}: there are {n_train:,} training genes; give less")


def _task(fit: Fit, cells: Sequence[str], rows: np.ndarray, test: np.ndarray) -> Task:
    everything = list(range(len(cells)))
    if fit.setting == ALL:
        return Task(everything, everything, rows, test, with_cell=True)
    own = cells.index(fit.cell)
    of = [own] if fit.setting == ONE else [i for i in everything if i != own]
    return Task(of, [own], rows, test, with_cell=False)


def provenance(profiles: Profiles, plan: Plan, digest: str, command: str) -> dict[str, Any]:
    """Return what a comparison was made from and how, for JSON."""
    return {
        "mfdvep": __version__,
        "torch": torch.__version__,
        "command": command,
        "profiles_sha256": digest,
        "profiles": profiles.provenance,
        "genes": {split: len(profiles.rows(split)) for split in ("train", "validation", "test")},
        "seeds": plan.seeds,
        "options": asdict(plan.options),
        "models": {name: CONTENDERS[name].told for name in plan.models},
        "settings": SETTINGS,
    }
