"""`mfdvep expression explain`: which marks and bins carry predictions, and what latents mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar

if TYPE_CHECKING:
    from mfdvep.expression.explaining import Explained

_PATH = click.Path(path_type=Path)
_SPLITS = ("train", "validation", "test", "left_out")


@click.command("explain")
@click.argument("profiles", type=_PATH)
@click.option("-m", "--model", help="Model's folder or bundled name.  [default: the bundled one]")
@click.option("-o", "--output", type=_PATH, required=True, help="Folder to write.")
@click.option("--gene", "genes", multiple=True, metavar="NAME|ID",
              help="A gene to explain, with a figure; repeat.")  # fmt: skip
@click.option("--cell", "cells", multiple=True, metavar="NAME",
              help="A cell; repeat.  [default: all that model and profiles have]")  # fmt: skip
@click.option("--split", type=click.Choice(_SPLITS), default="test", show_default=True,
              help="Genes that the averages are over, by what their contigs were in the "
              "model's training.")  # fmt: skip
@click.option("--most", metavar="N", type=click.IntRange(min=10), default=500, show_default=True,
              help="Draw as many of them if there are more.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--steps", metavar="N", type=click.IntRange(8, 1024), default=64, show_default=True,
              help="Points on the path of integrated gradients.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the folder.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def expression_explain(
    profiles: Path, output: Path, threads: int | None, quiet: bool, force: bool, **given: Any
) -> None:
    """Tell which marks, and where, carry predictions of expression from PROFILES.

    For each --gene a figure has what each mark and bin contributes to the prediction (integrated
    gradients, from a gene without marks), above the marks themselves. For each cell a figure has
    what the latents stand for: where marks contribute to them and correlate with them, over genes
    of a split, and what the head makes of each. On stdout: a line a latent.

    \b
    Example:
      mfdvep expression explain profiles.parquet -m head -o explained --gene GATA1 --gene MYC
    """
    import torch

    from mfdvep import __version__
    from mfdvep.expression.explain_folder import MARKER, write_explained
    from mfdvep.expression.explaining import explain
    from mfdvep.expression.model import load_expression_model
    from mfdvep.expression.profiles import read_profiles
    from mfdvep.files import sha256
    from mfdvep.folders import check_output

    check_output(output, marker=MARKER, force=force, apart=[profiles])
    if threads:
        torch.set_num_threads(threads)
    name = given.pop("model")
    model = load_expression_model() if name is None else load_expression_model(name)
    table = read_profiles(profiles)
    n_steps = given.pop("steps")
    with progress_bar("explaining", "genes", quiet=quiet) as bar:
        found = explain(model, table, n_steps=n_steps, progress=bar, **given)
    about = {
        "mfdvep": __version__,
        "command": as_typed(),
        "model": model.provenance,
        "profiles": {"path": str(profiles), "sha256": sha256(profiles)},
        "options": {**given, "steps": n_steps},
    }
    write_explained(found, output, about=about, force=force)
    _tell(found, output)


def _tell(found: Explained, output: Path) -> None:
    """Show the latents, the genes, and how far contributions sum to what they should."""
    from mfdvep.expression.explain_folder import gene_rows, latent_rows
    from mfdvep.wording import aligned, interval, percent, plural, signed

    for of in found.roles:
        rows = latent_rows(of, found.marks)
        table = [["output", f"{found.unit} a SD", "95 %", "rises in", "rho", "mark", "bases", "r"]]
        for k, name in enumerate(rows["output"]):
            place = (
                "." if rows["mark"][k] is None else f"{rows['from'][k]:+d} to {rows['to'][k]:+d}"
            )
            table.append(
                [
                    name,
                    *(
                        [signed(rows["effect"][k]),
                         interval(rows["effect_low"][k], rows["effect_high"][k], text=signed),
                         percent(rows["rising"][k])]
                        if k else ["", "", ""]
                    ),
                    _correlation(rows["expression"][k]),
                    rows["mark"][k] or ".",
                    place,
                    _correlation(rows["correlation"][k]),
                ]
            )  # fmt: skip
        click.echo(f"{of.cell}: {plural(of.n_genes, 'gene')}")
        click.echo("\n".join(f"  {line}" for line in aligned(table)))
    if found.genes:
        rows = gene_rows(found)
        names = [
            name or gene for name, gene in zip(rows["gene_name"], rows["gene_id"], strict=True)
        ]
        columns = ("prediction", "without_marks", *found.marks)
        table = [["gene", "cell", *columns]]
        for i, gene in enumerate(names):
            numbers = [signed(rows[column][i]) for column in columns]
            table.append([gene, rows["cell"][i], *numbers])
        click.echo(f"contributions of marks ({found.unit})")
        click.echo("\n".join(f"  {line}" for line in aligned(table)))
    gaps = found.completeness
    click.echo(
        f"mfdvep: {output}: contributions of {gaps['genes']:,} predictions sum to what they should "
        f"but for {gaps['median']:.2g} (median), {gaps['largest']:.2g} at most ({found.unit})",
        err=True,
    )


def _correlation(value: float) -> str:
    return "." if value != value else f"{value:+.2f}"
