"""Evaluations and explanations as folders of tables and figures, and as lines for a terminal.

An evaluation: retrieval.tsv, probe.tsv, probe_differences.tsv, evaluation.json. An explanation:
columns.tsv, genes.tsv, associations.tsv, inflation.tsv, explanation.json. Figures as PNG and SVG,
see `mfdvep.cohort.align.figures`. An empty cell is a value that is not defined.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mfdvep.cohort.align.evaluating import Evaluation, Row
from mfdvep.cohort.align.explaining import Explanation
from mfdvep.folders import new_folder, write_json, writing
from mfdvep.model.tracks import tsv
from mfdvep.wording import aligned, interval, number, p_is, percent, probability, signed

EVALUATION, EXPLANATION = "evaluation.json", "explanation.json"
_SHOWN_GENES = 10


def write_evaluation(found: Evaluation, folder: str | Path, *, force: bool = False) -> None:
    """Write tables and figures; the folder appears whole or not at all.

    Raises
    ------
    OutputError
        See `new_folder`; or the disk is full.
    """
    from mfdvep.cohort.align.figures import evaluation_figures
    from mfdvep.plotting import save_figures  # matplotlib is loaded for figures alone

    folder = Path(folder)
    with new_folder(folder, marker=EVALUATION, force=force) as part, writing(folder):
        _write(part / "retrieval.tsv", found.retrieval)
        if found.probes:
            _write(part / "probe.tsv", found.probes)
            _write(part / "probe_differences.tsv", found.differences)
        save_figures(evaluation_figures(found), part)
        write_json(part / EVALUATION, found.about)


def write_explanation(found: Explanation, folder: str | Path, *, force: bool = False) -> None:
    """Write tables and figures; the folder appears whole or not at all.

    Raises
    ------
    OutputError
        See `new_folder`; or the disk is full.
    """
    from mfdvep.cohort.align.figures import explanation_figures
    from mfdvep.plotting import save_figures

    folder = Path(folder)
    with new_folder(folder, marker=EXPLANATION, force=force) as part, writing(folder):
        for name in ("columns", "genes"):
            _write(part / f"{name}.tsv", importance_rows(found, name))
        _write(part / "associations.tsv", association_rows(found))
        _write(part / "inflation.tsv", inflation_rows(found))
        save_figures(explanation_figures(found), part)
        write_json(part / EXPLANATION, found.about)


def importance_rows(found: Explanation, kind: str) -> list[Row]:
    """Return a row a column, or gene, the most important first."""
    rows = []
    for own in found.modalities:
        of = getattr(own, kind)
        for rank, i in enumerate(of.order, 1):
            rows.append({"modality": own.name, "rank": rank, "name": of.names[i], "n": own.n,
                         "mean_absolute": of.mean[i], "low": of.low[i], "high": of.high[i],
                         "mean_signed": of.signed[i]})  # fmt: skip
    return rows


def association_rows(found: Explanation) -> list[Row]:
    """Return a row a component and column, the smallest p of a modality first."""
    rows = []
    for own in found.modalities:
        test = own.associations
        each = [
            {"modality": own.name, "component": k + 1, "column": name, "n": test.n,
             "beta": test.beta[k, g], "se": test.se[k, g], "t": test.t[k, g], "p": test.p[k, g],
             "q": test.q[k, g], "bonferroni": test.bonferroni[k, g]}
            for k in range(len(test.p))
            for g, name in enumerate(own.tested)
        ]  # fmt: skip
        # those that are not defined last
        rows += sorted(each, key=lambda row: (math.isnan(row["p"]), row["p"]))
    return rows


def inflation_rows(found: Explanation) -> list[Row]:
    """Return a row a component: its share of the embedding's variance, lambda, tests."""
    return [
        {"modality": own.name, "component": k + 1, "variance": found.variance[k],
         "lambda": own.associations.inflation[k],
         "n_tests": sum(math.isfinite(p) for p in own.associations.p[k])}
        for own in found.modalities
        for k in range(len(found.variance))
    ]  # fmt: skip


def evaluation_lines(found: Evaluation) -> list[str]:
    """Return the lines that a person reads."""
    head = ["Held-out people's own pairs", "", "found", "95 %", "by chance", "null 99.9 %", "p"]
    lines = [head] + [
        [row["modality"], f"{row['direction']}, {row['measure']}", percent(row["value"]),
         interval(_known(row["low"]), _known(row["high"]), text=percent), percent(row["chance"]),
         percent(row["null_999"]), probability(row["p"])]
        for row in found.retrieval
    ]  # fmt: skip
    out = aligned(lines, right=False)
    if found.probes:
        pairs = [["Probe", "labelled", "pretrained less", "difference", "95 %"]] + [
            [row["phenotype"], f"{row['size']:,}", row["second"],
             f"{signed(row['difference'])} {row['measure']}",
             interval(_known(row["low"]), _known(row["high"]), text=signed)]
            for row in found.differences
        ]  # fmt: skip
        out += ["", *aligned(pairs, right=False)]
    return out


def explanation_lines(found: Explanation) -> list[str]:
    """Return the lines that a person reads: the first genes, and what is associated."""
    out = []
    for own in found.modalities:
        rows = [row for row in importance_rows(found, "genes") if row["modality"] == own.name]
        table = [[f"{own.name}: region", "carries", "95 %"]] + [
            [
                row["name"],
                number(row["mean_absolute"]),
                interval(_known(row["low"]), _known(row["high"])),
            ]
            for row in rows[:_SHOWN_GENES]
        ]
        best = next(r for r in association_rows(found) if r["modality"] == own.name)
        n = int((own.associations.q < 0.05).sum())
        out += [
            *aligned(table, right=False),
            f"{n} associations with components of the embedding pass 5 % (Benjamini and Hochberg)"
            f"; the strongest: {best['column']}, {p_is(_known(best['p']))}",
            "",
        ]
    return out[:-1]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns: dict[str, Iterable[str]] = {
        name: [_text(row[name]) for row in rows] for name in (rows[0] if rows else ())
    }
    path.write_text(tsv(columns), encoding="utf-8")  # type: ignore[arg-type]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)
