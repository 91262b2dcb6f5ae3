"""`mfdvep evaluate`: a model against held-out peaks, as metrics.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mfdvep.cli.progress import progress_bar


@click.command()
@click.argument("model", type=str)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    envvar="MFDVEP_DATA",
    help="Training set that holds the held-out contigs.",
)
@click.option(
    "--split", type=click.Choice(["test", "validation"]), default="test", show_default=True
)
@click.option(
    "--group-by",
    multiple=True,
    metavar="COLUMN",
    help="Column of the track table to average by, and to show; may be repeated. Default: assay, "
    "target, biosample and lab, where the table has them, of which the first is shown.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Fit the measures of independence so many times.",
)
@click.option(
    "--bins", type=click.IntRange(min=1), help="Use only so many bins (20 or more), evenly."
)
@click.option(
    "--strand",
    type=click.Choice(["both", "forward"]),
    default="both",
    show_default=True,
    help="Average predictions over both strands, as scoring does, or not.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="metrics.json to write.")
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder to write: tables by track and group, and figures (PNG, SVG).",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the outputs.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def evaluate(
    model: str,
    data: Path,
    split: str,
    group_by: tuple[str, ...],
    seeds: int,
    bins: int | None,
    strand: str,
    output: Path | None,
    folder: Path | None,
    device: str,
    threads: int | None,
    force: bool,
    quiet: bool,
) -> None:
    """Measure MODEL on the held-out contigs of a training set.

    AUROC and AUPRC of every track from both halves, the biological and the technical alone;
    calibration of the prediction from both; and how independent the halves are. Means go to
    stdout as a table; -o gets all figures, with 95 % intervals, --report tables and plots.

    \b
    Example:
      mfdvep evaluate regulome45 --data runs/regulome45.set -o metrics.json
      mfdvep evaluate regulome45 --data runs/regulome45.set --group-by lab --report runs/report
    """
    import torch

    from mfdvep.files import check_outputs
    from mfdvep.model.checkpoint import load_model
    from mfdvep.model.device import pick_device
    from mfdvep.training.dataset import TrainingSet
    from mfdvep.training.report import evaluate_model, write_metrics

    if output is not None:
        check_outputs({"metrics": output}, [], force=force)
    if folder is not None:
        from mfdvep.training.report_folder import check_report, write_report

        check_report(folder, apart=[p for p in (output, data) if p], force=force)
    if threads:
        torch.set_num_threads(threads)
    network = load_model(model).to(pick_device(device))
    if network.untrained:
        click.echo(
            f"mfdvep: {len(network.untrained)} of the tracks were held out of training and are "
            "among the means; `mfdvep impute` is for them",
            err=True,
        )
    with progress_bar("evaluating", "bins", quiet=quiet) as bar:
        metrics = evaluate_model(
            network,
            TrainingSet.open(data),
            split=split,
            group_by=group_by,
            n_bins=bins,
            strand=strand,
            n_seeds=seeds,
            progress=bar,
        )
    for line in _table(metrics, group_by):
        click.echo("\t".join(line))
    # after the table: a full disk does not lose an hour's figures
    if output is not None:
        write_metrics(metrics, output, force=force)
    if folder is not None:
        write_report(metrics, network.tracks, folder, force=force)


def _table(metrics: dict[str, Any], shown: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield the lines of what a person sees: means by group, then independence with intervals."""
    summary, kinds = metrics["summary"], metrics["kinds"]
    columns = [f"{kind}_{metric}" for metric in ("auroc", "auprc") for kind in kinds]
    columns += ["combined_ece", "combined_calibration_slope"]
    groups = {column: summary["groups"][column] for column in shown or list(summary["groups"])[:1]}
    yield ["group", "n_tracks", *columns]
    for column, members in {"": {"all": summary["all"]}, **groups}.items():
        for value, row in members.items():
            name = value or f"({column} not known)"
            yield [name, str(row["n_tracks"]), *(_figure(row.get(key)) for key in columns)]
    for name, mean in (metrics["independence"] or {}).items():
        interval = metrics["independence_seeds"][name]["interval"]
        yield [name, _figure(mean), "..".join(map(_figure, interval)) if interval else "."]


def _figure(value: float | None) -> str:
    return "." if value is None else f"{value:.4f}"
