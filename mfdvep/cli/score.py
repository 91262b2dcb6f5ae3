"""`mfdvep score`: a VCF in, the same VCF annotated out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from mfdvep.cli.progress import progress_bar
from mfdvep.errors import InputError

_ENDINGS = (".vcf.gz", ".vcf.bgz", ".vcf", ".bcf")


def default_output(vcf: str) -> str:
    """Return NAME.mfd.vcf.gz beside NAME.vcf.gz, NAME.vcf or NAME.bcf; "-" for a stream."""
    for ending in _ENDINGS:
        if vcf.endswith(ending):
            return f"{vcf.removesuffix(ending)}.mfd.vcf.gz"
    return "-" if vcf == "-" else f"{vcf}.mfd.vcf.gz"


@click.command()
@click.argument("vcf", type=str)
@click.option("-f", "--fasta", required=True, envvar="MFDVEP_FASTA", help="Indexed reference.")
@click.option("-m", "--model", help="Bundled model or model folder.  [default: the bundled one]")
@click.option("-o", "--output", help="VCF, VCF.gz or -; default: NAME.mfd.vcf.gz beside the input.")
@click.option("--matrix", type=click.Path(path_type=Path), help="Parquet file of all effects.")
@click.option("--stats", type=click.Path(path_type=Path), help="JSON file of counts and rate.")
@click.option("--where", multiple=True, help="Only tracks with column=value; repeat to narrow.")
@click.option("--shifts", default="11", show_default=True, help="A count, or offsets like -2,0,2.")
@click.option(
    "--strand",
    type=click.Choice(["both", "forward", "reverse"]),
    default="both",
    show_default=True,
)
@click.option(
    "--scale", type=click.Choice(["probability", "logit"]), default="probability", show_default=True
)
@click.option("--top-k", type=click.IntRange(min=0), default=3, show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--write-index", is_flag=True, help="Write the .tbi of a sorted VCF.gz.")
@click.option("--force", is_flag=True, help="Overwrite outputs.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def score(
    vcf: str,
    fasta: str,
    model: str | None,
    output: str | None,
    matrix: Path | None,
    stats: Path | None,
    where: tuple[str, ...],
    shifts: str,
    strand: str,
    scale: str,
    top_k: int,
    device: str,
    batch_size: int,
    threads: int | None,
    write_index: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Annotate VCF with what every ALT changes: combined, biological and technical effects.

    Every record comes out once, in order; MFD_STATUS says why an ALT has no effect. Effects are
    ALT minus REF.

    \b
    Example:
      mfdvep score examples/variants.vcf.gz -f examples/genome.fa -o out.vcf.gz \\
        --matrix out.parquet
    """
    import torch

    from mfdvep.files import check_outputs
    from mfdvep.genomics.genome import Genome
    from mfdvep.genomics.vcf import write_index as index_vcf
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model
    from mfdvep.scoring.pipeline import score_vcf
    from mfdvep.scoring.scorer import Scorer

    if threads:
        torch.set_num_threads(threads)
    genome = Genome(fasta)
    loaded = load_model(model or DEFAULT_MODEL)
    scorer = Scorer(
        loaded,
        genome,
        shifts=shifts,
        strand=strand,
        scale=scale,
        tracks=loaded.tracks.where(where) if where else None,
        device=device,
        batch_size=batch_size,
    )
    target = output or default_output(vcf)
    if write_index and not target.endswith(".gz"):
        raise InputError(f"{target}: only bgzip output has an index; give -o NAME.vcf.gz")
    check_outputs({"index": f"{target}.tbi" if write_index else None}, [vcf], force=force)
    with progress_bar("scoring", "records", quiet=quiet) as bar:
        summary = score_vcf(
            vcf,
            scorer,
            target,
            matrix=matrix,
            stats=stats,
            top_k=top_k,
            command=shlex.join(["mfdvep", *sys.argv[1:]]),
            force=force,
            progress=bar,
        )
    if write_index:
        index_vcf(target)
    if quiet:
        return
    counts = ", ".join(f"{name} {n}" for name, n in summary.status.items() if n)
    click.echo(
        f"{target}: {summary.records} records, {summary.alleles} alleles: {counts}; "
        f"{summary.seconds:.1f} s on {scorer.device.type}",
        err=True,
    )
    for name, reference in summary.contigs.items():
        click.echo(f"contig {name} of the VCF is {reference} of the reference", err=True)
