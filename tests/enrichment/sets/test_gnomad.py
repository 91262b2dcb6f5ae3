"""Rare against common: rule by rule, on a sites VCF and cCREs of ENCODE's layout."""

from __future__ import annotations

import gzip
import math

import numpy as np
import pytest
from enrichment.sets.simulated import cds_line, gene_line, reconcile
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.enrichment.sets.ccres import Ccres, read_ccres
from mfdvep.enrichment.sets.gnomad import GnomadRules, build_gnomad
from mfdvep.enrichment.sets.reservoir import Reservoir
from mfdvep.errors import InputError
from mfdvep.genomics.genes import read_annotation

HEADER = """\
##fileformat=VCFv4.2
##contig=<ID=chr1,length=248956422>
##contig=<ID=chr2,length=242193529>
##INFO=<ID=AC,Number=A,Type=Integer,Description="">
##INFO=<ID=AF,Number=A,Type=Float,Description="">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
V3 = (
    "chr1\t100\t200\tEH38D1\tEH38E1\tPLS,CTCF-bound\n"
    "chr1\t300\t400\tEH38D2\tEH38E2\tpELS\n"
    "chr1\t500\t600\tEH38D3\tEH38E3\tDNase-H3K4me3\n"
)
RARE, COMMON = "AC=1;AN=1000;AF=0.001", "AC=200;AN=1000;AF=0.2"
BASE = [(101, "A", "C", "PASS", RARE), (310, "A", "G", "PASS", COMMON)]


def write(path, records, header=HEADER):
    lines = [
        f"chr1\t{pos}\trs{pos}\t{ref}\t{alt}\t50\t{kind}\t{info}\n"
        for pos, ref, alt, kind, info in records
    ]
    path.write_text(header + "".join(lines))
    return path


@pytest.fixture
def build(tmp_path):
    def call(more=(), *, records=BASE, ccres=V3, gtf=None, **rules):
        path = write(tmp_path / "sites.vcf", [*records, *more])
        bed = tmp_path / "ccres.bed.gz"
        bed.write_bytes(gzip.compress(ccres.encode()))
        rules = GnomadRules(**rules)
        annotation = None
        if gtf is not None:
            (tmp_path / "a.gtf").write_text(gtf)
            annotation = read_annotation(tmp_path / "a.gtf")
        elements = read_ccres(bed, ("all",) if rules.outside else rules.classes)
        found = build_gnomad([path], elements, annotation, rules)
        reconcile(found)
        return found

    return call


def ids(found) -> dict[str, float]:
    return {v.id: v.label for v in sorted(found.variants, key=lambda v: v.pos)}


def test_rare_is_1_and_common_is_0(build):
    found = build()
    assert ids(found) == {"chr1_101_A_C": 1, "chr1_310_A_G": 0}
    rare, common = found.variants
    assert rare.values == {"af": 0.001, "ccre": ("PLS+CTCF-bound",)}
    assert common.values == {"af": 0.2, "ccre": ("pELS",)}
    assert found.contigs == {"chr1": 248956422}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ((320, "A", "G", "AC0", RARE), "FILTER is not PASS"),
        ((320, "A", "G", "PASS;AC0", RARE), "FILTER is not PASS"),
        ((320, "A", ".", "PASS", RARE), "without an ALT"),
        ((320, "A", "*", "PASS", RARE), "with other letters than ACGT, symbolic or *"),
        ((320, "A", "<DEL>", "PASS", RARE), "with other letters than ACGT, symbolic or *"),
        ((320, "A", "AG", "PASS", RARE), "not an SNV"),
        ((320, "AC", "GT", "PASS", RARE), "not an SNV"),
        ((320, "A", "G", "PASS", "AC=1"), "without an AF"),
        ((320, "A", "G", "PASS", "AC=1;AF=."), "without an AF"),
        ((320, "A", "G", "PASS", "AC=1;XAF=0.001"), "without an AF"),
        ((320, "A", "G", "PASS", "AC=0;AF=0.001"), "never seen (AC 0)"),
        ((320, "A", "G", "PASS", "AF=0"), "never seen (AC 0)"),
        ((320, "A", "G", "PASS", "AC=9;AF=0.005"), "neither rare nor common"),
        ((320, "A", "G", "PASS", "AC=9;AF=0.05"), "neither rare nor common"),
        ((100, "A", "G", "PASS", RARE), "in no cCRE of the classes"),  # one base before it
        ((201, "A", "G", "PASS", RARE), "in no cCRE of the classes"),  # one base after it
        ((510, "A", "G", "PASS", RARE), "in no cCRE of the classes"),  # another class
        ((101, "A", "C", "PASS", RARE), "the same variant again"),
    ],
)
def test_what_is_left_out(build, record, reason):
    found = build([record])
    assert len(found.variants) == 2
    assert found.counts[0].removed[reason] == 1


@pytest.mark.parametrize(
    ("record", "rules"),
    [
        ((320, "A", "G", "AC0", RARE), {"all_filters": True}),
        ((320, "A", "G", ".", RARE), {}),
        ((320, "A", "AG", "PASS", RARE), {"all_types": True}),
        ((320, "A", "G", "PASS", "AC=9;AF=0.02"), {"rare_below": 0.03}),
        ((320, "A", "G", "PASS", "AC=9;AF=0.02"), {"common_above": 0.01}),
        ((320, "A", "G", "PASS", "AF=0.001"), {}),
        ((200, "A", "G", "PASS", RARE), {}),  # the last base of it
        ((510, "A", "G", "PASS", RARE), {"classes": ("all",)}),
        ((510, "A", "G", "PASS", RARE), {"classes": ("PLS", "ELS", "H3K4me3")}),
        ((320, "a", "g", "PASS", RARE), {}),
    ],
)
def test_what_is_kept(build, record, rules):
    assert len(build([record], **rules).variants) == 3


def test_each_alt_by_its_own_frequency(build):
    found = build([(330, "A", "C,G,T", "PASS", "AC=1,0,300;AF=0.001,0,0.3")])
    assert {k: v for k, v in ids(found).items() if "330" in k} == {
        "chr1_330_A_C": 1,
        "chr1_330_A_T": 0,
    }


@pytest.mark.parametrize("number", ["A", "1", "."])
@pytest.mark.parametrize("af", ["0.001", "0.001,0.2,0.3"])
def test_not_one_frequency_an_alt_is_none(tmp_path, af, number):
    """Whatever the header declares: one value is not taken for both ALTs. 1000 Genomes has such."""
    header = HEADER.replace("Number=A", f"Number={number}")
    more = (330, "A", "C,G", "PASS", f"AC=1,2;AF={af}")
    path = write(tmp_path / "s.vcf", [*BASE, more], header)
    (tmp_path / "c.bed").write_text(V3)
    found = build_gnomad([path], read_ccres(tmp_path / "c.bed"), None, GnomadRules())
    assert ids(found) == {"chr1_101_A_C": 1, "chr1_310_A_G": 0}
    assert found.counts[0].removed["without an AF"] == 2


def test_a_key_that_is_there_twice_is_refused(build):
    with pytest.raises(InputError, match=r"record 3 at chr1:330: INFO AF is there twice"):
        build([(330, "A", "C", "PASS", "AF=0.1;AC=1;AF=0.001")])


@pytest.mark.parametrize("number", ["1", ".", "R"])
def test_each_alt_has_its_own_frequency_whatever_number_is_declared(tmp_path, number):
    header = HEADER.replace("Number=A", f"Number={number}")
    more = (330, "A", "C,G", "PASS", "AC=1,300;AF=0.001,0.3")
    path = write(tmp_path / "s.vcf", [more], header)
    (tmp_path / "c.bed").write_text(V3)
    found = build_gnomad([path], read_ccres(tmp_path / "c.bed"), None, GnomadRules())
    assert ids(found) == {"chr1_330_A_C": 1, "chr1_330_A_G": 0}


def test_the_header_declares_af_and_perhaps_ac(tmp_path):
    (tmp_path / "c.bed").write_text(V3)
    ccres = read_ccres(tmp_path / "c.bed")
    found = build_gnomad([write(tmp_path / "a.vcf", BASE, HEADER.replace("=AC,", "=XX,"))], ccres,
                         None, GnomadRules())  # fmt: skip
    assert len(found.variants) == 2
    path = write(tmp_path / "b.vcf", BASE, HEADER.replace("=AF,", "=AF_joint,"))
    with pytest.raises(InputError, match=r"b\.vcf: its header declares no INFO AF; "):
        build_gnomad([path], ccres, None, GnomadRules())


def test_a_variant_of_both_labels_has_none(build):
    """As where exomes and genomes disagree."""
    found = build([(320, "A", "G", "PASS", RARE), (320, "A", "G", "PASS", COMMON)])
    assert len(found.variants) == 2
    assert found.counts[0].removed["rare in one record and common in another"] == 2


def test_outside_every_element(build):
    """Also of those of other classes."""
    more = [(50, "A", "C", "PASS", RARE), (60, "A", "C", "PASS", COMMON)]
    found = build([*more, (510, "A", "C", "PASS", RARE)], outside=True)
    assert ids(found) == {"chr1_50_A_C": 1, "chr1_60_A_C": 0}
    assert found.counts[0].removed["in a cCRE"] == 3
    assert "ccre" not in found.variants[0].values


def test_coding_sequences_are_left_out(build):
    gtf = gene_line("ENSG9", "1", 300, 400) + cds_line("1", 320, 320)  # without chr
    more = [(pos, "A", "C", "PASS", RARE) for pos in (319, 320, 321)]
    found = build(more, gtf=gtf)
    assert [k for k in ids(found) if "_3" in k] == [
        "chr1_310_A_G",
        "chr1_319_A_C",
        "chr1_321_A_C",
    ]
    assert found.counts[0].removed["in a coding sequence"] == 1


def test_sampled_by_label_with_a_seed(build):
    more = [(pos, "A", "C", "PASS", RARE) for pos in range(110, 160)]
    first = build(more, at_most=10, seed=3)
    assert list(ids(first).values()).count(1) == 10
    assert ids(first) == ids(build(more, at_most=10, seed=3)) != ids(build(more, at_most=10))
    assert first.counts[0].removed["of a label with more than --at-most, not drawn"] == 41
    assert len(build(more, at_most=None).variants) == 52


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"records": BASE[:1]}, "no common variant is left: 1 ALTs of sites.vcf = 1 labelled"),
        ({"records": BASE[1:]}, "no rare variant is left"),
        ({"records": []}, "no record"),
        ({"rare_below": 0.1}, "rare below 0.1, common above 0.05; expected 0 < rare <= common"),
        ({"at_most": 0}, "--at-most is 0"),
        ({"classes": ("TF",), "ccres": "chr1\t1\t2\tPLS\n"}, "with TF in its name; .* are PLS"),
        ({"ccres": "chr1\t1\t2\tx\n"}, "no column has classes such as PLS"),
        ({"ccres": ""}, "no element"),
        ({"ccres": "chr1 1 2\n"}, "bed.gz:1: expected BED"),
        ({"ccres": V3.replace("chr1", "chr7")}, "its contigs .chr1. are not those of the cCREs"),
        ({"ccres": V3.replace("chr1", "chr7"), "outside": True}, "are not those of the cCREs"),
        ({"gtf": gene_line("x", "chr7", 1, 2)}, r"are not those of the GTF \(chr7\)"),
    ],
)
def test_refusals(build, call, says):
    with pytest.raises(InputError, match=says):
        build(**call)


def test_ccres_without_chr(build):
    assert len(build(ccres=V3.replace("chr1", "1")).variants) == 2


def test_the_class_is_in_the_last_column_that_has_one(tmp_path):
    """UCSC's track has colour and other names beside it."""
    path = tmp_path / "c.bed"
    path.write_text("#x\nchr1\t0\t9\tCA\t5\t.\t0\t9\t255,0,0\tdELS\tprom\n")
    assert read_ccres(path).classes("chr1", 8, 9) == ("dELS",)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=8), st.integers(0, 90))
