"""Dosages of every kind of call, in named cases; what is refused; people chosen and ordered."""

from __future__ import annotations

import numpy as np
import pysam
import pytest
from cohort.small import HEADER, write_cohort

from mfdvep.errors import InputError
from mfdvep.genomics.genotypes import GP_MULTIALLELIC, NO_FIELD, Genotypes

NAN = np.nan
PEOPLE = ("ann", "bob", "cat")


def first(path, **options):
    return next(iter(Genotypes(path, **options)))


def dosages(tmp_path, line, allele=1, field="GT"):
    return first(write_cohort(tmp_path / "c.vcf", PEOPLE, [line]), field=field).dosages(allele)


@pytest.mark.parametrize(
    ("calls", "alt", "allele", "expected", "frequency", "n_missing", "n_half"),
    [
        ("0/0 0|1 1/1", "C", 1, [0, 1, 2], 3 / 6, 0, 0),
        ("0/1 1/2 2|2", "C,G", 1, [1, 1, 0], 2 / 6, 0, 0),
        ("0/1 1/2 2|2", "C,G", 2, [0, 1, 2], 3 / 6, 0, 0),
        ("0/1 ./. 1/1", "C", 1, [1, NAN, 2], 3 / 4, 1, 0),
        ("0/1 . 1/1", "C", 1, [1, NAN, 2], 3 / 4, 1, 0),
        ("0/1 ./1 1|.", "C", 1, [1, NAN, NAN], 1 / 2, 2, 2),
        ("0 1 0/1", "C", 1, [0, 1, 1], 2 / 4, 0, 0),
        ("0 . 0/1", "C", 1, [0, NAN, 1], 1 / 3, 1, 0),
        ("1 1 0", "C", 1, [1, 1, 0], 2 / 3, 0, 0),
        ("0/1/1 0/0 0/0", "C", 1, [2, 0, 0], 2 / 7, 0, 0),
        ("0/0/. 0/0 1/1", "C", 1, [NAN, 0, 2], 2 / 4, 1, 1),
        ("./. . .|.", "C", 1, [NAN, NAN, NAN], NAN, 3, 0),
    ],
    ids=[
        "diploid", "first of two ALTs", "second of two ALTs", "missing", "missing as one dot",
        "half calls", "haploid beside diploid", "haploid missing", "all haploid", "triploid",
        "triploid half call", "all missing",
    ],
)  # fmt: skip
def test_gt(tmp_path, calls, alt, allele, expected, frequency, n_missing, n_half):
    found = dosages(tmp_path, f"chr1 10 . A {alt} . GT {calls}", allele)
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values, np.array(expected, np.float32))
    np.testing.assert_allclose(found.frequency, frequency)
    np.testing.assert_allclose(found.mean, np.mean([x for x in expected if x == x] or [NAN]))
    assert (found.n_missing, found.n_half) == (n_missing, n_half)


@pytest.mark.parametrize(
    ("field", "calls", "alt", "allele", "expected", "frequency"),
    [
        ("DS", "0.5 . 2", "C", 1, [0.5, NAN, 2], 2.5 / 4),
        ("DS", "0,1 .,. 0.25,1.5", "C,G", 2, [1, NAN, 1.5], 2.5 / 4),
        ("GP", "0.9,0.1,0 . 0,0.5,0.5", "C", 1, [0.1, NAN, 1.5], 1.6 / 4),
        ("GP", "0.75,0.25 0,0,1 .,.,.", "C", 1, [0.25, 2, NAN], 2.25 / 3),
        ("GP", "0.75,0.25 0,1 1,0", "C", 1, [0.25, 1, 0], 1.25 / 3),
        ("DS", ". . .", "C,G", 2, [NAN, NAN, NAN], NAN),
        ("GP", ". . .", "C", 1, [NAN, NAN, NAN], NAN),
    ],
    ids=[
        "DS",
        "DS of two ALTs",
        "GP",
        "GP of a haploid person",
        "GP of haploid people",
        "DS of nobody",
        "GP of nobody",
    ],
)
def test_ds_and_gp(tmp_path, field, calls, alt, allele, expected, frequency):
    found = dosages(tmp_path, f"chr1 10 . A {alt} . {field} {calls}", allele, field)
    np.testing.assert_allclose(found.values, np.array(expected, np.float32), rtol=1e-6)
    np.testing.assert_allclose(found.frequency, frequency, rtol=1e-6)
    assert found.n_missing == np.isnan(expected).sum()


