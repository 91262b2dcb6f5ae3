"""`mfdvep attribute`: which bases a prediction comes from, through biology and technique."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar
from mfdvep.cli.track_options import virtual_option, with_virtual
from mfdvep.errors import InputError

if TYPE_CHECKING:
    from mfdvep.genomics.genome import Genome
    from mfdvep.interpret.contributions.output import Summary
    from mfdvep.interpret.contributions.running import Settings
    from mfdvep.model.mfd import MFDModel

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("-r", "--region", multiple=True, metavar="CHR:START-END",
              help="Region, 1-based; its middle is the windows' centre; repeat.")  # fmt: skip
@click.option("-R", "--regions-file", multiple=True, type=_PATH, help="BED file; repeat.")
@click.option("--fasta-in", multiple=True, type=_PATH,
              help="FASTA of sequences of their own; repeat.")  # fmt: skip
@click.option("--variant", multiple=True, metavar="CHR:POS:REF:ALT|VCF",
              help="Variant, or a file of them: REF and ALT side by side; repeat.")  # fmt: skip
@click.option("--feature", multiple=True, metavar="NAME",
              help="Direct latent feature by its factor, such as CTCF; repeat.")  # fmt: skip
@click.option("--track", multiple=True, metavar="NAME",
              help="A track's name or id, or a file of names; repeat.")  # fmt: skip
@click.option("--where", multiple=True, metavar="CONDITION",
              help="""Mean over tracks like 'target == "CTCF"'; repeat.""")  # fmt: skip
@virtual_option
@click.option("--half", type=click.Choice(["all", "combined", "biological", "technical"]),
              default="all", show_default=True, help="Of the targets; all: every one of the "
              "three that a target has.")  # fmt: skip
@click.option("--method", type=click.Choice(["ig", "gradient", "ism"]), default="ig",
              show_default=True, help="Integrated gradients, gradient x input, or what every "
              "other base would change.")  # fmt: skip
@click.option("--flank", type=click.IntRange(0, 512), default=64, show_default=True,
              help="ism: bases changed on each side of the centre.")  # fmt: skip
@click.option("--shifts", default="11", show_default=True, help="A count, or offsets like -2,0,2.")
@click.option("--strand", type=click.Choice(["both", "forward", "reverse"]), default="both",
              show_default=True, help="Strands that scores are averaged over.")  # fmt: skip
@click.option("--figures", type=click.IntRange(min=0), default=12, show_default=True,
              help="Places that figures are drawn of, in a folder.")  # fmt: skip
@click.option("--logo-flank", type=click.IntRange(3, 200), default=30, show_default=True,
              help="Bases of a logo on each side of a variant, or of a region's "
              "largest scores.")  # fmt: skip
@click.option("-o", "--output", type=_PATH, required=True,
              help="NAME.parquet, NAME.npz, or a folder: scores, bedGraph, figures.")  # fmt: skip
@click.option("-f", "--fasta", envvar="MFDVEP_FASTA", help="Indexed reference; not needed for "
              "--fasta-in.")  # fmt: skip
@click.option("-m", "--model", help="Bundled model or model folder.  [default: the bundled one]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def attribute(output: Path, fasta: str | None, threads: int | None, **given: Any) -> None:
    """Tell which bases a prediction comes from, through the biological and the technical half.

    What is explained is a direct latent feature (--feature), the log-odds of a track (--track, or
    --virtual) or their mean over tracks (--where). Scores of integrated gradients add up to the
    difference from a window of N, to 1 % or to .002 where that is more, and biological and
    technical ones to the combined. They are means over strands and shifts, at the bases of the
    forward strand.

    \b
    Example:
      mfdvep attribute --variant chrA:1613:G:C --where "target == 'CTCF'" \\
        -f examples/genome.fa -o ctcf
    """
    import torch

    from mfdvep.genomics.bcf import quiet_htslib
    from mfdvep.genomics.genome import Genome
    from mfdvep.genomics.sequences import shift_offsets
    from mfdvep.interpret.contributions.output import check
    from mfdvep.interpret.contributions.running import Settings
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model

    places = ("region", "regions_file", "fasta_in", "variant")
    if not any(given[name] for name in places):
        raise click.UsageError("give a place: --region, --regions-file, --fasta-in or --variant")
    if not any(given[name] for name in ("feature", "track", "where", "virtual")):
        raise click.UsageError("give what to explain: --feature, --track, --where or --virtual")
    check(output, _also_read(given), force=given["force"])
    if threads:
        torch.set_num_threads(threads)
    settings = Settings(
        given["method"],
        shift_offsets(given["shifts"]),
        given["strand"],
        given["flank"],
        given["device"],
    )
    model = load_model(given["model"] or DEFAULT_MODEL)
    with ExitStack() as stack:
        stack.enter_context(quiet_htslib())
        genome = None if fasta is None else stack.enter_context(Genome(fasta))
        summary = _attribute(model, genome, settings, output, given)
    if not given["quiet"]:
        click.echo(_told(output, summary), err=True)


def _attribute(
    model: MFDModel,
    genome: Genome | None,
    settings: Settings,
    output: Path,
    given: dict[str, Any],
) -> Summary:
    from mfdvep import __version__
    from mfdvep.interpret.contributions.output import write
    from mfdvep.interpret.contributions.running import halves_of, run
    from mfdvep.interpret.sequences import Sites
    from mfdvep.interpret.targets import parse_targets, track_target
    from mfdvep.model.virtual import virtual_rows

    if model.config.plain and given["half"] not in ("all", "combined"):
        raise InputError("a plain baseline knows no biology from technique; give --half combined")
    wanted = []
    if any(given[name] for name in ("feature", "track", "where")):
        wanted = parse_targets(model, given["feature"], given["track"], given["where"])
    more = with_virtual(model, given["virtual"])
    wanted += [track_target(more, row) for row in virtual_rows(more.tracks)]
    targets = halves_of(wanted, "combined" if model.config.plain else given["half"])
    sites = Sites(settings.shifts, genome=genome).read(
        regions=given["region"],
        beds=given["regions_file"],
        fastas=given["fasta_in"],
        variants=given["variant"],
    )
    about = {
        "mfdvep": __version__,
        "command": as_typed(),
        "model": dict(model.provenance),
        "reference": None if genome is None else genome.record,
        "method": settings.method,
        "shifts": list(settings.shifts),
        "strand": settings.strand,
        "flank": settings.flank if settings.method == "ism" else None,
    }
    with progress_bar("attributing", "sequences", quiet=given["quiet"]) as bar:
        return write(
            run(model, sites, targets, settings, progress=bar),
            output,
            settings,
            about=about,
            n_figures=given["figures"],
            logo_flank=given["logo_flank"],
            force=given["force"],
        )


def _also_read(given: dict[str, Any]) -> list[Path]:
    options = ("regions_file", "fasta_in", "variant", "track", "virtual")
    names = [name for option in options for name in given[option]]
    return [Path(name) for name in names if os.path.isfile(name)]


def _told(output: Path, summary: Summary) -> str:
    counts = ", ".join(f"{status} {n:,}" for status, n in summary.status.items())
    lines = [f"{output}: {summary.status.total():,} sequences: {counts or 'none'}"]
    if summary.figures:
        lines[0] += f"; {summary.figures} figures"
    if summary.longer:
        lines.append(f"{summary.longer:,} are longer than a window: their middle was seen")
    if summary.rough:
        lines.append(
            f"{summary.rough:,} miss the difference by more than 1 % and .002; see converged"
        )
    return "\n".join(f"mfdvep: {line}" for line in lines)
