"""Figures of an enrichment: p-values of the tracks, ROC and precision over recall."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfdvep.enrichment.report.readings import tested
from mfdvep.enrichment.report.tables import rows
from mfdvep.enrichment.report.wording import Words
from mfdvep.enrichment.results import Columns, Enrichment
from mfdvep.plotting import GREY, KIND_COLOURS, KIND_MARKERS, new_grid, title_over
from mfdvep.wording import area, interval

SMALLEST = 5e-324  # a p-value of 0 is drawn here


def qq(enrichment: Enrichment, words: Words) -> Figure:
    """Return -log10 p of the tracks against what is expected, a panel a kind (across) and cut.

    With permutations, the band has what 95 % of them gave; without, p-values are set against
    uniform ones, and the title says that tracks are correlated.
    """
    has_band = enrichment.qq is not None and len(enrichment.qq.get("kind", ())) > 0
    columns = enrichment.qq if has_band else uniform_qq(enrichment)
    assert columns is not None
    kinds = list(dict.fromkeys(columns["kind"]))
    cuts = list(dict.fromkeys(columns["cut"]))
    figure, grid = new_grid(max(1 + 2.2 * len(kinds), 4.4), 1.3 + 2 * len(cuts), rows=len(cuts),
                            columns=len(kinds), share="row")  # fmt: skip
    for line, cut in zip(grid, cuts, strict=True):
        for axes, kind in zip(line, kinds, strict=True):
            chosen = (np.asarray(columns["kind"]) == kind) & (np.asarray(columns["cut"]) == cut)
            _quantiles(axes, {k: np.asarray(v)[chosen] for k, v in columns.items()}, kind)
            if line is grid[0]:
                axes.set_title(kind, fontsize=8.5)
        line[0].set_ylabel(f"{words.extremes(cut)}\n$-$log$_{{10}}$ p", fontsize=8.5)
    for axes in grid[-1]:
        axes.set_xlabel("expected", fontsize=8.5)
    note = "grey: 95 % of permutations"
    if not has_band:
        note = f"correlated {words.unit}s: no band without permutations"
    title_over(figure, f"A dot a {words.unit}; dashed: no effect\n{note}")
    return figure


def uniform_qq(enrichment: Enrichment) -> Columns:
    """Return kind, cut, expected and observed -log10 p of the tracks, against uniform p-values."""
    cuts, name = enrichment.cuts, f"p_{tested(enrichment)}"
    keys = list(zip(cuts["kind"], cuts["cut"], strict=True))
    parts: list[tuple] = []
    values = np.array([np.nan if v is None else v for v in cuts[name]], dtype=float)
    for key in dict.fromkeys(keys):
        p = np.sort(values[[k == key and v == v for k, v in zip(keys, values, strict=True)]])
        expected = (np.arange(len(p)) + 0.5) / len(p)
        observed = -np.log10(np.maximum(p, SMALLEST))
        parts.append((*([text] * len(p) for text in key), -np.log10(expected), observed))
    names = ("kind", "cut", "expected", "observed")
    return {name: [v for part in parts for v in part[i]] for i, name in enumerate(names)}


def _quantiles(axes: Axes, columns: dict[str, np.ndarray], kind: str) -> None:
    order = np.argsort(columns["expected"])
    expected = columns["expected"][order]
    if "low" in columns:
        low, high = (columns[name][order] for name in ("low", "high"))
        axes.fill_between(expected, low, high, color="#dddddd", linewidth=0, zorder=0)
    end = expected.max(initial=0.1)
    axes.plot([0, end], [0, end], color=GREY, linewidth=1, linestyle="--", zorder=1)
    # thousands of tracks: as pixels, for an SVG of a size to send
    axes.scatter(expected, columns["observed"][order], s=9, color=KIND_COLOURS[kind],
                 linewidths=0, zorder=2, clip_on=False, rasterized=len(expected) > 500)  # fmt: skip


def roc_pr(enrichment: Enrichment, words: Words) -> Figure:
    """Return the ROC, and precision over recall, of the largest |effect|, a line a kind.

    The legends have the areas with 95 % intervals; dotted: chance.
    """
    figure, (axes,) = new_grid(8.4, 4.4, columns=2)
    summary = {row["kind"]: row for row in rows(enrichment.summary)}
    used = enrichment.counts["used"]
    base = enrichment.counts["positives"] / used if used else 0.0
    left, right = axes
    for kind, curve in enrichment.curves.items():
        # some marks along a line tell kinds apart without colour
        style: dict[str, Any] = {"color": KIND_COLOURS[kind], "linewidth": 1.4,
                                 "marker": KIND_MARKERS[kind], "markersize": 4,
                                 "markevery": 0.2}  # fmt: skip
        row = summary.get(kind, {})
        left.plot(curve["fpr"], curve["tpr"], label=_area(kind, row, "auroc"), **style)
        right.plot(curve["recall"], curve["precision"], label=_area(kind, row, "auprc"), **style)
    left.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    right.axhline(base, color=GREY, linewidth=1, linestyle=":")
    left.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"Share of {words.negative} variants",
             ylabel=f"Share of {words.positive} variants", aspect="equal")  # fmt: skip
    top = _top(enrichment.curves, base)
    right.set(xlim=(0, 1), ylim=(0, top), xlabel=f"Recall: share of {words.positive} found",
              ylabel=f"Precision: share that is {words.positive}")  # fmt: skip
    right.set_box_aspect(1)
    for panel, chance in ((left, "chance: 0.5"), (right, f"chance: {area(base)}")):
        handles, _ = panel.get_legend_handles_labels()
        handles.append(Line2D([], [], color=GREY, linewidth=1, linestyle=":", label=chance))
        panel.legend(handles=handles, fontsize=7.5, frameon=False,
                     loc="lower right" if panel is left else "upper right")  # fmt: skip
    title_over(figure, f"Largest |effect| over the {words.unit}s; area and 95 % interval")
    return figure


def _top(curves: dict[str, Columns], base: float) -> float:
    """Return an end of the precision axis: the first few variants' precision may be anything."""
    shown = [base]
    for curve in curves.values():
        recall, precision = np.asarray(curve["recall"]), np.asarray(curve["precision"])
        shown += [float(p) for p in precision[recall >= 0.02] if np.isfinite(p)]
    return min(1.02, 1.6 * max(shown))


def _area(kind: str, row: dict, measure: str) -> str:
    around = interval(row.get(f"{measure}_low"), row.get(f"{measure}_high"), text=area)
    return f"{kind} {area(row.get(measure))} ({around})"
