"""`probe`: how well labels are predicted from latent features, by model, half and task.

A task's AUROC is the mean over the outer folds of the AUROC within each, by their number of
held-out regions: scores of regressions that were fitted on different regions are never ranked
together. Pooled, they would differ by fold in their offset, which falls as the fold's own share of
positives rises (the more positives are held out, the fewer are left to fit), so that labels without
a signal would come out below .5. Counted alike, a fold of few regions would add as much noise as
all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep import __version__
from mfdvep.errors import InputError
from mfdvep.interpret.features.feature_file import FeatureTable, read_features
from mfdvep.interpret.probes.design import GC, Design, join
from mfdvep.interpret.probes.fitting import (
    Fitting,
    FoldScores,
    UnfitTaskError,
    nested_scores,
)
from mfdvep.interpret.probes.folds import chromosome_folds
from mfdvep.interpret.probes.label_table import LabelTable, read_labels
from mfdvep.interpret.probes.results import Probe, Scored, results_of
from mfdvep.interpret.probes.tasks import (
    ProbeOptions,
    Task,
    check_options,
    listed,
    permuted,
    task_row,
    tasks_of,
)

Report = Callable[[int, int], None]


def probe(
    features: Mapping[str, str | Path | FeatureTable],
    labels: str | Path | LabelTable,
    *,
    options: ProbeOptions | None = None,
    command: str = "",
    progress: Report | None = None,
) -> Probe:
    """Return how well labels of regions are predicted from the latent features of models.

    Parameters
    ----------
    features
        Model -> file of `mfdvep features`, or its table, in the order to report them. All models
        are tested on the same regions: those that all have features of.
    labels
        See `read_labels`.
    command
        As typed; "" from Python.
    progress
        Called with regressions (a task, model and half, nested) done, and to do.

    Raises
    ------
    InputError
        What `read_features`, `read_labels`, `join` and `chromosome_folds` refuse; an option with
        another value; a task with a single class in a fold, unless these are skipped; no task
        left.
    """
    options = options or ProbeOptions()
    check_options(options)
    if not features:
        raise InputError("no features given; make them with mfdvep features")
    tables = {
        model: found if isinstance(found, FeatureTable) else read_features(found)
        for model, found in features.items()
    }
    table = labels if isinstance(labels, LabelTable) else read_labels(labels, options.tasks)
    design = join(tables, table)
    fold = chromosome_folds(design.chromosomes, options.n_folds)
    tasks, skipped = tasks_of(design, fold, options)
    sources = _sources(design)
    total = len(tasks) * len(sources) * (1 + options.n_permutations)
    done = 0
    scored, null = list[Scored](), list[Scored]()
    for number, task in enumerate(tasks):
        draw = np.random.default_rng([options.seed, 1, number])
        versions = [task, *(permuted(task, draw) for _ in range(options.n_permutations))]
        # all of a task before any is kept, so that one that cannot be fitted leaves nothing
        of_task: list[tuple[int, Scored]] = []
        try:
            for version, labelled in enumerate(versions):
                for (model, half), x in sources.items():
                    scores = _scores(x, labelled, design, options.fitting)
                    if scores is None and version == 0:
                        raise InputError(_unfit(task, design, options))
                    if scores is not None:
                        of_task.append((version, Scored(model, half, task.name, version, scores)))
                    done += 1
                    if progress is not None:
                        progress(done, total)
        except InputError:
            if not options.skip_tasks:
                raise
            skipped[task.name] = "its penalty cannot be chosen"
            continue
        scored += [one for version, one in of_task if version == 0]
        null += [one for version, one in of_task if version]
    if not scored:
        raise InputError(f"{table.path}: no task can be tested: {listed(skipped)}")
    return results_of(
        scored,
        null,
        counts={
            **design.counts,
            "chromosomes": len(set(design.chromosomes)),
            "tasks": len(design.tasks),
            "skipped_tasks": len(skipped),
        },
        tasks=[task_row(task, design) for task in tasks if task.name not in skipped],
        folds=_fold_rows(design, fold),
        settings=_settings(options, design, table, tables, skipped, command),
    )


def _sources(design: Design) -> dict[tuple[str, str], np.ndarray]:
    """Return (model, half) -> features; last the share of G and C alone, what any must beat."""
    found = {
        (model, half): x for model, halves in design.features.items() for half, x in halves.items()
    }
    return {**found, ("", GC): design.gc[:, None]}


def _scores(x: np.ndarray, task: Task, design: Design, fitting: Fitting) -> FoldScores | None:
    try:
        return nested_scores(
            x[task.rows],
            task.labels,
            task.fold,
            chromosomes=[design.chromosomes[row] for row in task.rows],
            fitting=fitting,
        )
    except UnfitTaskError:
        return None


def _unfit(task: Task, design: Design, options: ProbeOptions) -> str:
    names = sorted({design.chromosomes[row] for row in task.rows})
    return (
        f"task {task.name!r}: with {options.n_folds} folds of {len(names)} chromosomes no split of "
        "the training ones has both classes on both sides, so that no penalty can be chosen; give "
        "one --penalty, regions of more chromosomes, or --skip-tasks"
    )


def _fold_rows(design: Design, fold: np.ndarray) -> list[dict[str, Any]]:
    names = np.array(design.chromosomes)
    return [
        {
            "fold": number + 1,
            "regions": int((fold == number).sum()),
            "chromosomes": " ".join(sorted(set(names[fold == number].tolist()))),
        }
        for number in range(int(fold.max()) + 1)
    ]


def _settings(
    options: ProbeOptions,
    design: Design,
    table: LabelTable,
    tables: Mapping[str, FeatureTable],
    skipped: Mapping[str, str],
    command: str,
) -> dict[str, Any]:
    return {
        "mfdvep": __version__,
        "command": command,
        "labels": table.path,
        "n_folds": options.n_folds,
        "inner_folds": options.fitting.inner_folds,
        "penalties": list(options.fitting.penalties),
        "balanced": options.fitting.balanced,
        "match": options.match,
        "ratio": options.ratio,
        "n_permutations": options.n_permutations,
        "seed": options.seed,
        "skipped": dict(skipped),
        "models": {
            model: {"features": tables[model].path, **about}
            for model, about in design.about.items()
        },
    }