@pytest.mark.parametrize(
    ("field", "line", "match"),
    [
        ("DS", "chr1 10 . A C . DS 0 2.1 0", r"c.vcf: chr1:10: DS is 2.1, expected 0 to 2"),
        ("DS", "chr1 10 . A C . DS 0 -1 0", "DS is -1"),
        ("DS", "chr1 10 . A C,G . DS 0 1 0", "1 values of DS for 2 ALTs"),
        ("GP", "chr1 10 . A C . GP 0,20,40 1,0,0 1,0,0", "GP sums to 60, .* phred"),
        ("GP", "chr1 10 . A C . GP 1 1 0", "1 values of GP for 1 ALTs"),
    ],
)
def test_dosages_that_are_none_are_refused(tmp_path, field, line, match):
    with pytest.raises(InputError, match=match):
        dosages(tmp_path, line, field=field)


def test_records_without_the_field_and_gp_of_several_alts_say_so(tmp_path):
    lines = ["chr1 1 . A C . DS 0 0 0", "chr1 2 . A C . . . . .", "chr1 3 . A C . GT 0/0 0/0 0/0"]
    path = write_cohort(tmp_path / "c.vcf", PEOPLE, lines)
    assert [record.unreadable for record in Genotypes(path)] == [NO_FIELD, NO_FIELD, ""]
    path = write_cohort(tmp_path / "g.vcf", PEOPLE, ["chr1 1 . A C,G . GP 1,0,0,0,0,0 . ."])
    assert first(path, field="GP").unreadable == GP_MULTIALLELIC


def test_the_field_is_the_first_that_the_header_declares(tmp_path):
    path = write_cohort(tmp_path / "c.vcf", PEOPLE, [])
    assert Genotypes(path).field == "GT"
    without = tmp_path / "d.vcf"
    without.write_text(path.read_text().replace("ID=GT", "ID=XX"))
    assert Genotypes(without).field == "DS"
    with pytest.raises(InputError, match="FORMAT GT is not in the header; it declares DS, GP"):
        Genotypes(without, field="GT")


def test_people_are_chosen_and_ordered(tmp_path):
    path = write_cohort(tmp_path / "c.vcf", PEOPLE, ["chr1 10 . A C . GT:DS 0/0:0 0/1:.5 1/1:2"])
    for field, expected in [("GT", [2, 0]), ("DS", [2, 0])]:
        found = Genotypes(path, people=["cat", "ann"], field=field)
        assert (found.people, found.all_people) == (("cat", "ann"), PEOPLE)
        assert next(iter(found)).dosages(1).values.tolist() == expected
    with pytest.raises(InputError, match="no person 'dan'"):
        Genotypes(path, people=["ann", "dan"])


@pytest.mark.parametrize("odd", ["^x", "-", "x,y"])
def test_an_id_that_htslib_reads_as_other_people_is_its_own_person(tmp_path, odd):
    path = write_cohort(tmp_path / "c.vcf", (odd, "b", "c"), ["chr1 10 . A C . GT 0/0 0/1 1/1"])
    for people, expected in [((odd, "c"), [0, 2]), (("c", odd), [2, 0]), ((odd,), [0])]:
        assert first(path, people=people).dosages(1).values.tolist() == expected


