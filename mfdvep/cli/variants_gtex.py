"""`mfdvep variants gtex`: the eQTL Catalogue's files in, the GTEx set out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.cli.data_folder import data_option, labelled_set
from mfdvep.cli.progress import progress_bar
from mfdvep.cli.variants_output import PATH, Bars, make_parent, output_options, write_set

_OF_RULES = ("pip", "pip_everywhere", "pip_negative", "distance", "maf_tolerance", "per_positive")
_SHARE = click.FloatRange(0, 1)


@click.command("gtex")
@click.argument("folder", type=PATH)
@click.option("--gtf", type=PATH, help="Gene annotation of GENCODE or Ensembl.  [default: the GTF "
              "in FOLDER, if there is one]")  # fmt: skip
@click.option("--pip", type=_SHARE, default=0.95, show_default=True,
              help="A positive's PIP is above it in some data set,")  # fmt: skip
@click.option("--pip-everywhere", type=_SHARE, default=0.5, show_default=True,
              help="and above this wherever it is in a credible set.")  # fmt: skip
@click.option("--pip-negative", type=_SHARE, default=0.05, show_default=True,
              help="A negative's PIP is below it everywhere.")  # fmt: skip
@click.option("--distance", type=click.IntRange(1), default=5000, show_default=True,
              help="Most bases from a positive to its negative.")  # fmt: skip
@click.option("--maf-tolerance", type=_SHARE, default=0.05, show_default=True,
              help="Most difference of their MAF.")  # fmt: skip
@click.option("--per-positive", type=click.IntRange(1), default=1, show_default=True,
              help="Most negatives of a positive.")  # fmt: skip
@click.option("--download", is_flag=True, help="Fetch the files that FOLDER lacks first.")
@click.option("--manifest", type=PATH,
              help="Files to fetch: a table with columns url, md5 and dataset.")  # fmt: skip
@click.option("--dataset", multiple=True, help="Data set to fetch, such as QTD000116; may be "
              "repeated.  [default: gene expression in GTEx's 49 tissues]")  # fmt: skip
@click.option("--study", default="QTS000015", show_default=True, help="Study of the data sets.")
@click.option("--sumstats", type=click.Choice(["cc", "all"]), default="cc", show_default=True,
              help="Summary statistics to fetch; all: of every gene, gigabytes each.")  # fmt: skip
@click.option("--base-url", help="Server in the place of the eQTL Catalogue's.")
@click.option("--jobs", type=int, default=2, show_default=True, help="Downloads at once.")
@data_option
@output_options("gtex.vcf.gz in the data folder")
def variants_gtex(folder: Path, output: Path | None, data: Path | None, **options: Any) -> None:
    """Fine-mapped eQTL SNVs and negatives near them, from files of the eQTL Catalogue in FOLDER.

    FOLDER has DATASET.credible_sets.tsv.gz and DATASET.cc.tsv.gz or .all.tsv.gz, and may have the
    annotation. A positive overlaps neither a protein-coding gene nor its associated gene; its
    negatives are near it in place and in MAF, and in no protein-coding gene. MAF is the mean over
    the data sets that report it. Without a GTF, --download only fetches.

    \b
    Example:
      mfdvep variants gtex eqtl --download --dataset QTD000116 --gtf gencode.v46.gtf.gz
    """
    from mfdvep.enrichment.sets.gtex import GtexRules, build_gtex
    from mfdvep.enrichment.sets.gtex_files import find_files
    from mfdvep.enrichment.sets.labelled import check_target
    from mfdvep.genomics.genes import read_annotation

    index, quiet = options["write_index"], options["quiet"]
    target = output or labelled_set(data, "gtex")
    make_parent(target, output)
    given = [options["gtf"], options["manifest"]]
    check_target(target, list(filter(None, given)), force=options["force"], index=index)
    if options["download"]:
        _download(folder, options)
    gtf = options["gtf"] or _annotation(folder)
    if gtf is None:
        if options["download"]:
            if not quiet:
                click.echo("no set is made without a gene annotation; give it with --gtf", err=True)
            return
        raise click.UsageError("give the gene annotation with --gtf, or put it into FOLDER")
    sets, sums = find_files(folder)
    check_target(target, [gtf, *sets.values(), *sums.values()], force=True, index=index)
    with Bars(quiet=quiet) as bars:
        annotation = read_annotation(gtf, progress=bars("reading genes", "lines"))
        rules = GtexRules(**{name: options[name] for name in _OF_RULES})
        found = build_gtex(sets, sums, annotation, rules, progress=bars)
    write_set(found, target, "gtex", index=index, quiet=quiet)


def _download(folder: Path, options: dict[str, Any]) -> None:
    from mfdvep.enrichment.sets.gtex_download import (
        BASE_URL,
        GTEX_DATASETS,
        fetch,
        files_of,
        files_of_manifest,
    )

    if options["manifest"] and options["dataset"]:
        raise click.UsageError("--manifest lists the files; give it or --dataset")
    if options["manifest"]:
        files = files_of_manifest(options["manifest"], folder)
    else:
        files = files_of(
            options["dataset"] or GTEX_DATASETS,
            folder,
            base_url=options["base_url"] or BASE_URL,
            study=options["study"],
            sumstats=options["sumstats"],
        )
    with progress_bar("downloading", "files", quiet=options["quiet"]) as bar:
        done = fetch(files, folder, jobs=options["jobs"], progress=bar)
    if not options["quiet"]:
        size = f"{done.n_bytes / 1e6:,.1f} MB"
        told = f"{done.fetched:,} files downloaded ({size}), {done.present:,} there before"
        click.echo(f"{folder}: {told}", err=True)


def _annotation(folder: Path) -> Path | None:
    """Return the only GTF in a folder, or None."""
    found = [*folder.glob("*.gtf"), *folder.glob("*.gtf.gz")]
    return found[0] if len(found) == 1 else None
