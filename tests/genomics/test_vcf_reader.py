from __future__ import annotations

import gzip
import io
import os
import sys
import tempfile
import threading
from pathlib import Path

import cyvcf2
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.genomics.vcf import Record, open_vcf

HEADER = (
    "##fileformat=VCFv4.2\n"
    '##contig=<ID=chr1,length=1000,assembly="a,b">\n'
    "##contig=<ID=HLA-A*01:01>\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="n">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
)
LINES = (
    "chr1\t5\trs1\tA\tC,GT\t.\tPASS\tAC=1,2",
    "chr1\t6\t.\tACG\t.\t9.50\t.\t.",
    "1\t0\t.\tN\t<DEL>\t.\tq10;s50\tAC=3;DB",
)
TEXT = HEADER + "\n" + "".join(f"{line}\n" for line in LINES)


def bgzip(data: bytes, path: Path) -> Path:
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(data)
    return path


def write(folder: Path, form: str, text: str = TEXT) -> Path:
    """Return the path of a VCF in this form; its name says nothing of the form."""
    path, data = folder / f"in.{form}", text.encode("utf-8", "surrogateescape")
    if form == "bgzip":
        return bgzip(data, path)
    if form == "bcf":
        plain = folder / "plain.vcf"
        plain.write_bytes(data)
        source = cyvcf2.VCF(str(plain))
        writer = cyvcf2.Writer(str(path), source, mode="wb")
        for record in source:
            writer.write_record(record)
        writer.close()
        source.close()
        return path
    path.write_bytes(gzip.compress(data) if form == "gzip" else data)
    return path


def read(path) -> tuple[list[str], list[Record]]:
    with open_vcf(path) as reader:
        return reader.header_lines, list(reader)


@pytest.mark.parametrize("form", ["text", "gzip", "bgzip"])
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_lines_come_byte_for_byte(tmp_path, form, eol):
    text = TEXT.replace("rs1", "é\udcff").replace("\n", eol)  # \udcff: a byte that is not UTF-8
    header, records = read(write(tmp_path, form, text))
    assert "\n".join([*header, *(record.line for record in records), ""]) == text


def test_fields(tmp_path):
    path = write(tmp_path, "text")
    with open_vcf(path) as reader:
        assert reader.contigs == {"chr1": 1000, "HLA-A*01:01": None}
        assert list(reader) == [
            Record(0, LINES[0], "chr1", 5, "A", ("C", "GT")),
            Record(1, LINES[1], "chr1", 6, "ACG", ()),
            Record(2, LINES[2], "1", 0, "N", ("<DEL>",)),
        ]


def test_samples_stay_in_the_line(tmp_path):
    text = HEADER + "\tFORMAT\tS1\tS 2\r\nchr1\t5\t.\tA\tC\t.\t.\t.\tGT\t0|1\t./.\r\n"
    with open_vcf(write(tmp_path, "text", text)) as reader:
        assert [record.line for record in reader] == [text.split("\n")[-2]]


def test_last_line_without_newline_and_no_records(tmp_path):
    assert [r.line for r in read(write(tmp_path, "text", TEXT.rstrip("\n")))[1]] == [*LINES]
    assert read(write(tmp_path, "gzip", HEADER + "\n"))[1] == []


@pytest.mark.parametrize("form", ["text", "gzip", "bgzip"])
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_empty_lines_at_the_end_are_no_records(tmp_path, form, eol):
    for text, n in ((TEXT, len(LINES)), (HEADER + "\n", 0)):
        path = write(tmp_path, form, (text + "\n\n\n").replace("\n", eol))
        assert [r.line.rstrip("\r") for r in read(path)[1]] == [*LINES[:n]]


# BCF has only what its header declares
BCF_TEXT = TEXT.replace("q10;s50", "PASS").replace("HLA-A*01:01", "1").replace(";DB", "")


