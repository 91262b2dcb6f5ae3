"""`mfdvep expression prepare`: genes, expression and marks in, profiles out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.parameters import FilePath, comma_list
from mfdvep.cli.progress import progress_bar

if TYPE_CHECKING:
    from mfdvep.expression.profiles import Profiles

_PATH = FilePath()


class _Threshold(click.ParamType):
    """A number, or median."""

    name = "median or number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | str:
        try:
            if value == "median" or math.isfinite(float(value)):
                return value if value == "median" else float(value)
        except ValueError:
            pass
        self.fail(f"{value!r}: expected median, or a number such as 1", param, ctx)


@click.command("prepare")
@click.argument("genes", type=_PATH)
@click.argument("expression", type=_PATH)
@click.argument("marks", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Parquet to write.")
@click.option("--test", metavar="CONTIGS", default="", callback=comma_list,
              help="Contigs for testing, comma list.")  # fmt: skip
@click.option("--validation", metavar="CONTIGS", default="", callback=comma_list,
              help="Contigs for validation, comma list; the rest is for training.")  # fmt: skip
@click.option("--left-out", metavar="CONTIGS", default="", callback=comma_list,
              help="Contigs to be used for neither, comma list.")  # fmt: skip
@click.option("--threshold", type=_Threshold(), metavar="median|NUMBER", default="median",
              show_default=True,
              help="Genes above are high; the median is of a cell's training genes.")  # fmt: skip
@click.option("--expression-column", metavar="NAME", default="{cell}", show_default=True,
              help="Column of a cell in EXPRESSION, such as rpkm_{cell}.")  # fmt: skip
@click.option("--signal-column", type=click.IntRange(min=4), metavar="N",
              help="Column of the signal in BED files; default: 4 of 4 (bedGraph), 7 of 9 or 10 "
              "(broadPeak, narrowPeak).")  # fmt: skip
@click.option("--biotype", default="protein_coding", show_default=True,
              help="Of a GTF: the genes to take, or all.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no counts.")
def expression_prepare(
    genes: Path, expression: Path, marks: Path, output: Path, **given: Any
) -> None:
    """Make profiles of histone marks round the start sites of genes, with their expression.

    GENES is a GTF, or a table with columns chrom, tss (0-based), strand, gene_id and perhaps
    gene_name. EXPRESSION is a table with gene_id and a column a cell, such as RPKM; it may be the
    same file. MARKS is a sheet, a table with columns cell, mark and path: BED with a signal, or
    bigWig, one file for each cell and mark. Tables are tab-separated with a header.

    A profile is the signal in 100 bins of 100 bases, from 5 kb upstream of the start site to 5 kb
    downstream, in the gene's direction.

    \b
    Example:
      mfdvep expression prepare genes.tsv.gz genes.tsv.gz marks.tsv -o profiles.parquet \\
        --expression-column 'rpkm_{cell}' --test chr8,chr9,chr10 --validation chr7
    """
    from mfdvep.expression.preparing import PrepareOptions, prepare_profiles
    from mfdvep.expression.profiles import write_profiles
    from mfdvep.expression.sheet import read_sheet
    from mfdvep.files import Parts, check_outputs

    sheet = read_sheet(marks)
    inputs = [genes, expression, marks, *sheet.files.values()]
    check_outputs({"output": output}, inputs, force=given["force"])
    options = PrepareOptions(
        contigs={split: given[split] for split in ("validation", "test", "left_out")},
        threshold=None if given["threshold"] == "median" else given["threshold"],
        biotype=None if given["biotype"] == "all" else given["biotype"],
        expression_column=given["expression_column"],
        signal_column=given["signal_column"],
    )
    with progress_bar("marks", "files", quiet=given["quiet"]) as bar:
        made = prepare_profiles(
            genes, expression, sheet, options=options, command=as_typed(), progress=bar
        )
    with Parts(output) as parts:
        write_profiles(parts[output], made)
    if not given["quiet"]:
        _tell(made, output)


def _tell(made: Profiles, output: Path) -> None:
    """Tell on stderr what was read, left out and kept."""
    from mfdvep.expression.bins import N_BINS
    from mfdvep.wording import aligned, plural

    counts = made.provenance["counts"]
    absent, beyond = counts["contig_without_marks"], counts["beyond_contig"]
    left = {
        "came again": counts["duplicates"],
        "of other biotypes": counts["other_biotypes"],
        f"on contigs without marks ({_few([*absent])})": sum(absent.values()),
        f"beyond the end of their contig ({_few(beyond)})": len(beyond),
    }
    said = "".join(f", {n:,} {what}" for what, n in left.items() if n)
    splits = ", ".join(f"{split.replace('_', ' ')} {n:,}" for split, n in counts["split"].items())
    lines = [
        f"{plural(counts['genes_read'], 'gene')} read{said}; {counts['kept']:,} kept: {splits}",
        f"{plural(counts['expression_rows'], 'row')} of expression, "
        f"{counts['expression_duplicates']:,} came again, "
        f"{counts['expression_of_other_genes']:,} of other genes",
    ]
    for line in lines:
        click.echo(f"mfdvep: {line}", err=True)
    table = [["cell", "threshold", "high", "low", "unknown", *made.marks]]
    for i, cell in enumerate(made.cells):
        of_cell = counts["labels"][cell].values()
        high, low, unknown = (sum(column) for column in zip(*of_cell, strict=True))
        signal = counts["bins_with_signal"][cell]
        shares = [f"{100 * signal[mark] / (len(made) * N_BINS):.1f} %" for mark in made.marks]
        sums = [f"{high:,}", f"{low:,}", f"{unknown:,}"]
        table.append([cell, f"{made.thresholds[i]:.4g}", *sums, *shares])
    click.echo("\n".join(aligned(table)), err=True)
    click.echo(f"mfdvep: {output}: shares under marks are of bins with signal", err=True)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
