"""`mfdvep tracks`: which experiments a model knows."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.closed_pipe import reader_has_gone
from mfdvep.cli.track_options import track_options, with_virtual

if TYPE_CHECKING:
    from mfdvep.model.tracks import TrackTable

Columns = dict[str, Sequence[Any]]
"""Heading -> values, equally many."""


@click.command()
@click.argument("model", required=False, metavar="[MODEL|MATRIX]")
@track_options
@click.option("--columns", multiple=True, metavar="COLUMN,...",
              help="Show these columns.  [default: all]")  # fmt: skip
@click.option("--count", multiple=True, metavar="COLUMN,...",
              help="Count tracks by value; of several columns, by combination.")  # fmt: skip
@click.option("--metrics", is_flag=True, help="Add columns auroc and auprc, on held-out contigs; "
              "for --where too.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="A list of objects, values as text.")
@click.option("-q", "--quiet", is_flag=True, help="Do not tell how many tracks are listed.")
def tracks(model: str | None, as_json: bool, quiet: bool, **given: Any) -> None:
    """List the tracks of MODEL; score, enrich and others choose them with the same options.

    MODEL is a bundled model, the only one if none is given; a model's folder; or a matrix of
    `mfdvep score`. On stdout are tab-separated lines with a header. A track's full name, which
    --tracks takes, is first. An empty value is not known. With --count a line has values and how
    many tracks have them, the most frequent first.

    With --virtual the track that it describes is listed, with what it is made of (virtual) and
    whether training had such an experiment (in_training).

    \b
    Example:
      mfdvep tracks --where 'target == "CTCF"' --columns biosample,lab
      mfdvep tracks --count target | head
      mfdvep tracks --metrics --where 'auroc > 0.9 and "H3" in target'
    """
    if given["count"] and given["columns"]:
        raise click.UsageError("--count shows the columns that it counts; give it or --columns")
    from mfdvep.model.tracks import tsv

    table, rows, said = _chosen(model, given)
    chosen = table.take(rows)
    listed = (
        _counted(chosen, given["count"]) if given["count"] else _named(chosen, given["columns"])
    )
    try:
        click.echo(_as_json(listed) if as_json else tsv(listed), nl=False)
    except BrokenPipeError:
        sys.exit(reader_has_gone())
    if not quiet:
        click.echo(f"mfdvep: {len(rows):,} of {len(table):,} tracks{said}", err=True)


def _chosen(model: str | None, given: Mapping[str, Any]) -> tuple[TrackTable, list[int], str]:
    """Return all tracks, the rows that are chosen, and what to say besides how many they are."""
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model, load_tracks, model_folder
    from mfdvep.model.selection import select

    name, said = model or DEFAULT_MODEL, ""
    is_matrix = os.path.isfile(name)
    if is_matrix and (given["metrics"] or given["virtual"]):
        raise click.UsageError("--metrics and --virtual are of a model, not of a matrix")
    table = _tracks_of_matrix(name) if is_matrix else load_tracks(name)
    n_own = len(table)
    if given["virtual"]:
        table = with_virtual(load_model(name), given["virtual"]).tracks
    if given["metrics"]:
        from mfdvep.model.measured import with_metrics

        measured = with_metrics(table, model_folder(name))
        table, said = measured.tracks, f"; auroc and auprc on {', '.join(measured.contigs)}"
    rows: list[int] = []
    if given["where"] or given["tracks"] or not given["virtual"]:
        own = table.take(range(n_own))
        rows = select(own, where=given["where"], names=given["tracks"])
    return table, [*rows, *range(n_own, len(table))], said


def _tracks_of_matrix(path: str) -> TrackTable:
    from mfdvep.scoring.effect_file import EffectFile

    return EffectFile(path).tracks


def _named(chosen: TrackTable, given: Sequence[str]) -> Columns:
    """Return the names of tracks and their columns, all of them where none is given."""
    shown = {name: chosen[name] for name in _columns(chosen, given) or chosen.columns}
    return {_free("track", shown): chosen.names, **shown}


def _counted(chosen: TrackTable, given: Sequence[str]) -> Columns:
    """Return the combinations of values in columns, and how many tracks have each."""
    columns = _columns(chosen, given)
    counts = chosen.count(columns)
    values = {name: [value[i] for value, _ in counts] for i, name in enumerate(columns)}
    return {**values, _free("n_tracks", values): [n for _, n in counts]}


def _columns(table: TrackTable, given: Sequence[str]) -> list[str]:
    """Return the columns that are named, each once; a comma parts them unless a name has it."""
    names: dict[str, None] = {}
    for text in given:
        names |= dict.fromkeys([text] if text in table.columns else text.split(","))
    return list(names)


def _free(name: str, taken: Collection[str]) -> str:
    """Return a heading that no column of the table has."""
    while name in taken:
        name += "_"
    return name


def _as_json(columns: Columns) -> str:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
