"""A probe as a folder of tables and figures, and as the table that a terminal shows.

- `summary.tsv`: by model and half (Table 1 of the paper); `scores.tsv`: by task; `fold_scores.tsv`;
- `comparisons.tsv`: halves and models in pairs; `tasks.tsv`, `folds.tsv`: what was tested on what;
- `probe.json`: counts and settings;
- figures, each as PNG and SVG, see `mfdvep.interpret.probes.plots`.

Columns as `Probe` has them; an empty cell is a value that is not defined.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mfdvep.folders import check_output, new_folder, write_json, writing
from mfdvep.interpret.probes.design import HALVES
from mfdvep.interpret.probes.results import MEASURES, Probe, Row
from mfdvep.wording import aligned

MARKER = "probe.json"


def check_report(folder: str | Path, *, apart: Sequence[Path] = (), force: bool = False) -> None:
    """Refuse a folder that cannot become a report, before any work; see `check_output`.

    Raises
    ------
    OutputError
        See `check_output`.
    """
    check_output(folder, marker=MARKER, force=force, apart=apart)


def write_report(probe: Probe, folder: str | Path, *, force: bool = False) -> None:
    """Write tables and figures; the folder appears whole or not at all.

    Raises
    ------
    OutputError
        See `new_folder`; or the disk is full.
    """
    from mfdvep.interpret.probes.plots import draw  # matplotlib is loaded for figures alone
    from mfdvep.plotting import save_figures

    folder = Path(folder)
    with new_folder(folder, marker=MARKER, force=force) as part, writing(folder):
        for name in ("summary", "scores", "fold_scores", "comparisons", "tasks", "folds"):
            _write(part / f"{name}.tsv", getattr(probe, name))
        about = {"counts": dict(probe.counts), "settings": dict(probe.settings)}
        write_json(part / MARKER, about)
        save_figures(draw(probe), part)


def terminal_table(probe: Probe) -> str:
    """Return the table to read: models by halves, then the halves in pairs."""
    n = len(probe.tasks)
    lines = [f"Mean over {n} task{'s'[: n != 1]} of {probe.counts['used']:,} regions, "
             f"{len(probe.folds)} folds of whole chromosomes [95 % interval over "
             f"{probe.summary[0]['interval_over']}]"]  # fmt: skip
    for measure in MEASURES:
        lines += ["", *aligned(_wide(probe, measure), right=False)]
    pairs = [row for row in probe.comparisons if row["measure"] == "auroc"]
    head = [["AUROC, paired over tasks", "difference", "95 % interval", "tasks where higher"]]
    body = [
        [
            f"{row['first']} - {row['second']}",
            _number(row["difference"], sign=True),
            _interval(row["low"], row["high"], sign=True),
            f"{row['first_better']} of {row['n_tasks']}",
        ]
        for row in pairs
    ]
    return "\n".join([*lines, "", *aligned(head + body, right=False)]) + "\n"


def _wide(probe: Probe, measure: str) -> list[list[str]]:
    """Return one measure as a table of models by halves."""
    rows = {(row["model"], row["half"]): row for row in probe.summary}
    models = list(dict.fromkeys(row["model"] for row in probe.summary if row["model"]))
    has_null = probe.settings["n_permutations"] > 0
    table = [[measure.upper(), *HALVES]]
    for model in models:
        found = [rows.get((model, half)) for half in HALVES]
        table.append([model, *("." if row is None else _cell(row, measure) for row in found)])
        if has_null:
            table.append(["  permuted", *("." if row is None else
                          _number(row[f"permuted_{measure}"]) for row in found)])  # fmt: skip
    alone = next(row for row in probe.summary if not row["model"])
    table.append(["GC content alone", _cell(alone, measure), "", ""])
    if measure == "auprc":
        table.append(["chance", _number(alone["base_rate"]), "", ""])
    return table


def _cell(row: Row, measure: str) -> str:
    ends = _interval(row[f"{measure}_low"], row[f"{measure}_high"])
    return f"{_number(row[measure])} {ends}"


def _interval(low: float | None, high: float | None, *, sign: bool = False) -> str:
    return f"[{_number(low, sign=sign)}, {_number(high, sign=sign)}]"


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "."
    return f"{value:+.3f}" if sign else f"{value:.3f}"


def _write(path: Path, rows: Sequence[Row]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(rows[0] if rows else [])
        writer.writerows([_text(value) for value in row.values()] for row in rows)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