def test_bcf_is_the_text_that_htslib_writes(tmp_path):
    header, records = read(write(tmp_path, "bcf", BCF_TEXT))
    assert header[-1] == HEADER.split("\n")[-1]
    assert [(r.chrom, r.pos, r.ref, r.alts) for r in records] == [
        ("chr1", 5, "A", ("C", "GT")),
        ("chr1", 6, "ACG", ()),
        ("1", 0, "N", ("<DEL>",)),
    ]
    assert [record.line.split("\t")[7] for record in records] == ["AC=1,2", ".", "AC=3"]


def test_standard_input(tmp_path, monkeypatch):
    for form in ("text", "gzip", "bgzip"):
        data = io.BytesIO(write(tmp_path, form).read_bytes())
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(data)))
        assert [record.line for record in read("-")[1]] == [*LINES]


def through_pipe(tmp_path: Path, data: bytes) -> Path:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True).start()
    return pipe


def test_a_pipe_is_read_and_its_end_is_checked(tmp_path):
    data = write(tmp_path, "bgzip").read_bytes()
    pipe = through_pipe(tmp_path, data)
    assert [record.line for record in read(pipe)[1]] == [*LINES]
    pipe.unlink()
    with open_vcf(through_pipe(tmp_path, data[:-28])) as reader:
        records = iter(reader)
        assert [next(records).line for _ in LINES] == [*LINES]
        with pytest.raises(InputError, match="truncated"):
            next(records)


ALT = st.text("ACGTN", min_size=1, max_size=4) | st.sampled_from(["*", "<DEL>", "A]chr1:5]"])
ROW = st.tuples(
    st.integers(1, 10**6),
    st.text("ACGTN", min_size=1, max_size=5),
    st.lists(ALT, min_size=1, max_size=3, unique=True) | st.just(["."]),
    st.sampled_from([".", "AC=1", "AC=1,2;DB"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, max_size=8), st.sampled_from(["text", "gzip", "bgzip"]))
def test_cyvcf2_reads_the_same(rows, form):
    lines = [
        f"chr1\t{pos}\t.\t{ref}\t{','.join(alts)}\t.\tPASS\t{info}" for pos, ref, alts, info in rows
    ]
    flag = '##INFO=<ID=DB,Number=0,Type=Flag,Description="d">\n#CHROM'
    text = "\n".join([HEADER.replace("#CHROM", flag), *lines, ""])
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), form, text)
        records = read(path)[1]
        other = cyvcf2.VCF(str(path))
        expected = [(v.CHROM, v.POS, v.REF, tuple(v.ALT)) for v in other]
        other.close()
    assert [(r.chrom, r.pos, r.ref, r.alts) for r in records] == expected
    assert [record.index for record in records] == list(range(len(rows)))


def refused(path, message: str) -> str:
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_missing_file(tmp_path):
    refused(tmp_path / "none.vcf", "No such file")
    refused(tmp_path, "Is a directory")


@pytest.mark.parametrize("form", ["text", "gzip", "bgzip"])
@pytest.mark.parametrize("text", ["", "chr1\t5\n", ">chr1\nACGT\n", "\x00\x01" * 50])
def test_not_a_vcf(tmp_path, form, text):
    refused(write(tmp_path, form, text), "not a VCF: expected ##fileformat")


@pytest.mark.parametrize(
    "text",
    [
        "##fileformat=VCFv4.2\n",
        "##fileformat=VCFv4.2\nchr1\t5\t.\tA\tC\t.\t.\t.\n",
        TEXT.replace("#CHROM\tPOS\tID\tREF", "#CHROM POS ID REF"),
        TEXT.replace("\tFILTER\tINFO", "\tFILTER"),
        TEXT.replace("INFO\n", "INFOX\n"),
    ],
)
def test_no_chrom_line(tmp_path, text):
    refused(write(tmp_path, "text", text), r":\d: expected the line '#CHROM POS")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("chr1\t6\t.\tA\tC\t.\t.", "7 tab-separated columns, expected 8"),
        ("chr1\t6\t.\tA\tC\t.\t.\t.\tGT", "9 tab-separated columns, expected 8"),
        ("", "empty line before the last record"),
        ("\r\n\n", "empty line before the last record"),
        (" ", "1 tab-separated columns, expected 8"),
        ("chr1 6 . A C . . .", "1 tab-separated columns, expected 8"),
        ("chr1\tsix\t.\tA\tC\t.\t.\t.", "POS 'six' is no number"),
        ("chr1\t-6\t.\tA\tC\t.\t.\t.", "POS '-6' is no number"),
        ("chr1\t6.0\t.\tA\tC\t.\t.\t.", "POS '6.0' is no number"),
        ("chr1\t\t.\tA\tC\t.\t.\t.", "POS '' is no number"),
        ("chr1\t²\t.\tA\tC\t.\t.\t.", "POS '²' is no number"),
    ],
)
def test_a_bad_line_is_named(tmp_path, bad, message):
    path = write(tmp_path, "text", TEXT.replace(LINES[1], bad))
    assert f"{path}:7: " in refused(path, message)


