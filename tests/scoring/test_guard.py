"""A VCF that is not on the reference is refused in one line that says why."""

from __future__ import annotations

import pytest
from conftest import random_bases, write_fasta

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.vcf import open_vcf
from mfdvep.scoring import guard
from mfdvep.scoring.guard import GUARD, check_reference, refusal
from mfdvep.scoring.windows import AlleleWindows

BASES = random_bases(3000, seed=7)
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
HG19, HG38 = {"chr1": 249250621, "chr2": 243199373}, {"chr1": 248956422, "chr2": 242193529}


def other(base: str) -> str:
    return "ACGT"["ACGT".index(base) - 1]


def line(pos: int, *, right: bool = True, chrom: str = "chr1") -> str:
    """Return a record of one SNV, with the reference's REF or with another."""
    base = BASES[pos - 1]
    ref, alt = (base, other(base)) if right else (other(base), base)
    return f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t."


@pytest.fixture
def windows(tmp_path):
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": BASES, "chr2": BASES[:2000]})
    with Genome(fasta) as genome:
        yield AlleleWindows(genome, shifts=1)


@pytest.fixture
def vcf(tmp_path):
    """Return a writer of a VCF: records and declared contigs -> path."""

    def write(body: list[str], contigs: dict[str, int | None] | None = None):
        path = tmp_path / "in.vcf"
        declared = [
            f"##contig=<ID={name}>" if n is None else f"##contig=<ID={name},length={n}>"
            for name, n in (contigs or {}).items()
        ]
        path.write_text("\n".join(["##fileformat=VCFv4.3", *declared, COLUMNS, *body, ""]))
        return path

    return write


def message(path, windows) -> str:
    """Return the line that a VCF is refused with; it is the same from both functions."""
    with open_vcf(path) as reader, pytest.raises(InputError) as raised:
        check_reference(reader, windows, path)
    with open_vcf(path) as reader:
        assert refusal(reader, windows, path, list(reader)[:GUARD]) == str(raised.value)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def records(path, windows) -> list[str]:
    with open_vcf(path) as reader:
        return [record.line for record in check_reference(reader, windows, path)]


@pytest.mark.parametrize("n", [0, 1, 999, 1000, 1001, 1500])
def test_every_record_comes_through_once_in_order(windows, vcf, n):
    body = [line(1 + i) for i in range(n)]
    assert records(vcf(body), windows) == body


def test_contigs_that_are_not_in_the_reference(windows, vcf):
    body = [line(1 + i, chrom=f"NC_{i:02}") for i in (5, 4, 3, 2, 1, 0)]
    path = vcf(body)
    assert message(path, windows) == (
        f"{path}: no contig of the first 6 records (NC_05, NC_04, NC_03, NC_02, NC_01, ...) is in "
        f"{windows.genome.path} (chr1, chr2); give the FASTA that the VCF was called on"
    )


def test_one_known_contig_is_enough(windows, vcf):
    body = [line(5, chrom="chrUn"), line(5, chrom="1")]
    assert records(vcf(body), windows) == body


def test_ref_disagrees(windows, vcf):
    body = [line(10 + i, right=i < 3) for i in range(13)]
    path = vcf(body, {"chr1": 2900, "chr2": 2000, "chr3": 5})
    assert message(path, windows) == (
        f"{path}: REF disagrees with {windows.genome.path} in 10 of the first 13 records checked "
        "(chr1 has 2900 bases in the VCF, 3000 here); is the FASTA the right assembly? "
        "Give the one the VCF was called on"
    )


@pytest.mark.parametrize(
    ("wrong", "right", "refused"),
    [(9, 0, False), (10, 0, True), (10, 9, True), (10, 10, False), (500, 500, False)],
)
def test_how_many_may_disagree(windows, vcf, wrong, right, refused):
    body = [line(10 + i, right=i >= wrong) for i in range(wrong + right)]
    path = vcf(body)
    if refused:
        assert f"in {wrong} of the first {wrong + right} records checked;" in message(path, windows)
    else:
        assert records(path, windows) == body


def test_alleles_whose_ref_agrees_count_though_they_cannot_be_scored(tmp_path, vcf):
    bases = BASES[:1000] + "N" * 4000  # the window round 990 is more than half N
    fasta = write_fasta(tmp_path / "n.fa", {"chr1": bases})
    body = [line(100 + i, right=False) for i in range(10)] + [line(985 + i) for i in range(10)]
    with Genome(fasta) as genome:
        assert records(vcf(body), AlleleWindows(genome, shifts=1)) == body


