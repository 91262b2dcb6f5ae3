"""What a probe comes to: means over tasks with intervals, halves and models in pairs, the null.

Every 95 % interval is Student's t over what is said: over tasks, which say how the mean would vary
with other tasks like these; over folds for a single task. Those of AUROC and AUPRC end at 0 and 1.
Tasks share regions, and folds training regions, so that they are no independent draws and the
intervals are narrow rather than wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfdvep.averages import mean_and_interval
from mfdvep.interpret.probes.design import GC, HALVES
from mfdvep.interpret.probes.fitting import FoldScores

Row = dict[str, Any]
MEASURES = ("auroc", "auprc")


@dataclass(frozen=True)
class Scored:
    """A task from one half of one model; `version` 0, or the number of the permutation."""

    model: str
    half: str
    task: str
    version: int
    scores: FoldScores


@dataclass(frozen=True)
class Probe:
    """Tables, row by row; None is what is not defined.

    Attributes
    ----------
    counts, settings
        What became of the labels' rows; options, models, tasks that were skipped and why.
    summary
        A row a model and half: model ("" for GC alone), half ("combined", "biological",
        "technical", "gc"), n_tasks, interval_over ("tasks" or "folds"), auroc and auprc, each
        with _low, _high; base_rate; with permutations also permuted_auroc(_low, _high: 95 % of
        them), p_auroc, and the same of auprc.
    tasks
        A row a task: n, positives, mean GC of positives and negatives that were used.
    scores
        A row a model, half and task: auroc and auprc (means over folds, intervals over folds),
        base_rate, penalty (geometric mean of those chosen), n_unconverged.
    fold_scores
        A row a model, half, task and fold: n (held-out regions), auroc, auprc, base_rate, penalty.
    folds
        A row a fold: regions, chromosomes.
    comparisons
        A row a pair and measure: first, second (as "model half"), n_tasks, first_value,
        second_value, difference, low, high (paired over tasks), first_better (tasks).
    """

    counts: Mapping[str, int]
    settings: Mapping[str, Any]
    summary: Sequence[Row]
    tasks: Sequence[Row]
    scores: Sequence[Row]
    fold_scores: Sequence[Row]
    folds: Sequence[Row]
    comparisons: Sequence[Row]


def results_of(
    scored: Sequence[Scored],
    permuted: Sequence[Scored],
    *,
    counts: Mapping[str, int],
    tasks: Sequence[Row],
    folds: Sequence[Row],
    settings: Mapping[str, Any],
) -> Probe:
    """Return the tables of a probe.

    Parameters
    ----------
    scored, permuted
        With the labels as they are, every model and half with the same tasks; and permuted.
    """
    by_source: dict[tuple[str, str], list[Scored]] = {}
    for one in scored:
        by_source.setdefault((one.model, one.half), []).append(one)
    return Probe(
        counts=counts,
        settings=settings,
        summary=[_summary_row(source, found, permuted) for source, found in by_source.items()],
        tasks=tasks,
        scores=[_score_row(one) for one in scored],
        fold_scores=[row for one in scored for row in _fold_score_rows(one)],
        folds=folds,
        comparisons=list(_comparisons(by_source)),
    )


def _summary_row(
    source: tuple[str, str], found: Sequence[Scored], permuted: Sequence[Scored]
) -> Row:
    row: Row = {"model": source[0], "half": source[1], "n_tasks": len(found)}
    row["interval_over"] = "tasks" if len(found) > 1 else "folds"
    for measure in MEASURES:
        if len(found) > 1:
            row |= _with_interval(measure, np.array([one.scores.mean(measure) for one in found]))
        else:
            row |= _of_folds(measure, found[0].scores)
    row["base_rate"] = float(np.mean([one.scores.mean("share") for one in found]))
    if permuted:
        for measure in MEASURES:
            row |= _null(source, permuted, measure, observed=row[measure])
    return row


def _null(
    source: tuple[str, str], permuted: Sequence[Scored], measure: str, *, observed: float
) -> Row:
    """Return the mean over permutations of the mean over tasks, 95 % of them, and p (one-sided)."""
    runs: dict[int, list[float]] = {}
    for one in permuted:
        if (one.model, one.half) == source:
            runs.setdefault(one.version, []).append(one.scores.mean(measure))
    means = np.array([np.mean(values) for values in runs.values()])
    if not len(means):
        names = ("", "_low", "_high")
        return {f"permuted_{measure}{end}": None for end in names} | {f"p_{measure}": None}
    low, high = np.quantile(means, [0.025, 0.975])
    return {
        f"permuted_{measure}": float(means.mean()),
        f"permuted_{measure}_low": float(low),
        f"permuted_{measure}_high": float(high),
        f"p_{measure}": float((1 + (means >= observed).sum()) / (1 + len(means))),
    }


def _score_row(one: Scored) -> Row:
    row: Row = {"model": one.model, "half": one.half, "task": one.task}
    for measure in MEASURES:
        row |= _of_folds(measure, one.scores)
    return row | {
        "base_rate": one.scores.mean("share"),
        "penalty": float(np.exp(np.log(one.scores.penalty).mean())),
        "n_unconverged": one.scores.n_unconverged,
    }


def _fold_score_rows(one: Scored) -> Iterable[Row]:
    s = one.scores
    columns = zip(s.auroc, s.auprc, s.share, s.penalty, s.n, strict=True)
    for number, values in enumerate(columns, start=1):
        auroc, auprc, share, penalty = map(float, values[:4])
        yield {"model": one.model, "half": one.half, "task": one.task, "fold": number,
               "n": int(values[4]), "auroc": auroc, "auprc": auprc, "base_rate": share,
               "penalty": penalty}  # fmt: skip


def _comparisons(by_source: Mapping[tuple[str, str], Sequence[Scored]]) -> Iterable[Row]:
    for first, second in _pairs(list(by_source)):
        for measure in MEASURES:
            a, b = (
                np.array([one.scores.mean(measure) for one in by_source[source]])
                for source in (first, second)
            )
            mean, interval = mean_and_interval(a - b)
            low, high = interval or (None, None)
            yield {
                "measure": measure,
                "first": shown(*first),
                "second": shown(*second),
                "n_tasks": len(a),
                "first_value": float(a.mean()),
                "second_value": float(b.mean()),
                "difference": mean,
                "low": low,
                "high": high,
                "first_better": int((a > b).sum()),
            }


def _pairs(
    sources: Sequence[tuple[str, str]],
) -> Iterable[tuple[tuple[str, str], tuple[str, str]]]:
    """Yield what is compared: halves of a model; each model with the first, half by half; GC."""
    models = list(dict.fromkeys(model for model, half in sources if half != GC))
    for model in models:
        for first, second in ((1, 2), (0, 1), (0, 2)):
            pair = (model, HALVES[first]), (model, HALVES[second])
            if all(one in sources for one in pair):
                yield pair
    for model in models[1:]:
        for half in HALVES:
            pair = (model, half), (models[0], half)
            if all(one in sources for one in pair):
                yield pair
    for model in models:
        yield (model, HALVES[0]), ("", GC)


def shown(model: str, half: str) -> str:
    """Return how a model and half are called in tables: "regulome45 biological", "GC alone"."""
    return "GC alone" if half == GC else f"{model} {half}"


def _of_folds(measure: str, scores: FoldScores) -> Row:
    return _with_interval(measure, getattr(scores, measure), scores.n)


def _with_interval(measure: str, values: np.ndarray, weights: np.ndarray | None = None) -> Row:
    mean, interval = mean_and_interval(values, weights)
    low, high = np.clip(interval, 0, 1).tolist() if interval else (None, None)
    return {measure: mean, f"{measure}_low": low, f"{measure}_high": high}
