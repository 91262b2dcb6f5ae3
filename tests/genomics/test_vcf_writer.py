from __future__ import annotations

import io
import math
import resource
import signal
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

import cyvcf2
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.info import escape_info, format_float
from mfdvep.genomics.vcf import VcfWriter, open_vcf, write_index

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
HEADER = [
    "##fileformat=VCFv4.2",
    "##contig=<ID=chr1,length=100000>",
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="n">',
    "##source=x",
    COLUMNS,
]
ADDED = [
    "##mfdvepVersion=0",
    '##INFO=<ID=MFD_MAX,Number=A,Type=Float,Description="d">',
    '##INFO=<ID=MFD,Number=.,Type=String,Description="d">',
]
INFO = [("MFD", "C|t%20x|0.1"), ("MFD_MAX", "0.1")]
LINE = "chr1\t5\t.\tA\tC\t9.50\tPASS\t"


def annotate(path, lines=(f"{LINE}AC=1",), header=HEADER, added=ADDED, info=INFO, **how) -> None:
    with VcfWriter(path, header, added, **how) as writer:
        for line in lines:
            writer.write(line, info)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("AC=1", "AC=1;MFD=x;MFD_MAX=1"),
        (".", "MFD=x;MFD_MAX=1"),
        ("", "MFD=x;MFD_MAX=1"),
        ("AC=1;", "AC=1;MFD=x;MFD_MAX=1"),
        ("AC=1\tGT:DP\t0|1:3\t.", "AC=1;MFD=x;MFD_MAX=1\tGT:DP\t0|1:3\t."),
        ("AC=1\r", "AC=1;MFD=x;MFD_MAX=1\r"),
        (".\r", "MFD=x;MFD_MAX=1\r"),
        (".\tGT\t0|1\r", "MFD=x;MFD_MAX=1\tGT\t0|1\r"),
    ],
)
def test_info_is_appended_and_every_other_byte_stays(tmp_path, before, after):
    path = tmp_path / "o.vcf"
    annotate(path, [LINE + before], info=[("MFD", "x"), ("MFD_MAX", "1")])
    assert path.read_bytes().split(b"\n")[-2] == (LINE + after).encode()


def test_no_keys_leave_the_line(tmp_path):
    annotate(tmp_path / "o.vcf", [LINE + "."], info=[])
    assert (tmp_path / "o.vcf").read_text().endswith(f"{LINE}.\n")


def test_new_header_lines_come_last_but_one(tmp_path):
    path = tmp_path / "o.vcf"
    annotate(path, [])
    assert path.read_text() == "\n".join([*HEADER[:-1], *ADDED, COLUMNS, ""])
    annotate(path, [], header=[line + "\r" for line in HEADER], force=True)
    assert path.read_bytes().decode() == "\r\n".join([*HEADER[:-1], *ADDED, COLUMNS, ""])


