"""Figures of a correlation: the largest over all variants, and by element, with intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfdvep.enrichment.correlation import Correlation
from mfdvep.enrichment.report.correlation_readings import (
    Row,
    by_element,
    effect_of,
    largest,
    passing,
    unit_of,
)
from mfdvep.enrichment.report.plots import beside
from mfdvep.enrichment.report.wording import interval, lead, probability, shortened, signed
from mfdvep.plotting import (
    BLACK,
    GREY,
    KIND_COLOURS,
    KIND_MARKERS,
    legend_below,
    new_figure,
    title_over,
)

N_TOP = 8  # tracks of a kind
N_ELEMENTS = 40  # rows of the figure by element: those with most variants
ROW = 0.26  # inches
_NAME = 40  # letters of a track's or an element's name


def draw(found: Correlation) -> dict[str, Figure]:
    """Return the figures by name: correlation; and elements, where there are some."""
    top = largest(found, n=N_TOP)
    if not any(top.values()):
        return {}
    figures = {"correlation": over_all_variants(found, top)}
    if found.means:
        figures["elements"] = by_elements(found, {k: own[0] for k, own in top.items() if own})
    return figures


def over_all_variants(found: Correlation, top: dict[str, list[Row]]) -> Figure:
    """Return a forest plot: Spearman over all variants of some tracks, a block a kind.

    Point and bar: over all variants, 95 % interval. Hollow diamond and thin bar: mean over
    elements, and its interval.
    """
    shown = [row for own in top.values() for row in own]
    has_means = any(row.get("mean_spearman") is not None for row in shown)
    figure, axes = new_figure(8.2, 1.5 + ROW * (1 + 0.3 * has_means) * (len(shown) + len(top)))
    place, labels, headings = -1.0, dict[float, str](), set()
    for kind, own in top.items():
        place += 1.2 if labels else 1
        labels[place] = effect_of(found, kind)
        headings.add(place)
        for row in own:
            place += 1
            labels[place] = shortened(row["track"], _NAME)
            _estimate(axes, row, "spearman", place, linewidth=1.6, color=KIND_COLOURS[kind],
                      marker=KIND_MARKERS[kind])  # fmt: skip
            if row.get("mean_spearman") is not None:
                _estimate(axes, row, "mean_spearman", place + 0.36, linewidth=0.8, color=BLACK,
                          marker="D", markersize=4, markerfacecolor="white")  # fmt: skip
            ends = interval(row["spearman_low"], row["spearman_high"], text=signed)
            beside(axes, place, f"{signed(row['spearman'])} ({ends})",
                   probability(row["spearman_q"]), width=_WIDTH)  # fmt: skip
    beside(axes, 0, "Spearman (95 %)", "q", width=_WIDTH)
    axes.set_ylim(place + 0.8, -0.6)
    axes.set_yticks(list(labels), list(labels.values()))
    for at, label in zip(labels, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if at in headings else "normal")
    names = ("spearman", "mean_spearman")
    _axis(axes, (row.get(f"{n}{e}") for row in shown for n in names for e in ("", *_ENDS)))
    axes.set_xlabel(f"Spearman's correlation with {found.settings['labels']} (dotted: none)")
    most = max(row["n"] for row in passing(found))
    what = f"Over {found.counts['used']:,} variants"
    if most > N_TOP:
        what = (f"{what}: the {N_TOP} largest of {most:,} {unit_of(found)}s, picked for it,\n"
                "so expect them nearer 0 on new variants")  # fmt: skip
    title_over(figure, what)
    if has_means:
        legend_below(figure, [
            Line2D([], [], marker="o", color=GREY, linewidth=1.6, label="all variants"),
            Line2D([], [], marker="D", color=BLACK, linewidth=0.8, markersize=4,
                   markerfacecolor="white", label="mean over elements"),
        ])  # fmt: skip
    return figure


def by_elements(found: Correlation, top: dict[str, Row]) -> Figure:
    """Return Spearman by element of one track a kind, the highest of the leading kind first.

    Below them: the mean over elements, and all variants together.
    """
    of = {kind: by_element(found, kind, row["track"]) for kind, row in top.items()}
    kinds = list(top)
    sizes = {row["element"]: row["n"] for row in of[kinds[0]]}
    most = sorted(sizes, key=lambda name: (-sizes[name], name))[:N_ELEMENTS]
    first = {row["element"]: row["spearman"] for row in of[lead(kinds)]}
    names = sorted(most, key=lambda name: (first[name] is None, -(first[name] or 0), name))
    n = len(names)
    figure, axes = new_figure(7.2, 1.9 + (0.14 + 0.09 * len(kinds)) * (n + 2))
    step = 0.72 / len(kinds)
    shown: list[tuple[Row, str]] = []
    for i, kind in enumerate(kinds):
        shift = (i - (len(kinds) - 1) / 2) * step
        style: dict[str, Any] = {"color": KIND_COLOURS[kind], "marker": KIND_MARKERS[kind],
                                 "linewidth": 1.2, "markersize": 4}  # fmt: skip
        for row in of[kind]:
            if row["element"] in names:
                _estimate(axes, row, "spearman", names.index(row["element"]) + shift, **style)
                shown.append((row, "spearman"))
        for at, name in ((n + 0.3, "mean_spearman"), (n + 1.3, "spearman")):
            _estimate(axes, top[kind], name, at + shift, **style)
            shown.append((top[kind], name))
    axes.axhline(n - 0.35, color=GREY, linewidth=0.6)
    for place in range(1, n, 2):  # every second row in grey, to follow it
        axes.axhspan(place - 0.5, place + 0.5, color="#f3f3f3", zorder=0, linewidth=0)
    labels = [f"{shortened(name, _NAME)} (n = {sizes[name]:,})" for name in names]
    labels += ["mean over elements", f"all variants (n = {found.counts['used']:,})"]
    axes.set_yticks([*range(n), n + 0.3, n + 1.3], labels)
    for label in axes.get_yticklabels()[n:]:
        label.set_fontweight("bold")
    axes.set_ylim(n + 1.9, -0.6)
    _axis(axes, (row[f"{name}{e}"] for row, name in shown for e in ("", *_ENDS)))
    axes.set_xlabel(f"Spearman's correlation with {found.settings['labels']} (dotted: none)")
    unit = unit_of(found)
    what = f"By element; of each kind the {unit} of largest |Spearman| over all variants"
    if len(kinds) == 1:
        track = shortened(top[kinds[0]]["track"], _NAME)
        what = f"By element: {track}, the {unit} of largest |Spearman|"
    if n < len(sizes):
        what = f"{what}\nthe {n} of {len(sizes)} elements with most variants"
    title_over(figure, f"{what}; lines: 95 % intervals")
    if len(kinds) > 1:
        legend_below(figure, [
            Line2D([], [], marker=KIND_MARKERS[k], color=KIND_COLOURS[k], markersize=5,
                   label=f"{k}: {shortened(top[k]['track'], 60)}") for k in kinds
        ], columns=1)  # fmt: skip
    return figure


_ENDS = ("_low", "_high")
_WIDTH = 130  # points of a column of text


def _estimate(axes: Axes, row: Row, name: str, place: float, *, marker: str, color: str,
              linewidth: float, **style: Any) -> None:  # fmt: skip
    """Draw an estimate and its interval; what is not defined is not drawn."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if low is not None:
        axes.plot([low, high], [place] * 2, color=color, linewidth=linewidth, zorder=2)
    if row[name] is not None:
        axes.plot(row[name], place, marker=marker, color=color, zorder=3,
                  **{"markersize": 5, **style})  # fmt: skip


def _axis(axes: Axes, values: Iterable[float | None]) -> None:
    """Set limits that hold 0 and all values within -1 and 1, and mark 0."""
    shown = [min(max(v, -1.0), 1.0) for v in values if v is not None]
    low, high = min([*shown, 0.0]), max([*shown, 0.0])
    pad = 0.04 * (high - low or 1.0)
    axes.set_xlim(low - pad, high + pad)
    axes.axvline(0, color=GREY, linewidth=1, linestyle=":", zorder=1)
    axes.tick_params(axis="y", length=0)
