"""`mfdvep prepare`: peaks, metadata and a genome in, a training set out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mfdvep.cli.command import as_typed
from mfdvep.cli.parameters import comma_list
from mfdvep.cli.progress import progress_bar

_PATH = click.Path(path_type=Path)
_OF_ARCHIVE = {"max_n", "test", "validation", "exclude", "force"}


@click.command()
@click.argument("experiments", type=_PATH)
@click.option(
    "-f",
    "--fasta",
    type=_PATH,
    envvar="MFDVEP_FASTA",
    show_envvar=True,
    required=True,
    help="Genome: indexed FASTA, plain or bgzip.",
)
@click.option("-o", "--output", type=_PATH, required=True, help="Folder to write.")
@click.option("--test", default="", callback=comma_list, help="Contigs for testing, comma list.")
@click.option(
    "--validation",
    default="",
    callback=comma_list,
    help="Contigs for validation, comma list; the rest is for training.",
)
@click.option(
    "--exclude", default="", callback=comma_list, help="Contigs to leave out, comma list."
)
@click.option(
    "--min-peaks",
    type=int,
    default=0,
    show_default=True,
    help="Leave out experiments with fewer peaks on this genome.",
)
@click.option(
    "--min-positives",
    type=int,
    default=2,
    show_default=True,
    help="Keep the bins positive in at least so many experiments.",
)
@click.option(
    "--keep-others",
    type=float,
    default=0.1,
    show_default=True,
    help="Fraction of the other bins to keep, at random.",
)
@click.option(
    "--max-n",
    type=float,
    default=0.5,
    show_default=True,
    help="Leave out bins with a larger fraction of N in their window.",
)
@click.option(
    "--mfd-archive",
    type=_PATH,
    help="Labels of the published archive (HDF5); EXPERIMENTS is its metadata table.",
)
@click.option("--bins", type=_PATH, help="BED of the archive's bins.")
@click.option("--blacklist", type=_PATH, help="BED; leave out the bins that overlap it.")
@click.option(
    "--peaks-column",
    default="peaks",
    show_default=True,
    help="Column with the peak files, relative to the table.",
)
@click.option(
    "--unlabelled-column",
    default="unlabelled_contigs",
    show_default=True,
    help="Column with comma lists of contigs where an experiment has no labels.",
)
@click.option(
    "--min-overlap",
    type=int,
    default=64,
    show_default=True,
    help="Bases of a bin of 128 under peaks from which it is positive.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random choice.")
@click.option("--force", is_flag=True, help="Replace a training set that is there.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def prepare(
    ctx: click.Context,
    experiments: Path,
    fasta: Path,
    output: Path,
    quiet: bool,
    mfd_archive: Path | None,
    bins: Path | None,
    **options: Any,
) -> None:
    """Make a training set from EXPERIMENTS, a tab-separated table, one row an experiment.

    The table names each experiment's peaks (BED, narrowPeak or broadPeak; plain, gzip or bgzip)
    and its metadata, in columns of any name.

    \b
    Example:
      mfdvep prepare experiments.tsv -f genome.fa.gz -o human.set --min-peaks 100 \\
        --test chr20 --validation chr21,chr1
      mfdvep prepare metadata.tsv -f hg38.fa --mfd-archive labels.h5 --bins bins.bed -o mfd.set
    """
    from mfdvep.training.archive import prepare_archive
    from mfdvep.training.prepare import prepare as make

    command = as_typed()
    if (mfd_archive is None) != (bins is None):
        raise click.UsageError("--mfd-archive and --bins belong together; give both")
    if mfd_archive is not None and bins is not None:
        for name in set(options) - _OF_ARCHIVE:
            if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                option = name.replace("_", "-")
                raise click.UsageError(f"--{option} is not for an archive, whose bins are chosen")
        make = partial(prepare_archive, labels=mfd_archive, bins=bins)
        options = {name: options[name] for name in _OF_ARCHIVE}
    with progress_bar("preparing", "experiments and contigs", quiet=quiet) as bar:
        made = make(experiments, fasta, output, command=command, progress=bar, **options)
    lines = [f"{output}: {made.n_tracks} of {made.n_experiments} experiments"]
    for split, n in made.bins.items():
        lines.append(
            f"  {split:<10} {n:>11,} bins {made.positive_labels[split]:>13,} positive labels"
        )
    lines.append(
        f"  left out   {made.n_rich:>11,} bins rich in N, {made.blacklisted:,} blacklisted"
    )
    if made.absent:
        contigs = list(made.absent)
        more = f" and {len(contigs) - 5} more" if len(contigs) > 5 else ""
        lines.append(
            f"  {sum(made.absent.values()):,} peaks are on contigs that the genome lacks: "
            f"{', '.join(contigs[:5])}{more}"
        )
    click.echo("\n".join(lines), err=True)
