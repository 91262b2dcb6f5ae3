"""`mfdvep encode`: ENCODE's table of files in, peaks and a table of experiments out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from mfdvep.cli.progress import progress_bar

_PATH = click.Path(path_type=Path)
_OF_PAPER = ("organism", "assay", "target", "biosample_type")


@click.command()
@click.argument("metadata", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Folder to write.")
@click.option("--assembly", default="GRCh38", show_default=True, help="Assembly of the peaks.")
@click.option("--organism", default="Homo sapiens", show_default=True, help="Of the biosample.")
@click.option(
    "--assay", multiple=True, help='Such as DNase-seq or "CTCF ChIP-seq"; may be repeated.'
)
@click.option("--target", multiple=True, help="Such as H3K27ac; may be repeated.")
@click.option("--biosample-type", multiple=True, help="Such as tissue; may be repeated.")
@click.option(
    "--output-type",
    multiple=True,
    help="Kind of peaks, the one to choose first given first; may be repeated. Default: IDR "
    "thresholded, optimal IDR thresholded, replicated, pseudoreplicated, stable peaks, peaks.",
)
@click.option("--preferred", is_flag=True, help="Only files that are ENCODE's default.")
@click.option(
    "--allow-audit", is_flag=True, help="Also files with an audit ERROR or NOT_COMPLIANT."
)
@click.option(
    "--paper",
    is_flag=True,
    help="What the MFD paper chose: human tissue; DNase-seq, ATAC-seq, CTCF and histone ChIP-seq.",
)
@click.option(
    "--no-download", is_flag=True, help="Only the table; OUTPUT/peaks holds all the peaks or none."
)
@click.option("--base-url", help="Server in the place of https://www.encodeproject.org.")
@click.option("--jobs", type=int, default=4, show_default=True, help="Downloads at once.")
@click.option("--force", is_flag=True, help="Replace experiments.tsv.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def encode(
    ctx: click.Context,
    metadata: Path,
    output: Path,
    assembly: str,
    organism: str,
    assay: tuple[str, ...],
    target: tuple[str, ...],
    biosample_type: tuple[str, ...],
    output_type: tuple[str, ...],
    preferred: bool,
    allow_audit: bool,
    paper: bool,
    no_download: bool,
    base_url: str | None,
    jobs: int,
    force: bool,
    quiet: bool,
) -> None:
    """Choose experiments of METADATA, ENCODE's metadata.tsv, and download their peaks.

    The portal gives metadata.tsv with a batch download; a file report serves too. OUTPUT gets
    peaks/ACCESSION.bed.gz and experiments.tsv, which `mfdvep prepare` takes. What is interrupted
    goes on where it was with the same command.

    \b
    Example:
      mfdvep encode metadata.tsv -o encode --paper
      mfdvep encode metadata.tsv -o encode --assay ATAC-seq --biosample-type "primary cell"
    """
    from mfdvep.training.encode import BASE_URL, OUTPUT_TYPES, PAPER, Selection, fetch_encode

    chosen = Selection(organism=organism, assays=assay, targets=target,
                       biosample_types=biosample_type)  # fmt: skip
    if paper:
        for name in _OF_PAPER:
            if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
                raise click.UsageError(f"--paper chooses the --{name.replace('_', '-')} itself")
        chosen = PAPER
    chosen = replace(chosen, assembly=assembly, output_types=output_type or OUTPUT_TYPES,
                     preferred=preferred, allow_audit=allow_audit)  # fmt: skip
    with progress_bar("downloading", "files", quiet=quiet) as bar:
        made = fetch_encode(
            metadata,
            output,
            chosen,
            base_url=base_url or BASE_URL,
            fetch=not no_download,
            jobs=jobs,
            force=force,
            progress=bar,
        )
    lines = [f"{output / 'experiments.tsv'}: {made.n_experiments:,} experiments"]
    lines.append(f"  {made.n_rows:>11,} rows of {metadata}")
    lines += [f"  {-n:>11,} {name}" for name, n in made.removed.items()]
    lines.append(f"  {made.n_experiments:>11,} kept")
    if made.downloads is not None:
        done = made.downloads
        size = f"{done.n_bytes / 1e6:,.1f} MB"
        lines.append(f"  {done.fetched:,} files downloaded ({size}), {done.present:,} there before")
    if made.missing:
        lines.append(
            f"  {made.missing:,} peak files are missing; put them in {output / 'peaks'}, or run "
            "without --no-download and with --force"
        )
    click.echo("\n".join(lines), err=True)