@settings(deadline=None)
def test_classes_are_of_all_elements_there(elements, at):
    """Overlapping ones too, however long one is."""
    found = Ccres([("chr1", start, start + n, str(i)) for i, (start, n) in enumerate(elements)])
    expected = {str(i) for i, (start, n) in enumerate(elements) if start <= at < start + n}
    assert set(found.classes("1", at, at + 1)) == expected


@pytest.mark.parametrize(("n", "size"), [(0, 3), (2, 3), (3, 3), (50, 3), (50, 1), (50, None)])
def test_reservoir_size(n, size):
    sample = Reservoir(size, np.random.default_rng(0))
    for i in range(n):
        sample.offer(i)
    assert len(set(sample.items)) == len(sample.items) == min(n, n if size is None else size)
    assert sample.n_offered == n


def test_reservoir_is_uniform():
    """Each of 20 is in a sample of 5 as often as any other: within 4 standard errors."""
    rng, n_draws = np.random.default_rng(1), 8000
    seen = np.zeros(20)
    for _ in range(n_draws):
        sample = Reservoir(5, rng)
        for i in range(20):
            sample.offer(i)
        seen[sample.items] += 1
    error = math.sqrt(n_draws * 0.25 * 0.75)
    assert np.abs(seen - n_draws / 4).max() < 4 * error
