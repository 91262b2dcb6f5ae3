"""`mfdvep burden`: sums of effects over each person's variants, per gene or region."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar
from mfdvep.wording import plural

_PATH = click.Path(path_type=Path)
_UNKNOWN = ("not_in_scores", "other_alleles", "swapped")  # reasons why an ALT has no score


@click.command()
@click.argument("cohort", type=_PATH)
@click.argument("scores", type=_PATH)
@click.option("--regions", type=_PATH, required=True, help="BED (column 4 names a region; lines of "
              "one name are one region), or GTF: its genes.")  # fmt: skip
@click.option("--upstream", type=click.IntRange(min=0), default=0, show_default=True,
              help="Bases added before a gene of a GTF, by its strand.")  # fmt: skip
@click.option("--downstream", type=click.IntRange(min=0), default=0, show_default=True,
              help="Bases added after it.")  # fmt: skip
@click.option("--weight", "weights", multiple=True, metavar="HALF:FORM|unweighted",
              default=("biological", "unweighted"), show_default=True,
              help="HALF combined, biological or technical; FORM signed, absolute or quantile; "
              "repeat. A HALF alone is absolute, a FORM alone biological.")  # fmt: skip
@click.option("--where", multiple=True, help="""Only tracks of SCORES like 'target == "CTCF"'; """
              "repeat.")  # fmt: skip
@click.option("--tracks", multiple=True, help="A track's name, or a file of names; repeat.")
@click.option("--over-tracks", type=click.Choice(["mean", "largest"]), default="mean",
              show_default=True, help="How tracks become one weight.")  # fmt: skip
@click.option("--maf-max", type=click.FloatRange(0, 0.5, min_open=True), default=0.01,
              show_default=True, help="Largest minor allele frequency of an ALT that "
              "counts.")  # fmt: skip
@click.option("--maf-key", metavar="KEY", help="INFO key with the ALT's frequency, such as AF.  "
              "[default: among the people's called alleles]")  # fmt: skip
@click.option("--field", type=click.Choice(["auto", "GT", "DS", "GP"]), default="auto",
              show_default=True, help="Which genotypes; auto: the first of GT, DS, GP in the "
              "header.")  # fmt: skip
@click.option("--samples", type=_PATH, help="File of ids, one a line: these people, in its order.")
@click.option("-f", "--fasta", type=_PATH, help="The genome of SCORES: indels are joined after "
              "left-alignment, and REFs are checked.  [default: alleles are only trimmed]"
              )  # fmt: skip
@click.option("-m", "--model", metavar="NAME|SHA256", help="Refuse SCORES of another model.")
@click.option("-o", "--output", type=_PATH, required=True, help="NAME.parquet, .tsv, .tsv.gz, .h5 "
              "(the layout of ContIG), or .h5ad.")  # fmt: skip
@click.option("--regenie", type=_PATH, metavar="PREFIX", help="Also write annotations, set list "
              "and masks for regenie.")  # fmt: skip
@click.option("--saige", type=_PATH, metavar="PREFIX", help="Also write group files for "
              "SAIGE-GENE+.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite outputs.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def burden(
    cohort: Path,
    scores: Path,
    regions: Path,
    output: Path,
    regenie: Path | None,
    saige: Path | None,
    force: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Sum weight times dosage over each person's rare variants in each region.

    COHORT is a VCF or BCF with genotypes (GT, DS or GP), SCORES a matrix of `mfdvep score
    --matrix`, or of `mfdvep query` for tracks thought of later, --virtual ones too. The output
    has a row a person and a column a region and weighting, such as SAMD11|biological_absolute.
    NAME.stats.json has all counts, NAME.variants.tsv.gz what became of each ALT in a region.

    Weights. signed: the mean effect over the tracks, in which gains and losses cancel. absolute:
    the mean size. quantile: the mean size of the signed quantile, 0 to 1, which needs SCORES of
    `mfdvep score --quantiles`. --over-tracks largest takes the track of largest size instead.
    unweighted is 1 for every ALT that has a score, so that it compares like with like.

    Dosages are copies of the ALT: of k alleles of a multi-allelic record each has its own, a
    haploid call has 0 or 1. A missing genotype, and one of which an allele is missing (0/.), gets
    the mean dosage of the people who were called; DS counts two alleles a person for the
    frequency. An ALT lies in a region if a base that it changes does (of an insertion, the base
    before). Cohort and scores are joined by contig (chr1 or 1), place and alleles as they are
    written, after trimming; no strand is flipped, and REF and ALT that are swapped are counted,
    not turned. Regions on contigs that COHORT has no record of have no column.

    \b
    Example:
      mfdvep burden cohort.vcf.gz scores.parquet --regions genes.gtf.gz --upstream 5000 \\
        --weight biological --weight unweighted --maf-max 0.01 -o burdens.parquet
    after
      mfdvep score cohort.vcf.gz -f genome.fa -o scored.vcf.gz --matrix scores.parquet
    """
    from mfdvep.cohort.options import BurdenOptions
    from mfdvep.cohort.running import burden as run

    with (
        progress_bar("reading scores", "rows", quiet=quiet) as scores_bar,
        progress_bar("burdens", "records", quiet=quiet) as bar,
    ):
        stats = run(
            cohort,
            scores,
            regions,
            output,
            options=BurdenOptions(**given),
            regenie=regenie,
            saige=saige,
            force=force,
            command=as_typed(),
            progress=bar,
            progress_of_scores=scores_bar,
        )
    if not quiet:
        _show(output, stats)


