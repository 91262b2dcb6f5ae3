"""Figures of an explanation: tracks by kind of effect, and groups of tracks."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfdvep.interpret.contributions.plots import Panel, heat_map_figure, logo_figure, panel_of
from mfdvep.interpret.explanation.bases import Bases
from mfdvep.interpret.explanation.choosing import name_of
from mfdvep.interpret.explanation.explaining import Explanation
from mfdvep.interpret.explanation.readings import how, split_groups, unit_of
from mfdvep.plotting import (
    BLACK,
    GREY,
    KIND_COLOURS,
    KIND_MARKERS,
    legend_below,
    new_figure,
    new_grid,
    title_over,
)
from mfdvep.wording import shortened

N_TRACKS = 12
N_GROUPS = 8  # of a column
_NAME = 34  # letters


def draw(explanation: Explanation, bases: Bases | None) -> dict[str, Figure]:
    """Return the figures by name: tracks, groups, and with bases logos and mutagenesis."""
    figures = {"tracks": tracks_figure(explanation)}
    if explanation.groups:
        figures["groups"] = groups_figure(explanation)
    if bases is not None:
        figures["logos"] = logos(explanation, bases)
        figures["mutagenesis"] = heat_maps(explanation, bases)
    return figures


def tracks_figure(explanation: Explanation) -> Figure:
    """Return the effects on the tracks that change most, a point a kind."""
    rows = explanation.shown(N_TRACKS)
    figure, axes = new_figure(7.6, 1.5 + 0.27 * len(rows))
    effects = explanation.effects[explanation.scale]
    step = 0.6 / len(explanation.kinds)
    for place, row in enumerate(rows):
        for i, kind in enumerate(explanation.kinds):
            at = place + (i - (len(explanation.kinds) - 1) / 2) * step
            value = float(effects[kind][row])
            axes.plot([0, value], [at, at], color=KIND_COLOURS[kind], linewidth=1, alpha=0.5)
            axes.plot(value, at, KIND_MARKERS[kind], color=KIND_COLOURS[kind], markersize=4.5)
    names = [shortened(explanation.tracks.names[row], _NAME) for row in rows]
    _finish(axes, names, f"Change of {unit_of(explanation.scale)}, ALT minus REF")
    legend_below(figure, _handles(explanation.kinds))
    title_over(figure, f"{name_of(explanation.variant)}: tracks with the largest combined effect")
    return figure


def groups_figure(explanation: Explanation) -> Figure:
    """Return the mean effects of groups, a panel a column, a bar a half.

    The groups of two or more tracks whose mean moves most. A grey line: from the lowest to the
    highest combined effect of the group's tracks.
    """
    scale = explanation.scale
    columns = list(dict.fromkeys(group.column for group in explanation.groups))
    shown = {
        column: next(filter(None, split_groups(explanation, column)))[:N_GROUPS]
        for column in columns
    }
    height = 1.3 + 0.36 * max(map(len, shown.values()))
    figure, grid = new_grid(1.0 + 3.9 * len(columns), height, columns=len(columns))
    bars = [kind for kind in explanation.kinds if kind != "combined"] or ["combined"]
    size = 0.62 / len(bars)
    for axes, (column, groups) in zip(grid[0], shown.items(), strict=True):
        for place, group in enumerate(groups):
            axes.plot([group.low[scale], group.high[scale]], [place, place], color=GREY,
                      linewidth=1, zorder=1)  # fmt: skip
            for i, kind in enumerate(bars):
                at = place + (i - (len(bars) - 1) / 2) * size
                axes.barh(at, group.mean[scale][kind], size * 0.9, color=KIND_COLOURS[kind],
                          zorder=2)  # fmt: skip
            axes.plot(group.mean[scale]["combined"], place, KIND_MARKERS["combined"],
                      color=KIND_COLOURS["combined"], markeredgecolor="white", markeredgewidth=0.6,
                      markersize=5.5, zorder=3)  # fmt: skip
        names = [f"{shortened(g.value or '(not known)', 20)} ({g.n_tracks})" for g in groups]
        _finish(axes, names, f"Mean change of {unit_of(scale)}")
        n = sum(group.column == column for group in explanation.groups)
        axes.set_title(f"by {column} ({len(groups)} of {n})", fontsize=9)
    handles = _handles(("combined",))
    handles += [Line2D([], [], color=KIND_COLOURS[kind], linewidth=6, label=kind) for kind in bars
                if kind != "combined"]  # fmt: skip
    handles.append(Line2D([], [], color=GREY, linewidth=1, label="range of the tracks (combined)"))
    legend_below(figure, handles, columns=len(handles))
    title_over(figure, f"{name_of(explanation.variant)}: groups of tracks (number of tracks)")
    return figure


def _finish(axes: Axes, names: list[str], label: str) -> None:
    axes.axvline(0, color=BLACK, linewidth=0.8, zorder=0)
    for place in range(1, len(names), 2):  # every second row in grey, to follow it
        axes.axhspan(place - 0.5, place + 0.5, color="#f3f3f3", zorder=-1, linewidth=0)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=5)
    axes.margins(x=0.08)
    axes.set_xlabel(label, fontsize=9)


def _handles(kinds: tuple[str, ...]) -> list[Line2D]:
    return [Line2D([], [], linestyle="", marker=KIND_MARKERS[kind], color=KIND_COLOURS[kind],
                   markersize=5, label=kind) for kind in kinds]  # fmt: skip


def logos(explanation: Explanation, bases: Bases) -> Figure:
    """Return logos of integrated gradients: REF and ALT side by side, a row a half."""
    targets = bases.attribution.targets
    panels = [
        panel_of(
            site,
            {targets[t].which: bases.attribution.scores[i, t] for t in bases.halves},
            centre=bases.centre,
            flank=bases.flank,
        )
        for i, site in enumerate(bases.sites)
    ]
    title = f"{_title(explanation, bases)}\nintegrated gradients, {_averaged(explanation)}"
    return logo_figure(panels, title=title, unit=bases.target.unit)


def heat_maps(explanation: Explanation, bases: Bases) -> Figure:
    """Return heat maps of in-silico mutagenesis: REF and ALT side by side, a row a half."""
    found = bases.mutagenesis
    panels: list[Panel] = [
        panel_of(
            site,
            {target.which: found.effects[i, t] for t, target in enumerate(found.targets)},
            centre=bases.centre,
            flank=bases.flank,
            first=found.first,
        )
        for i, site in enumerate(bases.sites)
    ]
    title = f"{_title(explanation, bases)}\nwhat each other base would change, "
    return heat_map_figure(panels, title=title + _averaged(explanation), unit=bases.target.unit)


def _title(explanation: Explanation, bases: Bases) -> str:
    return f"{name_of(explanation.variant)}: {shortened(bases.target.name, 80)}"


def _averaged(explanation: Explanation) -> str:
    return how(explanation).partition(";")[0]
