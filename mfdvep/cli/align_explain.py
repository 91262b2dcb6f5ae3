"""`mfdvep align explain`: which genes carry an alignment."""

from __future__ import annotations

from pathlib import Path

import click

from mfdvep.cli.align_options import PATH, named, other_inputs, tell_people
from mfdvep.cli.command import as_typed


@click.command()
@click.argument("folder", type=PATH)
@click.option("--components", type=click.IntRange(min=1), default=10, show_default=True,
              help="Principal components of the image embedding that are associated.")  # fmt: skip
@other_inputs
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("-o", "--output", type=PATH, help="Folder for tables and figures.")
@click.option("--force", is_flag=True, help="Overwrite the folder.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of the people.")
def align_explain(
    folder: Path,
    components: int,
    images: Path | None,
    genetics: tuple[str, ...],
    covariates: Path | None,
    seed: int,
    output: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Tell which genetic inputs carry the alignment in FOLDER, in people who were held out.

    Integrated gradients of the similarity of each person's own pair, from the mean person on: the
    mean size by column, and by region (the columns REGION|WEIGHT together), with intervals over
    families. And each principal component of the image embedding is regressed on each column with
    the covariates: p, corrections over all tests of a modality, genomic inflation (lambda).

    \b
    Example:
      mfdvep align explain runs/align -o runs/align.explanation
    """
    from mfdvep.cohort.align.explaining import explain
    from mfdvep.cohort.align.held_out import hold_out, read_inputs
    from mfdvep.cohort.align.model_folder import load
    from mfdvep.cohort.align.reports import EXPLANATION, explanation_lines, write_explanation
    from mfdvep.folders import check_output

    if output is not None:
        check_output(output, marker=EXPLANATION, force=force, apart=[folder])
    model = load(folder)
    inputs = read_inputs(
        model, images=images, genetics=named(genetics) or None, covariates=covariates
    )
    held = hold_out(model, inputs)
    tell_people(held.counts, quiet=quiet)
    found = explain(model, held, n_components=components, seed=seed, command=as_typed())
    click.echo("\n".join(explanation_lines(found)))
    if output is not None:
        write_explanation(found, output, force=force)
