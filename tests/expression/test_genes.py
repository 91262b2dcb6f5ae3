"""Start sites of a GTF and of a table, and what is refused."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mfdvep.errors import InputError
from mfdvep.expression.genes import Tss, read_genes, read_tss

HEADER = "chrom\ttss\tstrand\tgene_id\tgene_name\n"


def gtf_line(start, end, strand, gene, *, biotype="protein_coding", chrom="chr1"):
    return (
        f'{chrom}\tx\tgene\t{start}\t{end}\t.\t{strand}\t.\tgene_id "{gene}"; '
        f'gene_type "{biotype}"; gene_name "N{gene[-1]}";\n'
    )


def write(tmp_path, text):
    path = tmp_path / "genes"
    path.write_text(text)
    return path


def test_a_gene_of_a_gtf_starts_at_its_start_or_at_its_end(tmp_path):
    lines = gtf_line(1001, 2000, "+", "ENSG1.4") + gtf_line(3001, 4000, "-", "ENSG2.1")
    assert read_tss(write(tmp_path, lines)) == [
        Tss("ENSG1", "N4", "chr1", 1000, "+"),
        Tss("ENSG2", "N1", "chr1", 3999, "-"),
    ]


def test_genes_of_other_biotypes_and_second_copies_are_counted(tmp_path):
    lines = (
        gtf_line(1, 9, "+", "ENSG1.4", chrom="chrX")
        + gtf_line(1, 9, "+", "ENSG1.4_PAR_Y", chrom="chrY")
        + gtf_line(20, 29, "+", "ENSG2.1", biotype="lincRNA")
    )
    path = write(tmp_path, lines)
    found = read_genes(path)
    assert [gene.chrom for gene in found.genes] == ["chrX"]
    assert (found.n_read, found.duplicates, found.other_biotypes) == (3, ("ENSG1",), 1)
    assert [gene.id for gene in read_tss(path, biotype=None)] == ["ENSG1", "ENSG2"]
    assert [gene.id for gene in read_tss(path, biotype="lincRNA")] == ["ENSG2"]
    with pytest.raises(InputError, match="no gene of biotype miRNA"):
        read_genes(path, biotype="miRNA")


def test_a_table_has_columns_in_any_order_and_others(tmp_path):
    path = write(tmp_path, "gene_id\tx\tstrand\ttss\tchrom\nENSG1.2\t?\t-\t0\t1\n")
    assert read_tss(path) == [Tss("ENSG1", "", "1", 0, "-")]


def test_a_table_may_be_parquet(tmp_path):
    columns = {"chrom": ["chr1"], "tss": [5], "strand": ["+"], "gene_id": ["ENSG1"], "x": [0.5]}
    pq.write_table(pa.table(columns), tmp_path / "genes.parquet")
    assert read_tss(tmp_path / "genes.parquet") == [Tss("ENSG1", "", "chr1", 5, "+")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chr1\t5\t.\tENSG1\tA", r"genes:2: strand '\.'; expected \+ or -"),
        ("chr1\t5\t1\tENSG1\tA", r"genes:2: strand '1'; expected \+ or -"),
        ("chr1\t-5\t+\tENSG1\tA", "genes:2: tss '-5'; expected a 0-based position"),
        ("chr1\t5.0\t+\tENSG1\tA", r"genes:2: tss '5\.0'"),
        ("chr1\t5\t+\t\tA", "genes:2: chrom or gene_id is empty"),
        ("chr1\t5\t+\tENSG1", "genes:2: 4 tab-separated columns, expected 5"),
        ("", "no gene"),
    ],
)
def test_a_wrong_line_of_a_table_is_named(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        read_genes(write(tmp_path, f"{HEADER}{row}\n"))


def test_a_table_without_a_column_is_refused(tmp_path):
    with pytest.raises(InputError, match="no column strand"):
        read_genes(write(tmp_path, "chrom\ttss\tgene_id\nchr1\t5\tENSG1\n"))


def test_a_gene_of_a_gtf_without_a_strand_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gene ENSG1: strand '\.'"):
        read_genes(write(tmp_path, gtf_line(1, 9, ".", "ENSG1.4")))


@pytest.mark.parametrize("header", ["chr1\t5", "chromosome\tstart\tstrand\tid", ""])
def test_a_table_with_other_names_is_told_what_is_expected(tmp_path, header):
    with pytest.raises(InputError, match=r"no column chrom, tss, .*gene_id; expected a first line"):
        read_genes(write(tmp_path, f"{header}\n"))


def test_what_is_neither_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected the 9 of GTF"):
        read_genes(write(tmp_path, "#VCF\nchr1\t5\n"))
