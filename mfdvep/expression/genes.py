"""Transcription start sites, of a GTF or a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mfdvep.enrichment.sets.tables import Table
from mfdvep.errors import InputError
from mfdvep.genomics.genes import PROTEIN_CODING, read_annotation, without_version
from mfdvep.genomics.text import PARQUET, TextStream

COLUMNS = ("chrom", "tss", "strand", "gene_id")
STRANDS = ("+", "-")


@dataclass(frozen=True, slots=True)
class Tss:
    """A gene, by its transcription start site.

    Attributes
    ----------
    id
        Such as ENSG00000237613, without a version.
    name
        Such as FAM138A; "" where the file has none.
    chrom
        As the file names it.
    tss
        0-based, of the first transcribed base.
    strand
        "+" or "-".
    """

    id: str
    name: str
    chrom: str
    tss: int
    strand: str


@dataclass(frozen=True)
class GeneList:
    """The genes of a file, each once.

    Attributes
    ----------
    path
        As given.
    genes
        In the file's order.
    n_read
        Genes in the file, the following among them.
    duplicates
        Ids that came again, such as those of pseudoautosomal genes: the first is kept.
    other_biotypes
        How many have another biotype than the one asked for.
    """

    path: str
    genes: tuple[Tss, ...]
    n_read: int
    duplicates: tuple[str, ...]
    other_biotypes: int


def read_tss(path: str | Path, *, biotype: str | None = PROTEIN_CODING) -> list[Tss]:
    """Return the genes of a GTF or a table, as `read_genes` does, without what it counts."""
    return list(read_genes(path, biotype=biotype).genes)


def read_genes(path: str | Path, *, biotype: str | None = PROTEIN_CODING) -> GeneList:
    """Return the genes of a GTF or a table, with what was left out.

    Parameters
    ----------
    path
        A GTF of GENCODE or Ensembl, of which the lines of genes count: a gene starts at its start
        on strand +, at its end on strand -. Or a table, tab-separated with a header, or Parquet:
        columns chrom, tss (0-based), strand, gene_id and perhaps gene_name. Told by content.
    biotype
        Of a GTF: the one taken; None for all. A table's rows are all taken.

    Raises
    ------
    InputError
        Missing or damaged, or neither; no gene. With its line, or its gene: a strand that is not
        + or -, a start site that is no number from 0.
    """
    found = _of_table(path) if _is_table(path) else _of_gtf(path)
    chosen = [gene for gene, of in found if biotype is None or of in (None, biotype)]
    if not chosen:
        raise InputError(f"{path}: no gene" + (f" of biotype {biotype}" if found else ""))
    once: dict[str, Tss] = {}
    again = []
    for gene in chosen:
        if once.setdefault(gene.id, gene) is not gene:
            again.append(gene.id)
    genes = tuple(once.values())
    return GeneList(str(path), genes, len(found), tuple(again), len(found) - len(chosen))


def _is_table(path: str | Path) -> bool:
    """Return whether it is Parquet, or the first line names columns, or is none of a GTF's."""
    text = TextStream(path)
    try:
        if text.head.startswith(PARQUET):
            return True
        first = next(iter(text), "")
    finally:
        text.close()
    names = first.lstrip("\ufeff#").rstrip("\r").split("\t")
    is_gtf = first.startswith("#") or len(names) == 9
    return len(set(COLUMNS) & {name.strip() for name in names}) >= 2 or not is_gtf


def _of_gtf(path: str | Path) -> list[tuple[Tss, str | None]]:
    """Return genes with their biotypes."""
    found: list[tuple[Tss, str | None]] = []
    for gene in read_annotation(path).genes:
        if gene.strand not in STRANDS:
            raise InputError(f"{path}: gene {gene.id}: {_not_a_strand(gene.strand)}")
        tss = gene.start if gene.strand == "+" else gene.end - 1
        found.append((Tss(gene.id, gene.name, gene.chrom, tss, gene.strand), gene.biotype))
    return found


def _of_table(path: str | Path) -> list[tuple[Tss, str | None]]:
    """Return genes, of no biotype."""
    found: list[tuple[Tss, str | None]] = []
    with Table(path, COLUMNS, ("gene_name",)) as table:
        at = table.place
        for number, line in table:
            if not line.strip():
                continue
            fields = [field.strip() for field in table.fields(number, line)]
            chrom, tss, strand, gene_id = (fields[at[name]] for name in COLUMNS)
            where = f"{table.name}:{number}"
            if not (tss.isascii() and tss.isdigit() and len(tss) <= 10):
                raise InputError(f"{where}: tss {tss[:30]!r}; expected a 0-based position")
            if strand not in STRANDS:
                raise InputError(f"{where}: {_not_a_strand(strand)}")
            if not chrom or not gene_id:
                raise InputError(f"{where}: chrom or gene_id is empty; give both")
            name = fields[at["gene_name"]] if "gene_name" in at else ""
            found.append((Tss(without_version(gene_id), name, chrom, int(tss), strand), None))
    return found


def _not_a_strand(strand: str) -> str:
    return f"strand {strand[:10]!r}; expected + or -, without which bins have no direction"
