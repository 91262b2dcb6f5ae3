"""`mfdvep explain-variant`: what one allele changes, on one page."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.calibration_option import calibration_of, calibration_option
from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar
from mfdvep.cli.track_options import virtual_option, with_virtual

if TYPE_CHECKING:
    from mfdvep.genomics.genome import Genome
    from mfdvep.genomics.variants import Variant
    from mfdvep.interpret.explanation.background import Background
    from mfdvep.interpret.explanation.bases import Bases
    from mfdvep.interpret.explanation.explaining import Explanation
    from mfdvep.interpret.targets import Target
    from mfdvep.model.mfd import MFDModel

_PATH = click.Path(path_type=Path)


@click.command("explain-variant")
@click.argument("variant", required=False, metavar="[CHR:POS:REF:ALT]")
@click.option("--vcf", type=_PATH, help="Take the allele from a VCF, BCF or Parquet file.")
@click.option("--id", "record_id", metavar="ID|CHR:POS", help="Record of --vcf, by ID or place.")
@click.option("--record", type=click.IntRange(min=1), help="Record of --vcf, by number from 1.")
@click.option("--alt", metavar="ALT", help="Of a record with several alleles.")
@click.option("-f", "--fasta", required=True, envvar="MFDVEP_FASTA", help="Indexed reference.")
@click.option("-m", "--model", help="Bundled model or model folder.  [default: the bundled one]")
@click.option("-o", "--output", type=_PATH, help="Folder for the page, figures and numbers.")
@click.option("--feature", multiple=True, metavar="NAME",
              help="Of logos: a direct latent feature, such as CTCF.")  # fmt: skip
@click.option("--track", multiple=True, metavar="NAME", help="Of logos: a track, by name or id.  "
              "[default: that of the largest effect]")  # fmt: skip
@click.option("--where", multiple=True, metavar="CONDITION",
              help="""Of logos: the mean over tracks like 'target == "CTCF"'.""")  # fmt: skip
@virtual_option
@click.option("--flank", type=click.IntRange(3, 200), default=30, show_default=True,
              help="Bases shown on each side of the variant.")  # fmt: skip
@click.option("--group-by", multiple=True, metavar="COLUMN", help="Column of the tracks; repeat.  "
              "[default: assay, target, biosample]")  # fmt: skip
@click.option("--motifs", multiple=True, metavar="FILE|IUPAC", help="Motifs that may be gained or "
              "lost, as MEME or JASPAR; or a pattern; repeat.")  # fmt: skip
@click.option("--motif-p", type=click.FloatRange(0, 1, min_open=True), default=1e-4,
              show_default=True, help="p-value of a motif's site.")  # fmt: skip
@click.option("--background", type=_PATH, metavar="MATRIX",
              help="Matrix of many variants (mfdvep score --matrix), for quantiles.  "
              "[default: the model's own table of a background, if it fits]")  # fmt: skip
@calibration_option
@click.option("--scale", type=click.Choice(["probability", "logit"]), default="probability",
              show_default=True, help="What tracks and groups are ranked by.")  # fmt: skip
@click.option("--shifts", default="11", show_default=True, help="A count, or offsets like -2,0,2.")
@click.option("--strand", type=click.Choice(["both", "forward", "reverse"]), default="both",
              show_default=True, help="Strands that are averaged over.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the folder.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def explain_variant(
    variant: str | None, output: Path | None, threads: int | None, **given: Any
) -> None:
    """Tell what one allele changes: by track, by groups of tracks, by biology and technique.

    The effects are those of `mfdvep score`. On stdout: the tracks that change most, groups of
    tracks that move together, quantiles among other variants, and what all that does not say. -o
    makes a folder with a page to read, which has also logos of REF and ALT (integrated gradients
    by half) and what every other base would change, and all numbers as JSON.

    \b
    Example:
      mfdvep explain-variant chrA:1613:G:C -f examples/genome.fa -o explained
    """
    import torch

    from mfdvep.genomics.bcf import quiet_htslib
    from mfdvep.genomics.genome import Genome

    _check_choice(variant, given)
    if output is not None:
        from mfdvep.interpret.explanation.folder import check

        check(output, _inputs(given), force=given["force"])
    if threads:
        torch.set_num_threads(threads)
    with ExitStack() as stack:
        stack.enter_context(quiet_htslib())
        chosen, record_id = _chosen(variant, given)
        genome = stack.enter_context(Genome(given["fasta"]))
        _explain(chosen, record_id, genome, output, given)


def _check_choice(variant: str | None, given: dict[str, Any]) -> None:
    """Refuse options that do not name one allele and one target."""
    of_vcf = [name for name in ("record_id", "record", "alt") if given[name] is not None]
    if variant is None and given["vcf"] is None:
        raise click.UsageError("name an allele as chr1:12345:A:G, or --vcf with --id or --record")
    if variant is not None and (given["vcf"] is not None or of_vcf):
        raise click.UsageError("give an allele, or --vcf with --id or --record; not both")
    if given["vcf"] is not None and (given["record_id"] is None) == (given["record"] is None):
        raise click.UsageError("--vcf needs --id or --record, one of them")
    if sum(len(given[name]) > 0 for name in ("feature", "track", "where")) > 1:
        raise click.UsageError("one page shows one target: --feature, --track or --where")


def _chosen(variant: str | None, given: dict[str, Any]) -> tuple[Variant, str]:
    if variant is not None:
        from mfdvep.genomics.variants import variant_of

        return variant_of(variant), ""
    from mfdvep.interpret.explanation.choosing import find_allele

    return find_allele(
        given["vcf"],
        name=given["record_id"] or "",
        number=given["record"] or 0,
        alt=given["alt"] or "",
    )


def _explain(
    variant: Variant, record_id: str, genome: Genome, output: Path | None, given: dict[str, Any]
) -> None:
    from mfdvep import __version__
    from mfdvep.interpret.explanation.bases import choose_target
    from mfdvep.interpret.explanation.explaining import explain
    from mfdvep.interpret.explanation.motif_changes import motifs_of, search
    from mfdvep.interpret.explanation.terminal import terminal_text
    from mfdvep.interpret.explanation.trust import trust_of
    from mfdvep.interpret.sequences import Sites
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model, model_folder

    motifs = motifs_of(given["motifs"])  # refused before any work
    name = given["model"] or DEFAULT_MODEL
    model = with_virtual(load_model(name), given["virtual"])
    explanation = explain(
        variant,
        model,
        genome,
        record_id=record_id,
        shifts=given["shifts"],
        strand=given["strand"],
        scale=given["scale"],
        group_by=given["group_by"],
        device=given["device"],
    )
    explanation.provenance.update(mfdvep=__version__, command=as_typed())
    # also without a folder: a name that is not known is told
    target, reason = choose_target(
        explanation, model, features=given["feature"], tracks=given["track"], where=given["where"]
    )
    background = _background(explanation, given)
    trust = trust_of(model_folder(name))
    changed = None
    if given["motifs"]:
        sites = Sites(explanation.provenance["shifts"], genome=genome).alleles(variant)
        changed = search(motifs, sites, p_value=given["motif_p"])
    shown: dict[str, Any] = {"background": background, "motifs": changed, "trust": trust}
    click.echo(terminal_text(explanation, **shown), nl=False)
    if output is None:
        return
    from mfdvep.interpret.explanation.folder import PAGE, write

    bases = _look(explanation, model, genome, target, reason, given)
    write(explanation, output, bases=bases, **shown, force=given["force"])
    if not given["quiet"]:
        click.echo(f"mfdvep: {output / PAGE} has the logos and figures", err=True)


def _background(explanation: Explanation, given: dict[str, Any]) -> Background | None:
    from mfdvep.interpret.explanation.background import compare, look_up
    from mfdvep.scoring.calibration_use import refuse_other

    if given["background"] is not None:
        return compare(explanation, given["background"])
    table = calibration_of(given, explanation.provenance)
    if table is None:
        return None
    refuse_other(table, explanation.provenance)
    found = look_up(explanation, table)
    if found is None and not given["quiet"]:
        click.echo(
            f"mfdvep: warning: no quantiles: {table.path} has tracks that are not explained here",
            err=True,
        )
    return found


def _look(
    explanation: Explanation,
    model: MFDModel,
    genome: Genome,
    target: Target,
    reason: str,
    given: dict[str, Any],
) -> Bases:
    from mfdvep.interpret.explanation.bases import look

    with progress_bar("attributing", "alleles", quiet=given["quiet"]) as bar:
        return look(
            explanation,
            model,
            genome,
            target,
            reason=reason,
            flank=given["flank"],
            device=given["device"],
            progress=bar,
        )


def _inputs(given: dict[str, Any]) -> list[Path]:
    paths = [given["vcf"], given["background"], Path(given["fasta"])]
    paths += [Path(name) for name in (*given["track"], *given["virtual"], *given["motifs"])]
    return [path for path in paths if path is not None and path.is_file()]
