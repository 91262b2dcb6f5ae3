"""Options of a probe, and the tasks that can be tested with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mfdvep.errors import InputError
from mfdvep.interpret.probes.design import Design
from mfdvep.interpret.probes.fitting import Fitting, UnfitTaskError, check_folds
from mfdvep.interpret.probes.matching import MATCHES, matched_rows


@dataclass(frozen=True)
class ProbeOptions:
    """How a probe is made.

    Attributes
    ----------
    tasks
        Columns of the labels; all by default.
    n_folds
        Outer folds, of whole chromosomes.
    fitting
        Penalties, inner folds, weights of the classes.
    match, ratio
        Negatives a task is tested with, see `matched_rows`.
    skip_tasks
        Leave out tasks that cannot be tested, which are counted; else they are an error.
    n_permutations
        How often everything is done again with labels permuted within the folds.
    seed
        Of matching and permutations.
    """

    tasks: tuple[str, ...] = ()
    n_folds: int = 5
    fitting: Fitting = field(default_factory=Fitting)
    match: str = "none"
    ratio: int = 1
    skip_tasks: bool = False
    n_permutations: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """The regions that a task uses, and their labels: int64 (m,), int8 (m,), int64 (m,)."""

    name: str
    rows: np.ndarray
    labels: np.ndarray
    fold: np.ndarray


def check_options(options: ProbeOptions) -> None:
    penalties = options.fitting.penalties
    if (
        not penalties
        or any(not 0 < c < np.inf for c in penalties)
        or sorted(set(penalties)) != list(penalties)
    ):
        raise InputError(f"penalties {penalties}: expected positive numbers, ascending")
    if options.fitting.inner_folds < 2:
        raise InputError(f"{options.fitting.inner_folds} inner folds; expected at least 2")
    if options.match not in MATCHES:
        raise InputError(f"match {options.match!r}; expected {', '.join(MATCHES)}")
    if options.ratio < 1:
        raise InputError(f"ratio {options.ratio}; expected at least 1 negative a positive")
    if options.n_permutations < 0:
        raise InputError(f"{options.n_permutations} permutations; expected 0 or more")


def tasks_of(
    design: Design, fold: np.ndarray, options: ProbeOptions
) -> tuple[list[Task], dict[str, str]]:
    """Return the tasks that can be tested, and why others cannot."""
    tasks, skipped = list[Task](), dict[str, str]()
    for number, name in enumerate(design.tasks):
        used = matched_rows(
            design.labels[:, number],
            fold,
            gc=design.gc,
            match=options.match,
            ratio=options.ratio,
            rng=np.random.default_rng([options.seed, 0, number]),
        )
        rows = np.flatnonzero(used)
        task = Task(name, rows, design.labels[rows, number], fold[rows])
        try:
            if len(np.unique(task.fold)) < options.n_folds:
                raise UnfitTaskError("a fold has no region")
            check_folds(task.labels, task.fold)
        except UnfitTaskError as error:
            skipped[name] = str(error)
        else:
            tasks.append(task)
    if skipped and (not options.skip_tasks or not tasks):
        raise InputError(
            f"of {len(design.tasks)} tasks {len(skipped)} cannot be tested on {options.n_folds} "
            f"folds: {listed(skipped)}; use fewer --folds, leave tasks out with --task or "
            "--skip-tasks, or give more regions"
        )
    return tasks, skipped


def listed(skipped: Mapping[str, str]) -> str:
    shown = [f"{name} ({why})" for name, why in list(skipped.items())[:3]]
    return ", ".join(shown) + (", ..." if len(skipped) > 3 else "")


def permuted(task: Task, rng: np.random.Generator) -> Task:
    """Return a task with its labels permuted within each fold."""
    labels = task.labels.copy()
    for number in np.unique(task.fold):
        here = np.flatnonzero(task.fold == number)
        labels[here] = labels[rng.permutation(here)]
    return replace(task, labels=labels)


def task_row(task: Task, design: Design) -> dict[str, Any]:
    positives = task.labels == 1
    gc = design.gc[task.rows]
    return {
        "task": task.name,
        "n": len(task.rows),
        "positives": int(positives.sum()),
        "gc_positives": float(gc[positives].mean()),
        "gc_negatives": float(gc[~positives].mean()),
    }