def _show(output: Path, stats: dict[str, Any]) -> None:
    """Tell what was counted, on stderr."""
    counts = stats["counts"]
    people, alts, regions = counts["people"], counts["cohort_alts"], counts["regions"]
    of_used = alts["of_used"]
    n_other = people["in_cohort"] - people["used"]
    n_regions = regions["with_variants"] + regions["without_variants"]
    n_unknown = len(people["only_in_samples_file"])
    left_out = ", ".join(f"{n:,} {name}" for name, n in alts["left_out"].items()) or "none"
    lines = [
        f"{output}: {people['used']:,} people, {plural(counts['columns'], 'column')}",
        f"people: {n_other:,} of the cohort left out, {n_unknown:,} of --samples not in it",
        f"ALTs: {alts['used']:,} of {alts['alts']:,} count; left out: {left_out}",
        f"genotypes: {of_used['missing_imputed']:,} of {of_used['genotypes']:,} imputed to the "
        f"mean ({of_used['half_calls_of_them']:,} half calls)",
        f"regions: {regions['with_variants']:,} of {n_regions:,} have an ALT that counts; "
        f"{regions['on_contigs_without_records']:,} more on contigs without a record",
    ]
    unknown = sum(alts["left_out"].get(name, 0) for name in _UNKNOWN)
    n_inside = alts["alts"] - alts["left_out"].get("in_no_region", 0)
    if 2 * unknown > n_inside:
        lines.append(
            f"note: {unknown:,} of {n_inside:,} ALTs in regions are not in the scores; are both of "
            "one assembly? -f GENOME checks it"
        )
    if of_used["repeated"]:
        lines.append(
            f"note: {of_used['repeated']:,} ALTs that count are the event of another line, and "
            "their dosages add up; bcftools norm --rm-dup exact leaves one"
        )
    if of_used["alt_is_major"]:
        lines.append(
            f"note: {of_used['alt_is_major']:,} of them are the common allele, so that carriers of "
            "the rare one, their REF, have the smaller sum; bcftools view --max-af 0.5 leaves them "
            "out"
        )
    if "swapped" in alts["left_out"]:
        lines.append(
            f"note: {alts['left_out']['swapped']:,} have REF and ALT the other way round in the "
            "scores; bcftools norm --check-ref s, with the genome of the scores, turns them"
        )
    for line in lines:
        click.echo(f"mfdvep: {line}", err=True)