def test_only_the_first_thousand_count(windows, vcf):
    late = [line(1 + i) for i in range(1000)] + [line(1 + i, right=False) for i in range(1500)]
    assert len(records(vcf(late), windows)) == 2500
    early = [line(1 + i, right=False) for i in range(600)] + [line(700 + i) for i in range(1500)]
    assert "in 600 of the first 1000 records" in message(vcf(early), windows)


class Lengths:
    """A genome with the contig lengths of another: an assembly too large for a test."""

    def __init__(self, genome: Genome, contigs: dict[str, int]) -> None:
        self._genome, self.contigs = genome, contigs

    def __getattr__(self, name: str):
        return getattr(self._genome, name)


WRONG = [line(10 + i, right=False) for i in range(20)]


@pytest.mark.parametrize(
    ("header", "fasta", "says"),
    [
        (
            HG19,
            HG38,
            "the VCF's header says GRCh37, the FASTA's lengths say GRCh38; "
            "chr1 has 249250621 bases in the VCF, 248956422 here; "
            "chr2 has 243199373 bases in the VCF, 242193529 here); is the FASTA the right assembly",
        ),
        ({}, HG38, "checked (the FASTA's lengths say GRCh38); is the FASTA the right assembly"),
        (dict.fromkeys(HG19), HG38, "checked (the FASTA's lengths say GRCh38); is the FASTA"),
        (HG19, {"chr1": 3000, "chr2": 2000}, "(the VCF's header says GRCh37; chr1 has 249250621"),
        (
            HG38,
            HG38,
            "(the VCF's header says GRCh38, the FASTA's lengths say GRCh38); are REF and ALT "
            "swapped, or the positions of another assembly?",
        ),
    ],
)
def test_the_assemblies_are_named(windows, vcf, monkeypatch, header, fasta, says):
    monkeypatch.setattr(windows, "genome", Lengths(windows.genome, fasta))
    assert says in message(vcf(WRONG, header), windows)


def test_the_assembly_is_named_when_no_contig_is_known(tmp_path, vcf):
    with Genome(write_fasta(tmp_path / "s.fa", {"s1": BASES})) as genome:
        said = message(vcf([line(5)], HG19), AlleleWindows(genome, shifts=1))
    assert "(s1) (the VCF's header says GRCh37); give" in said


def test_contigs_that_only_the_header_knows_are_enough(windows, vcf):
    """A file of one decoy's records, as scattering by contig makes them."""
    body = [line(5, chrom="chrEBV")]
    assert records(vcf(body, {"chr1": 3000}), windows) == body


def test_records_whose_alt_is_not_scored_tell_the_assembly_too(windows, vcf):
    body = [line(1 + i, right=False) for i in range(40)]
    body = ["\t".join([*x.split("\t")[:4], "<NON_REF>", *x.split("\t")[5:]]) for x in body]
    assert "in 40 of the first 40 records checked" in message(vcf(body), windows)


def test_at_most_three_lengths_are_named(tmp_path, vcf):
    contigs = {"chr1": BASES} | {f"c{i}": "ACGT" for i in range(6)}
    with Genome(write_fasta(tmp_path / "many.fa", contigs)) as genome:
        path = vcf(WRONG, dict.fromkeys(contigs, 9))
        said = message(path, AlleleWindows(genome, shifts=1))
    assert said.count("bases in the VCF") == 3


def test_damage_among_the_first_records_is_said_as_such(windows, vcf):
    path = vcf([line(5), "chr1\tx\t.\tA\tC\t.\t.\t."])
    with open_vcf(path) as reader, pytest.raises(InputError, match="POS 'x' is no number"):
        check_reference(reader, windows, path)


def test_no_more_than_the_head_is_held(windows, vcf):
    """Records after the first thousand are read when they are asked for."""
    path = vcf([*[line(5)] * guard.GUARD, "chr1\tx\t.\tA\tC\t.\t.\t."])
    with open_vcf(path) as reader:
        found = check_reference(reader, windows, path)
        for _ in range(guard.GUARD):
            next(found)
        with pytest.raises(InputError, match="POS 'x'"):
            next(found)
