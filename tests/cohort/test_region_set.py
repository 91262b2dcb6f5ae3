"""Regions of BED and GTF, and which of them a stretch lies in."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.cohort.region_set import Part, RegionSet, read_regions
from mfdvep.cohort.spelling import Speller, span
from mfdvep.errors import InputError

GTF = """\
chr1\tx\tgene\t101\t200\t.\t+\t.\tgene_id "G1.3"; gene_type "p"; gene_name "A";
chr1\tx\tgene\t301\t400\t.\t-\t.\tgene_id "G2.1"; gene_type "p"; gene_name "B";
2\tx\tgene\t11\t20\t.\t+\t.\tgene_id "G3.1"; gene_type "p"; gene_name "B";
chr2\tx\tgene\t41\t50\t.\t+\t.\tgene_id "G4"; gene_type "p";
"""


def named(regions: RegionSet, contig: str, start: int, end: int) -> list[str]:
    return [regions.names[i] for i in regions.of(contig, start, end)]


def test_bed_lines_of_one_name_are_one_region(tmp_path):
    path = tmp_path / "r.bed"
    path.write_text(
        "chr1\t10\t20\tA\nchr1\t15\t30\tA\n1\t40\t50\tA\nchr1\t25\t26\tB\n2\t0\t9\nchr2\t0\t9\t.\n"
    )
    found = read_regions(path)
    assert found.names == ("A", "B", "2:1-9", "chr2:1-9")
    assert found.starts == [{"1": 10}, {"1": 25}, {"2": 0}, {"2": 0}]
    cases = [(9, 10, []), (9, 11, ["A"]), (29, 30, ["A"]), (30, 40, []), (45, 46, ["A"])]
    for start, end, expected in cases:
        assert named(found, "1", start, end) == expected
    assert named(found, "1", 25, 26) == ["A", "B"]
    assert named(found, "2", 0, 1) == ["2:1-9", "chr2:1-9"]
    assert named(found, "3", 0, 1) == []


def test_genes_are_extended_by_strand_and_named_where_the_name_is_theirs_alone(tmp_path):
    path = tmp_path / "g.gtf.gz"
    path.write_bytes(gzip.compress(GTF.encode()))
    found = read_regions(path, upstream=50, downstream=5)
    assert found.names == ("A", "G2", "G3", "G4")
    edges = {
        "A": ("1", 50, 205), "G2": ("1", 295, 450), "G3": ("2", 0, 25), "G4": ("2", 0, 55),
    }  # fmt: skip
    for name, (contig, start, end) in edges.items():
        assert name in named(found, contig, start, start + 1)
        assert name in named(found, contig, end - 1, end)
        assert name not in named(found, contig, end, end + 1)
        assert start == 0 or name not in named(found, contig, start - 1, start)


@pytest.mark.parametrize(
    ("name", "text", "options", "match"),
    [
        ("r.txt", "chr1\t1\t2\tA\n", {}, "expected NAME.bed or NAME.gtf"),
        ("r.bed", "", {}, "no region in it"),
        ("r.bed", "chr1\t9\t2\tA\n", {}, r"r.bed:1: expected BED"),
        ("r.bed", "chr1\t1\t2\tA\n", {"upstream": 5}, "bedtools slop"),
        (
            "r.gtf",
            GTF.replace("\t-\t", "\t.\t"),
            {"upstream": 5},
            "gene G2 has the strand '.', .* same",
        ),
    ],
)
def test_refusals(tmp_path, name, text, options, match):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_regions(path, **options)


def test_names_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "r.bed"
    path.write_bytes(b"chr1\t1\t2\tA\xff\n")
    with pytest.raises(InputError, match="no UTF-8"):
        read_regions(path)


PARTS = st.lists(
    st.builds(
        lambda name, start, n: Part(name, "chr1", start, start + n),
        st.sampled_from("ABCD"),
        st.integers(0, 30),
        st.integers(0, 12),
    ),
    min_size=1,
    max_size=12,
)


@given(PARTS, st.integers(0, 45), st.integers(1, 10))
def test_it_finds_what_a_loop_over_all_finds(parts, start, n):
    found = RegionSet(parts)
    expected = {p.name for p in parts if max(p.start, start) < min(p.end, start + n)}
    names = named(found, "1", start, start + n)
    assert set(names) == expected
    assert len(names) == len(expected)


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        (10, "A", "C", (9, 10)),
        (10, "AC", "GT", (9, 11)),
        (10, "ACG", "A", (10, 12)),  # the two bases that go, not the one before
        (10, "A", "ACG", (9, 10)),  # the base before what comes
        (10, "ACG", "ATG", (10, 11)),
        (1, "A", "TA", (0, 1)),  # before the first base
    ],
    ids=["SNV", "MNV", "deletion", "insertion", "SNV in longer alleles", "insertion at the start"],
)
def test_what_an_event_changes(pos, ref, alt, expected):
    assert span(Speller().key("chr1", pos, ref, alt)) == expected
