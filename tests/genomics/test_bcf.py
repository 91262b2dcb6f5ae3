"""BCF in and out: every value and bit of a record comes through, whatever form goes in."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from pathlib import Path

import pysam
import pysam.bcftools
import pytest
from conftest import SMALL_TRACKS, random_bases, write_fasta
from oracles.free_scorer import FreeScorer

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.bcf import quiet_htslib
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.vcf import open_vcf
from mfdvep.genomics.vcf_output import VcfOutput, index_ending, write_index
from mfdvep.scoring.pipeline import CHUNK_ALLELES, score_vcf

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
SAMPLED = f"{COLUMNS}\tFORMAT\tS1\tS2"
END = '##INFO=<ID=END,Number=1,Type=Integer,Description="end">'
HEADER = [
    "##fileformat=VCFv4.2",
    '##FILTER=<ID=PASS,Description="All filters passed">',
    "##source=a test, with a comma",
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
    '##FORMAT=<ID=LK,Number=.,Type=Float,Description="likelihoods">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="depth">',
    '##FORMAT=<ID=FT,Number=1,Type=String,Description="filter">',
    "##contig=<ID=chr1,length=4000>",
    "##contig=<ID=chr2,length=4000>",
    '##FILTER=<ID=q10,Description="low, or \\"bad\\"">',
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="depth">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">',
    '##INFO=<ID=VEC,Number=.,Type=Float,Description="some">',
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="known">',
    '##INFO=<ID=NOTE,Number=.,Type=String,Description="words">',
    '##ALT=<ID=DEL,Description="deletion">',
    SAMPLED,
]
ADDED = [
    '##INFO=<ID=MFD,Number=.,Type=String,Description="mfdvep: d">',
    '##INFO=<ID=MFD_MAX,Number=A,Type=Float,Description="mfdvep: d">',
    '##INFO=<ID=MFD_STATUS,Number=A,Type=String,Description="mfdvep: d">',
]
KEYS = {"MFD", "MFD_MAX", "MFD_BIO", "MFD_TECH", "MFD_TSHARE", "MFD_STATUS"}

RECORDS = [  # QUAL, INFO and FORMAT numbers have more digits than htslib prints
    "chr1\t100\trs1\tA\tC\t29.123456789\tPASS\tDP=14;AF=0.123456789;DB\tGT:LK\t0|1:-0.987654321,-1,-2\t./.:.",
    "chr1\t101\ta;b\tA\tC,G\t.\tq10\tAF=0.333333333,.;VEC=1e-30,.,3.40282e+38;NOTE=x%2Cy,z\tGT:DP:FT\t1/2:70000:ok\t.|1:.:.",
    "chr1\t101\ta;b\tA\tC,G\t1e-07\t.\t.\tGT\t0\t1|2|1",
    "chr2\t7\t.\tA\t.\t0\tPASS\tDP=-3\tGT\t0/0\t0/0",
    "chr2\t9\t.\tAC\tA\t3.14159274\tPASS;q10\tVEC=0.1\tLK\t0.1,0.2\t.",
]  # fmt: skip
INFOS = [
    [("MFD", "C|t|0.25,C|u|-0.125"), ("MFD_MAX", "0.1235"), ("MFD_STATUS", "OK")],
    [("MFD", "C|t|0.25"), ("MFD_MAX", "-0.1235,."), ("MFD_STATUS", "OK,STAR")],
    [("MFD_MAX", ".,."), ("MFD_STATUS", "STAR,STAR")],
    [("MFD_MAX", "."), ("MFD_STATUS", "NO_ALT")],  # Number=A, and there is no A
    [("MFD_MAX", "2"), ("MFD_STATUS", "OK")],
]


def write_vcf(path: Path, records=RECORDS, header=HEADER) -> Path:
    """Write a VCF; htslib, and no code under test, makes it BCF if the name ends in .bcf."""
    text = path.with_suffix(".vcf")
    text.write_text("\n".join([*header, *records, ""]))
    if path.suffix == ".bcf":
        pysam.bcftools.view("--no-version", "-Ob", "-o", str(path), str(text), catch_stdout=False)
    return path


def annotate(source: Path, path: Path, infos=INFOS, added=ADDED, *, parts=2, **how) -> Path:
    """Write what a reader gives of a file, in parts, with keys in its INFO."""
    with open_vcf(source) as reader:
        output = VcfOutput(path, reader.header_lines, added, folder=path.parent, **how)
        annotated = list(zip(reader, infos, strict=True))
        size = -(-len(annotated) // parts) or 1
        files = []
        for i in range(0, len(annotated), size):
            files.append(path.parent / f"{i}.part")
            output.write(files[-1], annotated[i : i + size])
        output.join(files, path)
    return path


def raw_records(path: Path) -> list[tuple[bytes, bytes]]:
    """Return the bytes of each record of a BCF: shared, and of the samples."""
    data = gzip.decompress(path.read_bytes())
    assert data[:5] == b"BCF\x02\x02"
    at = 9 + struct.unpack_from("<I", data, 5)[0]
    records = []
    while at < len(data):
        n_shared, n_samples = struct.unpack_from("<II", data, at)
        middle = at + 8 + n_shared
        records.append((data[at + 8 : middle], data[middle : middle + n_samples]))
        at = middle + n_samples
    return records


def values_of(path: Path) -> list[dict]:
    """Return all that pysam reads of each record, but for the keys of this tool."""
    found = []
    with pysam.VariantFile(str(path)) as file:
        for r in file:
            samples = [(s.name, s.phased, dict(s.items())) for s in r.samples.values()]
            info = [(k, v) for k, v in r.info.items() if k not in KEYS]
            fixed = (r.chrom, r.pos, r.stop, r.id, r.alleles, r.qual, tuple(r.filter))
            found.append({"fixed": fixed, "info": info, "samples": samples})
    return found


def lines_of(path: Path) -> list[str]:
    """Return the records of a VCF or BCF as htslib prints them."""
    return pysam.bcftools.view("-H", str(path)).splitlines()


def without_mfd(line: str) -> str:
    fields = line.split("\t")
    kept = [entry for entry in fields[7].split(";") if entry.partition("=")[0] not in KEYS]
    fields[7] = ";".join(kept) or "."
    return "\t".join(fields)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_bcf_to_bcf_keeps_every_value(tmp_path, parts):
    source = write_vcf(tmp_path / "in.bcf")
    out = annotate(source, tmp_path / "out.bcf", parts=parts)
    before, after = values_of(source), values_of(out)
    assert after == before
    qual = struct.unpack("<f", struct.pack("<f", 29.123456789))[0]
    assert after[0]["fixed"][5] == qual != 29.1235  # as text has it
    assert after[1]["info"][0] == ("AF", (pytest.approx(0.333333333, abs=2e-8), None))


def test_bcf_to_bcf_keeps_every_bit(tmp_path):
    """Once bcftools has taken the keys out, the records are the bytes that they were."""
    source = write_vcf(tmp_path / "in.bcf")
    out = annotate(source, tmp_path / "out.bcf")
    stripped = tmp_path / "stripped.bcf"
    gone = ",".join(f"INFO/{key}" for key in ("MFD", "MFD_MAX", "MFD_STATUS"))
    pysam.bcftools.annotate("-x", gone, "-Ob", "-o", str(stripped), str(out), catch_stdout=False)
    assert raw_records(stripped) == raw_records(source)
    genotypes = [samples for _, samples in raw_records(source)]
    assert [samples for _, samples in raw_records(out)] == genotypes


def test_a_nan_and_an_infinity_of_the_input_stay(tmp_path):
    record = "chr1\t5\t.\tA\tC\tinf\tPASS\tVEC=nan,-inf,."
    source = write_vcf(tmp_path / "in.bcf", [record], [*HEADER[:-1], COLUMNS])
    out = annotate(source, tmp_path / "out.bcf", INFOS[:1])
    assert lines_of(out)[0].startswith(record)


@pytest.mark.parametrize("form", ["in.vcf", "in.bcf"])
@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz", "out.bcf"])
def test_every_form_says_the_same(tmp_path, form, name):
    """But for how text spells numbers, what comes out does not depend on the forms."""
    source = write_vcf(tmp_path / form)
    out = annotate(source, tmp_path / name)
    expected = lines_of(source)
    assert [without_mfd(line) for line in lines_of(out)] == expected
    # bcftools itself reads the text and makes BCF of it
    again = tmp_path / "again.bcf"
    pysam.bcftools.view("-Ob", "-o", str(again), str(out), catch_stdout=False)
    assert lines_of(again) == lines_of(out)


@pytest.mark.parametrize("form", ["in.vcf", "in.bcf"])
def test_our_keys_in_bcf(tmp_path, form):
    out = annotate(write_vcf(tmp_path / form), tmp_path / "out.bcf")
    with pysam.VariantFile(str(out)) as file:
        found = [[r.info.get(k) for k in ("MFD", "MFD_MAX", "MFD_STATUS")] for r in file]
    about = pytest.approx
    assert found == [
        [("C|t|0.25", "C|u|-0.125"), (about(0.1235),), ("OK",)],
        [("C|t|0.25",), (about(-0.1235), None), ("OK", "STAR")],
        [None, (None, None), ("STAR", "STAR")],
        [None, (None,), ("NO_ALT",)],
        [None, (2.0,), ("OK",)],
    ]


ENDS = [
    "A\tC\tEND=5",  # pysam takes it out
    "AC\tA\tDP=1;END=6;DB",
    "A\tC\tEND=3",  # before POS, as in a file of 1000 Genomes
    "A\tC\tEND=30",
    "A\tC\tEND=.",
    "A\tC\tEND=40000;DP=2",
    "A\tC\tDP=1;END=3000",
    "A\t.\tEND=30;DP=1",
    "A\t<DEL>\tEND=9;DP=3",
    "A\t<DEL>\tDP=1",  # pysam puts one in
    "A\t<*>\t.",
    "A\tC,<*>\tDB",
    "A\t]chr1:10]A\t.",
    "A\t*\tDP=1",
]


def with_end(entry: str) -> str:
    ref, alt, info = entry.split("\t")
    return f"chr1\t5\t.\t{ref}\t{alt}\t.\tPASS\t{info}"


@pytest.mark.parametrize("form", ["in.vcf", "in.bcf"])
def test_end_is_neither_lost_nor_invented(tmp_path, form):
    header = [*HEADER[:-1], END, COLUMNS]
    source = write_vcf(tmp_path / form, map(with_end, ENDS), header)
    out = annotate(source, tmp_path / "out.bcf", [[("MFD", "x")]] * len(ENDS))
    assert [without_mfd(line) for line in lines_of(out)] == list(map(with_end, ENDS))
    whole = write_vcf(tmp_path / "by_htslib.bcf", map(with_end, ENDS), header)
    lengths = [shared[8:12] for shared, _ in raw_records(whole)]  # rlen, which an index uses
    assert [shared[8:12] for shared, _ in raw_records(out)] == lengths


@pytest.mark.parametrize("form", ["in.vcf", "in.bcf"])
def test_a_header_without_end_stays_without(tmp_path, form):
    records = [with_end(entry) for entry in ENDS if "END" not in entry]
    source = write_vcf(tmp_path / form, records, [*HEADER[:-1], COLUMNS])
    out = annotate(source, tmp_path / "out.bcf", [[("MFD", "x")]] * len(records))
    assert [without_mfd(line) for line in lines_of(out)] == records
    assert "ID=END" not in pysam.bcftools.view("-h", str(out))


@pytest.mark.parametrize("end", ["END=abc", "END", "END=3000000000"])
def test_an_end_that_bcf_cannot_hold_is_refused(tmp_path, end):
    header = [*HEADER[:-1], END, COLUMNS]
    source = write_vcf(tmp_path / "in.vcf", [with_end(f"A\tC\t{end}")], header)
    with quiet_htslib(), pytest.raises(InputError, match=r"record at chr1:5 .* -o NAME.vcf.gz"):
        annotate(source, tmp_path / "out.bcf", [[]])
    assert annotate(source, tmp_path / "out.vcf", [[]]).exists()


def test_an_end_of_another_type_is_refused(tmp_path):
    header = [*HEADER[:-1], END.replace("Integer", "String"), COLUMNS]
    source = write_vcf(tmp_path / "in.vcf", [], header)
    with pytest.raises(InputError, match="INFO END as String, expected Integer"):
        annotate(source, tmp_path / "out.bcf", [])


@pytest.mark.parametrize("form", ["in.vcf", "in.bcf"])
@pytest.mark.parametrize("name", ["out.vcf", "out.bcf"])
def test_an_annotation_is_replaced(tmp_path, form, name):
    first = annotate(write_vcf(tmp_path / "first.bcf"), tmp_path / "old.bcf")
    source = tmp_path / form
    kind = "-Ob" if source.suffix == ".bcf" else "-Ov"
    pysam.bcftools.view(kind, "-o", str(source), str(first), catch_stdout=False)
    # another order and other types' widths than before, and one key that is not written again
    new = [ADDED[1], ADDED[0]]
    infos = [[("MFD_MAX", "0.5,.") if "," in line.split("\t")[4] else ("MFD_MAX", "7")]
             for line in lines_of(source)]  # fmt: skip
    out = annotate(source, tmp_path / name, infos, new, replace=True)
    lines = lines_of(out)
    assert [without_mfd(line) for line in lines] == lines_of(tmp_path / "first.bcf")
    assert ["MFD_MAX" in line for line in lines] == [True] * 5
    assert not any("MFD_STATUS" in line or "MFD=" in line for line in lines)
    assert "MFD_STATUS" not in pysam.bcftools.view("-h", str(out))


def test_an_annotated_bcf_is_refused_without_replace(tmp_path):
    first = annotate(write_vcf(tmp_path / "in.bcf"), tmp_path / "old.bcf")
    with pytest.raises(InputError, match="annotated already"):
        annotate(first, tmp_path / "out.bcf")


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ("chr9\t5\t.\tA\tC\t.\t.\t.\tGT\t0\t0", "record at chr9:5 has contig chr9"),
        ("chr1\t5\t.\tA\tC\t.\tPASS;odd\t.\tGT\t0\t0", "record at chr1:5 has FILTER odd"),
        ("chr1\t5\t.\tA\tC\t.\t.\tDP=1;XX=3\tGT\t0\t0", "record at chr1:5 has INFO XX"),
        ("chr1\t5\t.\tA\tC\t.\t.\tXF\tGT\t0\t0", "record at chr1:5 has INFO XF"),
        ("chr1\t5\t.\tA\tC\t.\t.\t.\tGT:ZZ\t0:1\t0:1", "record at chr1:5 has FORMAT ZZ"),
        ("chr1\t5\t.\tA\tC\t.\t.\tGT=1\tGT\t0\t0", "record at chr1:5 has INFO GT"),
    ],
)
def test_what_the_header_does_not_declare_is_refused(tmp_path, record, says):
    source = write_vcf(tmp_path / "in.vcf", [RECORDS[0], record])
    with pytest.raises(OutputError) as refusal:
        annotate(source, tmp_path / "out.bcf", INFOS[:2])
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert annotate(source, tmp_path / "out.vcf", INFOS[:2]).exists()  # text holds anything


def test_a_header_keeps_every_line_and_their_order(tmp_path):
    out = annotate(write_vcf(tmp_path / "in.vcf"), tmp_path / "out.bcf")
    lines = str(pysam.VariantFile(str(out)).header).splitlines()
    assert lines == [*HEADER[:-1], *ADDED, SAMPLED]
    with open_vcf(out) as reader:
        assert reader.header_lines == lines


def test_an_id_may_come_after_a_description(tmp_path):
    """In any order, as VCF 4.3 has it, and with a quote and a comma in the quotes."""
    line = '##INFO=<Description="a, \\"b\\" ,ID=no,",Type=Integer,ID=XX,Number=1>'
    record = "chr1\t5\t.\tA\tC\t.\tPASS\tXX=1"
    source = write_vcf(tmp_path / "in.vcf", [record], [*HEADER[:-1], line, COLUMNS])
    assert lines_of(annotate(source, tmp_path / "out.bcf", [[]])) == [record]


def with_idx(lines: list[str], numbers: list[int]) -> list[str]:
    """Return header lines in which the INFO keys have the numbers of a BCF's dictionary."""
    left = iter(numbers)
    return [f"{x[:-1]},IDX={next(left)}>" if x.startswith("##INFO") else x for x in lines]


