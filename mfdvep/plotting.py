"""What all figures share: colours and marks of the kinds of effect, a figure, its title and legend.

Colours: Okabe and Ito, safe for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

BLACK, GREY = "#000000", "#8c8c8c"
KIND_COLOURS = {
    "baseline": "#595959",
    "combined": "#0072B2",
    "biological": "#009E73",
    "technical": "#D55E00",
    "score": "#0072B2",
}
KIND_MARKERS = {"baseline": "D", "combined": "o", "biological": "^", "technical": "s", "score": "o"}
GROUP_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A800")
MARKERS = "osD^vPX"


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of this size (inches), which no global state keeps, and its axes."""
    figure, grid = new_grid(width, height)
    return figure, grid[0][0]


def new_grid(
    width: float,
    height: float,
    *,
    rows: int = 1,
    columns: int = 1,
    share: Literal["none", "row", "all"] = "none",
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure of this size (inches) and its axes, row by row.

    Parameters
    ----------
    share
        Axes with the same limits, of which only the outer ones have tick labels: y along each row,
        or both axes of all.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share == "all", sharey=share)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8.5)
    return figure, grid.tolist()


def title_over(figure: Figure, text: str) -> None:
    """Put a title over the whole width of a figure, which may be wider than its axes."""
    figure.suptitle(text, fontsize=9)


def legend_below(figure: Figure, handles: list[Line2D], *, columns: int = 0) -> None:
    """Put a legend under a figure; 0 columns: one row, or two columns of more than four handles."""
    columns = columns or (2 if len(handles) > 4 else len(handles))
    figure.legend(handles=handles, loc="outside lower center", ncols=max(columns, 1),
                  frameon=False, fontsize=8.5, columnspacing=1.4, handletextpad=0.4)  # fmt: skip


def save_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write each figure as NAME.png (200 dpi) and NAME.svg, byte for byte the same each time."""
    # without a salt the ids within an SVG are random
    with matplotlib.rc_context({"svg.hashsalt": "mfdvep"}):
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png", dpi=200)
            figure.savefig(folder / f"{name}.svg", dpi=200, metadata={"Date": None})
