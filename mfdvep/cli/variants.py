"""`mfdvep variants`: labelled sets, one subcommand a kind."""

from __future__ import annotations

import click

from mfdvep.cli.lazy import LazyGroup

COMMANDS = {
    "gtex": "Fine-mapped eQTLs and matched negatives, from the eQTL Catalogue.",
    "gnomad": "Rare against common variants in cCREs, from a sites VCF.",
    "controls": "Random controls near positives, of the same bases.",
    "label": "Labels of a column, an INFO key, a BED, or two files.",
}


@click.group(cls=LazyGroup, told=COMMANDS, prefix="variants_")
def variants() -> None:
    """Make sets of variants with labels, which `mfdvep score` takes and `mfdvep enrich` tests.

    A set is a sorted VCF, one ALT a record, with LABEL (1 positive, 0 negative) and MATCH (the
    positives that a variant belongs to); or the same as Parquet, as TraitGym has it.

    \b
    Example:
      mfdvep variants controls eqtls.tsv.gz -f genome.fa -o eqtls.vcf.gz
    """