@pytest.mark.parametrize("form", ["in.vcf", "in.bcf"])
def test_a_dictionary_with_gaps_and_out_of_order(tmp_path, form):
    header = with_idx(HEADER, [31, 12, 300, 11, 40])
    source = write_vcf(tmp_path / form, header=header)
    out = annotate(source, tmp_path / "out.bcf")
    plain = write_vcf(tmp_path / "plain.bcf")
    assert values_of(out) == values_of(plain)
    assert [without_mfd(line) for line in lines_of(out)] == lines_of(plain)


@pytest.mark.parametrize("parts", [1, 3])
def test_no_records(tmp_path, parts):
    source = write_vcf(tmp_path / "in.bcf", [])
    out = annotate(source, tmp_path / "out.bcf", [], parts=parts)
    assert lines_of(out) == []
    assert str(pysam.VariantFile(str(out)).header).splitlines() == [*HEADER[:-1], *ADDED, SAMPLED]


BASES = random_bases(4000, seed=7)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    fasta = write_fasta(tmp_path_factory.mktemp("g") / "g.fa", {"chr1": BASES, "chr2": BASES})
    with Genome(fasta) as genome:
        yield FreeScorer(genome, SMALL_TRACKS)


def many(n: int) -> list[str]:
    """Return n records; each fifth has two ALTs, each seventh none."""
    records = []
    for i in range(n):
        pos = 700 + 2 * i
        ref = BASES[pos - 1]
        others = [base for base in "ACGT" if base != ref]
        alt = "." if i % 7 == 0 else ",".join(others[: 1 + (i % 5 == 0)])
        chrom, pos = ("chr1", pos) if i < n - 3 else ("chr2", pos)
        qual = 30 + i / 977
        info = f"AF={','.join(['0.123456789'] * (1 + alt.count(',')))};DB;VEC={i / 7:.9g}"
        records.append(
            f"{chrom}\t{pos}\tr{i}\t{ref}\t{alt}\t{qual:.9g}\tPASS\t{info}"
            f"\tGT:LK\t0|1:{i / 3:.9g},.\t./.:-1"
        )
    return records


