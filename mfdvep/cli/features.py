"""`mfdvep features`: latent features of regions, sequences or variants, as Parquet."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("source", metavar="BED|FASTA|VCF", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Parquet to write.")
@click.option("-f", "--fasta", type=_PATH, envvar="MFDVEP_FASTA", help="Reference genome; not "
              "needed for a FASTA of sequences.")  # fmt: skip
@click.option("-m", "--model", default="regulome45", show_default=True,
              help="A bundled model's name, or a folder.")  # fmt: skip
@click.option("--stride", type=click.IntRange(min=1), default=128, show_default=True,
              help="Bases between the windows of a region longer than 1153, at most.")  # fmt: skip
@click.option("--pool", type=click.Choice(["mean", "max"]), default="mean", show_default=True,
              help="Over the windows of one region.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--batch-size", type=click.IntRange(min=1), help="Windows at once; default: what is "
              "quick.")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no counts.")
def features(
    source: Path,
    output: Path,
    fasta: Path | None,
    model: str,
    stride: int,
    pool: str,
    device: str,
    batch_size: int | None,
    threads: int | None,
    force: bool,
    quiet: bool,
) -> None:
    """Write the latent features of the regions of a BED, the sequences of a FASTA, or a VCF's ALTs.

    A row a region or sequence, two an ALT (with REF, with ALT). The biological and the technical
    features of the forward window stand before those of its reverse complement, as `mfdvep probe`
    takes them. A region of at most 1153 bases has one window, centred on it; a longer one is
    tiled. What is off its contig, or mostly N, has a row with a status and no features.

    \b
    Example:
      mfdvep features enhancers.bed -f genome.fa -o enhancers.parquet
    """
    import torch

    from mfdvep.files import check_outputs
    from mfdvep.genomics.bcf import quiet_htslib
    from mfdvep.genomics.genome import Genome
    from mfdvep.interpret.features.extraction import write_features
    from mfdvep.model.checkpoint import load_model
    from mfdvep.model.device import pick_device

    check_outputs({"output": output}, [source, *([fasta] if fasta else [])], force=force)
    if threads:
        torch.set_num_threads(threads)
    with ExitStack() as stack:
        genome = None if fasta is None else stack.enter_context(Genome(fasta))
        network = load_model(model).to(pick_device(device))
        bar = stack.enter_context(progress_bar("features", "rows", quiet=quiet))
        stack.enter_context(quiet_htslib())
        summary = write_features(
            source,
            network,
            output,
            genome=genome,
            stride=stride,
            pooling=pool,
            batch_size=batch_size,
            command=as_typed(),
            progress=bar,
            force=force,
        )
    if not quiet:
        said = ", ".join(f"{status} {n:,}" for status, n in summary.status.items())
        click.echo(f"mfdvep: {output}: {summary.n_rows:,} rows: {said}", err=True)
