"""Figures of an evaluation, drawn from its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfdvep.model.tracks import TrackTable
from mfdvep.plotting import (
    BLACK,
    GREY,
    GROUP_COLOURS,
    KIND_COLOURS,
    KIND_MARKERS,
    MARKERS,
    legend_below,
    new_figure,
    title_over,
)

N_TARGETS = 25  # rows of the figure by target
MIN_PEAKS = 10  # expected peaks below which a point of a reliability curve is noise


def draw(metrics: Mapping[str, Any], tracks: TrackTable) -> dict[str, Figure]:
    """Return the figures by name.

    auroc_by_group: AUROC of every track by group (assay) and kind of prediction;
    combined_against_biological: their AUROC, a point a track (not for a model without halves);
    reliability: share of peaks against predicted probability, pooled over tracks;
    auprc_over_base_rate: AUPRC of a track over its share of positive bins, by target.

    Parameters
    ----------
    metrics
        As `evaluate_model` returns them.
    tracks
        The model's.
    """
    column = next(iter(metrics["summary"]["groups"]), "")
    groups = tracks[column] if column else ("all tracks",) * len(tracks)
    figures = {"auroc_by_group": auroc_by_group(metrics, groups)}
    if "biological" in metrics["kinds"]:
        figures["combined_against_biological"] = combined_against_biological(metrics, groups)
    figures["reliability"] = reliability_diagram(metrics)
    by = "target" if "target" in tracks.columns else column
    targets = tracks[by] if by else groups
    figures["auprc_over_base_rate"] = auprc_over_base_rate(metrics, targets, by=by or "group")
    return figures


def auroc_by_group(metrics: Mapping[str, Any], groups: Sequence[str]) -> Figure:
    """Return the AUROC of every track, by group and kind: a dot each.

    A tick at the median and a line between the quartiles, where a group has five tracks.
    """
    kinds, names = metrics["kinds"], _ordered(groups)
    columns = {kind: _column(metrics, f"{kind}_auroc") for kind in kinds}
    figure, axes = new_figure(7.2, 1.5 + 0.3 * len(kinds) * len(names))
    rng = np.random.default_rng(0)  # of the dots' places across the row alone
    place, ticks = 0.0, []
    for name in names:
        members = _members(groups, name) & np.isfinite(columns["combined"])
        ticks.append((place + (len(kinds) - 1) / 2, f"{_named(name)}\nn = {members.sum()}"))
        for kind in kinds:
            values = columns[kind][members]
            across = place + rng.uniform(-0.3, 0.3, len(values))
            axes.scatter(values, across, s=7, color=KIND_COLOURS[kind], alpha=0.4, linewidths=0)
            if len(values) >= 5:
                low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
                axes.plot([low, high], [place] * 2, color=BLACK, linewidth=1.4, zorder=3)
                axes.plot(middle, place, color=BLACK, marker="|", markersize=11,
                          markeredgewidth=2.2, zorder=3)  # fmt: skip
            place += 1
        place += 0.8
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.set_ylim(place - 1.1, -0.7)
    axes.axvline(0.5, color=GREY, linewidth=1, linestyle=":")
    axes.set_xlabel(f"AUROC of a track, {_bins(metrics)} (dotted: chance)")
    title_over(figure, "A dot a track; tick and line: median and quartiles")
    handles = [Line2D([], [], marker="o", linestyle="", color=KIND_COLOURS[k], label=k)
               for k in kinds]  # fmt: skip
    legend_below(figure, handles)
    return figure


def combined_against_biological(metrics: Mapping[str, Any], groups: Sequence[str]) -> Figure:
    """Return combined against biological-only AUROC, a point a track, coloured by group."""
    x, y = (_column(metrics, f"{kind}_auroc") for kind in ("biological", "combined"))
    figure, axes = new_figure(6.4, 5.4)
    known = np.isfinite(x) & np.isfinite(y)
    handles = []
    for name, members, colour, marker in _coloured(groups):
        chosen = members & known
        if chosen.any():
            # small groups over large ones
            style: dict[str, Any] = {"color": colour, "marker": marker, "alpha": 0.75}
            axes.scatter(x[chosen], y[chosen], s=20, edgecolors="white", linewidths=0.4,
                         zorder=2 + 1 / chosen.sum(), **style)  # fmt: skip
            handles.append(Line2D([], [], linestyle="", label=f"{name} (n = {chosen.sum()})",
                                  color=colour, marker=marker))  # fmt: skip
    ends = np.concatenate([x[known], y[known], [0.5]])
    low, high = ends.min() - 0.02, ends.max() + 0.02
    axes.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle="--", zorder=1)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set_xlabel("AUROC, biological half alone")
    axes.set_ylabel("AUROC, both halves (combined)")
    title_over(
        figure, f"A point a track, {_bins(metrics)}; dashed: the technical half adds nothing"
    )
    legend_below(figure, handles)
    return figure


def reliability_diagram(metrics: Mapping[str, Any]) -> Figure:
    """Return the share of peaks against the predicted probability, log-log, pooled and by group.

    Points with fewer than 10 expected peaks are left out, and those without a peak.
    """
    found = metrics["reliability"]
    figure, axes = new_figure(6.4, 5.4)
    curves = [("all tracks", found["all"], BLACK, "", 2.4)]
    for members in found["groups"].values():
        names = sorted(members, key=lambda name: -sum(p["labels"] for p in members[name]))
        for i, name in enumerate(names[: len(GROUP_COLOURS)]):
            curves.append((_named(name), members[name], GROUP_COLOURS[i], MARKERS[i], 1.2))
    handles, shown = [], [0.01]
    for name, points, colour, marker, width in curves:
        kept = [p for p in points if p["labels"] * p["predicted"] >= MIN_PEAKS and p["observed"]]
        if not kept:
            continue
        pairs = [[p[key] for p in kept] for key in ("predicted", "observed")]
        shown += [value for pair in pairs for value in pair]
        style: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "markersize": 4,
            "linewidth": width,
        }
        axes.plot(*pairs, zorder=2 if marker else 3, clip_on=False, **style)
        n = sum(p["labels"] for p in points)
        handles.append(Line2D([], [], label=f"{name} (n = {_count(n)})", **style))
    low = 10 ** np.floor(np.log10(min(shown)))
    axes.plot([low, 1], [low, 1], color=GREY, linewidth=1, linestyle="--", zorder=1)
    axes.set(xscale="log", yscale="log", xlim=(low, 1), ylim=(low, 1), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set_xlabel("Predicted probability of a peak (combined)")
    axes.set_ylabel("Share of bins with a peak")
    title_over(figure, f"n: bins x tracks; {_bins(metrics)}; dashed: calibrated")
    legend_below(figure, handles)
    return figure


def auprc_over_base_rate(
    metrics: Mapping[str, Any], targets: Sequence[str], *, by: str = "target"
) -> Figure:
    """Return AUPRC over the share of positive bins, a row each of the targets with most tracks.

    Small dots: combined, a track each; large marks: medians over tracks by kind of prediction.
    """
    kinds = metrics["kinds"]
    rate = _column(metrics, "positives") / np.maximum(_column(metrics, "labelled"), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        fold = {kind: _column(metrics, f"{kind}_auprc") / rate for kind in kinds}
    counts = {name: int((_members(targets, name) & np.isfinite(fold["combined"])).sum())
              for name in set(targets) - {""}}  # fmt: skip
    most = sorted((name for name in counts if counts[name]), key=lambda name: (-counts[name], name))
    medians = {name: {kind: float(np.nanmedian(fold[kind][_members(targets, name)]))
                      for kind in kinds} for name in most[:N_TARGETS]}  # fmt: skip
    names = sorted(medians, key=lambda name: -medians[name]["combined"])
    figure, axes = new_figure(6.4, 1.6 + 0.24 * len(names))
    for place, name in enumerate(names):
        values = fold["combined"][_members(targets, name)]
        axes.scatter(values, np.full(len(values), place), s=9, alpha=0.35,
                     color=KIND_COLOURS["combined"], linewidths=0)  # fmt: skip
        for kind in kinds:
            axes.scatter(medians[name][kind], place, s=34, color=KIND_COLOURS[kind], zorder=3,
                         marker=KIND_MARKERS[kind], edgecolors="white", linewidths=0.6)  # fmt: skip
    axes.axvline(1, color=GREY, linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(names)), [f"{_named(n)} (n = {counts[n]})" for n in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("AUPRC / share of positive bins (dotted: chance)")
    title_over(figure, f"The {len(names)} {by}s with most tracks (n), {_bins(metrics)}")
    handles = [Line2D([], [], linestyle="", marker=KIND_MARKERS[k], color=KIND_COLOURS[k],
                      label=f"{k}, median") for k in kinds]  # fmt: skip
    handles.append(Line2D([], [], linestyle="", marker="o", markersize=3, alpha=0.5,
                          color=KIND_COLOURS["combined"], label="combined, a track"))  # fmt: skip
    legend_below(figure, handles)
    return figure


def _column(metrics: Mapping[str, Any], name: str) -> np.ndarray:
    """Return a figure of each track, (O,); NaN where it is not defined."""
    return np.array([np.nan if t[name] is None else t[name] for t in metrics["tracks"]], float)


def _members(groups: Sequence[str], name: str) -> np.ndarray:
    return np.asarray(groups) == name


def _ordered(groups: Sequence[str]) -> list[str]:
    """Return the groups, the largest first; of equal size by name."""
    return sorted(set(groups), key=lambda name: (-list(groups).count(name), name))


def _coloured(groups: Sequence[str]) -> list[tuple[str, np.ndarray, str, str]]:
    """Return name, members, colour and marker of the largest groups; the rest is grey."""
    names = _ordered(groups)
    chosen = [
        (_named(name), _members(groups, name), colour, marker)
        for name, colour, marker in zip(names, GROUP_COLOURS, MARKERS, strict=False)
    ]
    if rest := names[len(GROUP_COLOURS) :]:
        chosen.append((f"{len(rest)} others", np.isin(groups, rest), GREY, "."))
    return chosen


def _named(name: str) -> str:
    return name or "(not known)"


def _bins(metrics: Mapping[str, Any]) -> str:
    contigs = metrics["contigs"]
    where = contigs[0] if len(contigs) == 1 else f"{len(contigs)} contigs"
    return f"{metrics['bins']:,} {metrics['split']} bins of {where}"


def _count(n: int) -> str:
    return f"{n / 1e6:.3g} M" if n >= 1e6 else f"{n:,}"