@pytest.mark.parametrize(
    ("info", "alt", "allele", "expected"),
    [
        ("AF=0.05", "C", 1, 0.05),
        ("AF=0.2,0.05", "C,G", 2, 0.05),
        ("AF=0.2,.", "C,G", 2, None),
        ("AF=.", "C", 1, None),
        (".", "C", 1, None),
    ],
)
def test_frequency_of_a_key(tmp_path, info, alt, allele, expected):
    line = f"chr1 10 . A {alt} {info} GT 0/0 0/0 0/0"
    record = first(write_cohort(tmp_path / "c.vcf", PEOPLE, [line]))
    assert record.frequency("AF", allele) == expected


@pytest.mark.parametrize(
    ("info", "alt", "match"),
    [("AF=1.5", "C", "AF is 1.5, expected a frequency"), ("AF=0.1", "C,G", "1 values of INFO AF")],
)
def test_a_key_that_is_no_frequency_is_refused(tmp_path, info, alt, match):
    line = f"chr1 10 . A {alt} {info} GT 0/0 0/0 0/0"
    with pytest.raises(InputError, match=match):
        first(write_cohort(tmp_path / "c.vcf", PEOPLE, [line])).frequency("AF", 1)


def test_odd_records_are_read(tmp_path):
    """A bad END, a contig that is not in the header, a symbolic ALT, none, small letters."""
    lines = [
        "chr1 831213 . A <DEL> END=769112 GT 0/0 0/1 1/1",
        "chr9 5 rs1 a c . GT 0/0 0/1 1/1",
        "chr9 6 . A . . GT 0/0 0/0 0/0",
    ]
    path = write_cohort(tmp_path / "c.vcf", PEOPLE, lines)
    symbolic, small, none = list(Genotypes(path))
    assert (symbolic.alts, symbolic.pos, symbolic.id) == (("<DEL>",), 831213, "")
    assert (small.chrom, small.id, small.ref, small.alts) == ("chr9", "rs1", "a", ("c",))
    assert none.alts == ()
    assert [r.dosages(1).values.tolist() for r in (symbolic, small)] == [[0, 1, 2], [0, 1, 2]]


def test_bcf_is_read_as_vcf_is(tmp_path):
    path = write_cohort(tmp_path / "c.vcf", PEOPLE, ["chr1 10 . A C . GT 0/0 ./1 1"])
    bcf = str(tmp_path / "c.bcf")
    with (
        pysam.VariantFile(str(path)) as source,
        pysam.VariantFile(bcf, "wb", header=source.header) as sink,
    ):
        for record in source:
            sink.write(record)
    found = [first(tmp_path / name).dosages(1) for name in ("c.vcf", "c.bcf")]
    np.testing.assert_array_equal(found[0].values, found[1].values)
    assert found[0].frequency == found[1].frequency


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (HEADER + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "has no genotypes"),
        (
            HEADER + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\ta\n",
            "person 'a' is there twice; .*reheader",
        ),
        ("hello\n", "give a whole VCF|not a VCF|expected"),
        (
            "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\n",
            "FORMAT GT, DS, GP is not in the header; it declares none",
        ),
    ],
    ids=["no people", "one twice", "no VCF", "no field"],
)
def test_no_cohort_is_refused(tmp_path, text, match):
    path = tmp_path / "c.vcf"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        Genotypes(path)


def test_missing_cut_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="give a file"):
        Genotypes("-")
    with pytest.raises(InputError, match=r"none.vcf"):
        Genotypes(tmp_path / "none.vcf")
    path = write_cohort(tmp_path / "c.vcf", PEOPLE, ["chr1 10 . A C . GT 0/0 0/0 0/0"])
    with path.open("a") as handle:
        handle.write("chr1\t11\t.\tA\tC\t.\t.\t.\tGT\t0/0\n")
    records = iter(Genotypes(path))
    assert next(records).pos == 10
    with pytest.raises(InputError, match="damaged after chr1:10"):
        next(records)
    pysam.tabix_compress(str(path), str(tmp_path / "c.vcf.gz"))
    whole = (tmp_path / "c.vcf.gz").read_bytes()
    (tmp_path / "cut.vcf.gz").write_bytes(whole[:-28])
    with pytest.raises(InputError, match="truncated"):
        Genotypes(tmp_path / "cut.vcf.gz")
