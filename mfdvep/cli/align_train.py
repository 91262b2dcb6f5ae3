"""`mfdvep align train`: tables of people in, an alignment of images and genetics out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.align_options import PATH, named, tell_people
from mfdvep.cli.command import as_typed
from mfdvep.cli.interrupts import interrupt_after_the_step
from mfdvep.cli.progress import progress_bar

if TYPE_CHECKING:
    from mfdvep.cohort.align.training import AlignTrainer

_COUNT = click.IntRange(min=1)
_SHARE = click.FloatRange(0, 0.9, min_open=True)


@click.command()
@click.option("--images", type=PATH, required=True,
              help="Embeddings, or images as an array; a row a person.")  # fmt: skip
@click.option("--genetics", multiple=True, required=True, metavar="[NAME=]FILE",
              help="Burdens, scores, dosages; repeat for more modalities.")  # fmt: skip
@click.option("--covariates", type=PATH, help="Age, sex, ancestry ...; a column fid is families.")
@click.option("--covariate", "chosen", multiple=True,
              help="Only this column of --covariates; repeat.")  # fmt: skip
@click.option("--adjust", type=click.Choice(["residualise", "add", "none"]),
              help="Covariates: taken out of images and genetics, or added to the genetics' "
              "inputs.  [default: residualise if there are any]")  # fmt: skip
@click.option("--people", type=click.Choice(["outer", "inner"]), default="outer",
              show_default=True, help="With one genetic modality or more, or all.")  # fmt: skip
@click.option("--image-encoder", type=click.Choice(["linear", "mlp", "cnn"]), default="mlp",
              show_default=True)  # fmt: skip
@click.option("--genetic-encoder", type=click.Choice(["linear", "mlp"]), default="linear",
              show_default=True)  # fmt: skip
@click.option("--width", type=_COUNT, default=64, show_default=True, help="Of an embedding.")
@click.option("--hidden", type=_COUNT, default=128, show_default=True, help="Of an MLP or CNN.")
@click.option("--projection", type=_COUNT, default=128, show_default=True,
              help="Of what is compared.")  # fmt: skip
@click.option("--dropout", type=click.FloatRange(0, 0.95), default=0.0, show_default=True)
@click.option("--temperature", type=click.FloatRange(min=1e-3), default=0.1, show_default=True)
@click.option("--image-weight", type=click.FloatRange(0, 1), default=0.75, show_default=True,
              help="Of telling whose genetics an image has; the rest is of the other "
              "way.")  # fmt: skip
@click.option("--epochs", type=_COUNT, default=200, show_default=True, help="At most.")
@click.option("--patience", type=click.IntRange(min=0), default=20, show_default=True,
              help="Epochs without a smaller validation loss; 0: all epochs.")  # fmt: skip
@click.option("--batch", type=click.IntRange(min=2), default=256, show_default=True,
              help="People that are compared with each other.")  # fmt: skip
@click.option("--learning-rate", type=click.FloatRange(min=1e-12), default=3e-4,
              show_default=True)  # fmt: skip
@click.option("--weight-decay", type=click.FloatRange(min=0), default=0.3, show_default=True)
@click.option("--validation", type=_SHARE, default=0.15, show_default=True, help="Of the people.")
@click.option("--test", type=_SHARE, default=0.2, show_default=True, help="Of the people.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Of the split and of training.")  # fmt: skip
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto",
              show_default=True, help="auto: bfloat16 on a GPU that has it.")  # fmt: skip
@click.option("--checkpoint-every", type=_COUNT, default=10, show_default=True, help="Epochs.")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=_COUNT, help="CPU threads; default: all cores.")
@click.option("-o", "--output", type=PATH, required=True, help="Folder of the run.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def align_train(
    images: Path,
    genetics: tuple[str, ...],
    covariates: Path | None,
    chosen: tuple[str, ...],
    adjust: str | None,
    resume: bool,
    device: str,
    threads: int | None,
    output: Path,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train encoders in whose space a person's image lies near the own genetics.

    The loss of ContIG: NT-Xent between images and each genetic modality, in both directions, and
    never between images. Who lacks a modality counts nowhere in it. People are split whole
    families at a time; scaling and covariates' regression are of training people alone. The
    validation loss chooses the epoch that is kept.

    The run's folder holds log.jsonl (a line an epoch), checkpoint.pt while it lasts, and model/ at
    its end, with people.tsv (who is in which split) and left_out.tsv (who is not, and why).
    Ctrl-C ends it after the epoch at hand, and --resume goes on from there.

    \b
    Example:
      mfdvep align train --images embeddings.npy --genetics burdens.parquet \\
          --covariates covariates.tsv -o runs/align
    """
    import torch

    from mfdvep.cohort.align.people import Inputs
    from mfdvep.cohort.align.settings import NONE, RESIDUALISE, AlignSettings
    from mfdvep.cohort.align.tables import read_people
    from mfdvep.cohort.align.training import AlignTrainer

    if threads:
        torch.set_num_threads(threads)
    if chosen and covariates is None:
        raise click.UsageError("--covariate names columns of --covariates FILE")
    inputs = Inputs(
        images=read_people(images),
        genetics=tuple(read_people(file, name=name) for name, file in named(genetics).items()),
        covariates=None if covariates is None else read_people(covariates, columns=chosen),
    )
    default = NONE if covariates is None else RESIDUALISE
    trainer = AlignTrainer(
        inputs,
        AlignSettings(adjust=adjust or default, **settings),
        output,
        device=device,
        command=as_typed(without=("--resume",)),
    )
    tell_people(trainer.counts, quiet=quiet)
    for name, n in trainer.counts["constant_columns"].items():
        if n and not quiet:
            click.echo(
                f"mfdvep: {n:,} columns of {name} have one value in all training people, and "
                "count as 0",
                err=True,
            )
    _run(trainer, resume, quiet)


def _run(trainer: AlignTrainer, resume: bool, quiet: bool) -> None:
    try:
        with (
            progress_bar("aligning", "epochs", quiet=quiet) as bar,
            interrupt_after_the_step() as raise_interrupt,
        ):

            def report(epoch: int, total: int, entry: dict[str, float]) -> None:
                if bar is not None:
                    bar(epoch, total, {k: entry[k] for k in ("loss", "validation_loss")})
                raise_interrupt()

            summary = trainer.run(resume=resume, progress=report)
    except KeyboardInterrupt:
        if trainer.saved_epoch is not None:
            kept = f"the same command with --resume goes on from epoch {trainer.saved_epoch}"
            click.echo(f"mfdvep: {kept}", err=True)
        elif not resume:
            click.echo("mfdvep: no epoch is kept; start again", err=True)
        raise
    click.echo(
        f"{trainer.output / 'model'}: best of {summary['epochs']} epochs at "
        f"{summary['best_epoch']}, validation loss {summary['validation_loss']:.4f}",
        err=True,
    )
