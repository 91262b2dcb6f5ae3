"""`mfdvep probe-labels`: regions and labels for `mfdvep features` and `mfdvep probe`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mfdvep.interpret.label_sets.label_set import LabelSet

_PATH = click.Path(path_type=Path)


@click.command("probe-labels")
@click.argument("source", metavar="FILE", type=_PATH)
@click.option("-o", "--output", metavar="PREFIX", type=_PATH, required=True,
              help="Writes PREFIX.bed, PREFIX.labels.tsv and, of VISTA, PREFIX.fa.")  # fmt: skip
@click.option("--samples", type=_PATH, help="FANTOM5: table with columns sample, tissue and "
              "perhaps threshold; default: each sample is a task.")  # fmt: skip
@click.option("--active-above", type=float, default=0.0, show_default=True,
              help="FANTOM5: active is a mean over a tissue's samples above this.")  # fmt: skip
@click.option("--species", type=click.Choice(["human", "mouse"]), default="human",
              show_default=True, help="VISTA: whose elements.")  # fmt: skip
@click.option("--class-column", type=click.IntRange(min=4), default=4, show_default=True,
              help="BED: column with the class; a task each.")  # fmt: skip
@click.option("--background", type=click.IntRange(min=0), default=0, show_default=True,
              help="BED: windows outside all its regions, for each region.")  # fmt: skip
@click.option("--against", type=click.Choice(["rest", "background", "both"]), default="both",
              show_default=True, help="BED: the negatives of a class.")  # fmt: skip
@click.option("-f", "--fasta", type=_PATH, envvar="MFDVEP_FASTA", help="Reference genome, for "
              "--background.")  # fmt: skip
@click.option("--least", type=click.IntRange(min=1), default=10, show_default=True,
              help="Leave out tasks with fewer positives or negatives.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--force", is_flag=True, help="Overwrite the outputs.")
@click.option("-q", "--quiet", is_flag=True, help="No counts.")
def probe_labels(source: Path, output: Path, **given: Any) -> None:
    """Make regions and their labels from FILE, for `mfdvep features` and `mfdvep probe`.

    FILE is FANTOM5's matrix of human enhancers by sample (TPM, or usage of 1 and 0), the VISTA
    enhancer browser's FASTA, or a BED with classes such as ENCODE's cCREs; told by content.

    \b
    Example:
      mfdvep probe-labels vista_enhancers.fa -o vista
      mfdvep features vista.fa -o vista.parquet
      mfdvep probe vista.parquet vista.labels.tsv
    """
    from mfdvep.interpret.label_sets.label_set import check_targets, keep_tasks, write_label_set

    inputs = [p for p in (source, given["samples"], given["fasta"]) if p is not None]
    check_targets(output, inputs, force=given["force"])
    found = keep_tasks(_read(source, given), given["least"])
    files = write_label_set(found, output)
    if not given["quiet"]:
        said = ", ".join(f"{n:,} {what}" for what, n in found.counts.items())
        click.echo(f"mfdvep: {', '.join(map(str, files.values()))}: {said}", err=True)


def _read(source: Path, given: dict[str, Any]) -> LabelSet:
    import numpy as np

    from mfdvep.genomics.genome import Genome
    from mfdvep.interpret.label_sets.classes import read_classes
    from mfdvep.interpret.label_sets.fantom5 import read_fantom5, read_tissues
    from mfdvep.interpret.label_sets.layouts import layout_of
    from mfdvep.interpret.label_sets.vista import read_vista

    layout = layout_of(source)
    if layout == "vista":
        return read_vista(source, species=given["species"])
    if layout == "fantom5":
        tissues = None if given["samples"] is None else read_tissues(given["samples"])
        return read_fantom5(source, tissues=tissues, active_above=given["active_above"])
    with ExitStack() as stack:
        fasta = given["fasta"] if given["background"] else None
        return read_classes(
            source,
            column=given["class_column"],
            genome=None if fasta is None else stack.enter_context(Genome(fasta)),
            background=given["background"],
            against=given["against"],
            rng=np.random.default_rng(given["seed"]),
        )
