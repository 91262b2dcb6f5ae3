"""`mfdvep variants gnomad`: sites and cCREs in, rare against common variants out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.cli.data_folder import data_option, labelled_set
from mfdvep.cli.variants_output import (
    PATH,
    Bars,
    all_files,
    make_parent,
    output_options,
    write_set,
)

_FREQUENCY = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command("gnomad")
@click.argument("sites", type=PATH, nargs=-1, required=True)
@click.option("--ccres", type=PATH, required=True, help="BED of ENCODE's cCREs with their classes.")
@click.option("--gtf", type=PATH, help="Gene annotation; its coding sequences are left out.")
@click.option("--rare", "rare_below", type=_FREQUENCY, default=0.005, show_default=True,
              help="LABEL 1: AF below it.")  # fmt: skip
@click.option("--common", "common_above", type=_FREQUENCY, default=0.05, show_default=True,
              help="LABEL 0: AF above it.")  # fmt: skip
@click.option("--class", "classes", multiple=True, default=("PLS", "ELS", "CTCF"),
              show_default=True,
              help="Only cCREs with this in their class; may be repeated; or all.")  # fmt: skip
@click.option("--outside", is_flag=True, help="Instead, only sites outside every cCRE.")
@click.option("--all-filters", is_flag=True, help="Also sites whose FILTER is not PASS.")
@click.option("--all-types", is_flag=True, help="Also insertions, deletions and others.")
@click.option("--at-most", type=click.IntRange(0), default=500_000, show_default=True,
              help="Most variants of a label, drawn at random; 0 for all.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw.")
@data_option
@output_options("gnomad.vcf.gz in the data folder")
def variants_gnomad(
    sites: tuple[Path, ...],
    output: Path | None,
    data: Path | None,
    ccres: Path,
    gtf: Path | None,
    at_most: int,
    write_index: bool,
    force: bool,
    quiet: bool,
    **rules: Any,
) -> None:
    """Rare (1) and common (0) variants of SITES, VCFs with AF and AC such as gnomAD's, in cCREs.

    An ALT is rare or common by its own AF, and was seen (AC above 0). Sites are read once, and no
    more is held than --at-most.

    \b
    Example:
      mfdvep variants gnomad gnomad.*.vcf.bgz --ccres ccres.bed.gz --gtf gencode.v46.gtf.gz
    """
    from mfdvep.enrichment.sets.ccres import ALL, read_ccres
    from mfdvep.enrichment.sets.gnomad import GnomadRules, build_gnomad
    from mfdvep.enrichment.sets.labelled import check_target
    from mfdvep.genomics.bcf import quiet_htslib
    from mfdvep.genomics.genes import read_annotation

    target = output or labelled_set(data, "gnomad")
    make_parent(target, output)
    check_target(target, [*sites, *all_files([ccres, gtf])], force=force, index=write_index)
    settings = GnomadRules(at_most=at_most or None, **rules)
    with Bars(quiet=quiet) as bars, quiet_htslib():
        elements = read_ccres(ccres, (ALL,) if settings.outside else settings.classes)
        annotation = None
        if gtf is not None:
            annotation = read_annotation(gtf, progress=bars("reading genes", "lines"))
        found = build_gnomad(
            sites, elements, annotation, settings, progress=bars("reading sites", "records")
        )
    write_set(found, target, "gnomad", index=write_index, quiet=quiet)
