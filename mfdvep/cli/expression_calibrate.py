"""`mfdvep expression calibrate`: predicted marks to observed ones, as a file for `score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.parameters import FilePath, comma_list
from mfdvep.cli.progress import progress_bar

if TYPE_CHECKING:
    from mfdvep.expression.calibrating import Calibrated

_PATH = FilePath()


@click.command("calibrate")
@click.argument("profiles", type=_PATH)
@click.option("--genes", type=_PATH, required=True, help="The genes on the reference: a GTF, or a "
              "table with chrom, tss (0-based), strand, gene_id.")  # fmt: skip
@click.option("-f", "--fasta", type=_PATH, required=True, envvar="MFDVEP_FASTA",
              help="Indexed reference.")  # fmt: skip
@click.option("-m", "--model", help="Bundled MFD model or model folder.  [default: the bundled "
              "one]")  # fmt: skip
@click.option("-o", "--output", type=_PATH, required=True, help="JSON to write.")
@click.option("--test", default="", callback=comma_list, help="Contigs of the reference that the "
              "MFD model did not train on, to measure on; comma list.")  # fmt: skip
@click.option("--left-out", default="", callback=comma_list,
              help="Contigs to be used for neither, comma list.")  # fmt: skip
@click.option("--where", multiple=True, help="Only tracks like 'lab == \"a\"', where a cell and "
              "mark have several; repeat.")  # fmt: skip
@click.option("--figure", type=_PATH, help="Observed over calibrated signal: PNG, SVG or PDF.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the outputs.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def expression_calibrate(
    profiles: Path, genes: Path, fasta: Path, output: Path, figure: Path | None, **given: Any
) -> None:
    """Fit the signal of marks in PROFILES to their predicted probability.

    PROFILES is of `mfdvep expression prepare`. Marks are predicted in 100 windows round each
    training gene of PROFILES that --genes has too, by the same id; the reference may be of another
    assembly than the profiles, since genes are met by id. For every cell and mark the signal is
    then a strictly rising function of the probability.

    A model predicts the contigs that it was trained on too well: name those that it was not, with
    --test, and the agreement is measured there as well.

    \b
    Example:
      mfdvep expression calibrate profiles.parquet --genes genes.GRCh38.tsv -f genome.fa \\
        --test chr20 --left-out chr21,chr1 -o calibration.json
    """
    import torch

    from mfdvep.expression.calibrating import calibrate_marks
    from mfdvep.expression.calibration import write_calibration
    from mfdvep.expression.genes import read_tss
    from mfdvep.expression.predicted import MarkPredictor
    from mfdvep.expression.profiles import read_profiles
    from mfdvep.expression.reliability import draw_reliability
    from mfdvep.files import Parts, check_outputs, sha256
    from mfdvep.genomics.genome import Genome
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model

    check_outputs(
        {"output": output, "figure": figure}, [profiles, genes, fasta], force=given["force"]
    )
    if figure is not None and figure.suffix not in (".png", ".svg", ".pdf"):
        raise click.UsageError(f"--figure {figure}: expected a name that ends in .png, .svg, .pdf")
    if given["threads"]:
        torch.set_num_threads(given["threads"])
    known = read_profiles(profiles)
    predictor = MarkPredictor(
        load_model(given["model"] or DEFAULT_MODEL),
        known.cells,
        known.marks,
        where=given["where"],
        device=given["device"],
    )
    about = {
        "command": as_typed(),
        "profiles": {
            "file": profiles.name,
            "sha256": sha256(profiles),
            "inputs": known.provenance.get("inputs", {}),  # none, if made in Python
        },
        "gene_table": {"file": genes.name, "sha256": sha256(genes)},
    }
    with Genome(fasta) as genome, progress_bar("marks", "genes", quiet=given["quiet"]) as bar:
        made = calibrate_marks(
            known,
            read_tss(genes),
            genome,
            predictor,
            test=given["test"],
            left_out=given["left_out"],
            about=about,
            progress=bar,
        )
    with Parts(output, figure) as parts:
        write_calibration(made.calibration, parts[output])
        if figure is not None:
            drawn = draw_reliability(made.reliability)
            drawn.savefig(parts[figure], dpi=200, format=figure.suffix[1:])
    if not given["quiet"]:
        _tell(made, output)


def _tell(made: Calibrated, output: Path) -> None:
    """Tell on stderr what came of the genes, and how well marks agree."""
    from mfdvep.wording import aligned

    n_all = sum(made.counts.values())
    said = ", ".join(f"{n:,} {what}" for what, n in made.counts.items() if n)
    header = ["cell", "mark"]
    for use in made.reliability:
        header += [f"R2 {use}", f"Spearman {use}"]
    lines = [header]
    for rows in zip(*made.reliability.values(), strict=True):
        line = [rows[0].cell, rows[0].mark]
        for row in rows:
            line += [f"{row.r2:.3f}", f"{row.spearman:.3f}"]
        lines.append(line)
    click.echo(f"mfdvep: {output}: {n_all:,} genes: {said}", err=True)
    click.echo("\n".join(aligned(lines)), err=True)
    if "test" not in made.reliability:
        click.echo(
            "mfdvep: warning: measured on the genes that it was fitted on alone; name contigs that "
            "the MFD model was not trained on with --test",
            err=True,
        )
