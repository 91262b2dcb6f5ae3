"""Profiles as a table alone, or as a folder with figures.

A folder has

- `summary.tsv`: a row a feature, see `summary_of`;
- `profile.tsv`: a row a feature and position, see `position_columns`;
- `sites.bed`: what was averaged, with strand, and scores of a motif's hits;
- `settings.json`: model, reference, inputs, thresholds, what was left out, command;
- `signed`, `absolute`, `heat`: figures, as PNG and SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mfdvep.files import Parts
from mfdvep.folders import check_file_or_folder, new_folder, write_json, writing
from mfdvep.interpret.profiles.plots import MEASURES, heat_figure, line_figure
from mfdvep.interpret.profiles.running import ProfileResult
from mfdvep.interpret.profiles.sites import Site
from mfdvep.interpret.profiles.tables import position_columns, write_sites, write_table
from mfdvep.plotting import save_figures

MARKER = "profile.tsv"
FILES = (".tsv", ".parquet")


def check(output: str | Path, inputs: Sequence[Path], *, force: bool = False) -> None:
    """Refuse an output that cannot be written or would destroy something, before any work.

    Raises
    ------
    OutputError
        See `check_file_or_folder`.
    """
    check_file_or_folder(output, inputs, files=FILES, marker=MARKER, force=force)


def write(
    result: ProfileResult,
    sites: Sequence[Site],
    output: str | Path,
    *,
    title: str,
    about: dict[str, Any],
    force: bool = False,
) -> None:
    """Write NAME.tsv or NAME.parquet with the rows of `position_columns`, or else a folder.

    Parameters
    ----------
    title
        Over the figures.
    about
        Goes into settings.json.
    force
        Replace an earlier output.

    Raises
    ------
    OutputError
        It exists without `force`, or cannot be written whole.
    """
    output = Path(output)
    columns = position_columns(result.profile)
    if output.suffix in FILES:
        with Parts(output) as parts, writing(output):
            write_table(parts[output], columns, parquet=output.suffix == ".parquet")
        return
    with new_folder(output, marker=MARKER, force=force) as part, writing(output):
        write_table(part / MARKER, columns)
        write_table(part / "summary.tsv", result.profile.summary)
        write_sites(part / "sites.bed", sites)
        write_json(part / "settings.json", about)
        figures = {
            measure: line_figure(result.profile, result.bases, measure, title=title)
            for measure in MEASURES
        }
        figures["heat"] = heat_figure(result.profile, result.bases, title=title)
        save_figures(figures, part)
