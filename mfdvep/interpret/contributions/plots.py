"""Figures of scores round a place: sequence logos by half, and heat maps of in-silico mutagenesis.

Rows are halves or targets, columns are alleles; all rows and columns share one scale, so that
biology, technique, REF and ALT can be compared. Letters are in the colours of `plotting`, and are
read as letters where colours are not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import logomaker
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from mfdvep.genomics.sequences import N_CODE, decode
from mfdvep.interpret.sequences import Site
from mfdvep.plotting import BLACK, GREY, KIND_COLOURS, new_grid, title_over

LETTER_COLOURS = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}
_MARK = "#56B4E9"  # the band behind an allele
_COLUMN, _ROW = 6.2, 1.7  # inches
_MOST_BASES = 20  # of an allele, in a title
_TICK_STEPS = (5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True)
class Panel:
    """One column of a figure: some bases of a site, and their scores by row.

    Attributes
    ----------
    title
        Over the column.
    codes, positions
        (w,) base codes, and 0-based places on the contig, -1 where there is none.
    offsets
        (w,) places from the centre of the site, for what lies on no contig.
    marked
        First and last + 1 of the bases that a band stands behind, counted in `codes`.
    rows
        Row's name (a half, "combined" ...) -> (w,) scores, or (w, 4) effects of mutagenesis.
    """

    title: str
    codes: np.ndarray
    positions: np.ndarray
    offsets: np.ndarray
    marked: tuple[int, int]
    rows: dict[str, np.ndarray]


def panel_of(
    site: Site,
    rows: dict[str, np.ndarray],
    *,
    centre: int,
    flank: int,
    first: int = 0,
    shown: int | None = None,
) -> Panel:
    """Return a panel of the bases up to `flank` from the one in the middle.

    Parameters
    ----------
    rows
        Of the site's bases from `first` on: (m,) or (m, 4).
    centre
        Index in the site's bases of the base from which those without a place are counted.
    first
        Index in the site's bases of the first that `rows` have.
    shown
        Index in the site's bases of the one in the middle; by default the centre.
    """
    n_rows = len(next(iter(rows.values())))
    middle = centre if shown is None else shown
    low, high = max(middle - flank, first), min(middle + flank + 1, first + n_rows)
    kept = slice(low, high)
    start, end = (min(max(at, low), high) - low for at in site.marked)
    if (start, end) == (0, high - low):  # all of it
        start = end = 0
    return Panel(
        _title(site),
        site.codes[kept],
        site.positions[kept],
        np.arange(low, high) - centre,
        (start, end),
        {name: row[low - first : high - first] for name, row in rows.items()},
    )


def _title(site: Site) -> str:
    """Return "REF G", "ALT -" (deleted); "" of what is no allele."""
    if not site.allele:
        return ""
    bases = decode(site.codes[slice(*site.marked)])
    told = f"{len(bases)} bases" if len(bases) > _MOST_BASES else bases or "-"
    return f"{site.allele} {told}"


def logo_figure(panels: Sequence[Panel], *, title: str, unit: str) -> Figure:
    """Return sequence logos: the height of a letter is its score, below the line if negative.

    Parameters
    ----------
    panels
        Columns, with the same rows.
    unit
        Of the scores, for the axis.
    """
    figure, grid = _grid(panels, row_height=_ROW)
    scores = np.concatenate([row for panel in panels for row in panel.rows.values()])
    low, high = min(float(scores.min()), 0.0), max(float(scores.max()), 0.0)
    room = 0.06 * (high - low) or 1.0
    for column, panel in enumerate(panels):
        for axes, (name, row) in zip(
            (line[column] for line in grid), panel.rows.items(), strict=True
        ):
            letters = np.zeros((len(row), 4))
            known = panel.codes < N_CODE
            letters[known, panel.codes[known]] = row[known]
            logomaker.Logo(
                pd.DataFrame(letters, columns=list("ACGT")),
                ax=axes,
                color_scheme=LETTER_COLOURS,
                baseline_width=0.6,
                show_spines=False,
            )
            axes.spines[["left", "bottom"]].set_visible(True)
            axes.set_ylim(low - room, high + room)
            _mark(axes, panel)
            _ticks(axes, panel, labels=axes is grid[-1][column])
            if column == 0:
                axes.set_ylabel(f"{name}\n({unit})", fontsize=9, color=_colour(name))
            if axes is grid[0][column] and panel.title:
                axes.set_title(panel.title, fontsize=9)
    title_over(figure, title)
    return figure


def heat_map_figure(panels: Sequence[Panel], *, title: str, unit: str) -> Figure:
    """Return heat maps of in-silico mutagenesis: a row a base, a dot where that base is there.

    Red raises the target, blue lowers it; the scale is symmetric and shared.

    Parameters
    ----------
    panels
        Columns, with the same rows of (w, 4) effects.
    unit
        Of the effects, for the colour bar.
    """
    figure, grid = _grid(panels, row_height=1.25)
    effects = np.concatenate([row.ravel() for panel in panels for row in panel.rows.values()])
    largest = float(np.nanmax(np.abs(effects), initial=0.0)) or 1.0
    norm = TwoSlopeNorm(0.0, -largest, largest)
    image = None
    for column, panel in enumerate(panels):
        for axes, (name, row) in zip(
            (line[column] for line in grid), panel.rows.items(), strict=True
        ):
            axes.set_facecolor("#dddddd")  # of N
            image = axes.imshow(
                row.T, cmap="RdBu_r", norm=norm, aspect="auto", interpolation="nearest"
            )
            known = np.flatnonzero(panel.codes < N_CODE)
            axes.plot(known, panel.codes[known], ".", color=BLACK, markersize=2.2)
            axes.set_yticks(range(4), list("ACGT"))
            start, end = panel.marked
            if 0 < end - start < len(row):
                for edge in (start, end):
                    axes.axvline(edge - 0.5, color=BLACK, linewidth=0.8, linestyle=":")
            _ticks(axes, panel, labels=axes is grid[-1][column])
            if column == 0:
                axes.set_ylabel(name, fontsize=9, color=_colour(name))
            if axes is grid[0][column] and panel.title:
                axes.set_title(panel.title, fontsize=9)
    if image is not None:
        bar = figure.colorbar(image, ax=[axes for line in grid for axes in line], pad=0.01)
        bar.set_label(f"change ({unit})", fontsize=9)
        bar.ax.tick_params(labelsize=8.5)
    title_over(figure, title)
    return figure


def _grid(panels: Sequence[Panel], *, row_height: float) -> tuple[Figure, list[list[Axes]]]:
    n_rows, n_columns = len(panels[0].rows), len(panels)
    return new_grid(
        _COLUMN * n_columns + 0.8, row_height * n_rows + 0.9, rows=n_rows, columns=n_columns
    )


def _colour(name: str) -> str:
    """Return a half's colour; black of any other row."""
    return KIND_COLOURS.get(name, BLACK)


def _mark(axes: Axes, panel: Panel) -> None:
    start, end = panel.marked
    if end > start:
        axes.axvspan(start - 0.5, end - 0.5, color=_MARK, alpha=0.25, linewidth=0, zorder=-1)
    elif start:  # where bases are missing
        axes.axvline(start - 0.5, color=GREY, linewidth=1, linestyle=":")


def _ticks(axes: Axes, panel: Panel, *, labels: bool) -> None:
    """Put ticks at round places, 1-based on the contig, or from the centre."""
    n = len(panel.codes)
    on_contig = bool((panel.positions >= 0).any())
    places = panel.positions + 1 if on_contig else panel.offsets
    known = panel.positions >= 0 if on_contig else np.ones(n, dtype=bool)
    step = next((step for step in _TICK_STEPS if n / step <= 6.5), _TICK_STEPS[-1])
    at = np.flatnonzero(known & (places % step == 0))
    axes.set_xticks(at, [f"{places[i]:,}" for i in at] if labels else [])
    axes.set_xlim(-0.5, n - 0.5)
    axes.tick_params(labelsize=8.5)
    if labels:
        where = "position (bp)" if on_contig else "bases from the centre"
        axes.set_xlabel(where, fontsize=9)
