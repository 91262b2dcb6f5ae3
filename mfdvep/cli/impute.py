"""`mfdvep impute`: experiments that a model was not trained on, predicted from their metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.cli.progress import progress_bar

_COLUMNS = ("mean", "low", "high", "p")


@click.command()
@click.argument("model", type=str)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    envvar="MFDVEP_DATA",
    help="Training set that holds the held-out contigs and experiments.",
)
@click.option(
    "--split", type=click.Choice(["test", "validation"]), default="test", show_default=True
)
@click.option(
    "--same",
    multiple=True,
    default=("target", "biosample"),
    show_default=True,
    help="Column whose value the tracks that are averaged share; repeat.",
)
@click.option(
    "--bins", type=click.IntRange(min=1), help="Use only so many bins (20 or more), evenly."
)
@click.option("--lead", type=click.Choice(["hypernetwork", "virtual"]), default="hypernetwork",
              show_default=True, help="Whose lead the table has.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the bootstrap.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file to write.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def impute(
    model: str,
    data: Path,
    split: str,
    same: tuple[str, ...],
    bins: int | None,
    lead: str,
    seed: int,
    output: Path | None,
    device: str,
    threads: int | None,
    force: bool,
    quiet: bool,
) -> None:
    """Measure how well MODEL predicts the experiments that it was not trained on.

    MODEL was trained with `hold_out` in its recipe, or `mfdvep train --hold-out`. Each experiment
    that was held out is predicted on contigs that were held out too: from all of its metadata
    (hypernetwork), and from the columns of --same alone (virtual: technique averaged out). Beside
    them stand the means of trained experiments of the same target, biosample, both, and of all: of
    their predictions (predicted_), and of their peaks (observed_), which only an experiment on
    these contigs can give. The table on stdout has means over experiments, and the lead of one
    (--lead) in AUROC and AUPRC: mean, 95 % bootstrap interval, Wilcoxon's p. All figures go to -o.

    \b
    Example:
      mfdvep impute runs/held/model --data runs/regulome45.set -o imputation.json
    """
    import torch

    from mfdvep.files import check_outputs
    from mfdvep.model.checkpoint import load_model
    from mfdvep.model.device import pick_device
    from mfdvep.training.dataset import TrainingSet
    from mfdvep.training.imputation import impute as measure
    from mfdvep.training.report import write_metrics

    if output is not None:
        check_outputs({"metrics": output}, [], force=force)
    if threads:
        torch.set_num_threads(threads)
    with progress_bar("imputing", "bins", quiet=quiet) as bar:
        found = measure(
            load_model(model).to(pick_device(device)),
            TrainingSet.open(data),
            split=split,
            same=same,
            n_bins=bins,
            seed=seed,
            progress=bar,
        )
    _show(found, lead)
    if output is not None:  # after the table: a full disk does not lose an hour's figures
        write_metrics(found, output, force=force)


def _show(found: dict[str, Any], of: str) -> None:
    leads = [f"{metric}_lead_{name}" for metric in ("auroc", "auprc") for name in _COLUMNS]
    click.echo("\t".join(["prediction", "n_tracks", "auroc", "auprc", *leads]))
    for kind, row in found["summary"].items():
        lead = found["differences"][of].get(kind, {})
        cells = [row["auroc"], row["auprc"]]
        cells += [lead.get(m, {}).get(name) for m in ("auroc", "auprc") for name in _COLUMNS]
        click.echo("\t".join([kind, str(row["n_tracks"]), *map(_text, cells)]))
    if missing := found["held_out"] - found["measured"]:
        click.echo(
            f"mfdvep: {missing} of {found['held_out']} held-out experiments have no peak, or "
            f"nothing else, on the {found['split']} contigs, and no figures",
            err=True,
        )


def _text(value: float | None) -> str:
    return "." if value is None else f"{value:.4g}"
