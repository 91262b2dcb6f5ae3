"""Genes and coding sequences of GENCODE's and Ensembl's GTF."""

from __future__ import annotations

import gzip

import pytest

from mfdvep.errors import InputError
from mfdvep.genomics.genes import read_annotation, without_version

GENCODE = """\
##description: evidence-based annotation of the human genome (GRCh38), version 46 (Ensembl 112)
##provider: GENCODE
chr1\tHAVANA\tgene\t65419\t71585\t.\t+\t.\tgene_id "ENSG00000186092.7"; \
gene_type "protein_coding"; gene_name "OR4F5"; level 2; tag "a;b";
chr1\tHAVANA\ttranscript\t65419\t71585\t.\t+\t.\tgene_id "ENSG00000186092.7"; transcript_id "x";
chr1\tHAVANA\tCDS\t65565\t65573\t.\t+\t0\tgene_id "ENSG00000186092.7"; exon_number 2;
chr1\tHAVANA\tgene\t89295\t133723\t.\t-\t.\tgene_id "ENSG00000238009.6"; gene_type "lncRNA"; \
gene_name "ENSG00000238009";
chrX\tHAVANA\tgene\t276322\t303356\t.\t+\t.\tgene_id "ENSG00000182378.15"; \
gene_type "protein_coding"; gene_name "PLCXD1";
chrY\tHAVANA\tgene\t276322\t303356\t.\t+\t.\tgene_id "ENSG00000182378.15_PAR_Y"; \
gene_type "protein_coding"; gene_name "PLCXD1";
"""
ENSEMBL = """\
#!genome-build GRCh38.p14
1\tensembl\tgene\t11\t20\t.\t+\t.\tgene_id "ENSG1"; gene_version "5"; gene_biotype "protein_coding";
"""


@pytest.fixture
def read(tmp_path):
    def call(text, name="a.gtf"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return read_annotation(path)

    return call


@pytest.mark.parametrize("name", ["a.gtf", "a.gtf.gz"])
def test_gencode(read, name):
    found = read(GENCODE, name)
    first = found.genes[0]
    assert (first.id, first.name, first.biotype) == ("ENSG00000186092", "OR4F5", "protein_coding")
    assert (first.chrom, first.start, first.end) == ("chr1", 65418, 71585)
    assert [gene.strand for gene in found.genes[:2]] == ["+", "-"]
    assert found.protein_coding.overlaps("chr1", 65418, 65419)  # its first base
    assert not found.protein_coding.overlaps("chr1", 65417, 65418)
    assert found.protein_coding.overlaps("1", 71584, 71585)  # its last; and without chr
    assert not found.protein_coding.overlaps("chr1", 71585, 71586)
    assert not found.protein_coding.overlaps("chr1", 90000, 90001)  # of a lncRNA
    assert found.coding.describe() == {"chr1": [[65564, 65573]]}
    assert found.places["ENSG00000238009"].overlaps("chr1", 90000, 90001)
    both = found.places["ENSG00000182378"]  # in a pseudoautosomal region
    assert both.overlaps("chrX", 300000, 300001)
    assert both.overlaps("chrY", 300000, 300001)
    assert found.everything.contigs == ("chr1", "chrX", "chrY")


def test_ensembl(read):
    found = read(ENSEMBL)
    assert found.protein_coding.describe() == {"1": [[10, 20]]}
    assert found.protein_coding.overlaps("chr1", 10, 11)
    assert found.genes[0].name == ""


@pytest.mark.parametrize(
    ("gene_id", "bare"),
    [("ENSG1.2", "ENSG1"), ("ENSG1", "ENSG1"), ("ENSG1.2_PAR_Y", "ENSG1"), ("A.B", "A.B")],
)
def test_versions(gene_id, bare):
    assert without_version(gene_id) == bare


GENE = "chr1\ta\tgene\t5\t9\t.\t+\t.\t"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr1\ta\tgene\t5\t9\n", "a.gtf:1: 5 tab-separated columns, expected the 9 of GTF"),
        (GENE + 'gene_id "x";\n', "a.gtf:1: a gene without gene_id or without gene_type"),
        (GENE + "ID=x;gene_type=y\n", "it is GFF3, give the GTF"),
        (GENE.replace("\t5\t", "\t0\t") + "\n", "start '0' and end '9'; expected numbers from 1"),
        (GENE.replace("\t5\t", "\t50\t") + "\n", "end 9 before start 50"),
        ("#only comments\n", "no line whose third column is gene"),
    ],
)
def test_refusals(read, text, says):
    with pytest.raises(InputError, match=says):
        read(text)
