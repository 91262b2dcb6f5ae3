"""`mfdvep enrich`: how well effects separate causal from neutral variants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.data_folder import data_option
from mfdvep.cli.parameters import Block, Quantiles
from mfdvep.cli.progress import progress_bar
from mfdvep.errors import MfdvepError

if TYPE_CHECKING:
    from mfdvep.enrichment.preparing import EnrichOptions

_PATH = click.Path(path_type=Path)
_NOT_OF_CORRELATION = (
    "gtex", "gnomad", "quantiles", "group_by", "block", "bootstrap", "permute", "seed", "legacy",
)  # fmt: skip


@click.command()
@click.argument("scores", type=_PATH, required=False)
@click.option("--gtex", is_flag=True, help="The paper's cuts for eQTL variants: "
              "|effect| above its .9, .95, .99 quantile.")  # fmt: skip
@click.option("--gnomad", is_flag=True, help="The paper's cuts for rare variants: "
              "both tails, .1/.9, .01/.99, .001/.999.")  # fmt: skip
@click.option("--labels", metavar="KEY", help="Column of SCORES, or INFO key of --variants, with 1 "
              "and 0.  [default: LABEL, or a column label]")  # fmt: skip
@click.option("--variants", type=_PATH, help="Labelled VCF, BCF or Parquet; default: SCORES has "
              "the labels (mfdvep score --labels).")  # fmt: skip
@click.option("--baseline", type=_PATH, help="Matrix of another model to compare with.")
@click.option("--quantiles", type=Quantiles(), help="Above 0.5; default: of the preset, or "
              "0.9,0.95,0.99.")  # fmt: skip
@click.option(
    "--sided",
    type=click.Choice(["absolute", "both", "upper", "lower"]),
    help="Beyond which quantile: of |effect|; of the effect in both tails (q and 1 - q), or one.",
)
@click.option("--where", multiple=True, help="""Only tracks like 'target == "CTCF"'.""")
@click.option("--tracks", multiple=True, help="A track's name, or a file of names; repeat.")
@click.option("--group-by", multiple=True, help="Column of the tracks to average odds ratios by; "
              "repeat.  [default: assay, target]")  # fmt: skip
@click.option("--block", type=Block(), default="1000000", show_default=True,
              help="What the bootstrap draws together.")  # fmt: skip
@click.option("--bootstrap", type=click.IntRange(min=0), default=1000, show_default=True,
              help="Samples for intervals over blocks.")  # fmt: skip
@click.option("--permute", type=click.IntRange(min=0), default=0, show_default=True,
              help="Permutations of the labels: what is found where nothing is?")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--correlation", is_flag=True, help="Labels are quantities, such as those of an "
              "MPRA: correlate the effects with them.")  # fmt: skip
@click.option("--element", help="With --correlation: column or INFO key that groups variants.  "
              "[default: ELEMENT if there]")  # fmt: skip
@click.option("--legacy", is_flag=True, help="Also write the tables of the research code.")
@click.option("-o", "--output", type=_PATH, help="Folder for tables, figures and report.html.")
@data_option
@click.option("-f", "--fasta", envvar="MFDVEP_FASTA", help="Reference, to score the set of the "
              "data folder with where it is not scored yet.")  # fmt: skip
@click.option("-m", "--model", help="Model to score it with.  [default: the bundled one]")
@click.option("--threads", type=click.IntRange(min=1), help="Default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the report.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def enrich(ctx: click.Context, scores: Path | None, output: Path | None, **given: Any) -> None:
    """Tell how well the effects in SCORES separate variants with label 1 from those with 0.

    SCORES is a matrix of `mfdvep score --matrix`, or any Parquet table with chrom, pos, ref, alt
    and a column a score. A track tags the variants whose effect is beyond a quantile; the table
    on stdout has, for each kind of effect, the variants that any track tags, their odds ratio
    with an exact 95 % interval, and Fisher's p. -o writes everything: per track with corrections
    for their number, by assay and target, kinds compared, figures, and a page to read.

    Without SCORES, --gtex and --gnomad take the set that `mfdvep variants` has made in the data
    folder, and score it first where that was not done.

    \b
    Example:
      mfdvep enrich demo/labelled.parquet --permute 200 -o demo/enrichment
    after `make demo`, which scored the set with
      mfdvep score examples/labelled.vcf.gz -f examples/genome.fa --labels LABEL \\
        -o demo/labelled.mfd.vcf.gz --matrix demo/labelled.parquet
    """
    from mfdvep.cli.enrich_set import scored_set

    presets = [name for name in ("gtex", "gnomad") if given[name]]
    if len(presets) > 1:
        raise click.UsageError("--gtex and --gnomad are cuts for different sets; give one of them")
    if given["element"] and not given["correlation"]:
        raise click.UsageError("--element goes with --correlation")
    if given["correlation"]:
        _check_correlation(ctx, given)
    if output is not None:
        inputs = [p for p in (scores, given["variants"], given["baseline"]) if p is not None]
        _check_output(output, inputs, given)
    if scores is None:
        if not presets:
            raise click.UsageError("give SCORES, or --gtex or --gnomad for a set that is known")
        scores = scored_set(presets[0], given)
    if given["correlation"]:
        _correlate(scores, output, given)
    else:
        _enrich(scores, presets[0] if presets else "", output, given)


def show_summary(matrix: Path, key: str) -> None:
    """Tell on stderr what the labels that were kept in a matrix come to, or why it cannot be told.

    The scores are written, so that labels which cannot be tested are no error here.
    """
    from mfdvep.enrichment.engine import enrich as analyse
    from mfdvep.enrichment.report.terminal import terminal_table

    try:
        with progress_bar("enrichment", "tracks") as bar:
            found = analyse(matrix, key, command=as_typed(), progress=bar)
    except MfdvepError as error:
        click.echo(f"mfdvep: no enrichment: {error}", err=True)
        return
    click.echo(f"\n{terminal_table(found)}", err=True, nl=False)


def _check_correlation(ctx: click.Context, given: dict[str, Any]) -> None:
    """Refuse options that a correlation has no use for."""
    for name in _NOT_OF_CORRELATION:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--correlation has no --{name.replace('_', '-')}")
    if given["sided"] == "both":
        raise click.UsageError("--correlation has no tails: --sided absolute, upper or lower")


def _check_output(output: Path, inputs: list[Path], given: dict[str, Any]) -> None:
    """Refuse a folder that cannot become a report, before any work."""
    if given["correlation"]:
        from mfdvep.enrichment.report.correlation_report import check_correlation as check
    else:
        from mfdvep.enrichment.report.folder import check_report as check
    check(output, apart=inputs, force=given["force"])


def _say_where(output: Path, *, quiet: bool) -> None:
    if not quiet:
        click.echo(f"mfdvep: {output / 'report.html'} has the figures and how to read them",
                   err=True)  # fmt: skip


def _enrich(scores: Path, preset: str, output: Path | None, given: dict[str, Any]) -> None:
    from mfdvep.enrichment.engine import enrich as analyse
    from mfdvep.enrichment.report.folder import write_report
    from mfdvep.enrichment.report.terminal import terminal_table

    with progress_bar("enrichment", "tracks", quiet=given["quiet"]) as bar:
        found = analyse(
            scores,
            given["labels"],
            labelled=given["variants"],
            baseline=given["baseline"],
            preset=preset,
            options=_options(given),
            legacy=given["legacy"],
            command=as_typed(),
            progress=bar,
        )
    click.echo(terminal_table(found), nl=False)
    if output is not None:
        write_report(found, output, force=given["force"])
        _say_where(output, quiet=given["quiet"])


def _options(given: dict[str, Any]) -> EnrichOptions:
    from mfdvep.enrichment.preparing import EnrichOptions

    return EnrichOptions(
        quantiles=given["quantiles"],
        sided=given["sided"],
        where=given["where"],
        names=given["tracks"],
        group_by=given["group_by"],
        block=given["block"],
        n_bootstrap=given["bootstrap"],
        n_permutations=given["permute"],
        seed=given["seed"],
        threads=given["threads"] or 0,
    )


def _correlate(scores: Path, output: Path | None, given: dict[str, Any]) -> None:
    from mfdvep.enrichment.correlation import correlate
    from mfdvep.enrichment.report.correlation_report import correlation_table, write_correlation

    with progress_bar("correlating", "tracks", quiet=given["quiet"]) as bar:
        found = correlate(
            scores,
            given["labels"],
            labelled=given["variants"],
            baseline=given["baseline"],
            element=given["element"],
            options=_options(given),
            command=as_typed(),
            progress=bar,
        )
    click.echo(correlation_table(found), nl=False)
    if output is not None:
        write_correlation(found, output, force=given["force"])
        _say_where(output, quiet=given["quiet"])
