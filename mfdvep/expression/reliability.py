"""How well calibrated marks agree with observed ones: numbers, curves, and their figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import spearmanr

from mfdvep.expression.calibration import MarkCalibration
from mfdvep.plotting import BLACK, GREY, GROUP_COLOURS, legend_below, new_grid, title_over

N_POINTS = 10
"""Bins of equal count of a curve."""


@dataclass(frozen=True)
class Reliability:
    """Agreement of one mark in one cell, over the bins of some genes.

    Attributes
    ----------
    cell, mark
        Which.
    n_bins
        Bins of genes.
    r2
        Of log1p(signal) by the calibrated prediction, over its own mean there; NaN if all bins
        have the same signal.
    spearman
        Of the prediction with the signal, which no calibration changes; NaN likewise.
    predicted, observed
        float64 (10,): means of log1p(signal), calibrated and observed, in 10 parts of equal count
        by rising prediction.
    """

    cell: str
    mark: str
    n_bins: int
    r2: float
    spearman: float
    predicted: np.ndarray
    observed: np.ndarray

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it; what is not defined is null."""
        numbers = {"r2": self.r2, "spearman": self.spearman}
        return {
            "cell": self.cell,
            "mark": self.mark,
            "n_bins": self.n_bins,
            **{name: float(f"{v:.4g}") if np.isfinite(v) else None for name, v in numbers.items()},
        }


def reliability(
    calibration: MarkCalibration, probability: np.ndarray, signal: np.ndarray
) -> list[Reliability]:
    """Return how well the calibrated signal agrees with the observed one, by cell and mark.

    Parameters
    ----------
    probability, signal
        (n, c, m), as for `fit_calibration`; n at least 10.
    """
    predicted = np.log1p(calibration.signal(probability.astype(np.float64)))
    observed = np.log1p(signal.astype(np.float64))
    rows = []
    for i, cell in enumerate(calibration.cells):
        for j, mark in enumerate(calibration.marks):
            p, o = predicted[:, i, j], observed[:, i, j]
            varies = bool(np.ptp(o) > 0)
            r2 = 1 - np.square(o - p).sum() / np.square(o - o.mean()).sum() if varies else np.nan
            rank = spearmanr(p, o).statistic if varies and np.ptp(p) > 0 else np.nan
            parts = np.array_split(np.argsort(p, kind="stable"), N_POINTS)
            points = np.array([[p[part].mean(), o[part].mean()] for part in parts])
            rows.append(Reliability(cell, mark, len(o), float(r2), float(rank), *points.T))
    return rows


def draw_reliability(by_set: Mapping[str, Sequence[Reliability]]) -> Figure:
    """Return observed over calibrated signal, a panel a mark and a colour a cell.

    Parameters
    ----------
    by_set
        Name of a set of genes -> its rows; of two sets the first is hollow and thin.
    """
    last = [*by_set.values()][-1]
    marks = [*dict.fromkeys(row.mark for row in last)]
    cells = [*dict.fromkeys(row.cell for row in last)]
    colour = dict(zip(cells, GROUP_COLOURS, strict=False))
    figure, grid = new_grid(2.3 * len(marks), 2.9, columns=len(marks))
    for axes, mark in zip(grid[0], marks, strict=True):
        most = 0.0
        for name, rows in by_set.items():
            is_last = name == [*by_set][-1]
            for row in rows:
                if row.mark != mark:
                    continue
                axes.plot(row.predicted, row.observed, "o-" if is_last else "o:", markersize=3.5,
                          color=colour.get(row.cell, BLACK), linewidth=1.2 if is_last else 0.8,
                          fillstyle="full" if is_last else "none")  # fmt: skip
                most = max(most, row.predicted.max(), row.observed.max())
        axes.axline((0, 0), slope=1, color=GREY, linewidth=0.8, zorder=0)
        axes.set(xlim=(0, 1.05 * most), ylim=(0, 1.05 * most))
        axes.set_xlabel("calibrated", fontsize=8.5)
        axes.set_title(mark, fontsize=9)
    grid[0][0].set_ylabel("observed", fontsize=8.5)
    title_over(figure, "Mean of log(1 + signal) over bins of genes, in tenths by prediction")
    handles = [Line2D([], [], color=colour.get(c, BLACK), marker="o", label=c) for c in cells]
    for name in by_set:
        is_last = name == [*by_set][-1]
        handles.append(
            Line2D([], [], color=BLACK, linestyle="-" if is_last else ":", marker="o", label=name,
                   fillstyle="full" if is_last else "none")
        )  # fmt: skip
    legend_below(figure, handles, columns=len(handles))
    return figure
