"""`mfdvep query`: effects on any tracks from a feature store."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mfdvep.cli.closed_pipe import reader_has_gone
from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar
from mfdvep.cli.store_options import group_by_option
from mfdvep.cli.track_options import chosen, track_files, track_options

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("store", type=_PATH)
@click.option("-m", "--model", help="The model that scored: bundled, or a folder.  "
              "[default: the bundled one]")  # fmt: skip
@click.option(
    "-o",
    "--output",
    help="NAME.parquet, or - for text; default: NAME.effects.parquet beside the store.",
)
@track_options
@group_by_option
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def query(store: Path, output: str | None, force: bool, quiet: bool, **given: Any) -> None:
    """Give the effects of the alleles in STORE on any tracks, on the logit scale.

    STORE is of `mfdvep score --store-features`. Neither genome nor network is needed: an effect
    is the change of the latent features times a track's weights. The output is a matrix as of
    `mfdvep score --matrix --scale logit`; combined = biological + technical. With -o - it is
    text, tab-separated, a line an ALT and track, for few tracks; with the INFO keys that are kept.

    With --group-by a track is a group of tracks; its effects are means over them, and
    combined_largest, biological_largest and technical_largest those of largest size.

    \b
    Example:
      mfdvep query features.parquet --virtual target=CTCF,biosample=K562 -o -
    after
      mfdvep score examples/variants.vcf.gz -f examples/genome.fa -o out.vcf.gz \\
        --store-features features.parquet
    """
    name = store.name.removesuffix(".parquet")
    target = output or str(store.with_name(f"{name}.effects.parquet"))
    if target == "-":
        sys.exit(_as_text(store, quiet, given))
    from mfdvep.scoring.query import query_store

    model, rows = chosen(given["model"], given)
    with progress_bar("querying", "alleles", quiet=quiet) as bar:
        made = query_store(
            store,
            model,
            target,
            tracks=rows,
            group_by=given["group_by"],
            inputs=track_files(given),
            command=as_typed(),
            force=force,
            progress=bar,
        )
    if not quiet:
        what = "groups of tracks" if given["group_by"] else "tracks"
        click.echo(
            f"mfdvep: {target}: {len(made):,} alleles, {len(made.tracks):,} {what}", err=True
        )


def _as_text(store: Path, quiet: bool, given: dict[str, Any]) -> int:
    """Write lines to standard output; return the exit code."""
    from mfdvep.scoring.outputs import to_standard_output
    from mfdvep.scoring.query import Query
    from mfdvep.scoring.query_text import query_text
    from mfdvep.scoring.store_file import FeatureStore

    file = FeatureStore(store)
    model, rows = chosen(given["model"], given)
    asked = Query(file, model, tracks=rows, group_by=given["group_by"])
    show: Callable[..., None] | None
    with progress_bar("querying", "alleles", quiet=quiet) as show:
        try:
            for n, text in query_text(asked):
                to_standard_output(text)
                if show is not None and n:
                    show(n, len(asked))
        except BrokenPipeError:
            return reader_has_gone()
    return 0
