"""Figures of an enrichment: odds ratios with their intervals, overall and by group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, isfinite, nan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from mfdvep.enrichment.report.curve_plots import qq, roc_pr
from mfdvep.enrichment.report.tables import rows
from mfdvep.enrichment.report.wording import Words, interval, lead, number
from mfdvep.enrichment.results import Columns, Enrichment
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

N_GROUPS = 25  # rows of a figure by group: the groups with most tracks
N_PANELS = 3  # cuts of a figure by group: the finest
ROW = 0.28  # inches


def draw(enrichment: Enrichment) -> dict[str, Figure]:
    """Return the figures by name, of the tables that have a row.

    overall: odds ratios of Table 2 with intervals; groups_COLUMN: mean odds ratios by group;
    qq: p-values of the tracks against permuted ones, or against uniform ones; roc_pr: ROC and
    precision over recall of the largest |effect|.
    """
    figures = {}
    words = Words.of(enrichment)
    if len(enrichment.overall.get("kind", ())):
        figures["overall"] = overall(enrichment.overall, words)
    for column in dict.fromkeys(enrichment.groups.get("column", ())):
        figures[f"groups_{column}"] = groups(enrichment.groups, column, words)
    if len(enrichment.cuts.get("kind", ())):
        figures["qq"] = qq(enrichment, words)
    if any(len(curve["fpr"]) for curve in enrichment.curves.values()):
        figures["roc_pr"] = roc_pr(enrichment, words)
    return figures


def overall(table: Columns, words: Words) -> Figure:
    """Return a forest plot of Table 2: a row a cut and kind, log axis.

    Point: odds ratio. Thick bar: exact interval. Thin bar: interval by resampling blocks. Hollow
    diamond: odds ratio within match groups, and its interval. An arrow at the edge: an end beyond
    it, or an odds ratio of 0 or infinity.
    """
    found = rows(table)
    has_matched = any(row.get("matched") is not None for row in found)
    figure, axes = new_figure(8.2, 1.7 + ROW * 1.25 * len(found))
    names = ("conditional", "bootstrap", "matched")
    low, high = _log_axis(
        [axes],
        [row.get(name) for row in found for name in ("odds_ratio", "matched")],
        [row.get(f"{name}_{end}") for row in found for name in names for end in ("low", "high")],
    )
    place, labels, cut = -1.0, dict[float, str](), None
    for row in found:
        place += 1
        if row["cut"] != cut:  # a line for the cut's name
            cut = row["cut"]
            labels[place] = words.extremes(cut)
            place += 0.85
        labels[place] = row["kind"]
        colour, marker = KIND_COLOURS[row["kind"]], KIND_MARKERS[row["kind"]]
        _bar(axes, row["conditional_low"], row["conditional_high"], place, low, high,
             color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")  # fmt: skip
        _bar(axes, row["bootstrap_low"], row["bootstrap_high"], place, low, high,
             color=colour, linewidth=1.2)  # fmt: skip
        _point(axes, row["odds_ratio"], place, low, high, color=colour, marker=marker, s=36)
        if row.get("matched") is not None:
            below = place + 0.33
            _bar(axes, row["matched_low"], row["matched_high"], below, low, high,
                 color=BLACK, linewidth=0.8)  # fmt: skip
            _point(axes, row["matched"], below, low, high, marker="D", s=18,
                   facecolors="white", edgecolors=BLACK, linewidths=0.8)  # fmt: skip
        said = "not defined"
        if row["odds_ratio"] is not None:
            exact = interval(row["conditional_low"], row["conditional_high"])
            said = f"{number(row['odds_ratio'])} ({exact})"
        beside(axes, place, said, f"{row['tagged_positive']:,} / {row['tagged_negative']:,}")
    beside(axes, 0, "odds ratio (exact 95 %)", f"tagged {words.positive} / {words.negative}")
    axes.set_ylim(place + 0.7, -0.5)
    axes.set_yticks(list(labels), list(labels.values()))
    for label in axes.get_yticklabels():
        label.set_fontweight("normal" if label.get_text() in KIND_COLOURS else "bold")
    axes.tick_params(axis="y", length=0)
    axes.axvline(1, color=GREY, linewidth=1, linestyle=":", zorder=1)
    axes.set_xlabel("Odds ratio (dotted: no enrichment)")
    some = "the" if words.n_tracks == 1 else "at least one"
    title_over(figure, f"Tagged: variants among the extremes of {some} {words.unit}")
    handles = [
        Line2D([], [], marker="o", color=GREY, linewidth=5, alpha=0.6, label="exact interval"),
        Line2D([], [], color=GREY, linewidth=1.2, label="resampled blocks"),
    ]
    if has_matched:
        handles.append(Line2D([], [], marker="D", color=BLACK, linewidth=0.8, markersize=4,
                              markerfacecolor="white", label="within match groups"))  # fmt: skip
    legend_below(figure, handles)
    return figure


def beside(axes: Axes, place: float, *texts: str, width: float = 115) -> None:
    """Write texts right of the axes, in columns of a width in points."""
    for i, text in enumerate(texts):
        # in points from the edge, so that the layout knows the width they need
        axes.annotate(
            text,
            (1, place),
            xycoords=axes.get_yaxis_transform(),
            fontsize=8,
            xytext=(10 + width * i, 0),
            textcoords="offset points",
            va="center",
        )


def groups(table: Columns, column: str, words: Words) -> Figure:
    """Return mean odds ratios over the tracks of each group, with intervals, a panel a cut.

    The 25 groups with most tracks, ordered by the biological kind (or the first) at the finest
    cut; the three finest cuts.
    """
    found = [row for row in rows(table) if row["column"] == column]
    kinds = list(dict.fromkeys(row["kind"] for row in found))
    cuts = words.coarse_to_fine(row["cut"] for row in found)[-N_PANELS:]
    names = _most(found, kinds, cuts[-1])
    figure, grid = new_grid(2.2 + 2.3 * len(cuts), 1.7 + (0.12 + 0.1 * len(kinds)) * len(names),
                            columns=len(cuts), share="row")  # fmt: skip
    step = 0.72 / len(kinds)
    shown = [row for row in found if row["cut"] in cuts and row["value"] in names]
    low, high = _log_axis(
        grid[0],
        [row["mean_odds_ratio"] for row in shown],
        [row[end] for row in shown for end in ("low", "high")],
    )
    for axes, cut in zip(grid[0], cuts, strict=True):
        for row in shown:
            kind = row["kind"]
            if row["cut"] != cut:
                continue
            place = names.index(row["value"]) + (kinds.index(kind) - (len(kinds) - 1) / 2) * step
            colour = KIND_COLOURS[kind]
            _bar(axes, row["low"], row["high"], place, low, high, color=colour, linewidth=1.2)
            _point(axes, row["mean_odds_ratio"], place, low, high, color=colour,
                   marker=KIND_MARKERS[kind], s=16)  # fmt: skip
        for place in range(1, len(names), 2):  # every second row in grey, to follow it
            axes.axhspan(place - 0.5, place + 0.5, color="#f3f3f3", zorder=0, linewidth=0)
        axes.axvline(1, color=GREY, linewidth=1, linestyle=":", zorder=1)
        axes.set_title(words.extremes(cut), fontsize=8.5)
        axes.set_xlabel("Mean odds ratio", fontsize=9)
        axes.tick_params(axis="y", length=0)
    n_tracks = {row["value"]: row["n_tracks"] for row in found}
    labels = [f"{name or '(not known)'} (n = {n_tracks[name]})" for name in names]
    grid[0][0].set_yticks(range(len(names)), labels)
    grid[0][0].set_ylim(len(names) - 0.5, -0.5)
    what = f"By {column}; n: {words.unit}s; lines: 95 % intervals; dotted: no enrichment"
    if len(names) < len(n_tracks):
        what = f"{what}; {len(names)} of {len(n_tracks)} groups"
    title_over(figure, what)
    legend_below(figure, [Line2D([], [], marker=KIND_MARKERS[k], color=KIND_COLOURS[k],
                                 markersize=5, label=k) for k in kinds])  # fmt: skip
    return figure


def _most(found: Sequence[dict[str, Any]], kinds: Sequence[str], cut: str) -> list[str]:
    """Return the groups with most tracks, the highest mean odds ratio first."""
    kind = lead(kinds)
    own = {row["value"]: row for row in found if (row["kind"], row["cut"]) == (kind, cut)}
    sizes = {row["value"]: row["n_tracks"] for row in found}
    most = sorted(sizes, key=lambda name: (-sizes[name], name))[:N_GROUPS]
    ratio = {name: own[name]["mean_odds_ratio"] if name in own else None for name in most}
    return sorted(most, key=lambda name: (-(ratio[name] or 0), name))


def _log_axis(
    panels: Sequence[Axes], points: Iterable[float | None], ends: Iterable[float | None]
) -> tuple[float, float]:
    """Make x axes logarithmic and return their limits, which hold 1 and all finite points.

    And the ends of intervals, but for those that would take more than eightfold of the room.
    """
    shown = [v for v in points if v is not None and isfinite(v) and v > 0]
    low, high = min([*shown, 0.9]), max([*shown, 1.1])
    bounds = [v for v in ends if v is not None and low / 8 < v < high * 8]
    low, high = min([*bounds, low]) / 1.08, max([*bounds, high]) * 1.08
    ticks = [v for v in _TICKS if low <= v <= high]
    while len(ticks) > 6:
        ticks = [v for i, v in enumerate(ticks) if (i - ticks.index(1)) % 2 == 0]
    for axes in panels:
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axes.set_xticks(ticks, [f"{v:g}" for v in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    return low, high


_TICKS = [
    round(digit * 10.0**power, 12) for power in range(-6, 7) for digit in (1, 1.5, 2, 3, 5, 7)
]


def _bar(
    axes: Axes,
    low: float | None,
    high: float | None,
    place: float,
    left: float,
    right: float,
    **style: Any,
) -> None:
    """Draw an interval, with an arrow where it goes on past an edge; nothing if not defined."""
    low, high = nan if low is None else low, nan if high is None else high
    if low != low or high != high:
        return
    axes.plot([max(low, left), min(high, right)], [place] * 2, **style, zorder=2)
    for end, edge, marker in ((low, left, "<"), (high, right, ">")):
        if not left <= end <= right:
            axes.plot(edge, place, marker=marker, color=style["color"], clip_on=False, markersize=4)


def _point(
    axes: Axes, value: float | None, place: float, left: float, right: float, **style: Any
) -> None:
    """Draw an odds ratio, at the edge if it is 0 or infinite; nothing if not defined."""
    if value is None:
        return
    if value in (0, inf):
        style = {**style, "marker": "<" if value == 0 else ">"}
    axes.scatter(min(max(value, left), right), place, clip_on=False, zorder=3, **style)
