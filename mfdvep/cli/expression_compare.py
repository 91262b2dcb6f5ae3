"""`mfdvep expression compare`: profiles in, models beside each other out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.parameters import comma_list
from mfdvep.cli.progress import progress_bar

if TYPE_CHECKING:
    from mfdvep.expression.comparison import Comparison

_PATH = click.Path(path_type=Path)
_ALL = "all"


class _Sizes(click.ParamType):
    """Numbers of training genes, or all, with commas between them."""

    name = "N,N,all"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int | None, ...]:
        if not isinstance(value, str):
            return value
        try:
            sizes = [None if part == _ALL else int(part) for part in value.split(",")]
            if all(size is None or size > 1 for size in sizes) and len(set(sizes)) == len(sizes):
                return tuple(sizes)
        except ValueError:
            pass
        self.fail(f"{value!r}: expected different numbers from 2 on, or all, like 100,1000,all",
                  param, ctx)  # fmt: skip


@click.command("compare")
@click.argument("profiles", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Folder of the comparison.")
@click.option("--sizes", type=_Sizes(), default="100,300,1000,all", show_default=True,
              help="Training genes.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1, 100), default=5, show_default=True,
              help="How many: each draws training genes, autoencoder and heads.")  # fmt: skip
@click.option("--models", metavar="A,B", default="", callback=comma_list,
              help="Comma list; default: all. See the table's column.")  # fmt: skip
@click.option("--settings", metavar="A,B", default="one,all,others", show_default=True,
              callback=comma_list,
              help="Trained on the cell itself, on all cells, on the others.")  # fmt: skip
@click.option("--cells", metavar="A,B", default="", callback=comma_list,
              help="Cells of the profiles; default: all.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), help="Of the autoencoder.")
@click.option("--head-epochs", type=click.IntRange(min=1), help="Of heads and networks.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no figures.")
def expression_compare(
    profiles: Path,
    output: Path,
    sizes: tuple[int | None, ...],
    seeds: int,
    models: tuple[str, ...],
    settings: tuple[str, ...],
    cells: tuple[str, ...],
    epochs: int | None,
    head_epochs: int | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Measure the model of expression beside others, on the test genes of PROFILES.

    Models: marginal (the best mark near the start site), logistic (regression), boosting, cnn (like
    DeepChrome), simplechrome, and this with the latents of the 2 or 4 nearest genes or attention
    over 4. Each is trained on every number of training genes of a cell; some also on all
    cells together, and on the other cells only. Validation genes take no part.

    The folder has table.tsv (AUROC with intervals), differences.tsv (of models, on the same genes
    and seeds), comparison.json with both and how they were made, figures/, and fits/. The same
    command again goes on where it was interrupted; with other models, sizes or seeds it adds to it.

    \b
    Example:
      mfdvep expression compare profiles.parquet -o comparison --sizes 100,1000,all --seeds 3
    """
    import torch

    from mfdvep.cli.command import as_typed
    from mfdvep.expression.comparing import SETTINGS, Plan, open_folder, provenance, run_fits
    from mfdvep.expression.comparison import compare
    from mfdvep.expression.comparison_folder import write_comparison
    from mfdvep.expression.contenders import CONTENDERS, chosen
    from mfdvep.expression.options import TrainOptions
    from mfdvep.expression.profiles import read_profiles
    from mfdvep.expression.training import of_cells
    from mfdvep.files import sha256

    if threads:
        torch.set_num_threads(threads)
    data = read_profiles(profiles)
    if cells:
        data = of_cells(data, cells)
    given = {"epochs": epochs, "head_epochs": head_epochs}
    plan = Plan(
        models=chosen(models or tuple(CONTENDERS), CONTENDERS, "model"),
        sizes=sizes,
        seeds=tuple(range(1, seeds + 1)),
        settings=chosen(settings, SETTINGS, "setting"),
        options=TrainOptions(**{k: v for k, v in given.items() if v is not None}),
    )
    digest = sha256(profiles)
    open_folder(output, digest, data.cells, plan.options)
    try:
        with progress_bar("comparing", "fits", quiet=quiet) as bar:
            found = run_fits(data, plan, output, progress=bar)
    except KeyboardInterrupt:
        click.echo("mfdvep: the same command goes on from here", err=True)
        raise
    comparison = compare(data, found)
    write_comparison(comparison, provenance(data, plan, digest, as_typed()), output)
    if not quiet:
        for line in _lines(comparison):
            click.echo(line, err=True)


def _lines(comparison: Comparison) -> Iterator[str]:
    """Yield what a person sees: the AUROC by setting, cell and model, a column a size."""
    from mfdvep.wording import aligned, area

    sizes = sorted({row["genes"] for row in comparison.models})
    found = {(r["setting"], r["cell"], r["model"], r["genes"]): r for r in comparison.models}
    table = [["trained on", "cell", "model", *(f"{size:,}" for size in sizes)]]
    for setting, cell, model in dict.fromkeys(key[:3] for key in found):
        row = [found.get((setting, cell, model, size)) for size in sizes]
        table.append([setting, cell, model, *(area(r["auroc"] if r else None) for r in row)])
    yield from aligned(table)
