"""Genes in reach: the ends of the windows, strands, signed distances, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import random_bases, write_fasta

from mfdvep.errors import InputError
from mfdvep.expression.genes import Tss
from mfdvep.expression.predicted import window_starts_of
from mfdvep.expression.variants.reach import GenesInReach, distance
from mfdvep.expression.variants.touched import is_touched
from mfdvep.genomics.genome import Genome

PLUS, MINUS = Tss("P", "", "1", 9000, "+"), Tss("M", "", "1", 14_100, "-")


@pytest.fixture
def genome(tmp_path):
    contigs = {"chr1": random_bases(30_000, 1), "chr2": random_bases(50, 2)}
    with Genome(write_fasta(tmp_path / "g.fa", contigs)) as found:
        yield found


def in_reach(index, start, ref_length=1, contig="chr1"):
    return [gene.id for gene in index.of(contig, start=start, ref_length=ref_length)]


def test_reach_ends_with_the_windows(genome):
    """526 bases before the first bin and 527 after the last: its centre's 576 on both sides."""
    index = GenesInReach([PLUS], genome)
    assert in_reach(index, 9000 - 5526) == ["P"] == in_reach(index, 9000 + 5526)
    assert in_reach(index, 9000 - 5527) == [] == in_reach(index, 9000 + 5527)
    assert in_reach(index, 9000 - 5527, 2) == ["P"]
    assert in_reach(index, 9000 - 5526, 0) == []  # an insertion before the first base
    assert in_reach(index, 9000 + 5526, 0) == ["P"]


def test_the_reach_on_the_other_strand_is_the_mirror_image(genome):
    index = GenesInReach([MINUS], genome)
    assert in_reach(index, 14_100 + 5526) == ["M"] == in_reach(index, 14_100 - 5526)
    assert in_reach(index, 14_100 + 5527) == [] == in_reach(index, 14_100 - 5527)


def test_as_asking_every_gene(genome):
    draw = np.random.default_rng(0)
    genes = [
        Tss(f"G{i}", "", "chr1", int(at), "+-"[i % 2])
        for i, at in enumerate(draw.integers(0, 30_000, 40))
    ]
    index = GenesInReach(genes, genome)
    for start, n in zip(draw.integers(0, 30_000, 200), draw.integers(0, 30, 200), strict=True):
        place = {"start": int(start), "ref_length": int(n)}
        expected = {gene.id for gene in genes if is_touched(window_starts_of(gene), **place).any()}
        assert set(in_reach(index, int(start), int(n))) == expected


def test_order_is_that_of_the_genome(genome):
    assert in_reach(GenesInReach([MINUS, PLUS], genome), 11_500) == ["P", "M"]
    assert in_reach(GenesInReach([PLUS], genome), 20, contig="chr2") == []


def test_genes_off_the_reference_are_told(genome):
    other = Tss("O", "", "chrUn", 100, "+")
    index = GenesInReach([other, PLUS], genome)
    assert (index.n_genes, index.off_reference) == (2, (other,))


def test_no_gene_on_the_reference(genome):
    genes = [Tss(f"G{i}", "", name, 5, "+") for i, name in enumerate("abcda")]
    with pytest.raises(InputError, match="begin with a, b, c, those of the FASTA with chr1, chr2;"):
        GenesInReach(genes, genome)


@pytest.mark.parametrize(
    ("gene", "start", "ref_length", "expected"),
    [
        pytest.param(PLUS, 9000, 1, 0, id="the first transcribed base"),
        pytest.param(PLUS, 8999, 1, -1, id="the base before it"),
        pytest.param(MINUS, 14_100, 1, 0, id="minus: the first transcribed base"),
        pytest.param(MINUS, 14_101, 1, -1, id="minus: upstream is to the right"),
        pytest.param(MINUS, 14_000, 1, 100, id="minus: downstream is to the left"),
        pytest.param(PLUS, 8998, 4, -2, id="deletion: its first base"),
        pytest.param(MINUS, 14_099, 4, -2, id="minus: its last base is the first"),
        pytest.param(PLUS, 9000, 0, 0, id="insertion: the base after it"),
        pytest.param(MINUS, 14_101, 0, 0, id="minus: the base to its left"),
    ],
)
def test_distance(gene, start, ref_length, expected):
    assert distance(gene, start=start, ref_length=ref_length) == expected
