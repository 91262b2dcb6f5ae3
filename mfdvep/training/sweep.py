"""One recipe trained with several lambdas and seeds, measured alike, in one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.errors import InputError, OutputError
from mfdvep.files import Parts
from mfdvep.folders import writing
from mfdvep.model.checkpoint import load_model
from mfdvep.model.device import pick_device
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.hold_out import HoldOut
from mfdvep.training.recipe import Recipe
from mfdvep.training.report import evaluate_model, measured_rows, write_metrics
from mfdvep.training.run_folder import CHECKPOINT, MODEL
from mfdvep.training.trainer import Trainer

PLAIN = "plain"  # in place of a lambda: the baseline
IDENTITY, METRICS, TABLE = "sweep.json", "metrics.json", "sweep.tsv"
FIGURES = (
    "combined_auroc",
    "biological_auroc",
    "technical_auroc",
    "combined_auprc",
    "biological_auprc",
    "technical_auprc",
    "r2_technical_from_biological",
    "r2_biological_from_technical",
    "canonical_correlation",
    "forest_accuracy",
)


def sweep(
    recipe: Recipe,
    data: TrainingSet,
    folder: str | Path,
    *,
    independence: Sequence[float],
    seeds: Sequence[int],
    plain: bool = False,
    split: str = "validation",
    n_bins: int | None = None,
    device: str = "auto",
    began: Callable[[str, int, int], None] | None = None,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
) -> list[dict[str, Any]]:
    """Train and measure every pair of a lambda and a seed; return the rows of the table.

    With `plain`, first the baseline without metadata for every seed.

    What an earlier call has finished in the folder is not done again, and what it has begun goes
    on. A run's folder is lambda-L.seed-S: as `Trainer` makes it, and metrics.json.

    Parameters
    ----------
    folder
        Of the sweep; sweep.tsv has the table: a row a run, then for each lambda the means over
        seeds and their standard deviations (n - 1; empty for one seed).
    independence, seeds
        In place of the recipe's.
    split, n_bins
        For `evaluate_model`. Choose by validation; test is for what has been chosen.
    began
        Called with a run's name, its number from 1, and how many there are.
    progress
        As for `Trainer.run`.

    Raises
    ------
    InputError, TrainingError
        As from `Trainer`, `evaluate_model`; a lambda or seed given twice, or none.
    OutputError
        The folder holds a sweep of another recipe, set or measure; it cannot be written.
    """
    for name, values in (("independence", independence), ("seeds", seeds)):
        if not values or len(set(values)) < len(values):
            raise InputError(f"{name} {list(values)}: expected one or more values, each once")
    folder = Path(folder)
    measured_rows(data, split, n_bins)  # refused now, not when a model has been trained
    _claim(folder, recipe, data, split, n_bins)
    recipe = recipe.override(hold_out=HoldOut.of(recipe, data.tracks).names)  # one for all seeds
    rows = []
    kinds: list[Any] = [PLAIN, *independence] if plain else [*independence]
    settings = list(product(kinds, seeds))
    for number, (value, seed) in enumerate(settings, 1):
        name = f"{PLAIN if value == PLAIN else f'lambda-{value:g}'}.seed-{seed}"
        if began is not None:
            began(name, number, len(settings))
        run = folder / name
        if not (run / MODEL).exists():
            plan = recipe.override(seed=seed)
            plan = plan.without_metadata() if value == PLAIN else plan.override(independence=value)
            trainer = Trainer(plan, data, run, device=device)
            trainer.run(resume=(run / CHECKPOINT).exists(), progress=progress)
        if not (run / METRICS).exists():
            model = load_model(run / MODEL).to(pick_device(device))
            write_metrics(evaluate_model(model, data, split=split, n_bins=n_bins), run / METRICS)
        metrics = json.loads((run / METRICS).read_text(encoding="utf-8"))
        found = {**metrics["summary"]["all"], **(metrics["independence"] or {})}
        rows.append(
            {"independence": value, "seed": seed, **{name: found.get(name) for name in FIGURES}}
        )
    rows += [row for value in kinds for row in _over_seeds(rows, value)]
    _write(folder, rows)
    return rows


def _claim(folder: Path, recipe: Recipe, data: TrainingSet, split: str, n_bins: int | None) -> None:
    """Say in the folder what it is a sweep of, or refuse a folder of something else."""
    of = recipe.override(independence=0, seed=0).to_dict()
    for unimportant in ("data", "output"):
        of.pop(unimportant)
    identity = {"recipe": of, "data": data.fingerprint, "split": split, "bins": n_bins}
    text = json.dumps(identity, indent=1, sort_keys=True) + "\n"
    file = folder / IDENTITY
    if file.exists():
        if file.read_text(encoding="utf-8") != text:
            raise OutputError(
                f"{folder}: holds a sweep of another recipe, training set or measure ({IDENTITY} "
                "there says which); choose another output"
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: exists, and is no sweep; choose another output")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _over_seeds(rows: Sequence[dict[str, Any]], value: Any) -> list[dict[str, Any]]:
    """Return the means and standard deviations of the runs of one lambda, or of the baseline."""
    runs = [row for row in rows if row["independence"] == value]
    mean: dict[str, Any] = {"independence": value, "seed": "mean"}
    deviation: dict[str, Any] = {"independence": value, "seed": "sd"}
    for name in FIGURES:
        values = [row[name] for row in runs]
        known = None not in values
        mean[name] = float(np.mean(values)) if known else None
        deviation[name] = float(np.std(values, ddof=1)) if known and len(values) > 1 else None
    return [mean, deviation]


def _write(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    lines = [list(rows[0]), *(map(_text, row.values()) for row in rows)]
    with Parts(folder / TABLE) as parts:
        parts.write_text(folder / TABLE, "".join("\t".join(line) + "\n" for line in lines))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
