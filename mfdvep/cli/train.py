"""`mfdvep train`: a recipe and a training set in, a model folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mfdvep.cli.interrupts import interrupt_after_the_step
from mfdvep.cli.progress import progress_bar
from mfdvep.errors import InputError

if TYPE_CHECKING:
    from mfdvep.training.trainer import Trainer

_SHOWN = ("bce", "dependence", "validation_bce", "validation_auroc")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), help="Training set; default: the recipe's."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option(
    "--steps", type=click.IntRange(min=1), help="Draw the recipe out, or cut it short, to this."
)
@click.option(
    "--independence", type=click.FloatRange(min=0), help="lambda, instead of the recipe's."
)
@click.option("--plain", is_flag=True, help="The baseline: no metadata, a plain linear head.")
@click.option(
    "--hold-out",
    multiple=True,
    metavar="N|NAME|FILE",
    help="Leave experiments out: draw N of them, or name them (a file has one a line); repeat.",
)
@click.option("--seed", type=int, help="Instead of the recipe's seed.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def train(
    recipe: Path,
    data: Path | None,
    output: Path | None,
    resume: bool,
    steps: int | None,
    independence: float | None,
    plain: bool,
    hold_out: tuple[str, ...],
    seed: int | None,
    device: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Train a model from RECIPE, a TOML file, and a training set made by `mfdvep prepare`.

    The run's folder holds log.jsonl (one line a step), checkpoint.pt while it lasts, and model/
    with the weights of the smallest validation loss at its end. Ctrl-C ends it after the step at
    hand, and --resume goes on from there; a second one ends it at once.

    With --hold-out, `mfdvep impute` can then tell how well metadata alone predict an experiment.

    Under torchrun its processes share every batch, a GPU each, and give, to rounding, what one
    process gives (with dropout or accumulate only in distribution).

    \b
    Example:
      mfdvep train train/regulome45.toml --data runs/regulome45.set -o runs/mine
      torchrun --nproc-per-node 8 -m mfdvep train train/paper.toml
    """
    import torch

    from mfdvep.model.processes import together
    from mfdvep.training.dataset import TrainingSet
    from mfdvep.training.recipe import Recipe
    from mfdvep.training.trainer import Trainer

    plan = Recipe.read(recipe).in_steps(steps)
    plan = plan.override(
        independence=independence,
        seed=seed,
        hold_out=_number_or_names(hold_out) if hold_out else None,
    )
    if plain:
        plan = plan.without_metadata()
    folder, run = data or plan.data, output or plan.output
    if not folder or not run:
        raise InputError(
            f"{recipe}: names no {'output' if folder else 'data'}; "
            f"give {'-o FOLDER' if folder else '--data SET'} or put it into the recipe"
        )
    if threads:
        torch.set_num_threads(threads)
    with together(device) as own:
        _run(Trainer(plan, TrainingSet.open(folder), run, device=own), resume, quiet)


def _number_or_names(given: tuple[str, ...]) -> int | tuple[str, ...]:
    is_number = len(given) == 1 and given[0].isascii() and given[0].isdecimal()
    return int(given[0]) if is_number else given


def _run(trainer: Trainer, resume: bool, quiet: bool) -> None:
    quiet = quiet or not trainer.writes
    try:
        with (
            progress_bar("training", "steps", quiet=quiet) as bar,
            interrupt_after_the_step() as raise_interrupt,
        ):

            def report(step: int, total: int, entry: dict[str, float]) -> None:
                if bar is not None:
                    bar(step, total, {k: entry[k] for k in _SHOWN if k in entry})
                raise_interrupt()

            summary = trainer.run(resume=resume, progress=report)
    except KeyboardInterrupt:
        if not trainer.writes:
            raise
        if trainer.saved_step is not None:
            kept = f"the same command with --resume goes on from step {trainer.saved_step}"
            click.echo(f"mfdvep: {kept}", err=True)
        elif not resume:
            click.echo("mfdvep: no step is kept; start again", err=True)
        raise
    if trainer.writes:
        click.echo(
            f"{trainer.output / 'model'}: best of {summary['steps']} steps at "
            f"{summary['best_step']}, validation loss {summary['bce']:.5f}",
            err=True,
        )
        if held_out := len(trainer.held_out.rows):
            click.echo(
                f"mfdvep: {held_out} experiments were held out; `mfdvep impute` measures how well "
                "they are predicted",
                err=True,
            )
