"""`mfdvep evaluate`: a model against held-out peaks, as metrics.json."""

from __future__ import annotations

from pathlib import Path

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
@click.option("--group-by", default="assay", show_default=True, help="Column to average by.")
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
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def evaluate(
    model: str,
    data: Path,
    split: str,
    group_by: str,
    bins: int | None,
    strand: str,
    output: Path | None,
    device: str,
    threads: int | None,
    force: bool,
    quiet: bool,
) -> None:
    """Measure MODEL on the held-out contigs of a training set.

    AUROC and AUPRC of every track from both halves, the biological and the technical alone, and
    how independent the halves are. Means go to stdout as a table, all figures to -o.

    \b
    Example:
      mfdvep evaluate regulome45 --data runs/regulome45.set -o metrics.json
    """
    import torch

    from mfdvep.files import check_outputs
    from mfdvep.model.checkpoint import load_model
    from mfdvep.model.device import pick_device
    from mfdvep.training.dataset import TrainingSet
    from mfdvep.training.evaluation import PREDICTIONS
    from mfdvep.training.report import evaluate_model, write_metrics

    if output is not None:
        check_outputs({"metrics": output}, [], force=force)
    if threads:
        torch.set_num_threads(threads)
    with progress_bar("evaluating", "bins", quiet=quiet) as bar:
        metrics = evaluate_model(
            load_model(model).to(pick_device(device)),
            TrainingSet.open(data),
            split=split,
            group_by=group_by,
            n_bins=bins,
            strand=strand,
            progress=bar,
        )
    columns = [f"{kind}_{metric}" for metric in ("auroc", "auprc") for kind in PREDICTIONS]
    click.echo("\t".join([group_by, "n_tracks", *columns]))
    for name, row in metrics["summary"].items():
        values = [f"{row[column]:.4f}" if column in row else "." for column in columns]
        click.echo("\t".join([name or "(not known)", str(row["n_tracks"]), *values]))
    for name, value in metrics["independence"].items():
        click.echo(f"{name}\t{'.' if value is None else f'{value:.4f}'}")
    if output is not None:  # after the table: a full disk does not lose an hour's figures
        write_metrics(metrics, output, force=force)
