"""What a check counts, what it calls wrong, and what a person sees of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import random_bases, write_fasta

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.reasons import REASONS
from mfdvep.genomics.variants import MAX_ALLELE, VariantStatus
from mfdvep.genomics.vcf import open_vcf
from mfdvep.scoring.check import CheckReport, ContigCheck, check_vcf, render
from mfdvep.scoring.windows import AlleleWindows

BASES = random_bases(3000, seed=7)
CONTIGS = {"chr1": BASES, "2": BASES[:2000], "gap": "ACGT" * 5 + "N" * 3000, "chrM": "ACGT" * 50}
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def other(base: str) -> str:
    return "ACGT"["ACGT".index(base) - 1]


def line(pos: int, alt: str | None = None, *, ref: str | None = None, chrom: str = "chr1") -> str:
    ref = BASES[pos - 1] if ref is None else ref
    return f"{chrom}\t{pos}\t.\t{ref}\t{alt or other(ref[0])}\t.\t.\t."


EVERY_STATUS = [
    line(100, f"{other(BASES[99])},{BASES[99]}ACG"),  # OK twice
    line(200, "."),
    line(300, f"<DEL>,*,{BASES[299]}N"),  # SYMBOLIC, STAR, NON_ACGT
    line(400, ref=other(BASES[399])),  # REF_MISMATCH
    line(500, "A" * (MAX_ALLELE + 5)),
    line(2999, "A", ref=BASES[2998:] + "A"),  # OFF_CONTIG: one base beyond the end
    line(5, chrom="GL000207.1"),
    line(1, "C", ref="A", chrom="gap"),  # N_RICH
    line(7, chrom="chr2"),
]
COUNTS = {state.value: 1 for state in VariantStatus} | {"OK": 3}


@pytest.fixture
def windows(tmp_path):
    with Genome(write_fasta(tmp_path / "g.fa", CONTIGS)) as genome:
        yield AlleleWindows(genome, shifts=1)


@pytest.fixture
def check(tmp_path, windows):
    """Return a check of a VCF of records and declared contigs."""

    def run(body: list[str], contigs: dict[str, int | None] | None = None, **options):
        declared = [
            f"##contig=<ID={name}>" if n is None else f"##contig=<ID={name},length={n}>"
            for name, n in (contigs or {"chr1": 3000}).items()
        ]
        path = tmp_path / "in.vcf"
        path.write_text("\n".join(["##fileformat=VCFv4.3", *declared, COLUMNS, *body, ""]))
        with open_vcf(path) as reader:
            return check_vcf(reader, windows, vcf="in.vcf", **options)

    return run


def test_every_status_at_once(check, windows):
    report = check(EVERY_STATUS, {"chr1": 3000, "chr2": 1999, "gap": None, "unused": 5})
    assert report.status == COUNTS
    assert list(report.status) == [state.value for state in VariantStatus]
    assert (report.n_records, report.n_alleles) == (9, sum(COUNTS.values()))
    assert report.contigs == (
        ContigCheck("chr1", "chr1", 6, 3000, 3000, True),
        ContigCheck("GL000207.1", None, 1, None, None, False),
        ContigCheck("gap", "gap", 1, None, 3020, True),
        ContigCheck("chr2", "2", 1, 1999, 2000, True),
    )
    # OK 3, TOO_LONG and N_RICH agree; REF_MISMATCH does not; of the others REF is not looked at
    assert (report.n_ref_checked, report.n_ref_mismatch) == (6, 1)
    assert (report.vcf, report.fasta) == ("in.vcf", str(windows.genome.path))
    assert (report.vcf_assembly, report.reference_assembly) == (None, None)
    assert report.sorted
    assert report.problem is None


def test_counts_go_on_after_the_records_that_the_guard_sees(check):
    report = check([line(5)] * 1500 + [line(5, "*")] * 700)
    assert (report.n_records, report.n_alleles) == (2200, 2200)
    assert report.status["OK"] == 1500
    assert report.status["STAR"] == 700
    assert report.contigs[0].n_records == 2200


def test_a_header_alone(check):
    report = check([], {"chr1": 248956422})
    assert (report.n_records, report.n_alleles, report.contigs) == (0, 0, ())
    assert set(report.status.values()) == {0}
    assert report.vcf_assembly == "GRCh38"
    assert report.sorted
    assert report.problem is None
    assert render(report).splitlines()[0] == "The VCF has no records."


def test_wrong_assembly_is_reported_and_not_raised(check):
    body = [line(10 + i, ref=other(BASES[9 + i])) for i in range(12)]
    report = check(body, {"chr1": 249250621})
    assert report.vcf_assembly == "GRCh37"
    assert (report.n_ref_checked, report.n_ref_mismatch) == (12, 12)
    assert "in.vcf: REF disagrees with" in report.problem
    assert "the VCF's header says GRCh37" in report.problem
    assert "is the FASTA the right assembly" in report.problem


def test_wrong_contig_names_are_reported_and_not_raised(check):
    report = check([line(10 + i, chrom="NC_000001.11") for i in range(3)], {"NC_000001.11": 9})
    assert report.problem.startswith("in.vcf: no contig of the first 3 records (NC_000001.11)")
    assert report.status["CONTIG_MISSING"] == 3
    assert report.contigs == (ContigCheck("NC_000001.11", None, 3, 9, None, True),)


@pytest.mark.parametrize("n", [0, 1500])
def test_a_damaged_file_is_refused_wherever_the_damage_is(check, n):
    with pytest.raises(InputError, match="POS 'x' is no number"):
        check([*[line(5)] * n, "chr1\tx\t.\tA\tC\t.\t.\t."])


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([("chr1", 5), ("chr1", 5), ("chr1", 6)], True),
        ([("chr2", 9), ("chr1", 5)], True),
        ([("chr1", 6), ("chr1", 5)], False),
        ([("chr1", 5), ("chr2", 1), ("chr1", 6)], False),
        ([("chr1", 5), ("1", 1)], True),  # another name is another contig of an index
    ],
)
def test_sorted_is_what_an_index_needs(check, places, expected):
    assert check([line(pos, chrom=chrom) for chrom, pos in places]).sorted is expected


def test_progress_is_told(check):
    calls = []
    check([line(5)] * 2500, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1000, None), (2000, None), (2500, None)]


def made(**changes) -> CheckReport:
    """Return a report of one record in which nothing is wrong, but for what is changed."""
    values = {
        "vcf": "in.vcf.gz",
        "fasta": "hg38.fa",
        "n_records": 1,
        "n_alleles": 1,
        "status": {state.value: 0 for state in VariantStatus} | {"OK": 1},
        "contigs": (ContigCheck("1", "chr1", 1, 248956422, 248956422, True),),
        "vcf_assembly": "GRCh38",
        "reference_assembly": "GRCh38",
        "n_ref_checked": 1,
        "n_ref_mismatch": 0,
        "sorted": True,
        "problem": None,
    }
    return CheckReport(**{**values, **changes})


def test_the_whole_text():
    status = {state.value: 0 for state in VariantStatus} | {"OK": 1234, "STAR": 12}
    contigs = (
        ContigCheck("1", "chr1", 1240, 248956422, 248956422, True),
        ContigCheck("MT", "chrM", 6, None, 16569, True),
    )
    report = made(n_records=1246, n_alleles=1246, status=status, contigs=contigs)
    assert render(report) == (
        "Nothing is wrong.\n"
        "\n"
        "VCF        in.vcf.gz\n"
        "reference  hg38.fa\n"
        "assembly   GRCh38 by the VCF's header, GRCh38 by the FASTA's lengths\n"
        "records    1,246\n"
        "alleles    1,246\n"
        "\n"
        "OK    1,234  can be scored\n"
        "STAR     12  allele missing because of an upstream deletion\n"
        "\n"
        "in the VCF  in the reference  records  length in VCF  length in reference\n"
        "1           chr1                1,240    248,956,422          248,956,422\n"
        "MT          chrM                    6              -               16,569"
    )


MISSING = ContigCheck("HLA", None, 2, None, None, False)
OTHER = ContigCheck("2", "chr2", 1, 243199373, 242193529, True)
WRONG = {
    "refused": ({"problem": "REF of in.vcf.gz ..."}, "Scoring would be refused: REF of in.vcf.gz"),
    "no OK": ({"status": made().status | {"OK": 0, "STAR": 1}}, "No allele can be scored."),
    "unsorted": ({"sorted": False}, "Not sorted, so the output cannot be indexed; sort it: bcft"),
    "mismatch": (
        {"n_ref_checked": 5000, "n_ref_mismatch": 7},
        "REF disagrees with the reference in 7 of 5,000 alleles checked.",
    ),
    "missing": (
        {"contigs": (MISSING._replace(declared=True),)},
        "Not in the reference: 1 contig with 2 records.",
    ),
    "length": ({"contigs": (OTHER,)}, "Of another length in the reference: 1 contig."),
    "undeclared": (
        {"contigs": (MISSING._replace(reference="x"), OTHER._replace(length=None, declared=False))},
        "Without a ##contig line in the VCF: 2 contigs.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_comes_first(case):
    changes, says = WRONG[case]
    text = render(made(**changes))
    assert text.startswith(says)
    assert text.partition("\n\n")[0].count("\n") == 0  # and it is the only thing that is wrong
    assert "Nothing is wrong." not in text


def test_all_that_is_wrong_is_said(check):
    text = render(check([*EVERY_STATUS, line(6), line(5)], {"chr1": 2999}))
    wrong, _, statuses, contigs = text.split("\n\n")
    assert [said.split(";")[0] for said in wrong.splitlines()] == [
        "Not sorted, so the output cannot be indexed",
        "REF disagrees with the reference in 1 of 8 alleles checked.",
        "Not in the reference: 1 contig with 1 record.",
        "Of another length in the reference: 1 contig.",
        "Without a ##contig line in the VCF: 3 contigs.",
    ]
    for row, state in zip(statuses.splitlines(), VariantStatus, strict=True):
        n = "5" if state is VariantStatus.OK else "1"
        assert row.split(None, 2) == [state.value, n, REASONS[state]]
    assert contigs.splitlines()[2].split() == ["GL000207.1", "missing", "1", "not", "declared", "-"]


@pytest.mark.parametrize(("n", "more"), [(30, None), (31, "... and 1 more"), (2030, "2,000 more")])
def test_no_more_than_thirty_contigs_are_listed(n, more):
    contigs = tuple(ContigCheck(f"c{i}", f"c{i}", 1, 9, 9, True) for i in range(n))
    listed = render(made(contigs=contigs)).split("\n\n")[-1].splitlines()[1:]
    assert [row.split()[0] for row in listed[:30]] == [f"c{i}" for i in range(30)]
    assert len(listed) == (30 if more is None else 31)
    assert more is None or listed[30].endswith(more)


def test_lines_have_no_spaces_at_their_ends(check):
    text = render(check(EVERY_STATUS))
    assert [row for row in text.split("\n") if row != row.rstrip()] == []
    assert not text.endswith("\n")


def test_a_check_needs_no_model():
    code = "import mfdvep.scoring.check, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.realdata
def test_real_variants_on_the_start_of_a_chromosome(real_data):
    path = real_data / "variants" / "1000g.chr1.sites.vcf.gz"
    with (
        open_vcf(path) as reader,
        Genome(real_data / "regulome45" / "genome.fa.gz") as genome,
    ):
        report = check_vcf(reader, AlleleWindows(genome, shifts=1, strand="forward"), vcf=path)
    assert (report.n_records, report.n_alleles, report.n_ref_mismatch) == (8987, 8999, 0)
    assert report.contigs == (ContigCheck("chr1", "chr1", 8987, 248956422, 1_000_000, True),)
    assert (report.vcf_assembly, report.reference_assembly) == ("GRCh38", None)
    assert report.problem is None
    assert report.sorted
