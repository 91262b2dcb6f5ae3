"""Figures of profiles: lines with intervals by half, and a heat map; the motif's logo over both.

A column has all positions, a second one those round the motif, where letters can be read. Lines
differ in colour and in dashes; the biological and the technical half share one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import logomaker
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfdvep.interpret.profiles.averaging import Profile
from mfdvep.plotting import BLACK, GREY, GROUP_COLOURS, KIND_COLOURS, title_over

_LETTERS = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.2)), (0, (1.2, 1)), (0, (5, 1, 1, 1)), (0, (3, 1)))
_MARK = "#56B4E9"  # the band behind the motif
_BESIDE = 12  # bases on each side of the motif in the second column
_HALVES = ("biological", "technical", "combined")
MEASURES = {"signed": "mean contribution", "absolute": "mean |contribution|"}


def line_figure(profile: Profile, bases: np.ndarray, measure: str, *, title: str) -> Figure:
    """Return lines of the features, a panel a half; at most 7 a half, those of largest mean.

    Parameters
    ----------
    bases
        (P, 4) share of each base at each position, for the logo.
    measure
        "signed" or "absolute".
    """
    halves = [half for half in _HALVES if half in profile.summary["half"]]
    figure = Figure(figsize=(10.2, 1.5 + 2.5 * len(halves)), layout="constrained")
    grid = figure.subplots(
        1 + len(halves), 2, squeeze=False, sharex="col",
        height_ratios=[0.55, *[1.5] * len(halves)], width_ratios=[1.15, 1],
    )  # fmt: skip
    near = _near(profile)
    _logos(grid[0], profile, bases, near)
    found = getattr(profile, measure)
    units = dict.fromkeys(profile.summary["unit"])
    for line, half in zip(grid[1:], halves, strict=True):
        rows = _largest(found.mean, [h == half for h in profile.summary["half"]])
        handles = []
        for i, t in enumerate(rows):
            colour, dash = GROUP_COLOURS[i % len(GROUP_COLOURS)], _DASHES[i % len(_DASHES)]
            for axes, shown in zip(line, (slice(None), near), strict=True):
                x = profile.positions[shown]
                axes.fill_between(x, found.low[t, shown], found.high[t, shown], color=colour,
                                  alpha=0.22, linewidth=0)  # fmt: skip
                axes.plot(x, found.mean[t, shown], color=colour, linestyle=dash, linewidth=1.3)
            name = profile.summary["feature"][t].partition("=")[2] or profile.summary["feature"][t]
            handles.append(Line2D([], [], color=colour, linestyle=dash, label=name))
        line[0].legend(handles=handles, fontsize=8, frameon=False, loc="upper left",
                       title=half, title_fontsize=8.5, alignment="left")  # fmt: skip
        line[0].set_ylabel(
            f"{MEASURES[measure]}\n({', '.join(units)} a base)", fontsize=9,
            color=KIND_COLOURS.get(half, BLACK),
        )  # fmt: skip
    _same_scale(grid[1:], found.low.min(), found.high.max())
    for axes in grid[1:].flat:
        axes.axhline(0, color=GREY, linewidth=0.7)
        axes.axvspan(profile.span[0] - 0.5, profile.span[1] - 0.5, color=_MARK, alpha=0.15,
                     linewidth=0, zorder=-1)  # fmt: skip
    _finish(grid, profile, near)
    title_over(
        figure, f"{title}\n{_less(profile)}; bands: 95 % intervals; shaded: motif or footprint"
    )
    return figure


def heat_figure(profile: Profile, bases: np.ndarray, *, title: str) -> Figure:
    """Return a heat map of signed contributions, a row a feature, biological ones above."""
    near = _near(profile)
    order = sorted(
        range(len(profile.targets)), key=lambda t: _HALVES.index(profile.summary["half"][t])
    )
    n = len(order)
    figure = Figure(figsize=(10.2, 1.9 + 0.3 * n), layout="constrained")
    grid = figure.subplots(2, 2, squeeze=False, sharex="col",
                           height_ratios=[0.8, 0.25 * n], width_ratios=[1.15, 1])  # fmt: skip
    _logos(grid[0], profile, bases, near)
    values = profile.signed.mean[order]
    largest = float(np.abs(values).max()) or 1.0
    image: Any = None
    for axes, shown in zip(grid[1], (slice(None), near), strict=True):
        x = profile.positions[shown]
        image = axes.imshow(
            values[:, shown], cmap="RdBu_r", norm=TwoSlopeNorm(0, -largest, largest),
            aspect="auto", interpolation="nearest", extent=(x[0] - 0.5, x[-1] + 0.5, n - 0.5, -0.5),
        )  # fmt: skip
        halves = [profile.summary["half"][t] for t in order]
        for i in range(1, n):
            if halves[i] != halves[i - 1]:
                axes.axhline(i - 0.5, color=BLACK, linewidth=1)
        for edge in profile.span:
            axes.axvline(edge - 0.5, color=BLACK, linewidth=0.7, linestyle=":")
    grid[1, 0].set_yticks(range(n), [profile.summary["feature"][t] for t in order], fontsize=8)
    for tick, t in zip(grid[1, 0].get_yticklabels(), order, strict=True):
        tick.set_color(KIND_COLOURS.get(profile.summary["half"][t], BLACK))
    grid[1, 1].set_yticks([])
    bar = figure.colorbar(image, ax=grid[1, 1], pad=0.02, fraction=0.05)
    units = dict.fromkeys(profile.summary["unit"])
    bar.set_label(f"mean contribution\n({', '.join(units)} a base)", fontsize=8.5)
    bar.ax.tick_params(labelsize=8)
    _finish(grid, profile, near)
    title_over(figure, f"{title}\n{_less(profile)}; green names: biological, orange: technical")
    return figure


def _less(profile: Profile) -> str:
    if not profile.n_baseline:
        return f"{profile.n_sites:,} sites, nothing subtracted"
    return f"{profile.n_sites:,} sites less {profile.n_baseline:,} baseline sequences"


def _near(profile: Profile) -> slice:
    """Return which positions the second column has."""
    low, high = profile.span[0] - _BESIDE, profile.span[1] + _BESIDE
    kept = np.flatnonzero((profile.positions >= low) & (profile.positions < high))
    return slice(int(kept[0]), int(kept[-1]) + 1)


def _largest(means: np.ndarray, chosen: Sequence[bool]) -> list[int]:
    """Return at most as many of the chosen rows as there are colours, in their order."""
    rows = np.flatnonzero(chosen)
    size = np.abs(means[rows]).max(axis=1)
    return sorted(rows[np.argsort(-size, kind="stable")[: len(GROUP_COLOURS)]].tolist())


def _logos(row: Sequence[Axes], profile: Profile, bases: np.ndarray, near: slice) -> None:
    """Draw the information of the sites' bases, in bits: as a line where letters are too narrow."""
    entropy = -(bases * np.log2(np.where(bases > 0, bases, 1))).sum(axis=1, keepdims=True)
    bits = bases * (2 - entropy)  # (P, 4)
    total = bits.sum(axis=1)
    row[0].fill_between(profile.positions, total, step="mid", color=GREY, linewidth=0)
    frame = pd.DataFrame(bits[near], columns=list("ACGT"), index=profile.positions[near])
    if bits[near].any():
        logomaker.Logo(frame, ax=row[1], color_scheme=_LETTERS, show_spines=False)
    row[1].spines[["left", "bottom"]].set_visible(True)
    for axes in row:
        axes.set_ylim(0, 2)
        axes.set_yticks([0, 1, 2])
    row[0].set_ylabel("bits", fontsize=9)


def _same_scale(lines: np.ndarray, low: float, high: float) -> None:
    """Give all panels one scale, with room for the legend on top."""
    room = 0.05 * (high - low) or 1.0
    for axes in lines.flat:
        axes.set_ylim(low - room, high + room)
    for axes in lines[:, 1]:
        axes.set_yticklabels([])


def _finish(grid: np.ndarray, profile: Profile, near: slice) -> None:
    for column, shown in enumerate((slice(None), near)):
        x = profile.positions[shown]
        for axes in grid[:, column]:
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8.5)
            axes.set_xlim(x[0] - 0.5, x[-1] + 0.5)
        grid[-1, column].set_xlabel("bases from the centre, along the site's strand", fontsize=9)
