"""`mfdvep variants controls`: positives in, the same with random controls near them out."""

from __future__ import annotations

from pathlib import Path

import click

from mfdvep.cli.variants_output import PATH, Bars, output_options, write_set


@click.command("controls")
@click.argument("positives", type=PATH)
@click.option("-f", "--fasta", type=PATH, required=True, envvar="MFDVEP_FASTA",
              help="Indexed reference.")  # fmt: skip
@click.option("--per-positive", type=click.IntRange(1), default=1, show_default=True,
              help="Controls of a positive.")  # fmt: skip
@click.option("--distance", type=click.IntRange(1, 10_000_000), default=5000, show_default=True,
              help="Most bases from a positive to its control.")  # fmt: skip
@click.option("--context", type=click.Choice(["1", "3"]), default="1", show_default=True,
              help="Bases of REF that are alike; 3: the trinucleotide.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw.")
@output_options()
def variants_controls(
    positives: Path,
    fasta: Path,
    per_positive: int,
    distance: int,
    context: str,
    seed: int,
    output: Path,
    write_index: bool,
    force: bool,
    quiet: bool,
) -> None:
    """POSITIVES with controls: random positions near each SNV with its REF base, and its ALT.

    POSITIVES is a VCF, Parquet, or a table with columns chrom, pos, ref, alt and perhaps maf and
    gene_id. Controls are random bases of the reference and not variants of a population: they
    control for place and bases, not for what selection has let pass.

    \b
    Example:
      mfdvep variants controls eqtls.tsv.gz -f genome.fa -o eqtls.vcf.gz --seed 1
    """
    from mfdvep.enrichment.sets.controls import ControlRules, build_controls
    from mfdvep.enrichment.sets.labelled import check_target
    from mfdvep.genomics.bcf import quiet_htslib
    from mfdvep.genomics.genome import Genome

    read = [positives, fasta, Path(f"{fasta}.fai"), Path(f"{fasta}.gzi")]
    check_target(output, read, force=force, index=write_index)
    rules = ControlRules(per_positive, distance, int(context), seed)
    with Genome(fasta) as genome, quiet_htslib(), Bars(quiet=quiet) as bars:
        progress = bars("reading positives", "ALTs")
        found = build_controls(positives, genome, rules, progress=progress)
    write_set(found, output, "controls", index=write_index, quiet=quiet)
