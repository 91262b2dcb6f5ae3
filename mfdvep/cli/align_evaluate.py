"""`mfdvep align evaluate`: retrieval and probes of an alignment, on people who were held out."""

from __future__ import annotations

from pathlib import Path

import click

from mfdvep.cli.align_options import PATH, named, other_inputs, tell_people
from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar


@click.command()
@click.argument("folder", type=PATH)
@click.option("--phenotype", "phenotypes", multiple=True, metavar="FILE:COLUMN",
              help="Probe the image embedding for this; repeat.")  # fmt: skip
@click.option("--labelled", "sizes", type=click.IntRange(min=10), multiple=True,
              help="Labelled people of a probe; repeat.  [default: 50, 100, 200, 500, "
              "all]")  # fmt: skip
@click.option("--draws", type=click.IntRange(min=1), default=20, show_default=True,
              help="Of the labelled people.")  # fmt: skip
@click.option("--permutations", type=click.IntRange(min=1000), default=10_000, show_default=True,
              help="Of pairs.")  # fmt: skip
@other_inputs
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("-o", "--output", type=PATH, help="Folder for tables and figures.")
@click.option("--force", is_flag=True, help="Overwrite the folder.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def align_evaluate(
    folder: Path,
    phenotypes: tuple[str, ...],
    sizes: tuple[int, ...],
    draws: int,
    permutations: int,
    images: Path | None,
    genetics: tuple[str, ...],
    covariates: Path | None,
    seed: int,
    output: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Measure the alignment in FOLDER, of `mfdvep align train`, on people who were held out.

    Retrieval: how often a person's own genetics are among the 1, 5 and 10 nearest of the image,
    and the other way, against pairs at random; p is of each measure alone. Probe: a ridge
    regression on the image embedding, fitted on few labelled training people and tested on held-out
    ones, of the embedding before (input, and encoder without training) and after: AUROC of a
    phenotype that is 0 or 1, else correlation.

    With other inputs, people whom training did not have are held out, but for relatives.

    \b
    Example:
      mfdvep align evaluate runs/align --phenotype phenotypes.tsv:trait -o runs/align.evaluation
    """
    from mfdvep.cohort.align.evaluating import SIZES, EvaluationOptions, evaluate
    from mfdvep.cohort.align.held_out import hold_out, read_inputs
    from mfdvep.cohort.align.model_folder import load
    from mfdvep.cohort.align.reports import EVALUATION, evaluation_lines, write_evaluation
    from mfdvep.folders import check_output

    pairs = [_phenotype(text) for text in phenotypes]
    if output is not None:
        apart = [folder, *(Path(file) for file, _ in pairs)]
        check_output(output, marker=EVALUATION, force=force, apart=apart)
    model = load(folder)
    inputs = read_inputs(
        model, images=images, genetics=named(genetics) or None, covariates=covariates
    )
    held = hold_out(model, inputs)
    tell_people(held.counts, quiet=quiet)
    options = EvaluationOptions(
        phenotypes=tuple(pairs),
        sizes=sizes or SIZES,
        n_draws=draws,
        n_permutations=permutations,
        seed=seed,
    )
    with progress_bar("evaluating", "steps", quiet=quiet) as bar:
        found = evaluate(model, held, options, command=as_typed(), progress=bar)
    click.echo("\n".join(evaluation_lines(found)))
    if output is not None:
        write_evaluation(found, output, force=force)


def _phenotype(text: str) -> tuple[str, str]:
    file, _, column = text.rpartition(":")
    if not file or not column:
        raise click.UsageError(f"--phenotype {text!r}: expected FILE:COLUMN")
    return file, column
