"""`mfdvep expression train`: profiles in, a folder with a model of expression out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from mfdvep.cli.parameters import comma_list
from mfdvep.cli.progress import Report, progress_bar

_PATH = click.Path(path_type=Path)


@click.command("train")
@click.argument("profiles", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Folder of the model.")
@click.option("--target", type=click.Choice(["label", "log_expression"]), default="label",
              show_default=True, help="What the head gives: the logit of being above the cell's "
              "threshold, or log2(expression + 1).")  # fmt: skip
@click.option("--cells", metavar="A,B", default="", callback=comma_list,
              help="Cells of the profiles; default: all. Of several the cell "
              "is an input.")  # fmt: skip
@click.option("--latent", type=click.IntRange(min=1), default=10, show_default=True,
              help="Size of the representation.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), help="Of the autoencoder, "
              "and as many more as 60 steps take; config.json says how many.")  # fmt: skip
@click.option("--head-epochs", type=click.IntRange(min=1), help="Of a head; likewise.")
@click.option("--heads", type=click.IntRange(1, 1000), help="Heads whose mean predicts.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Replace the folder of a model.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no figures.")
def expression_train(
    profiles: Path,
    output: Path,
    target: str,
    cells: tuple[str, ...],
    latent: int,
    epochs: int | None,
    head_epochs: int | None,
    heads: int | None,
    seed: int,
    threads: int | None,
    force: bool,
    quiet: bool,
) -> None:
    """Train the model of expression on PROFILES, made by `mfdvep expression prepare`.

    A variational autoencoder learns a small representation of the marks round a gene from the
    training genes' profiles, without labels; heads learn from it whether the gene's expression is
    above the cell's threshold. Validation genes tell which epoch to keep, test genes take no part.

    The folder has model.safetensors, config.json, metrics.json (how well genes of the other splits
    are predicted) and log.json (losses). The same seed gives the same weights on the same machine,
    threads and version of PyTorch.

    \b
    Example:
      mfdvep expression train profiles.parquet -o head --seed 1
    """
    import torch

    from mfdvep.cli.command import as_typed
    from mfdvep.expression.measuring import measure
    from mfdvep.expression.model import load_expression_model, write_model
    from mfdvep.expression.options import TrainOptions
    from mfdvep.expression.profiles import read_profiles
    from mfdvep.expression.training import of_cells, train_model
    from mfdvep.folders import check_output, new_folder, write_json
    from mfdvep.model.checkpoint import CONFIG

    check_output(output, marker=CONFIG, force=force, apart=[profiles])
    if threads:
        torch.set_num_threads(threads)
    data = read_profiles(profiles)
    if cells:
        data = of_cells(data, cells)
    given = {"n_latent": latent, "epochs": epochs, "head_epochs": head_epochs, "heads": heads}
    options = TrainOptions(**{k: v for k, v in given.items() if v is not None})
    bars: dict[str, Report | None] = {}
    with ExitStack() as stack:

        def report(what: str, done: int, total: int, figures: dict[str, float]) -> None:
            if what not in bars:  # a bar counts the time from its beginning
                bars[what] = stack.enter_context(progress_bar(what, "epochs", quiet=quiet))
            if (bar := bars[what]) is not None:
                bar(done, total, figures)

        trained = train_model(data, options, target=target, seed=seed, progress=report)
    trained.model.about["command"] = as_typed()
    with new_folder(output, marker=CONFIG, force=force) as part:
        write_model(trained.model, part)
        metrics = measure(load_expression_model(part), data)
        metrics["model"]["name"] = output.resolve().name
        write_json(part / "metrics.json", metrics, allow_nan=False)
        write_json(part / "log.json", trained.log, allow_nan=False)
    if not quiet:
        for line in _lines(metrics):
            click.echo(line, err=True)


def _lines(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield what a person sees: the AUROC by cell and split."""
    from mfdvep.wording import aligned, area, interval

    table = [["split", "cell", "genes", "high", "AUROC", "95 %"]]
    for split, cells in metrics["splits"].items():
        for cell, row in cells.items():
            around = interval(row["auroc_low"], row["auroc_high"], text=area)
            counts = [f"{row['n']:,}", f"{row['n_high']:,}"]
            table.append([split.replace("_", " "), cell, *counts, area(row["auroc"]), around])
    yield from aligned(table)
