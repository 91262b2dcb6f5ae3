"""`mfdvep score`: a VCF in, the same VCF annotated out."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.calibration_option import calibration_of, calibration_options, named_table
from mfdvep.cli.closed_pipe import reader_has_gone
from mfdvep.cli.cluster_options import (
    CLUSTER_OPTIONS,
    check_cluster_options,
    cluster_options,
    connected,
)
from mfdvep.cli.command import as_typed
from mfdvep.cli.parameters import Count, Output, Share
from mfdvep.cli.progress import progress_bar
from mfdvep.cli.score_summary import duration, exceeds, told
from mfdvep.cli.store_options import STORE_OPTIONS, check_store_options, store_options
from mfdvep.cli.track_options import chosen, track_files, track_options
from mfdvep.errors import MfdvepError
from mfdvep.uris import is_uri, located

if TYPE_CHECKING:
    from mfdvep.genomics.genome import Genome
    from mfdvep.genomics.regions import Regions
    from mfdvep.scoring.cluster import Cluster
    from mfdvep.scoring.cluster_scorer import ClusterScorer
    from mfdvep.scoring.scorer import Scorer

_ENDINGS = (".vcf.gz", ".vcf.bgz", ".vcf", ".bcf", ".parquet")
_PATH = click.Path(path_type=Path)
_PASSED = (
    "matrix", "long", "storage", "labels", "info", "top_k", "min_abs", "quantiles", "replace",
    "resume", "force", *STORE_OPTIONS,
)  # fmt: skip
_OF_SCORER = ("shifts", "strand", "scale", "device", "engine", "precision", "batch_size")


def default_output(vcf: str) -> str:
    """Return NAME.mfd.vcf.gz beside NAME.vcf.gz, NAME.vcf or NAME.bcf; "-" for a stream."""
    is_stream = vcf == "-" or (os.path.exists(vcf) and not os.path.isfile(vcf))
    return "-" if is_stream else f"{_stem(vcf)}.mfd.vcf.gz"


def _stem(name: str) -> str:
    return next((name.removesuffix(end) for end in _ENDINGS if name.endswith(end)), name)


@click.command()
@click.argument("vcf", type=str)
@click.option("-f", "--fasta", required=True, envvar="MFDVEP_FASTA", help="Indexed reference.")
@click.option("-m", "--model", help="Bundled model or model folder.  [default: the bundled one]")
@click.option(
    "-o",
    "--output",
    help="NAME.vcf.gz, .vcf, .bcf, or - for text; default: NAME.mfd.vcf.gz beside the input. "
    "Outputs may be on object storage: s3://BUCKET/NAME.vcf.gz.",
)
@click.option("--matrix", type=Output(), help="Parquet file of all effects.")
@click.option(
    "--storage",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="Of the matrix.",
)
@click.option(
    "--labels",
    metavar="KEY",
    help="Keep INFO KEY in the matrix as labels (1 causal, 0 neutral), with MATCH and ELEMENT if "
    "declared.",
)
@click.option(
    "--info",
    multiple=True,
    metavar="KEY",
    help="Keep INFO KEY as a column of the matrix (of a Flag 1 and 0); repeat.",
)
@calibration_options
@store_options
@click.option("--long", type=Output(), help="Parquet file of the listed tracks, a row each.")
@click.option(
    "--stats",
    type=Output(),
    help="Run record; NAME.skipped.tsv and NAME_mqc.json lie beside it; "
    "default: NAME.stats.json beside the output, nothing for -.",
)
@click.option(
    "-r",
    "--regions",
    multiple=True,
    help="Only records whose REF overlaps chr1:1000-2000; with commas, or repeat.",
)
@click.option(
    "-R",
    "--regions-file",
    multiple=True,
    type=_PATH,
    help="Only records whose REF overlaps a BED file; repeat.",
)
@track_options
@click.option("--top-k", type=click.IntRange(min=0), default=3, show_default=True,
              help="Tracks listed for an ALT.")  # fmt: skip
@click.option("--min-abs", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Least combined effect, in size, of a listed track.")  # fmt: skip
@click.option("--shifts", default="11", show_default=True, help="A count, or offsets like -2,0,2.")
@click.option(
    "--strand",
    type=click.Choice(["both", "forward", "reverse"]),
    default="both",
    show_default=True,
    help="Strands that effects are averaged over.",
)
@click.option(
    "--scale",
    type=click.Choice(["probability", "logit"]),
    default="probability",
    show_default=True,
    help="Of the effects; logit: differences of log-odds.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option(
    "--engine",
    type=click.Choice(["incremental", "plain"]),
    default="incremental",
    show_default=True,
    help="plain: every window by itself; the same effects, several times slower.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "tf32", "bfloat16", "float16", "float64"]),
    default="auto",
    show_default=True,
    help="Of convolutions and products; see mfdvep selftest.",
)
@click.option("--batch-size", type=Count(), default="auto", show_default=True,
              help="Windows whose activations are held at once.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@cluster_options
@click.option("--write-index", is_flag=True, help="Write the .tbi or .csi of the output.")
@click.option("--check", is_flag=True, help="Score nothing: say what scoring would come to.")
@click.option("--strict", is_flag=True, help="Exit with 3 if an ALT has no score.")
@click.option("--max-unscored", type=Share(), help="Exit with 3 if more ALTs have no score.")
@click.option("--resume", is_flag=True, help="Go on with a run that was interrupted, if any.")
@click.option("--replace", is_flag=True, help="Replace an earlier annotation by this "
              "command; one by `mfdvep expression score` always stays.")  # fmt: skip
@click.option("--no-version", is_flag=True, help="No versions and no command in the outputs.")
@click.option("--force", is_flag=True, help="Overwrite outputs.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def score(vcf: str, fasta: str, check: bool, threads: int | None, **options: Any) -> None:
    """Annotate VCF with what every ALT changes: combined, biological and technical effects.

    Every record comes out once, in order; MFD_STATUS says why an ALT has no effect. Effects are
    ALT minus REF. VCF is a file, VCF or BCF, compressed or not, or - for standard input;
    or Parquet with columns chrom, pos, ref and alt, such as TraitGym's.

    \b
    Example:
      mfdvep score examples/variants.vcf.gz -f examples/genome.fa -o out.vcf.gz \\
        --matrix out.parquet
    """
    import torch

    from mfdvep.genomics.genome import Genome

    if options["strict"] and options["max_unscored"]:
        raise click.UsageError("--strict is --max-unscored 0; give one of them")
    check_store_options(options)
    check_cluster_options(options)
    # a check writes nothing, and so needs no file for them
    kept = any(options[name] for name in ("matrix", "store_features", "groups"))
    if (options["labels"] or options["info"]) and not (kept or check):
        raise click.UsageError(
            "--labels and --info are kept in tables; give --matrix, --store-features or --groups"
        )
    if options["quantiles"] and not (options["matrix"] or check):
        raise click.UsageError("--quantiles are kept in the matrix; give --matrix too")
    if threads:
        torch.set_num_threads(threads)
    with Genome(fasta) as genome:
        if check:
            status = _check(vcf, genome, _regions(options), options)
        else:
            with connected(options, threads) as cluster:
                if cluster is None:
                    scorer: Scorer | ClusterScorer = _scorer(genome, options)
                else:
                    scorer = _scorer_on(cluster, genome, options)
                status = _score(vcf, scorer, _regions(options), options)
    sys.exit(status)


def _score(
    vcf: str, scorer: Scorer | ClusterScorer, regions: Regions | None, options: dict[str, Any]
) -> int:
    from mfdvep.scoring.calibration_use import of_run
    from mfdvep.scoring.pipeline import score_vcf

    calibration = calibration_of(options, of_run(scorer))
    target = options["output"] or default_output(vcf)
    stats = options["stats"]
    if stats is None and target != "-":
        stats = f"{_stem(target)}.stats.json"
        if is_uri(target):
            output = located(target)
            stats = str(output.with_name(f"{_stem(output.name)}.stats.json"))
    try:
        with (
            nullcontext() if options["ray"] is None else redirect_stdout(sys.stderr),  # Ray's notes
            progress_bar("scoring", "records", quiet=options["quiet"]) as bar,
        ):
            summary = score_vcf(
                vcf,
                scorer,
                target,
                stats=stats,
                regions=regions,
                calibration=calibration,
                index=options["write_index"],
                versions=not options["no_version"],
                inputs=_also_read(options),
                command=_command(),
                progress=bar,
                **{name: options[name] for name in _PASSED},
            )
    except BrokenPipeError:
        return reader_has_gone()
    if not options["quiet"]:
        click.echo(told(target, summary, scorer), err=True)
    if options["labels"] and options["matrix"] and not options["quiet"]:
        _show_labels(options["matrix"], options["labels"])
    return 3 if exceeds(options, summary.status) else 0


def _show_labels(matrix: str | Path, key: str) -> None:
    """Tell what the labels in a matrix come to, or where it can be told."""
    if is_uri(str(matrix)):
        told_of = "mfdvep enrich tells what the labels come to, of a copy of the matrix here"
        click.echo(f"mfdvep: {told_of}", err=True)
        return
    from mfdvep.cli.enrich import show_summary

    show_summary(Path(matrix), key)


def _check(vcf: str, genome: Genome, regions: Regions | None, options: dict[str, Any]) -> int:
    from mfdvep.genomics.bcf import quiet_htslib
    from mfdvep.genomics.vcf import open_vcf
    from mfdvep.scoring.calibration_use import of_run, quantiles_on
    from mfdvep.scoring.check import check_vcf, render
    from mfdvep.scoring.groups import TrackGroups
    from mfdvep.scoring.outputs import kept_info
    from mfdvep.scoring.windows import AlleleWindows

    windows = AlleleWindows(genome, shifts=options["shifts"], strand=options["strand"])
    with (
        quiet_htslib(),
        open_vcf(vcf, regions=regions) as reader,
        progress_bar("checking", "records", quiet=options["quiet"]) as bar,
    ):
        kept_info(reader.header_lines, options["info"], labels=options["labels"], name=reader.name)
        report = check_vcf(reader, windows, vcf=vcf, replace=options["replace"], progress=bar)
    click.echo(render(report))
    n = report.status["OK"]
    try:
        scorer = _scorer(genome, options)
        quantiles_on(
            scorer,
            calibration_of(options, of_run(scorer)),
            in_matrix=options["quantiles"],
            matrix=options["matrix"],
        )
        if options["groups"]:
            TrackGroups.of(scorer.tracks, options["group_by"])
    except MfdvepError as error:
        click.echo(f"\nTo run: {n:,} alleles; no estimate of the time: {error}")
        return 1
    rate = scorer.alleles_per_second()
    click.echo(
        f"\nTo run: {n:,} alleles, at {rate:,.1f} a second ({scorer.precision.name} on "
        f"{scorer.device.type}) about {duration(n / rate)}"
    )
    if report.problem:
        click.echo(f"mfdvep: error: {report.problem}", err=True)
        return 1
    return 3 if exceeds(options, report.status) else 0


def _scorer(genome: Genome, options: dict[str, Any]) -> Scorer:
    from mfdvep.scoring.scorer import Scorer

    return Scorer(genome=genome, **_of_scorer(options))


def _scorer_on(cluster: Cluster, genome: Genome, options: dict[str, Any]) -> ClusterScorer:
    from mfdvep.scoring.cluster_scorer import ClusterScorer

    return ClusterScorer(cluster, genome=genome, **_of_scorer(options))


def _of_scorer(options: dict[str, Any]) -> dict[str, Any]:
    """Return what a scorer takes besides the genome."""
    model, rows = chosen(options["model"], options)
    return {"model": model, "tracks": rows, **{name: options[name] for name in _OF_SCORER}}


def _also_read(options: dict[str, Any]) -> list[Path]:
    """Return the files that the options name to be read, besides VCF and FASTA."""
    regions = [path for path in options["regions_file"] if path.is_file()]
    return [*regions, *track_files(options), *named_table(options)]


def _regions(options: dict[str, Any]) -> Regions | None:
    from mfdvep.genomics.regions import Regions

    given = options["regions"], options["regions_file"]
    return Regions.parse(*given) if any(given) else None


def _command() -> str:
    """Return the command as typed, but for what does not change the files.

    A run that goes on is the same run, and so is one on a cluster.
    """
    return as_typed(without=["--resume"], options=CLUSTER_OPTIONS)
