"""Figures of a probe: AUROC and AUPRC by model and half, and by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfdvep.interpret.probes.design import GC, HALVES
from mfdvep.interpret.probes.results import Probe, Row
from mfdvep.plotting import (
    BLACK,
    GREY,
    KIND_COLOURS,
    KIND_MARKERS,
    legend_below,
    new_grid,
    title_over,
)

_MOST_TASKS = 40  # rows of the figure by task
_TITLES = {"auroc": "AUROC on held-out chromosomes", "auprc": "AUPRC on held-out chromosomes"}


def draw(probe: Probe) -> dict[str, Figure]:
    """Return the figures by name.

    halves: mean over tasks by model and half, with its interval, a small dot a task;
    tasks: each task of the first model by half, with its interval over folds.
    """
    return {"halves": by_half(probe), "tasks": by_task(probe)}


def by_half(probe: Probe) -> Figure:
    """Return AUROC and AUPRC by model and half: mean over tasks, 95 % interval, a dot a task."""
    models = list(dict.fromkeys(row["model"] for row in probe.summary if row["half"] != GC))
    places, ticks, separators, y = dict[tuple[str, str], float](), [], [], 0.0
    for model in [*models, ""]:
        halves = [row["half"] for row in probe.summary if row["model"] == model]
        ticks.append((y + (len(halves) - 1) * 0.5, model or "GC content alone"))
        for half in halves:
            places[model, half] = y
            y += 1.0
        y += 0.6
        separators.append(y - 0.8)
    figure, (both,) = new_grid(8.2, 1.5 + 0.24 * y, columns=2, share="row")
    for axes, measure in zip(both, ("auroc", "auprc"), strict=True):
        _half_panel(axes, probe, places, measure)
        for at in separators[:-1]:
            axes.axhline(at, color="#e6e6e6", linewidth=0.6, zorder=0)
    both[0].set_yticks(*zip(*ticks, strict=True))
    both[0].set_ylim(y - 1.1, -0.6)
    n = len(probe.tasks)
    over = "tasks" if n > 1 else "folds"
    title_over(figure, f"Large marks: mean over {n} task{'s'[: n != 1]}, with its 95 % interval "
               f"over {over}; small dots: a task each")  # fmt: skip
    legend_below(figure, _handles({_kind(probe, *source) for source in places}, probe))
    return figure


def _half_panel(
    axes: Axes, probe: Probe, places: dict[tuple[str, str], float], measure: str
) -> None:
    for row in probe.scores:
        y = places[row["model"], row["half"]] + 0.3  # below the interval, which would hide it
        colour = _colour(_kind(probe, row["model"], row["half"]))
        axes.scatter(row[measure], y, s=9, color=colour, alpha=0.45, linewidths=0, zorder=2)
    for row in probe.summary:
        y = places[row["model"], row["half"]]
        kind = _kind(probe, row["model"], row["half"])
        _mark(axes, row, measure, y, kind)
        low, high = (row.get(f"permuted_{measure}_{end}") for end in ("low", "high"))
        if low is not None and high is not None:
            axes.plot([low, high], [y, y], color=GREY, linewidth=5, alpha=0.45, zorder=1,
                      solid_capstyle="butt")  # fmt: skip
    _finish(axes, probe.summary, measure)


def by_task(probe: Probe) -> Figure:
    """Return AUROC and AUPRC of each task from each half of the first model, over folds."""
    model = probe.summary[0]["model"]
    rows = [row for row in probe.scores if row["model"] == model]
    combined = {row["task"]: row["auroc"] for row in rows if row["half"] == "combined"}
    names = sorted(combined, key=lambda task: -combined[task])[:_MOST_TASKS]
    halves = [half for half in HALVES if any(row["half"] == half for row in rows)]
    figure, (both,) = new_grid(8.2, 1.6 + 0.34 * len(names), columns=2, share="row")
    shift = {half: (i - (len(halves) - 1) / 2) * 0.24 for i, half in enumerate(halves)}
    for axes, measure in zip(both, ("auroc", "auprc"), strict=True):
        for row in rows:
            if row["task"] in names:
                y = names.index(row["task"]) + shift[row["half"]]
                _mark(axes, row, measure, y, _kind(probe, model, row["half"]), size=22)
                if measure == "auprc" and row["half"] == "combined":
                    axes.plot([row["base_rate"]] * 2, [y - 0.4, y + 0.4 + 0.24], color=GREY,
                              linewidth=1, linestyle=":", zorder=1)  # fmt: skip
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
        _finish(axes, rows if measure == "auroc" else [], measure)
    counts = {row["task"]: row for row in probe.tasks}
    ticks = [f"{name} ({counts[name]['positives']:,} of {counts[name]['n']:,})" for name in names]
    both[0].set_yticks(range(len(names)), ticks)
    both[0].set_ylim(len(names) - 0.4, -0.6)
    more = f"; the best {len(names)} of {len(combined)}" if len(combined) > len(names) else ""
    title_over(figure, f"{model}: tasks (positives of regions), mean over "
               f"{len(probe.folds)} folds with its 95 % interval{more}")  # fmt: skip
    legend_below(figure, _handles({_kind(probe, model, half) for half in halves}, None))
    return figure


def _mark(axes: Axes, row: Row, measure: str, y: float, kind: str, *, size: float = 40) -> None:
    colour = _colour(kind)
    low, high = row[f"{measure}_low"], row[f"{measure}_high"]
    if low is not None:
        axes.plot([low, high], [y, y], color=colour, linewidth=1.6, zorder=3)
    edge: dict[str, Any] = {} if kind == GC else {"edgecolors": "white", "linewidths": 0.6}
    axes.scatter(row[measure], y, s=size, color=colour, marker=_marker(kind), zorder=4, **edge)


def _finish(axes: Axes, rows: Sequence[Row], measure: str) -> None:
    """Draw chance and label the axis."""
    chance = {0.5} if measure == "auroc" else {round(row["base_rate"], 6) for row in rows}
    if len(chance) == 1:
        axes.axvline(chance.pop(), color=GREY, linewidth=1, linestyle=":", zorder=1)
    elif chance:
        axes.axvline(float(np.mean(list(chance))), color=GREY, linewidth=1, linestyle=":", zorder=1)
    axes.set_xlabel(f"{_TITLES[measure]}\n(dotted: chance)")


def _kind(probe: Probe, model: str, half: str) -> str:
    """Return the kind that a mark is drawn as: "baseline" for a model whose halves mean nothing."""
    if half == GC:
        return GC
    about: dict[str, Any] = probe.settings["models"].get(model, {})
    return half if about.get("has_halves", True) else "baseline"


def _colour(kind: str) -> str:
    return KIND_COLOURS.get(kind, BLACK)


def _marker(kind: str) -> str:
    return KIND_MARKERS.get(kind, "x" if kind == GC else "o")


def _handles(kinds: set[str], probe: Probe | None) -> list[Line2D]:
    names = {"baseline": "model without metadata", GC: "GC content alone"}
    order = [kind for kind in ("combined", "biological", "technical", "baseline", GC)
             if kind in kinds]  # fmt: skip
    found = [Line2D([], [], linestyle="", marker=_marker(kind), color=_colour(kind),
                    label=names.get(kind, kind)) for kind in order]  # fmt: skip
    if probe is not None and (n := probe.settings["n_permutations"]):
        found.append(Line2D([], [], color=GREY, linewidth=5, alpha=0.45,
                            label=f"95 % of {n} permutations"))  # fmt: skip
    return found
