"""An enrichment as a folder: every number, figures to look at, and a page that explains them.

- `overall.tsv` (Table 2 of the paper), `summary.tsv`, `tracks.tsv` (with the tracks' metadata),
  `cuts.tsv`, `groups.tsv`, `comparisons.tsv`, `tagged.tsv`, and with permutations
  `permutation.tsv`, `qq.tsv`; columns as `Enrichment` has them. Nothing is rounded; an empty cell
  is a value that is not defined;
- `tracks.parquet`, `cuts.parquet`, `tagged.parquet`: the long ones again;
- `curves.tsv`: the points of the ROC and of precision over recall;
- `enrichment.json`: counts and settings;
- figures, each as PNG and SVG, see `mfdvep.enrichment.report.plots`;
- `report.html`: all that matters, on one page that needs none of the other files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mfdvep.enrichment.report.page import page
from mfdvep.enrichment.report.plots import draw
from mfdvep.enrichment.report.tables import with_metadata, write_parquet, write_tsv
from mfdvep.enrichment.results import Columns, Enrichment
from mfdvep.folders import check_output, new_folder, write_json, writing
from mfdvep.markup import figure_of
from mfdvep.plotting import save_figures

MARKER = "overall.tsv"
PARQUET = ("tracks", "cuts", "tagged", "variants")


def check_report(folder: str | Path, *, apart: Sequence[Path] = (), force: bool = False) -> None:
    """Refuse a folder that cannot become a report, before any work.

    Parameters
    ----------
    apart
        Files and folders of the same run, which may not lie in the folder that is replaced.
    force
        Replace an earlier report.

    Raises
    ------
    OutputError
        See `check_output`.
    """
    check_output(folder, marker=MARKER, force=force, apart=apart)


def write_report(enrichment: Enrichment, folder: str | Path, *, force: bool = False) -> None:
    """Write tables, figures and the page; the folder appears whole or not at all.

    Parameters
    ----------
    force
        Replace an earlier report.

    Raises
    ------
    OutputError
        See `new_folder`; or the disk is full.
    """
    folder = Path(folder)
    with new_folder(folder, marker=MARKER, force=force) as part, writing(folder):
        for name, columns in tables(enrichment).items():
            write_tsv(part / f"{name}.tsv", columns)
            if name in PARQUET:
                write_parquet(part / f"{name}.parquet", columns)
        about = {"counts": enrichment.counts, "settings": enrichment.settings}
        write_json(part / "enrichment.json", about)
        figures = draw(enrichment)
        save_figures(figures, part)
        shown = {name: figure_of(part, name) for name in figures}
        (part / "report.html").write_text(page(enrichment, shown), encoding="utf-8")


def tables(enrichment: Enrichment) -> dict[str, Columns]:
    """Return the tables of a report by name."""
    found = {
        "overall": enrichment.overall,
        "summary": enrichment.summary,
        "tracks": with_metadata(enrichment.tracks, enrichment.track_table),
        "cuts": enrichment.cuts,
        "groups": enrichment.groups,
        "comparisons": enrichment.comparisons,
        "curves": _curves(enrichment.curves),
        "tagged": enrichment.tagged,
        "variants": enrichment.variants,
        **{f"legacy.{kind}": columns for kind, columns in enrichment.legacy.items()},
    }
    optional = {"permutation": enrichment.permutation, "qq": enrichment.qq}
    return found | {name: columns for name, columns in optional.items() if columns is not None}


def _curves(curves: dict[str, Columns]) -> Columns:
    """Return the curves of all kinds as one table: kind, curve, x, y."""
    names = ("kind", "curve", "x", "y")
    found: dict[str, list] = {name: [] for name in names}
    for kind, columns in curves.items():
        for curve, x, y in (("roc", "fpr", "tpr"), ("pr", "recall", "precision")):
            points = zip(columns[x], columns[y], strict=True)
            for values in ((kind, curve, *point) for point in points):
                for name, value in zip(names, values, strict=True):
                    found[name].append(value)
    return {**found}
