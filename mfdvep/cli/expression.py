"""`mfdvep expression`: genes' expression from the histone marks round them, one step a command."""

from __future__ import annotations

import click

from mfdvep.cli.lazy import LazyGroup

COMMANDS = {
    "prepare": "Make profiles of marks round genes, with their expression.",
    "train": "Train the model: an autoencoder of profiles and a head.",
    "compare": "Measure the model beside others, over training sizes and cells.",
    "calibrate": "Fit predicted marks to observed ones, for `score`.",
    "score": "Annotate a VCF with effects on the expression of near genes.",
    "explain": "Tell which marks and bins carry a gene's prediction.",
}


@click.group(cls=LazyGroup, told=COMMANDS, prefix="expression_")
def expression() -> None:
    """Predict the expression of genes from histone marks, and what variants change of it.

    \b
    Example:
      mfdvep expression prepare genes.tsv expression.tsv marks.tsv -o profiles.parquet
      mfdvep expression train profiles.parquet -o head
      mfdvep expression score in.vcf.gz -f genome.fa --genes genes.tsv -o out.vcf.gz
    """
