"""Figures of a comparison: AUROC over training genes, and over what cells are trained on."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfdvep.expression.comparing import ALL, ONE, OTHERS
from mfdvep.expression.comparison import MEAN, Rows
from mfdvep.plotting import BLACK, GREY, GROUP_COLOURS, MARKERS, legend_below, new_grid, title_over

_STYLE = {
    "marginal": (GREY, "x"),
    "logistic": (GROUP_COLOURS[1], MARKERS[1]),
    "boosting": (GROUP_COLOURS[5], MARKERS[2]),
    "cnn": (GROUP_COLOURS[3], MARKERS[3]),
    "simplechrome": (GROUP_COLOURS[0], MARKERS[0]),
    "simplechrome_k2": (GROUP_COLOURS[4], MARKERS[4]),
    "simplechrome_k4": (GROUP_COLOURS[2], MARKERS[5]),
    "simplechrome_attention": (BLACK, MARKERS[6]),
}
_SETTINGS = {ONE: "cell itself", ALL: "all cells", OTHERS: "other cells"}
_APART = 0.05  # between models at one size, in shares of it, so that their bars are seen


def learning_curve(models: Rows) -> Figure:
    """Return AUROC over the number of training genes, a panel a cell, with 95 % intervals."""
    rows = [row for row in models if row["setting"] == ONE]
    cells = [cell for cell in dict.fromkeys(row["cell"] for row in rows) if cell != MEAN]
    names = [name for name in _STYLE if any(row["model"] == name for row in rows)]
    columns = min(2, len(cells))
    lines = -(-len(cells) // columns)
    figure, grid = new_grid(1 + 3.4 * columns, 1.4 + 2.6 * lines, rows=lines, columns=columns,
                            share="all")  # fmt: skip
    panels = [axes for line in grid for axes in line]
    for axes, cell in zip(panels, cells, strict=False):
        _curves(axes, [row for row in rows if row["cell"] == cell], names)
        axes.set_title(cell, fontsize=9)
    for axes in panels[len(cells) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("training genes", fontsize=8.5)
    for line in grid:
        line[0].set_ylabel("AUROC, test genes", fontsize=8.5)
    legend_below(figure, [_handle(name) for name in names], columns=min(4, len(names)))
    title_over(figure, f"Is the gene above the cell's threshold? {_bars(rows)}")
    return figure


def _curves(axes: Axes, rows: Rows, names: list[str]) -> None:
    sizes = sorted({row["genes"] for row in rows})
    for number, name in enumerate(names):
        own = sorted((row for row in rows if row["model"] == name), key=lambda row: row["genes"])
        shift = (1 + _APART) ** (number - (len(names) - 1) / 2)
        x = [row["genes"] * shift for row in own]
        y = [row["auroc"] for row in own]
        bars = [
            [row["auroc"] - row["low"] for row in own],
            [row["high"] - row["auroc"] for row in own],
        ]
        colour, marker = _STYLE[name]
        axes.errorbar(x, y, yerr=bars, color=colour, marker=marker, markersize=4, linewidth=1.2,
                      elinewidth=0.8)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()


def settings_figure(models: Rows) -> Figure:
    """Return AUROC with all training genes of the cell, of all cells, and of the other cells."""
    largest = max(row["genes"] for row in models)
    rows = [row for row in models if row["genes"] == largest and row["cell"] != MEAN]
    pooled = {row["model"] for row in rows if row["setting"] != ONE}
    names = [name for name in _STYLE if name in pooled]
    cells = list(dict.fromkeys(row["cell"] for row in rows))
    figure, grid = new_grid(1 + 1.9 * len(cells), 3.6, columns=len(cells), share="row")
    for axes, cell in zip(grid[0], cells, strict=True):
        for number, name in enumerate(names):
            for place, setting in enumerate(_SETTINGS):
                for row in rows:
                    if (row["cell"], row["model"], row["setting"]) == (cell, name, setting):
                        x = place + 0.18 * (number - (len(names) - 1) / 2)
                        bars = [[row["auroc"] - row["low"]], [row["high"] - row["auroc"]]]
                        colour, marker = _STYLE[name]
                        axes.errorbar([x], [row["auroc"]], yerr=bars, color=colour, marker=marker,
                                      markersize=5, elinewidth=1)  # fmt: skip
        axes.set_title(cell, fontsize=9)
        axes.set_xticks(range(len(_SETTINGS)), _SETTINGS.values(), rotation=30, ha="right")
        axes.set_xlim(-0.5, len(_SETTINGS) - 0.5)
    grid[0][0].set_ylabel("AUROC, test genes", fontsize=8.5)
    legend_below(figure, [_handle(name) for name in names])
    title_over(figure, f"Whose {largest:,} training genes? {_bars(rows)}")
    return figure


def _bars(rows: Rows) -> str:
    """Return what the bars are over."""
    several = any(row["seeds"] > 1 for row in rows)
    return f"Bars: 95 %, over test genes{' and seeds' if several else ''}"


def _handle(name: str) -> Line2D:
    colour, marker = _STYLE[name]
    return Line2D([], [], color=colour, marker=marker, markersize=5, label=name)