def big(tmp_path: Path, form: str) -> Path:
    rows = [f"chr1\t{i}\t.\tA\tC\t.\t.\tAC={hash((i, 1)) % 99999}\n" for i in range(1, 40_000)]
    return write(tmp_path, form, HEADER + "\n" + "".join(rows))


def test_truncated_bgzip_is_refused_before_its_first_record(tmp_path):
    path = big(tmp_path, "bgzip")
    whole = path.read_bytes()
    for n_lost in (1, 28, 5000):
        path.write_bytes(whole[:-n_lost])
        with pytest.raises(InputError, match="truncated"):
            open_vcf(path)


def test_truncated_gzip_and_damage_come_with_the_line(tmp_path):
    path = big(tmp_path, "gzip")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, r":\d+: damaged after this line")
    path = big(tmp_path, "bgzip")
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(50) + whole[middle + 50 :])
    # what the damage makes of a line may be read before the checksum of its block
    refused(path, r":\d+: (damaged after this line|.*or get the file again)")
    path.write_bytes(whole[:18] + bytes(50) + whole[68:])
    refused(path, "damaged")


def test_damaged_bcf(tmp_path):
    text = HEADER + "\n" + "".join(f"chr1\t{i}\t.\tA\tC\t.\t.\tAC=1\n" for i in range(1, 9999))
    path = write(tmp_path, "bcf", text)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(50) + whole[middle + 50 :])
    refused(path, "damaged BCF")
    path.write_bytes(whole[:-28])
    refused(path, "truncated")
    bgzip(b"BCF\x02\x02" + bytes(20), path)
    refused(path, "damaged BCF")


def test_bcf_from_a_pipe(tmp_path):
    data = write(tmp_path, "bcf", BCF_TEXT).read_bytes()
    header, records = read(tmp_path / "in.bcf")
    plain = gzip.decompress(data)  # as bcftools view -Ou writes it
    for form in (data, plain):
        pipe = through_pipe(tmp_path, form)
        assert read(pipe) == (header, records)
        pipe.unlink()


def test_damaged_bcf_from_a_pipe(tmp_path):
    text = HEADER + "\n" + "".join(f"chr1\t{i}\t.\tA\tC\t.\t.\tAC=1\n" for i in range(1, 9999))
    data = write(tmp_path, "bcf", text).read_bytes()
    middle = len(data) // 2
    damaged = data[:middle] + bytes(50) + data[middle + 50 :]
    for form, says in ((data[:-28], "truncated"), (damaged, "damaged"), (data[:middle], "damaged")):
        pipe = through_pipe(tmp_path, form)
        refused(pipe, says)
        pipe.unlink()


@pytest.mark.parametrize("form", ["text", "gzip", "bgzip", "bcf"])
def test_a_pipe_may_come_byte_by_byte(tmp_path, form):
    source = write(tmp_path, form, BCF_TEXT)
    data = source.read_bytes()
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for at in range(len(data)):
                pipe.write(data[at : at + 1])

    threading.Thread(target=feed, daemon=True).start()
    assert read(f"/dev/fd/{reading}") == read(source)
    os.close(reading)


def test_a_gzip_whose_first_member_is_short(tmp_path):
    data = TEXT.encode()
    (tmp_path / "a").write_bytes(gzip.compress(data[:3]) + gzip.compress(data[3:]))
    assert [record.line for record in read(tmp_path / "a")[1]] == [*LINES]
