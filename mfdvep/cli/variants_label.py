"""`mfdvep variants label`: variants and any labels in, a labelled set out."""

from __future__ import annotations

from pathlib import Path

import click

from mfdvep.cli.variants_output import PATH, Bars, all_files, output_options, write_set


@click.command("label")
@click.argument("variants", type=PATH, required=False)
@click.option("--key", help="Column or INFO key with the labels.  [default: label, or LABEL of a "
              "VCF]")  # fmt: skip
@click.option("--bed", type=PATH, help="Label 1 where REF overlaps this BED, 0 elsewhere.")
@click.option("--positive", type=PATH, help="Variants with label 1, and")
@click.option("--negative", type=PATH, help="variants with label 0; one in both is left out.")
@output_options()
def variants_label(
    variants: Path | None,
    key: str | None,
    bed: Path | None,
    positive: Path | None,
    negative: Path | None,
    output: Path,
    write_index: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Give VARIANTS labels, from a column or INFO key, from a BED, or from two files.

    Variants are a VCF, BCF, Parquet as TraitGym has it, or a tab-separated table with columns
    chrom, pos, ref, alt and perhaps label (0 and 1, true and false, or quantities), match_group
    and element. Use it too to turn a set from VCF into Parquet and back.

    \b
    Example:
      mfdvep variants label test.parquet -o test.vcf.gz
      mfdvep variants label in.vcf.gz --bed peaks.bed -o labelled.vcf.gz
      mfdvep variants label --positive clinvar.vcf.gz --negative common.vcf.gz -o set.vcf.gz
    """
    from mfdvep.enrichment.sets.label import label_by_bed, label_by_column, label_two_files
    from mfdvep.enrichment.sets.labelled import check_target
    from mfdvep.genomics.bcf import quiet_htslib

    two = positive is not None and negative is not None
    is_one = variants is not None and positive is negative is None and not (bed and key)
    if not (is_one or (two and variants is bed is key is None)):
        raise click.UsageError(
            "give VARIANTS, with --key or --bed or neither, or --positive and --negative"
        )
    read = all_files([variants, bed, positive, negative])
    check_target(output, read, force=force, index=write_index)
    with Bars(quiet=quiet) as bars, quiet_htslib():
        progress = bars("reading variants", "ALTs")
        if positive is not None and negative is not None:
            found = label_two_files(positive, negative, progress=progress)
        else:
            assert variants is not None
            if bed is not None:
                found = label_by_bed(variants, bed, progress=progress)
            else:
                found = label_by_column(variants, key, progress=progress)
    write_set(found, output, "label", index=write_index, quiet=quiet)
