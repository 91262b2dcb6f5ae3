"""A comparison as files: tables, a record, figures."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from mfdvep.expression.comparison import Comparison, Rows
from mfdvep.expression.comparison_plots import learning_curve, settings_figure
from mfdvep.files import Parts
from mfdvep.folders import write_json, writing
from mfdvep.plotting import save_figures

TABLE, DIFFERENCES, RECORD = "table.tsv", "differences.tsv", "comparison.json"


def write_comparison(comparison: Comparison, provenance: dict[str, Any], folder: Path) -> None:
    """Write table.tsv, differences.tsv, comparison.json and figures/ into a comparison's folder.

    Older ones are replaced, each at once.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    figures = {"learning_curve": learning_curve(comparison.models)}
    if any(row["setting"] != "one" for row in comparison.models):
        figures["settings"] = settings_figure(comparison.models)
    tables = {TABLE: comparison.models, DIFFERENCES: comparison.differences}
    paths = [folder / name for name in (TABLE, DIFFERENCES, RECORD)]
    with Parts(*paths) as parts, writing(folder):
        for name, rows in tables.items():
            _write_tsv(parts[folder / name], rows)
        record = {
            "provenance": provenance,
            "models": [_defined(row) for row in comparison.models],
            "differences": [_defined(row) for row in comparison.differences],
        }
        write_json(parts[folder / RECORD], record, allow_nan=False)
        (folder / "figures").mkdir(exist_ok=True)
        save_figures(figures, folder / "figures")


def _defined(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with None for NaN."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}


def _write_tsv(path: Path, rows: Rows) -> None:
    """Write rows with a header; nothing for NaN."""
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        if rows:
            writer.writerow(rows[0])
        for row in rows:
            writer.writerow("" if v is None else v for v in _defined(row).values())
