"""`mfdvep sweep`: a recipe trained with several lambdas and seeds, and one table of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.cli.interrupts import interrupt_after_the_step
from mfdvep.cli.progress import progress_bar

_PATH = click.Path(path_type=Path)


class _Numbers(click.ParamType):
    """Numbers of at least 0 with commas between them."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.name = "N,N"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Any, ...]:
        try:
            numbers = tuple(self.kind(part) for part in value.split(","))
            if all(number >= 0 for number in numbers):
                return numbers
        except ValueError:
            pass
        self.fail(f"{value!r}: expected numbers of at least 0, like 0,1", param, ctx)


@click.command()
@click.argument("recipe", type=_PATH)
@click.option("--data", type=_PATH, help="Training set; default: the recipe's.")
@click.option("-o", "--output", type=_PATH, required=True, help="Folder of the sweep.")
@click.option("--independence", type=_Numbers(float), default="0,0.001,0.01,0.1",
              show_default=True, help="lambdas, with commas.")  # fmt: skip
@click.option("--plain", is_flag=True, help="Also the baseline without metadata.")
@click.option("--seeds", type=_Numbers(int), default="1,2", show_default=True,
              help="Seeds, with commas.")  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), help="Stretch or shorten the recipe.")
@click.option("--split", type=click.Choice(["validation", "test"]), default="validation",
              show_default=True, help="Contigs to measure on.")  # fmt: skip
@click.option("--bins", type=click.IntRange(min=1), help="Measure on so many bins, evenly.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def sweep(
    recipe: Path,
    data: Path | None,
    output: Path,
    independence: tuple[float, ...],
    plain: bool,
    seeds: tuple[int, ...],
    steps: int | None,
    split: str,
    bins: int | None,
    device: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Train RECIPE with every lambda and seed, measure each model, and write one table.

    The table is sweep.tsv in the folder, and goes to stdout. The same command again goes on
    where it was interrupted. Choose by the validation contigs; keep the test contigs for what
    has been chosen.

    \b
    Example:
      mfdvep sweep train/regulome45.toml --data runs/regulome45.set -o runs/sweep --seeds 1,2
    """
    import torch

    from mfdvep.errors import InputError
    from mfdvep.training.dataset import TrainingSet
    from mfdvep.training.recipe import Recipe
    from mfdvep.training.sweep import TABLE
    from mfdvep.training.sweep import sweep as run_all

    plan = Recipe.read(recipe).in_steps(steps)
    folder = data or plan.data
    if not folder:
        raise InputError(f"{recipe}: names no data; give --data SET or put it into the recipe")
    if threads:
        torch.set_num_threads(threads)
    with (
        progress_bar("training", "steps of all runs", quiet=quiet) as bar,
        interrupt_after_the_step() as raise_interrupt,
    ):
        at, of = 1, 1

        def began(name: str, number: int, total: int) -> None:
            nonlocal at, of
            at, of = number, total
            if not quiet:
                click.echo(f"mfdvep: {number}/{total}: {name}", err=True)

        def report(step: int, total: int, entry: dict[str, float]) -> None:
            if bar is not None:
                bar((at - 1) * total + step, of * total)
            raise_interrupt()

        try:
            run_all(
                plan,
                TrainingSet.open(folder),
                output,
                independence=independence,
                plain=plain,
                seeds=seeds,
                split=split,
                n_bins=bins,
                device=device,
                began=began,
                progress=report,
            )
        except KeyboardInterrupt:
            click.echo("mfdvep: the same command goes on from here", err=True)
            raise
    click.echo((output / TABLE).read_text(encoding="utf-8"), nl=False)
