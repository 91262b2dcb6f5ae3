"""`mfdvep expression score`: a VCF in, the same VCF with effects on genes' expression out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.parameters import Count, FilePath
from mfdvep.cli.progress import progress_bar

_PATH = FilePath()
_CALIBRATION = "calibration.json"  # of a folder of a model of expression


@click.command("score")
@click.argument("vcf", type=str)
@click.option("-f", "--fasta", required=True, envvar="MFDVEP_FASTA", help="Indexed reference.")
@click.option("--genes", type=_PATH, required=True,
              help="GTF, of which protein-coding genes are taken, or a table with chrom, tss "
              "(0-based), strand, gene_id and perhaps gene_name.")  # fmt: skip
@click.option("-m", "--model", help="Bundled model or model folder that predicts the marks.  "
              "[default: the bundled one]")  # fmt: skip
@click.option("--expression", default="simplechrome4", show_default=True,
              help="Bundled model of expression, or its folder.")  # fmt: skip
@click.option("--calibration", type=_PATH,
              help="Of predicted marks; default: calibration.json of the folder of "
              "--expression.")  # fmt: skip
@click.option("--cell", multiple=True, metavar="NAME",
              help="A cell of the model of expression; repeat.  [default: all]")  # fmt: skip
@click.option("--where", multiple=True,
              help="Only tracks of the marks that meet this, as in `mfdvep score`; "
              "repeat.")  # fmt: skip
@click.option("-o", "--output", type=_PATH, required=True,
              help="NAME.vcf.gz, .vcf or .bcf; NAME.stats.json comes beside it.")  # fmt: skip
@click.option("--table", type=_PATH, help="Parquet file: a row an ALT, gene and cell.")
@click.option("-r", "--regions", multiple=True,
              help="Only records whose REF overlaps chr1:1000-2000; with commas, or "
              "repeat.")  # fmt: skip
@click.option("-R", "--regions-file", multiple=True,
              type=click.Path(path_type=Path),
              help="Only records whose REF overlaps a BED file; repeat.")  # fmt: skip
@click.option("--strand", type=click.Choice(["both", "forward", "reverse"]), default="both",
              show_default=True, help="Strands that predicted marks are averaged over; "
              "calibrations are fitted on both.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--batch-size", type=Count(), default="auto", show_default=True,
              help="Windows whose activations are held at once.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@click.option("--write-index", is_flag=True, help="Write the .tbi or .csi of the output.")
@click.option("--replace", is_flag=True, help="Replace an earlier annotation by this "
              "command; one by `mfdvep score` always stays.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite outputs.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def expression_score(
    vcf: str, fasta: str, genes: Path, output: Path, threads: int | None, **given: Any
) -> None:
    """Annotate VCF with what every ALT changes of the expression of near genes.

    A gene is in reach of an ALT that lies in one of the 1153-base windows round the 100 bins of
    100 bases over its start site +-5 kb, so up to 5,526 bases from the start site. The marks of the
    windows that the ALT touches are predicted again, brought to the scale of observed marks, and
    read by a head that was trained on observed marks. Effects are ALT minus REF of what the head
    gives: of the bundled model, the log-odds that expression is above the cell's median. Beside
    them stands the plain change of H3K4me3 within 500 bases of the start site, as a baseline.
    MFD_GENE has combined, biological and technical effects; MFD_GENE_STATUS says why an ALT has
    none.

    This is experimental: VARIANTS.md in the folder of the bundled model of expression has what
    was measured on eQTLs, beside the baseline.

    \b
    Example:
      mfdvep expression score in.vcf.gz -f genome.fa --genes genes.gtf.gz -o out.vcf.gz \\
        --table out.parquet --cell GM12878
    """
    import torch

    from mfdvep.expression.calibration import read_calibration
    from mfdvep.expression.genes import read_genes
    from mfdvep.expression.model import load_expression_model
    from mfdvep.expression.predicted import MarkPredictor
    from mfdvep.expression.variants.pairs import GeneEffects
    from mfdvep.expression.variants.pipeline import Sources, score_expression
    from mfdvep.expression.variants.reach import GenesInReach
    from mfdvep.expression.variants.readout import Readout
    from mfdvep.genomics.genome import Genome
    from mfdvep.genomics.regions import Regions
    from mfdvep.model.checkpoint import DEFAULT_MODEL, EXPRESSION, load_model, model_folder

    if threads:
        torch.set_num_threads(threads)
    folder = model_folder(given["expression"], EXPRESSION)
    calibration = given["calibration"] or folder / _CALIBRATION
    model_name = given["model"] or DEFAULT_MODEL
    model = load_model(model_name)
    readout = Readout(
        load_expression_model(given["expression"]),
        read_calibration(calibration),
        cells=given["cell"],
        mfd_sha256=model.provenance["sha256"],
    )
    named = given["regions"], given["regions_file"]
    regions = Regions.parse(*named) if any(named) else None
    size = given["batch_size"]
    predictor = MarkPredictor(
        model,
        readout.cells,
        readout.marks,
        where=given["where"],
        device=given["device"],
        batch_size=None if size == "auto" else size,
    )
    inside = [*folder.iterdir(), *model_folder(model_name).iterdir(), *given["regions_file"]]
    with Genome(fasta) as genome:
        listed = read_genes(genes)
        near = GenesInReach(listed.genes, genome)
        effects = GeneEffects(predictor, readout, genome, strand=given["strand"])
        with progress_bar("scoring", "records", quiet=given["quiet"]) as bar:
            record = score_expression(
                vcf,
                effects,
                near,
                output,
                sources=Sources(listed, calibration, tuple(p for p in inside if p.is_file())),
                table=given["table"],
                regions=regions,
                replace=given["replace"],
                index=given["write_index"],
                force=given["force"],
                command=as_typed(),
                progress=bar,
            )
    if not given["quiet"]:
        click.echo(_told(output, record), err=True)


def _told(output: Path, record: dict[str, Any]) -> str:
    """Return what a run came to."""
    counts = ", ".join(f"{name} {n}" for name, n in record["status"].items() if n)
    states = ", ".join(f"{name} {n}" for name, n in record["pairs_by_gene_status"].items())
    genes, timing = record["genes"], record["timing"]
    again, others = genes["duplicates"], genes["other_biotypes"]
    lines = [
        f"{output}: {record['records']} records, {record['alleles']} alleles: {counts or 'none'}; "
        f"{timing['seconds']:.1f} s",
        f"{record['alleles_with_gene']} alleles in reach of a gene, "
        f"{record['alleles_without_gene']} of none; {record['pairs']} pairs of an allele and a "
        f"gene: {states or 'none'}",
        f"{genes['read']} genes read, {again} came again, {others} of other biotypes; of "
        f"{genes['n']}: {sum(genes['reached_by_status'].values())} reached, "
        f"{genes['off_reference']} on no contig of the FASTA",
    ]
    lines += [
        f"contig {a} of the VCF is {b} of the reference" for a, b in record["contigs"].items()
    ]
    return "\n".join(lines)
