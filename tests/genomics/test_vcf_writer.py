from __future__ import annotations

import math
import resource
import signal
import tempfile
from pathlib import Path
from urllib.parse import unquote

import cyvcf2
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.bgzf import END_BLOCK
from mfdvep.genomics.header import annotated_header
from mfdvep.genomics.info import escape_info, format_float
from mfdvep.genomics.own import ALLELES, GENES
from mfdvep.genomics.vcf import Record, open_vcf
from mfdvep.genomics.vcf_output import VcfOutput, index_ending, write_index

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


def record(line: str) -> Record:
    fields = line.split("\t")
    return Record(0, line, fields[0], int(fields[1]), fields[3], tuple(fields[4].split(",")))


def annotate(path, lines=(f"{LINE}AC=1",), header=HEADER, added=ADDED, info=INFO, **how) -> None:
    """Write lines in parts of up to a thousand, and join them."""
    with tempfile.TemporaryDirectory() as folder:
        output = VcfOutput(path, header, added, folder=Path(folder), **how)
        parts = []
        for i in range(0, len(lines), 1000):
            parts.append(Path(folder) / f"{i}.part")
            output.write(parts[-1], [(record(line), info) for line in lines[i : i + 1000]])
        output.join(parts, path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("AC=1", "AC=1;MFD=x;MFD_MAX=1"),
        (".", "MFD=x;MFD_MAX=1"),
        ("", "MFD=x;MFD_MAX=1"),
        ("AC=1;", "AC=1;MFD=x;MFD_MAX=1;"),
        ("AC=1\tGT:DP\t0|1:3\t.", "AC=1;MFD=x;MFD_MAX=1\tGT:DP\t0|1:3\t."),
        ("AC=1\r", "AC=1;MFD=x;MFD_MAX=1\r"),
        (";", ";MFD=x;MFD_MAX=1;"),
        (".;", ".;MFD=x;MFD_MAX=1;"),
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
    annotate(path, [], header=[line + "\r" for line in HEADER])
    assert path.read_bytes().decode() == "\r\n".join([*HEADER[:-1], *ADDED, COLUMNS, ""])


TOKEN = st.text(st.characters(blacklist_categories=["C", "Z"], blacklist_characters=",;=\t"))
ROWS = st.lists(st.tuples(st.integers(1, 99_999), st.sampled_from([".", "AC=1"]), TOKEN))


@settings(max_examples=30, deadline=None)
@given(ROWS, st.sampled_from(["o.vcf", "o.vcf.gz"]))
def test_cyvcf2_reads_what_was_written(rows, name):
    lines = [f"chr1\t{pos}\t.\tA\tC\t0.30\tPASS\t{info}" for pos, info, _ in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        output = VcfOutput(path, HEADER, ADDED, folder=Path(folder))
        part = Path(folder) / "part"
        output.write(
            part,
            [
                (record(line), [("MFD", f"C|{escape_info(text)}|1"), ("MFD_MAX", "0.25")])
                for line, (_, _, text) in zip(lines, rows, strict=True)
            ],
        )
        output.join([part], path)
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


def at(*positions: int, chrom: str = "chr1") -> list[str]:
    return [f"{chrom}\t{pos}\t.\tA\tC\t9.50\tPASS\t." for pos in positions]


@pytest.mark.parametrize("name", ["o.vcf.gz", "o.bcf"])
@pytest.mark.parametrize("longest", [10**5, 1 << 29])
def test_an_index_answers_a_query(tmp_path, name, longest):
    path = tmp_path / name
    annotate(path, at(*range(1, 5000)))
    ending = index_ending(path, {"c": 9, "d": longest, "e": None})
    assert ending == (".csi" if name == "o.bcf" or longest > 10**5 else ".tbi")
    write_index(path, tmp_path / f"{name}{ending}", ending=ending, bcf=name == "o.bcf")
    assert {p.name for p in tmp_path.iterdir()} == {name, f"{name}{ending}"}
    with pysam.VariantFile(str(path)) as file:
        assert [record.pos for record in file.fetch("chr1", 2000, 2002)] == [2001, 2002]


def test_parts_of_bgzip_join_without_an_end_between(tmp_path):
    path = tmp_path / "o.vcf.gz"
    annotate(path, at(*range(1, 5000)))
    assert path.read_bytes().count(END_BLOCK) == 1
    assert path.read_bytes().endswith(END_BLOCK)
    assert len(list(open_records(path))) == 4999


def test_unsorted_records_have_no_index(tmp_path):
    path = tmp_path / "o.vcf.gz"
    annotate(path, at(9, 3))
    with pytest.raises(OutputError, match=r"cannot be written: .* are the records sorted"):
        write_index(path, tmp_path / "o.vcf.gz.tbi", ending=".tbi", bcf=False)


@pytest.mark.parametrize("name", ["o.vcf", "-"])
def test_text_has_no_index(name):
    with pytest.raises(OutputError, match="only bgzip and BCF have an index"):
        index_ending(name, {"c": 1})


def open_records(path):
    with open_vcf(path) as reader:
        yield from reader


@pytest.mark.parametrize("name", ["o.txt", "o.vcf.bz2", "vcf", "o.bcf.gz"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(OutputError, match=r"ends in .vcf.gz, .vcf or .bcf, or -"):
        annotate(tmp_path / name)


@pytest.mark.parametrize("name", ["o.vcf", "o.vcf.gz", "o.bcf"])
def test_a_missing_folder_is_refused(tmp_path, name):
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        annotate(tmp_path / "none" / name)


@pytest.mark.parametrize("n_lines", [1, 3000])  # fails when closed, and when written
@pytest.mark.parametrize("name", ["o.vcf", "o.vcf.gz", "o.bcf"])
def test_a_full_disk_is_an_error(tmp_path, name, n_lines):
    output = VcfOutput(tmp_path / name, HEADER, ADDED, folder=tmp_path)
    records = [(record(line), INFO) for line in at(*range(1, n_lines + 1))]
    output.write(tmp_path / "whole", records)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # the tail of the file system, in effect: no file may grow beyond 100 bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        with pytest.raises(OutputError, match=f"{name}: cannot be written"):
            output.write(tmp_path / "part", records * 2)
        with pytest.raises(OutputError, match=f"{name}: cannot be written"):
            output.join([tmp_path / "whole"], tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


OURS = [
    '##INFO=<ID=MFD,Number=.,Type=String,Description="mfdvep: d">',
    '##INFO=<Number=A,ID=MFD_BIO,Type=Float,Description="mfdvep: d">\r',
]


@pytest.mark.parametrize("line", OURS)
def test_an_annotated_vcf_is_refused(line):
    with pytest.raises(InputError, match=r"annotated already; .* --replace"):
        annotated_header([*HEADER[:-1], line, COLUMNS], ADDED)


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize(
    "line",
    [
        '##INFO=<ID=MFD,Number=1,Type=Integer,Description="my favourite depth">',
        '##INFO=<ID=MFD_BIO,Number=1,Type=Flag,Description="of mfdvep: not">',
    ],
)
def test_a_key_of_another_tool_is_refused(line, replace):
    with pytest.raises(InputError, match=r"declares INFO MFD.* of another tool"):
        annotated_header([*HEADER[:-1], line, COLUMNS], ADDED, replace=replace)


def test_an_earlier_annotation_is_replaced(tmp_path):
    run = ["##mfdvepVersion=0", "##mfdvepCommand=x", "##mfdvepModel=<ID=a>", *OURS]
    held = ["AC=1;MFD=x;MFD_BIO=1", "MFD=x;MFD_FLAG", "MFDX=1;MFD=x;AC=1\tGT\t0", "AC=2"]
    header = [*HEADER[:-1], *run, COLUMNS]
    annotate(
        tmp_path / "o.vcf", [LINE + x for x in held], header, info=[("MFD", "y")], replace=True
    )
    after = ["AC=1;MFD=y", "MFD=y", "MFDX=1;AC=1;MFD=y\tGT\t0", "AC=2;MFD=y"]
    lines = [*HEADER[:-1], *ADDED, COLUMNS, *(LINE + x for x in after), ""]
    assert (tmp_path / "o.vcf").read_text() == "\n".join(lines)


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


ALLELE_LINES = ["##mfdvepVersion=0", "##mfdvepModel=<ID=a>", OURS[0]]
GENE_LINES = [
    "##mfdvepGeneVersion=0",
    "##mfdvepGeneModel=<ID=a>",
    '##INFO=<ID=MFD_GENE,Number=.,Type=String,Description="mfdvep: d">',
]


@pytest.mark.parametrize("name", ["o.vcf", "o.bcf"])
@pytest.mark.parametrize(
    ("own", "new", "other", "key", "kept"),
    [
        (GENES, GENE_LINES, ALLELE_LINES, "MFD_GENE", "MFD"),
        (ALLELES, ALLELE_LINES, GENE_LINES, "MFD", "MFD_GENE"),
    ],
)
def test_annotations_of_two_kinds_lie_side_by_side(tmp_path, name, own, new, other, key, kept):
    first, second, third = (tmp_path / f"{i}.{name}" for i in range(3))
    other_own = ALLELES if own is GENES else GENES
    lines = [*HEADER[:-1], COLUMNS]
    annotate(first, [f"{LINE}AC=1"], lines, other, [(kept, "x")], own=other_own)

    def again(source, out, value, **how):
        with open_vcf(source) as reader, tempfile.TemporaryDirectory() as folder:
            output = VcfOutput(out, reader.header_lines, new, folder=Path(folder), own=own, **how)
            output.write(Path(folder) / "part", [(r, [(key, value)]) for r in reader])
            output.join([Path(folder) / "part"], out)

    again(first, second, "y")
    with pytest.raises(InputError, match=f"declares INFO {key}: .* by {own.command} out"):
        again(second, third, "z")
    again(second, third, "z", replace=True)
    for path, value in ((second, "y"), (third, "z")):
        with open_vcf(path) as reader:
            ours = [line for line in reader.header_lines if "mfdvep" in line]
            infos = [record.line.split("\t")[7] for record in reader]
        assert sorted(ours) == sorted([*other, *new])
        assert infos == [f"AC=1;{kept}=x;{key}={value}"]
