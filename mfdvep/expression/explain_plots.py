"""Figures of explanations: a gene's marks and what they contribute, and what latents stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mfdvep.expression.bins import REACH
from mfdvep.expression.explaining import GeneInCell
from mfdvep.expression.roles import Roles
from mfdvep.plotting import BLACK, GREY, title_over
from mfdvep.wording import number, signed

_NONE = "#d9d9d9"  # where nothing is defined
_RISES, _FALLS = "#b2182b", "#2166ac"  # the ends of the maps' colours
_SPLIT = {"train": "training", "left_out": "left out"}
_EXTENT = (-REACH / 1000, REACH / 1000)  # kb


def gene_figure(found: Sequence[GeneInCell], marks: Sequence[str], *, unit: str) -> Figure:
    """Return a gene's contributions above its signal, marks x bins, a pair of maps a cell.

    Contributions of all cells have one scale, and signals another.
    """
    n = len(found)
    figure = Figure(figsize=(8.6, 0.9 + 2.9 * n), layout="constrained")
    grid = figure.subplots(2 * n, 1, squeeze=False, sharex=True)[:, 0]
    largest = max(float(np.abs(one.scores).max()) for one in found) or 1.0
    highest = max(float(np.log1p(one.signal).max()) for one in found) or 1.0
    for i, one in enumerate(found):
        above, below = grid[2 * i], grid[2 * i + 1]
        change = _map(above, one.scores, marks, largest)
        signal = _map(below, np.log1p(one.signal), marks, highest, diverging=False)
        observed = "expression not known"
        if not np.isnan(one.expression):
            side = "high" if one.expression > one.threshold else "low"
            observed = f"observed {number(one.expression)} ({side})"
        split = _SPLIT.get(one.split, one.split)
        above.set_title(
            f"{one.cell} ({split} gene): predicted {signed(one.prediction)}, "
            f"without marks {signed(one.base)}; {observed}",
            fontsize=9, loc="left",
        )  # fmt: skip
        for axes, image, text in (
            (above, change, f"contribution\n({unit})"),
            (below, signal, "log(1 + signal)"),
        ):
            bar = figure.colorbar(image, ax=axes, pad=0.01)
            bar.set_label(text, fontsize=8)
            bar.ax.tick_params(labelsize=7.5)
    grid[-1].set_xlabel("kb from the start site, in the gene's direction", fontsize=9)
    gene = found[0].gene
    place = f"{gene.chrom}:{gene.tss + 1:,} ({gene.strand})"
    title_over(figure, f"{gene.name or gene.id}  {place}: what marks contribute, and the marks")
    return figure


def roles_figure(found: Roles, marks: Sequence[str], *, unit: str) -> Figure:
    """Return what outputs stand for in one cell, a row an output, latents by size of their effect.

    The maps of a latent whose effect is negative are turned (times -1), so that red raises the
    prediction in every row.
    """
    order = [0, *(1 + np.argsort(-np.abs(found.effect[0]), kind="stable"))]
    turn = [1, *np.where(found.effect[0] < 0, -1, 1)]
    figure = Figure(figsize=(12.4, 1.2 + 1.05 * len(order)), layout="constrained")
    grid = figure.subplots(len(order), 3, squeeze=False, width_ratios=[1, 1, 0.45])
    for i, k in enumerate(order):
        row, is_last = grid[i], i == len(order) - 1
        mean = turn[k] * found.contribution[0, k]
        largest = float(np.abs(mean).max()) or 1.0
        _map(row[0], mean, marks, largest)
        image = _map(row[1], turn[k] * found.correlation[k], marks, 1.0)
        for axes in row[:2]:
            axes.tick_params(labelsize=7, labelbottom=is_last)
        row[1].set_yticks([])
        row[0].set_title(f"\N{PLUS-MINUS SIGN}{number(largest)}", fontsize=7.5, loc="right", pad=1)
        name = found.outputs[k]
        row[0].set_ylabel(name if turn[k] > 0 else f"{name}\n(turned)", fontsize=9, rotation=0,
                          ha="right", va="center", labelpad=4)  # fmt: skip
        if k:
            _effect(row[2], found, k - 1, is_last)
    _key(figure, grid[0, 2], image)
    titles = (f"mean contribution ({unit}; of a latent, SD)", "correlation with log(1 + signal)")
    for axes, text in zip(grid[0], titles, strict=False):
        axes.set_title(text, fontsize=9)
    for axes in grid[-1, :2]:
        axes.set_xlabel("kb from the start site, in the gene's direction", fontsize=8.5)
    grid[-1, 2].set_xlabel(f"{unit}\nfor one SD of the latent", fontsize=8.5)
    title_over(figure, f"{found.cell}: what the prediction and the latents stand for, mean of "
               f"{found.n_genes:,} genes; bars: 95 % intervals")  # fmt: skip
    return figure


def _key(figure: Figure, axes: Axes, image: AxesImage) -> None:
    """Say what colours and bars are."""
    axes.set_axis_off()
    bar = figure.colorbar(image, cax=axes.inset_axes((0.05, 0.08, 0.9, 0.13)),
                          orientation="horizontal")  # fmt: skip
    bar.set_ticks([-1, 0, 1], labels=["-1", "0", "1"])
    bar.ax.tick_params(labelsize=7)
    text = (
        "colours: \N{PLUS-MINUS SIGN} the number at a map, and r;\n"
        "bars: what the head makes of a\nlatent; turned where negative"
    )
    axes.text(0.0, 1.0, text, fontsize=7.5, va="top", transform=axes.transAxes)


def _effect(axes: Axes, found: Roles, latent: int, is_last: bool) -> None:
    """Draw what the head makes of a latent, on the same scale in all rows."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_yticks([])
    mean, low, high = found.effect[:, latent]
    reach = 1.15 * float(np.nanmax(np.abs(found.effect))) or 1.0
    colour = _RISES if mean > 0 else _FALLS
    axes.axvline(0, color=GREY, linewidth=0.7)
    axes.barh(0, mean, height=0.5, color=colour)
    axes.plot([low, high], [0, 0], color=BLACK, linewidth=1.2)
    axes.set(xlim=(-reach, reach), ylim=(-0.9, 0.7))
    axes.text(0, -0.85, f"rises in {100 * found.rising[latent]:.0f} % of genes", fontsize=7,
              ha="center")  # fmt: skip
    axes.tick_params(labelsize=7, labelbottom=is_last)


def _map(
    axes: Axes, values: np.ndarray, marks: Sequence[str], largest: float, *, diverging: bool = True
) -> AxesImage:
    """Draw marks x bins, with the start site; returns the image, for a colour bar."""
    norm: Normalize = Normalize(0, largest)
    if diverging:
        norm = TwoSlopeNorm(0, -largest, largest)
    image = axes.imshow(
        values, cmap="RdBu_r" if diverging else "Greys", norm=norm, aspect="auto",
        interpolation="nearest", extent=(*_EXTENT, len(marks) - 0.5, -0.5),
    )  # fmt: skip
    axes.set_yticks(range(len(marks)), marks)
    axes.tick_params(labelsize=8)
    axes.set_facecolor(_NONE)
    axes.axvline(0, color=BLACK, linewidth=0.7, linestyle=":")
    return image
