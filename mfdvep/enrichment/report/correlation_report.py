"""A correlation as a folder: every number, figures to look at, and a page that explains them.

- `elements.tsv`, `elements.parquet`: a row a kind, track and element ("(all)" for all variants),
  with the tracks' metadata; columns as `Correlation` has them. Nothing is rounded; an empty cell
  is a value that is not defined;
- `means.tsv`: means over elements, where variants name elements;
- `correlation.json`: counts and settings;
- figures, each as PNG and SVG, see `mfdvep.enrichment.report.correlation_plots`;
- `report.html`: all that matters, on one page that needs none of the other files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mfdvep.enrichment.correlation import Correlation
from mfdvep.enrichment.report.correlation_page import page
from mfdvep.enrichment.report.correlation_plots import draw
from mfdvep.enrichment.report.correlation_terminal import correlation_table
from mfdvep.enrichment.report.tables import with_metadata, write_parquet, write_tsv
from mfdvep.folders import check_output, new_folder, write_json, writing
from mfdvep.markup import figure_of
from mfdvep.plotting import save_figures

__all__ = ["check_correlation", "correlation_table", "write_correlation"]

MARKER = "correlation.json"


def check_correlation(
    folder: str | Path, *, apart: Sequence[Path] = (), force: bool = False
) -> None:
    """Refuse a folder that cannot become a report of a correlation, before any work.

    Parameters
    ----------
    apart
        Files and folders of the same run, which may not lie in the folder that is replaced.
    force
        Replace an earlier report of a correlation.

    Raises
    ------
    OutputError
        See `check_output`.
    """
    check_output(folder, marker=MARKER, force=force, apart=apart)


def write_correlation(found: Correlation, folder: str | Path, *, force: bool = False) -> None:
    """Write tables, figures and the page; the folder appears whole or not at all.

    Parameters
    ----------
    force
        Replace an earlier report of a correlation.

    Raises
    ------
    OutputError
        See `new_folder`; or the disk is full.
    """
    folder = Path(folder)
    with new_folder(folder, marker=MARKER, force=force) as part, writing(folder):
        elements = with_metadata(found.elements, found.track_table)
        write_tsv(part / "elements.tsv", elements)
        write_parquet(part / "elements.parquet", elements)
        if found.means:
            write_tsv(part / "means.tsv", with_metadata(found.means, found.track_table))
        about = {"counts": found.counts, "settings": found.settings}
        write_json(part / MARKER, about)
        figures = draw(found)
        save_figures(figures, part)
        shown = {name: figure_of(part, name) for name in figures}
        (part / "report.html").write_text(page(found, shown), encoding="utf-8")