def test_standard_output(monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    annotate("-")
    assert out.getvalue().decode().endswith("AC=1;MFD=C|t%20x|0.1;MFD_MAX=0.1\n")


TOKEN = st.text(st.characters(blacklist_categories=["C", "Z"], blacklist_characters=",;=\t"))
ROWS = st.lists(st.tuples(st.integers(1, 99_999), st.sampled_from([".", "AC=1"]), TOKEN))


@settings(max_examples=30, deadline=None)
@given(ROWS, st.sampled_from(["o.vcf", "o.vcf.gz"]))
def test_cyvcf2_reads_what_was_written(rows, name):
    lines = [f"chr1\t{pos}\t.\tA\tC\t0.30\tPASS\t{info}" for pos, info, _ in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        with VcfWriter(path, HEADER, ADDED) as writer:
            for line, (_, _, text) in zip(lines, rows, strict=True):
                writer.write(line, [("MFD", f"C|{escape_info(text)}|1"), ("MFD_MAX", "0.25")])
        assert [p.name for p in Path(folder).iterdir()] == [name]
        other = cyvcf2.VCF(str(path))
        seen = [(v.POS, v.INFO.get("AC"), v.INFO["MFD"], v.INFO["MFD_MAX"]) for v in other]
        other.close()
        with open_vcf(path) as reader:
            ours = [record.line for record in reader]
    expected = [(p, 1 if i != "." else None, f"C|{escape_info(t)}|1", 0.25) for p, i, t in rows]
    assert seen == expected
    for line, before in zip(ours, lines, strict=True):
        kept, _, _ = line.partition("MFD=")
        assert kept.rstrip(";") == before.removesuffix(".")


def test_gz_is_bgzip_and_can_be_indexed(tmp_path):
    path = tmp_path / "o.vcf.gz"
    annotate(path, [LINE.replace("\t5\t", f"\t{pos}\t") + "." for pos in range(1, 5000)])
    assert write_index(path) == tmp_path / "o.vcf.gz.tbi"
    with pysam.TabixFile(str(path)) as file:
        assert [row.split("\t")[1] for row in file.fetch("chr1", 2000, 2002)] == ["2001", "2002"]


def test_unsorted_records_have_no_index(tmp_path):
    path = tmp_path / "o.vcf.gz"
    annotate(path, [LINE.replace("\t5\t", f"\t{pos}\t") + "." for pos in (9, 3)])
    with pytest.raises(OutputError, match="sort it if it is not sorted"):
        write_index(path)


@pytest.mark.parametrize("name", ["o.vcf", "o.vcf.gz"])
def test_an_existing_output_is_kept_unless_forced(tmp_path, name):
    path = tmp_path / name
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists; choose another output or use --force"):
        VcfWriter(path, HEADER, ADDED)
    assert path.read_text() == "mine"
    with pytest.raises(KeyError), VcfWriter(path, HEADER, ADDED, force=True):
        raise KeyError
    assert path.read_text() == "mine"
    annotate(path, force=True)
    assert len(list(open_records(path))) == 1


def open_records(path):
    with open_vcf(path) as reader:
        yield from reader


@pytest.mark.parametrize("name", ["o.vcf", "o.vcf.gz"])
def test_an_error_leaves_nothing(tmp_path, name):
    def records():
        yield LINE + "."
        assert not (tmp_path / name).exists()
        raise KeyError

    with pytest.raises(KeyError):
        annotate(tmp_path / name, records())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["o.bcf", "o.txt", "o.vcf.bz2", "vcf"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(OutputError, match=r"ends in .vcf.gz or .vcf, or -"):
        VcfWriter(tmp_path / name, HEADER, ADDED)


@pytest.mark.parametrize("name", ["o.vcf", "o.vcf.gz"])
def test_a_missing_folder_is_refused(tmp_path, name):
    with pytest.raises(OutputError, match="cannot be written"):
        annotate(tmp_path / "none" / name)


@pytest.mark.parametrize("n_lines", [1, 3000])  # fails when closed, and when written
@pytest.mark.parametrize("name", ["o.vcf", "o.vcf.gz"])
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, name, n_lines):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # the tail of the file system, in effect: no file may grow beyond 100 bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        with pytest.raises(OutputError, match="cannot be written"):
            annotate(tmp_path / name, [LINE + "."] * n_lines)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        '##INFO=<ID=MFD,Number=.,Type=String,Description="d">',
        '##INFO=<Number=A,ID=MFD_BIO,Type=Float,Description="d">\r',
    ],
)
def test_an_annotated_vcf_is_refused(tmp_path, line):
    with pytest.raises(InputError, match="annotated already"):
        VcfWriter(tmp_path / "o.vcf", [*HEADER[:-1], line, COLUMNS], ADDED)


@pytest.mark.parametrize("held", ["MFD=x", "AC=1;MFD_BIO=1", "MFD_FLAG;AC=1\tGT\t0", "MFD=1\r"])
@pytest.mark.parametrize("info", [INFO, []])
def test_a_record_with_an_undeclared_key_of_ours_is_refused(tmp_path, held, info):
    with pytest.raises(InputError, match=r"record at chr1:5 has INFO MFD.* annotated already"):
        annotate(tmp_path / "o.vcf", [LINE + held], info=info)
    assert list(tmp_path.iterdir()) == []


def test_a_record_may_hold_what_only_looks_like_a_key_of_ours(tmp_path):
    annotate(tmp_path / "o.vcf", [LINE + "MFDX=MFD;XMFD_;Y=MFD_BIO=1\tMFD\tMFD=1"])
    assert (tmp_path / "o.vcf").read_text().count(";MFD=C|") == 1


def test_a_key_that_only_starts_alike_is_no_clash(tmp_path):
    line = '##INFO=<ID=MFDX,Number=1,Type=String,Description="not ,ID=MFD,">'
    annotate(tmp_path / "o.vcf", header=[*HEADER[:-1], line, COLUMNS])


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.123456, "0.1235"),
        (-0.00012345678, "-0.0001235"),
        (1e-9, "1e-09"),
        (2, "2"),
        (math.nan, "."),
        (math.inf, "."),
        (-math.inf, "."),
    ],
)
def test_format_float(number, text):
    assert format_float(number) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("CTCF", "CTCF"),
        ("T cell, CD4+", "T%20cell%2C%20CD4+"),
        ("a;b=c|d%e:f", "a%3Bb%3Dc%7Cd%25e%3Af"),
        ("a\tb\r\n", "a%09b%0D%0A"),
        ("é", "é"),
    ],
)
def test_escape_info(text, escaped):
    assert escape_info(text) == escaped
    assert unquote(escaped) == text
