"""Gene annotation: the genes and coding sequences of a GTF, by coordinate. Pure Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.genomics.regions import Regions, Stretch
from mfdvep.genomics.text import TextStream

PROTEIN_CODING = "protein_coding"
_NUMBER = re.compile("[1-9][0-9]{0,17}")
_ATTRIBUTE = re.compile(r'(?:^|;)\s*(gene_id|gene_name|gene_type|gene_biotype)\s+"?([^";]*)"?')
_VERSION = re.compile(r"\.\d+(_PAR_Y)?$|_PAR_Y$")
_REPORT_EVERY = 100_000  # lines


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene.

    Attributes
    ----------
    id
        Such as ENSG00000186092, without a version.
    name
        Such as OR4F5; "" where the file has none.
    biotype
        Such as protein_coding.
    chrom
        As the file names it.
    start, end
        0-based, half-open.
    strand
        "+" or "-"; "." where the file has none.
    """

    id: str
    name: str
    biotype: str
    chrom: str
    start: int
    end: int
    strand: str


@dataclass(frozen=True)
class Annotation:
    """What a GTF says.

    Attributes
    ----------
    path
        Of the file.
    genes
        In the file's order.
    places
        A gene's id -> where it lies; at two places for one of the pseudoautosomal regions.
    protein_coding
        What protein-coding genes cover, introns included.
    coding
        What coding sequences (CDS) cover.
    everything
        What genes and coding sequences cover.
    """

    path: str
    genes: tuple[Gene, ...]
    places: dict[str, Regions]
    protein_coding: Regions
    coding: Regions
    everything: Regions


def without_version(gene_id: str) -> str:
    """Return a gene's id without its version, and without GENCODE's mark of the second copy."""
    return _VERSION.sub("", gene_id)


def read_annotation(
    path: str | Path, *, progress: Callable[[int, None], None] | None = None
) -> Annotation:
    """Return the genes and coding sequences of a GTF.

    Only lines whose feature (column 3) is "gene" or "CDS" are read further. The biotype is
    `gene_type` (GENCODE) or `gene_biotype` (Ensembl, RefSeq). A CDS of any transcript counts.

    Parameters
    ----------
    path
        Plain, gzip or bgzip, told by content.
    progress
        Called with the lines read so far, and None for the unknown total.

    Raises
    ------
    InputError
        Missing or damaged; with its line: not 9 columns, no numbers, a gene without `gene_id` or
        biotype; a GFF3; no gene.

    Source: GENCODE, "Format description of GENCODE GTF" (1-based, closed; key "value"; pairs);
    Ensembl's README of its GTF.
    """
    genes: list[Gene] = []
    coding: dict[str, list[Stretch]] = {}
    with closing(TextStream(path)) as text:
        for number, line in enumerate(text, start=1):
            if progress is not None and number % _REPORT_EVERY == 0:
                progress(number, None)
            if not line or line.startswith("#"):
                continue
            fields = line.rstrip("\r").split("\t")
            where = f"{text.name}:{number}"
            if len(fields) != 9:
                raise InputError(
                    f"{where}: {len(fields)} tab-separated columns, expected the 9 of GTF; give a "
                    "gene annotation GTF such as gencode.v46.annotation.gtf.gz"
                )
            if fields[2] not in ("gene", "CDS"):
                continue
            chrom, start, end = fields[0], *_stretch(fields, where)
            if fields[2] == "CDS":
                coding.setdefault(chrom, []).append((start, end))
                continue
            found = dict(_ATTRIBUTE.findall(fields[8]))
            biotype = found.get("gene_type") or found.get("gene_biotype")
            if not found.get("gene_id") or not biotype:
                is_gff3 = "; it is GFF3, give the GTF" if "ID=" in fields[8] else ""
                raise InputError(
                    f"{where}: a gene without gene_id or without gene_type or gene_biotype"
                    f"{is_gff3 or '; give an annotation of GENCODE or Ensembl'}"
                )
            gene_id, name = without_version(found["gene_id"]), found.get("gene_name", "")
            genes.append(Gene(gene_id, name, biotype, chrom, start, end, fields[6]))
    if not genes:
        raise InputError(
            f"{path}: no line whose third column is gene; give an annotation of GENCODE or Ensembl"
        )
    of_id: dict[str, list[Gene]] = {}
    for gene in genes:
        of_id.setdefault(gene.id, []).append(gene)
    both = _by_contig(genes)
    for chrom, stretches in coding.items():
        both.setdefault(chrom, []).extend(stretches)
    return Annotation(
        path=str(path),
        genes=tuple(genes),
        places={gene_id: Regions(_by_contig(found)) for gene_id, found in of_id.items()},
        protein_coding=Regions(_by_contig([g for g in genes if g.biotype == PROTEIN_CODING])),
        coding=Regions(coding),
        everything=Regions(both),
    )


def _stretch(fields: list[str], where: str) -> Stretch:
    """Return the 0-based, half-open stretch of a line."""
    if not (_NUMBER.fullmatch(fields[3]) and _NUMBER.fullmatch(fields[4])):
        raise InputError(
            f"{where}: start {fields[3][:30]!r} and end {fields[4][:30]!r}; expected numbers from 1"
        )
    start, end = int(fields[3]) - 1, int(fields[4])
    if end <= start:
        raise InputError(f"{where}: end {end} before start {start + 1}; get the file again")
    return start, end


def _by_contig(genes: list[Gene]) -> dict[str, list[Stretch]]:
    found: dict[str, list[Stretch]] = {}
    for gene in genes:
        found.setdefault(gene.chrom, []).append((gene.start, gene.end))
    return found
