"""The evaluation of a model as a folder: tables for further work, figures to look at.

- `tracks.tsv`: a row a track, with its metadata and all its metrics;
- `groups.tsv`: a row a group and kind of prediction, means over tracks and 95 % intervals;
- `reliability.tsv`: the points of the reliability diagram;
- `independence.tsv`: a row a measure, its mean over seeds, and each value;
- four figures, each as PNG and SVG, see `mfdvep.training.figures`.

An empty cell is a figure that is not defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mfdvep.folders import check_output, new_folder, writing
from mfdvep.model.tracks import TrackTable
from mfdvep.plotting import save_figures
from mfdvep.training.figures import draw

MARKER = "groups.tsv"
MEASURES = ("auroc", "auprc", "ece", "calibration_intercept", "calibration_slope", "brier",
            "mean_predicted")  # fmt: skip


def check_report(folder: str | Path, *, apart: Sequence[Path] = (), force: bool = False) -> None:
    """Refuse a folder that cannot become a report, before any work.

    Parameters
    ----------
    apart
        Files and folders of the same run, which may not lie in the folder that is replaced.

    Raises
    ------
    OutputError
        See `check_output`.
    """
    check_output(folder, marker=MARKER, force=force, apart=apart)


def write_report(
    metrics: Mapping[str, Any], tracks: TrackTable, folder: str | Path, *, force: bool = False
) -> None:
    """Write tables and figures of an evaluation; the folder appears whole or not at all.

    Parameters
    ----------
    metrics
        As `evaluate_model` returns them.
    tracks
        The model's.
    force
        Replace an earlier report.

    Raises
    ------
    OutputError
        See `new_folder`; or the disk is full.
    """
    folder = Path(folder)
    with new_folder(folder, marker=MARKER, force=force) as part, writing(folder):
        _write(part / "tracks.tsv", track_rows(metrics, tracks))
        _write(part / MARKER, group_rows(metrics))
        _write(part / "reliability.tsv", reliability_rows(metrics))
        if metrics["independence"] is not None:
            _write(part / "independence.tsv", independence_rows(metrics))
        save_figures(draw(metrics, tracks), part)


def track_rows(metrics: Mapping[str, Any], tracks: TrackTable) -> list[dict[str, Any]]:
    """Return a row a track: name, metadata, metrics.

    A metadata column that has the name of another gets "metadata_" before it.
    """
    rows = []
    for i, measured in enumerate(metrics["tracks"]):
        row = {"track": measured["track"]}
        for column, values in tracks.columns.items():
            row[f"metadata_{column}" if column in measured else column] = values[i]
        rows.append({**row, **measured})
    return rows


def group_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row a group and kind of prediction: means, and the ends of their intervals.

    All tracks are the group with the column "all"; a group with no track measured has no means.
    """
    summary = metrics["summary"]
    groups = [("all", "", summary["all"])]
    for column, members in summary["groups"].items():
        groups += [(column, value, of) for value, of in members.items()]
    rows = []
    for column, value, of in groups:
        for kind in metrics["kinds"]:
            row = {"column": column, "value": value, "kind": kind, "n_tracks": of["n_tracks"],
                   "base_rate": of.get("base_rate")}  # fmt: skip
            for measure in MEASURES:
                name = f"{kind}_{measure}"
                low, high = of["intervals"].get(name, (None, None))
                row |= {measure: of.get(name), f"{measure}_low": low, f"{measure}_high": high}
            rows.append(row)
    return rows


def reliability_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row a point of the reliability diagram; all tracks have the column "all"."""
    found = metrics["reliability"]
    curves = [("all", "", found["all"])]
    for column, members in found["groups"].items():
        curves += [(column, value, points) for value, points in members.items()]
    return [
        {"column": column, "value": value, **point}
        for column, value, points in curves
        for point in points
    ]


def independence_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row a measure of independence: mean, SD and interval over seeds, each value."""
    rows = []
    for name, mean in metrics["independence"].items():
        spread = metrics["independence_seeds"][name]
        low, high = spread["interval"] or (None, None)
        values = " ".join(f"{value:.6g}" for value in spread["values"])
        rows.append({"measure": name, "mean": mean, "sd": spread["sd"],
                     "low": low, "high": high, "values": values})  # fmt: skip
    return rows


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    lines: list[Iterable[str]] = [rows[0]] if rows else []
    lines += [map(_text, row.values()) for row in rows]
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
