"""`mfdvep align`: images of people against their genetics, one subcommand a step."""

from __future__ import annotations

import click

from mfdvep.cli.lazy import LazyGroup

COMMANDS = {
    "train": "Align image embeddings with genetics by contrast.",
    "evaluate": "Measure retrieval and probes on held-out people.",
    "explain": "Tell which genes carry an alignment.",
}


@click.group(cls=LazyGroup, told=COMMANDS, prefix="align_")
def align() -> None:
    """Align images of people, or their embeddings, with genetics such as burdens.

    Every file has a row a person, named by a column iid: Parquet, tab-separated, or NAME.npy with
    NAME.iid.txt beside it. Nothing is learnt from people who are held out.

    \b
    Example:
      mfdvep align train --images embeddings.npy --genetics burdens.parquet \\
          --covariates covariates.tsv -o runs/align
      mfdvep align evaluate runs/align --phenotype phenotypes.tsv:trait -o runs/align.evaluation
      mfdvep align explain runs/align -o runs/align.explanation
    """
