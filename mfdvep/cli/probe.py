"""`mfdvep probe`: how well latent features predict labels of regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("features", metavar="[NAME=]FEATURES...", nargs=-1, required=True)
@click.argument("labels", type=_PATH)
@click.option("-t", "--task", "tasks", multiple=True, help="Only this column of LABELS; repeat.")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True,
              help="Each of whole chromosomes.")  # fmt: skip
@click.option("--inner-folds", type=click.IntRange(min=2), default=3, show_default=True,
              help="Of the training chromosomes, to choose the penalty.")  # fmt: skip
@click.option("--penalty", "penalties", type=click.FloatRange(min=0, min_open=True), multiple=True,
              help="C of scikit-learn, smaller is stronger; repeat, the best is chosen.  "
              "[default: 0.0001, 0.001, 0.01, 0.1, 1]")  # fmt: skip
@click.option("--balanced", is_flag=True, help="Weigh positives and negatives alike when fitting.")
@click.option("--match", type=click.Choice(["none", "random", "gc"]), default="none",
              show_default=True, help="Negatives of a task: all, or for each positive of a fold so "
              "many at random, or those of the nearest GC.")  # fmt: skip
@click.option("--ratio", type=click.IntRange(min=1), default=1, show_default=True,
              help="Negatives a positive, with --match.")  # fmt: skip
@click.option("--skip-tasks", is_flag=True, help="Leave out tasks that have a single class in a "
              "fold, which is else an error.")  # fmt: skip
@click.option("--permute", type=click.IntRange(min=0), default=0, show_default=True,
              help="Do everything again so often with permuted labels.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("-o", "--output", type=_PATH, help="Folder for tables and figures.")
@click.option("--force", is_flag=True, help="Overwrite the folder.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def probe(features: tuple[str, ...], labels: Path, output: Path | None, **given: Any) -> None:
    """Tell how well FEATURES predict LABELS of the same regions, by half and model.

    FEATURES are files of `mfdvep features`, one a model, tested on the same regions. LABELS is a
    table (tab-separated or Parquet): columns name, or chrom, start and end, and a column a task
    with 1, 0 or nothing. For each task a ridge logistic regression is fitted and tested on other
    chromosomes, with a penalty chosen on chromosomes that are not tested. The figures are means
    over folds, then over tasks: of both halves combined, the biological and the technical, and of
    GC content alone, which any should beat.

    \b
    Example:
      mfdvep probe regulome45.parquet enhancers.labels.tsv --match gc -o enhancers.probe
    after
      mfdvep features enhancers.bed -f genome.fa -o regulome45.parquet
    """
    from mfdvep.interpret.probes.design import models_of
    from mfdvep.interpret.probes.fitting import PENALTIES, Fitting
    from mfdvep.interpret.probes.probing import probe as measure
    from mfdvep.interpret.probes.report import check_report, terminal_table, write_report
    from mfdvep.interpret.probes.tasks import ProbeOptions

    models = models_of(features)
    if output is not None:
        check_report(output, apart=[*map(Path, models.values()), labels], force=given["force"])
    options = ProbeOptions(
        tasks=given["tasks"],
        n_folds=given["folds"],
        fitting=Fitting(
            penalties=tuple(sorted(set(given["penalties"]))) or PENALTIES,
            inner_folds=given["inner_folds"],
            balanced=given["balanced"],
        ),
        match=given["match"],
        ratio=given["ratio"],
        skip_tasks=given["skip_tasks"],
        n_permutations=given["permute"],
        seed=given["seed"],
    )
    with progress_bar("probing", "regressions", quiet=given["quiet"]) as bar:
        found = measure(
            models,
            labels,
            options=options,
            command=as_typed(),
            progress=bar,
        )
    click.echo(terminal_table(found), nl=False)
    _tell(found.counts, found.settings["skipped"])
    if late := sum(row["n_unconverged"] for row in found.scores):
        click.echo(f"mfdvep: {late} regressions were stopped before the solver was done", err=True)
    if output is not None:
        write_report(found, output, force=given["force"])


def _tell(counts: Any, skipped: dict[str, str]) -> None:
    """Tell on stderr what was left out."""
    left = counts["label_rows"] - counts["used"]
    if left:
        click.echo(
            f"mfdvep: of {counts['label_rows']:,} regions with labels {left:,} were not used: "
            f"{counts['not_in_features']:,} are not in the features, "
            f"{counts['without_features']:,} have none there (off their contig, or mostly N)",
            err=True,
        )
    if skipped:
        names = ", ".join(list(skipped)[:5]) + (", ..." if len(skipped) > 5 else "")
        click.echo(f"mfdvep: {len(skipped)} of {counts['tasks']} tasks skipped: {names}", err=True)