def test_a_run_of_several_chunks(scorer, tmp_path):
    """BCF in and out, and as text: more alleles than a chunk has, each record once, in order."""
    records = many(2 * CHUNK_ALLELES["cpu"])
    source = write_vcf(tmp_path / "in.bcf", records)
    for name in ("out.bcf", "out.vcf.gz"):
        score_vcf(source, scorer, tmp_path / name, index=True)
    text_source = tmp_path / "in.vcf"
    score_vcf(text_source, scorer, tmp_path / "from_text.bcf")
    assert values_of(tmp_path / "out.bcf") == values_of(source)
    assert values_of(tmp_path / "from_text.bcf") == values_of(source)
    lines = lines_of(tmp_path / "out.bcf")
    assert [without_mfd(line) for line in lines] == lines_of(source)
    assert lines == lines_of(tmp_path / "out.vcf.gz") == lines_of(tmp_path / "from_text.bcf")
    statuses = {line.split("MFD_STATUS=")[1].split("\t")[0] for line in lines}
    assert statuses == {"OK", "OK,OK", "NO_ALT"}
    raw = raw_records(tmp_path / "from_text.bcf")
    assert raw == raw_records(tmp_path / "out.bcf")


def test_the_index_of_a_bcf_finds_what_a_scan_finds(tmp_path):
    records = many(600)
    out = annotate(write_vcf(tmp_path / "in.bcf", records), tmp_path / "out.bcf",
                   [[("MFD_STATUS", "OK")]] * 600, parts=7)  # fmt: skip
    write_index(out, tmp_path / "out.bcf.csi", ending=index_ending(out, {"c": 4000}), bcf=True)
    with pysam.VariantFile(str(out)) as file:
        found = [record.pos for record in file.fetch("chr1", 899, 1000)]
    assert found == list(range(900, 1001, 2))


def test_undeclared_is_refused_by_a_run(scorer, tmp_path):
    source = write_vcf(tmp_path / "in.vcf", [*many(3), many(4)[3].replace("DB", "NEW=1")])
    with pytest.raises(OutputError, match=r"record at chr2:706 has INFO NEW"):
        score_vcf(source, scorer, tmp_path / "out.bcf")
    assert not (tmp_path / "out.bcf").exists()


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="no bcftools")
def test_another_htslib_reads_the_bcf_without_a_word(tmp_path):
    """bcftools as installed, which is not the htslib that pysam brings."""
    header = [*HEADER[:-1], END, COLUMNS]
    source = write_vcf(
        tmp_path / "in.vcf", [with_end("A\tC\tEND=5"), with_end("A\t<*>\t.")], header
    )
    out = annotate(source, tmp_path / "out.bcf", [[("MFD", "x")]] * 2)
    done = subprocess.run(["bcftools", "view", "-H", out], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        with_end("A\tC\tEND=5;MFD=x"), with_end("A\t<*>\tMFD=x"),
    ]  # fmt: skip
