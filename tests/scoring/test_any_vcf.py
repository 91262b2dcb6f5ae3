"""Any VCF through the whole pipeline: the specification's own suite, and generated whole VCFs."""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import re
import sys
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest import mock

import pysam
import pysam.bcftools
import pytest
from conftest import SMALL_TRACKS, random_bases, write_fasta
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from oracles.free_scorer import FreeScorer

from mfdvep.cli import main as cli
from mfdvep.errors import InputError, MfdvepError
from mfdvep.genomics.bcf import quiet_htslib
from mfdvep.genomics.genome import Genome
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.pipeline import score_vcf

SUITE = "hts-specs_test_vcf.tar.gz"
OURS = re.compile(rb"MFD(_MAX|_BIO|_TECH|_TSHARE|_STATUS)?=")
OUR_LINE = re.compile(rb"##(mfdvep|INFO=<ID=MFD)")
NUMBER = re.compile(rb"\.|-?\d+(\.\d+)?(e-?\d+)?")


def split_vcf(data: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the header lines and the record lines of a VCF; empty lines at its end are none."""
    lines = data.split(b"\n")
    while lines and lines[-1] in (b"", b"\r"):
        lines.pop()
    n_header = sum(line.startswith(b"#") for line in lines)
    return lines[:n_header], lines[n_header:]


def inflated(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def taken_out(line: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Return a record's line without the keys of mfdvep, and these keys with their values."""
    fields = line.rstrip(b"\r").split(b"\t")
    entries = fields[7].split(b";")
    ours = dict(entry.split(b"=", 1) for entry in entries if OURS.match(entry))
    fields[7] = b";".join(entry for entry in entries if not OURS.match(entry))
    return b"\t".join(fields) + line[len(line.rstrip(b"\r")) :], ours


def emptied(line: bytes) -> bytes:
    """Return a record's line with no INFO for "."; our keys are put in its place."""
    end = line[len(line.rstrip(b"\r")) :]
    fields = line.rstrip(b"\r").split(b"\t")
    fields[7] = b"" if fields[7] == b"." else fields[7]
    return b"\t".join(fields) + end


def check_text(before: bytes, after: bytes) -> list[dict[bytes, bytes]]:
    """Hold an annotated VCF against its input; return the keys of mfdvep of each record."""
    header, records = split_vcf(before)
    new_header, new_records = split_vcf(after)
    n_old = len(header) - 1
    assert new_header[:n_old] == header[:n_old]
    assert new_header[-1] == header[-1]
    assert all(OUR_LINE.match(line) for line in new_header[n_old:-1])
    assert len(new_records) == len(records)
    found = []
    for old, new in zip(records, new_records, strict=True):
        line, ours = taken_out(new)
        assert line == emptied(old)
        found.append(ours)
    return found


def htslib_view(*args: str) -> None:
    with quiet_htslib():
        pysam.bcftools.view(*args, catch_stdout=False)


def htslib_lines(path: Path) -> list[bytes]:
    """Return the lines of records as htslib alone reads and writes them."""
    text = path.with_name("htslib.txt")
    try:
        htslib_view("-H", "-o", str(text), str(path))
        return split_vcf(text.read_bytes())[1]
    finally:
        text.unlink(missing_ok=True)


# --- the suite of hts-specs


@pytest.fixture(scope="module")
def suite(real_data, tmp_path_factory) -> tuple[dict[str, bytes], Path]:
    """The files of the suite by name, and a FASTA in which each contig of theirs has one base."""
    with tarfile.open(real_data / "variants" / SUITE) as tar:
        files = {
            member.name: tar.extractfile(member).read()
            for member in tar
            if member.name.endswith(".vcf")
        }
    assert len(files) == 685
    lines = [line for data in files.values() for line in data.split(b"\n") if line[:1] not in b"#"]
    names = {line.split(b"\t")[0].decode(errors="replace") for line in lines}
    plain = sorted(name for name in names if re.fullmatch(r"[!-~]+", name))
    folder = tmp_path_factory.mktemp("suite")
    return files, write_fasta(folder / "g.fa", dict.fromkeys(plain, "A"))


def latest(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of the suite but those that are there again for a newer version."""
    return {name: data for name, data in files.items() if not re.search(r"/4\.[12]/", name)}


def outcome(data: bytes, fasta: Path, folder: Path, name: str) -> str:
    """Score a file; return "fine" or the error, after a look at what lies there."""
    (folder / "in.vcf").write_bytes(data)
    out = folder / name
    try:
        with Genome(fasta) as genome:
            summary = score_vcf(folder / "in.vcf", FreeScorer(genome, SMALL_TRACKS), out)
    except MfdvepError as error:
        said = [str(error), *getattr(error, "__notes__", ())]
        assert {path.name for path in folder.iterdir()} == {"in.vcf"}, said
        assert len("".join(said).splitlines()) == 1, said
        return said[0]
    assert {path.name for path in folder.iterdir()} == {"in.vcf", name}
    if name.endswith(".bcf"):
        lines = htslib_lines(out)
        assert len(lines) == summary.records
        assert [taken_out(line)[0] for line in lines] == [
            emptied(line) for line in htslib_lines(folder / "in.vcf")
        ]
    else:
        assert len(check_text(data, inflated(out))) == summary.records
    out.unlink()
    return "fine"


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["o.vcf", "o.vcf.gz"])
def test_the_suite_comes_out_as_it_went_in_or_is_refused(suite, tmp_path, name):
    files, fasta = suite
    if name == "o.vcf.gz":
        files = latest(files)
    said = {file: outcome(data, fasta, tmp_path, name) for file, data in files.items()}
    refused = {file for file, text in said.items() if text != "fine"}
    assert [file for file in refused if "/passed/" in file] == []
    kinds = {re.sub(r"(_\d+)?\.vcf", "", Path(file).name) for file in refused}
    assert kinds == {
        "failed_body_chrom", "failed_body_pos", "failed_empty", "failed_empty_sample",
        "failed_fileformat", "failed_header", "failed_meta",
    }  # fmt: skip


def declared(data: bytes) -> bytes:
    """Return a VCF with what its records use declared, as a BCF asks for."""
    header, records = split_vcf(data)
    added = []
    for fields in (line.split(b"\t") for line in records):
        if len(fields) > 7:
            added.append(b"##contig=<ID=%s>" % fields[0])
            added += [b'##FILTER=<ID=%s,Description="">' % key for key in fields[6].split(b";")]
            for use, keys in zip((b"INFO", b"FORMAT"), (fields[7:8], fields[8:9]), strict=True):
                names = re.split(rb"[;:]", b"".join(keys)) if keys else []
                added += [
                    b'##%s=<ID=%s,Number=.,Type=String,Description="">' % (use, name.split(b"=")[0])
                    for name in names
                ]
    known = {re.split(rb"[,>]", line)[0] for line in header}
    added = [x for x in dict.fromkeys(added) if re.split(rb"[,>]", x)[0] not in known]
    added = [line for line in added if not re.match(rb"##\w+=<ID=(\.?|PASS|END)[,>]", line)]
    end = b'##INFO=<ID=END,Number=1,Type=Integer,Description="">'
    return b"\n".join([*header[:-1], *added, end, *header[-1:], *records, b""])


def to_bcf(files: dict[str, bytes], fasta: Path, folder: Path, tell) -> None:
    """Tell of each file that it is begun, and what became of it."""
    for file, data in files.items():
        tell.send((file, "begun"))
        tell.send((file, outcome(data, fasta, folder, "o.bcf")))


@pytest.mark.realdata
@pytest.mark.parametrize("ready", [False, True], ids=["as they are", "declared"])
def test_the_suite_becomes_bcf_or_is_refused(suite, tmp_path, ready):
    # in a process of its own: htslib may end it
    files, fasta = suite
    given = {name: declared(data) for name, data in latest(files).items()} if ready else files
    context = multiprocessing.get_context("fork")
    listen, tell = context.Pipe(duplex=False)
    child = context.Process(target=to_bcf, args=(given, fasta, tmp_path, tell))
    child.start()
    tell.close()
    said: dict[str, str] = {}
    try:
        while True:
            file, text = listen.recv()
            said[file] = text
    except EOFError:
        child.join()
    assert [file for file, text in said.items() if text == "begun"] == []
    assert said.keys() == given.keys()
    assert child.exitcode == 0
    n_fine = sum(text == "fine" for text in said.values())
    assert n_fine > (200 if ready else 10)


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    ["4.3/failed/failed_empty", "4.1/failed/failed_meta_004", "4.2/failed/failed_body_pos_001",
     "4.3/failed/failed_header_000", "4.3/failed/failed_body_chrom_002"],
)  # fmt: skip
def test_the_command_says_in_one_line_what_is_wrong(suite, tmp_path, monkeypatch, capfd, name):
    files, fasta = suite
    vcf = tmp_path / "in.vcf"
    vcf.write_bytes(files[f"test/vcf/{name}.vcf"])
    monkeypatch.setattr(
        "mfdvep.cli.score._scorer", lambda genome, options: FreeScorer(genome, SMALL_TRACKS)
    )
    monkeypatch.setattr("sys.argv", ["mfdvep", "score", str(vcf), "-f", str(fasta), "-q"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capfd.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"mfdvep: error: {vcf}")
    assert {path.name for path in tmp_path.iterdir()} == {"in.vcf"}


# --- whole VCFs as they may be thought of

GENOME = {
    "chr1": random_bases(620, seed=5) + "CA" * 20 + "T" * 25 + "N" * 15  # 700 bases
    + random_bases(595, seed=6) + "N" * 5 + random_bases(100, seed=9),
    "2": "N" * 30 + random_bases(60, seed=7).lower(),  # no window of it is not mostly N
    "chrM": random_bases(50, seed=8),
}  # fmt: skip
NAMES = {
    "chr1": "chr1", "1": "chr1", "2": "2", "chr2": "2",
    "chrM": "chrM", "MT": "chrM", "M": "chrM", "chrMT": "chrM",
}  # fmt: skip
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
WINDOW, HALF, LONGEST = 1153, 576, 512
POSITIONS = ["1", "619", "621", "650", "661", "686", "700", "1395", "1396", "1400", "1401", "99999"]
OTHER_ALTS = [
    "*", "<DEL>", "<*>", "<NON_REF>", "<INS:ME:ALU>", "A[chr2:30[", "]chr2:30]A", "A.", ".A",
    "N", "R", "An", "a", "acgTT", "C" * 514,
]  # fmt: skip
INFOS = [".", "AC=1", "DB", "XX=1,2", "END=700", "END=1", "AC=2;DB;XX=3", "MFDX=1", "SVLEN=-9"]
ODD_CHROMS = ["chr1_alt", "HLA-A*01:01", "<ctg>", "chr\xe9", "chr1 ", "Chr1", ""]
ODD_POSITIONS = ["0", "007", "4294967296", "9" * 18]
ODD_REFS = ["R", "", ".", "*", "AN", "<DEL>", "\xff"]
ODD_ALTS = [".", "", "<", "A ", "\xff", "-", "0", "A\r"]
ODD_INFOS = [
    "", ";", "AC=1;", "AC=1;;", "AC=", "=", "AC=nan", "xMFD=1", "A B=\xe9", "AN=%3B;AC=2;AC=3",
    "\x0b", ".;AC=1", "END=x",
]  # fmt: skip
DECLARATIONS = [
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="a, \\"quoted\\" count">',
    '##INFO=<ID=END,Number=1,Type=Integer,Description="end">',
    '##FILTER=<ID=q10,Description="low">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
    "##contig=<ID=chr1,length=1400>",
    "##contig=<length=90,ID=2>",
    "##odd line of \xe9 and = < >",
]


@dataclass(frozen=True)
class Whole:
    """A VCF as it was thought of: its fields are text in which each character is a byte."""

    header: list[str]
    records: list[list[str]]
    end: str
    ending: str

    def data(self) -> bytes:
        """Return the bytes of the file."""
        lines = [*self.header, *("\t".join(fields) for fields in self.records)]
        return (self.end.join(lines) + self.ending).encode("latin-1")


@st.composite
def records(draw, n_columns: int, odd: bool) -> list[str]:
    """Draw the fields of a record; unless it is odd, htslib can read them."""

    def one(plain: list[str], others: list[str]) -> str:
        return draw(st.sampled_from(others if odd and draw(st.integers(0, 5)) == 5 else plain))

    chrom = one(["chr1", "chr1", "chr1", "1", "2", "MT", "chr3"], ODD_CHROMS)
    at = one([str(draw(st.integers(1, 1400))), *POSITIONS], ODD_POSITIONS)
    bases = GENOME.get(NAMES.get(chrom, ""), "")
    length = draw(st.sampled_from([1, 1, 1, 1, 2, 3, 9, 513, 520]))
    ref = bases[max(int(at) - 1, 0) :][:length] or "A"
    if draw(st.integers(0, 9)) == 0:
        ref = one([*"ACGT", "ACGT", ref.lower(), "N", "A" * 600], ODD_REFS)
    changes = [*"ACGT", ref, ref[:1], f"{ref}AC", f"{ref[:1]}T{ref[1:]}", f"G{ref[1:]}", f"T{ref}"]
    n_alts = draw(st.sampled_from([1, 1, 2, 3]))
    alts = [one([*changes, *changes, *OTHER_ALTS], ODD_ALTS) for _ in range(n_alts)]
    infos = [one(INFOS, ODD_INFOS), one(ODD_INFOS, ODD_INFOS)] if odd else [one(INFOS, INFOS)]
    fields = [
        chrom, at, one([".", "rs1", "rs1;rs2"], ["", "\xe9", "a b"]), ref,
        ",".join(alts) if n_alts > 1 or draw(st.integers(0, 5)) else ".",
        one([".", "29", "29.5"], ["1e3", "-1", "nan", "", "29.50"]),
        one([".", "PASS", "q10", "q11;q12"], ["", ";"]),
        ";".join(infos[: draw(st.integers(1, 2))]),
        "GT:DP", *(one(["0/1:3", ".", "./."], ["", "\xff"]) for _ in range(3)),
    ]  # fmt: skip
    return fields[:n_columns]


@st.composite
def wholes(draw) -> Whole:
    n_columns = draw(st.sampled_from([8, 8, 9, 10, 12]))
    found = draw(st.lists(records(n_columns, draw(st.booleans())), max_size=30))
    if draw(st.booleans()):
        found.sort(key=lambda fields: (fields[0], int(fields[1])))
    header = [
        f"##fileformat=VCFv4.{draw(st.integers(1, 5))}",
        *draw(st.lists(st.sampled_from(DECLARATIONS), unique=True)),
        "\t".join([COLUMNS, "FORMAT", "a", "\xe9", "c"][: n_columns - 7]),
    ]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return Whole(header, found, end, draw(st.sampled_from([end, "", end * 3])))


def alts_of(alt: str) -> list[str]:
    return [""] if alt in ("", ".") else alt.split(",")


def leftmost(bases: str, at: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return the least change that makes the same sequence, of all places the leftmost."""
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        at, ref, alt = at + 1, ref[1:], alt[1:]
    made = bases[:at] + alt + bases[at + len(ref) :]
    if ref and not alt:
        n = len(ref)
        at = min(i for i in range(at + 1) if bases[:i] + bases[i + n :] == made)
    elif alt and not ref:
        n = len(alt)
        at = min(i for i in range(at + 1) if bases[:i] + made[i : i + n] + bases[i:] == made)
    return at, ref, alt


def expected_statuses(chrom: str, pos: int, ref: str, alts: list[str]) -> list[str]:
    if alts in ([""], ["."]):
        return ["NO_ALT"]
    return [expected_status(chrom, pos, ref, alt) for alt in alts]


def expected_status(chrom: str, pos: int, ref: str, alt: str) -> str:
    """Return the status of an allele by the rules as the documentation words them."""
    if alt == "*":
        return "STAR"
    if alt == ".":
        return "NON_ACGT"
    if re.search(r"[][<>:.]", alt):
        return "SYMBOLIC"
    if not re.fullmatch("[ACGTacgt]+,[ACGTacgt]+", f"{ref},{alt}"):
        return "NON_ACGT"
    if chrom not in NAMES:
        return "CONTIG_MISSING"
    bases = GENOME[NAMES[chrom]].upper()
    if pos < 1 or pos - 1 + len(ref) > len(bases):
        return "OFF_CONTIG"
    if bases[pos - 1 : pos - 1 + len(ref)] != ref.upper():
        return "REF_MISMATCH"
    at, ref, alt = leftmost(bases, pos - 1, ref.upper(), alt.upper())
    if max(len(ref), len(alt)) > LONGEST:
        return "TOO_LONG"
    known = bases[max(at - HALF, 0) : at - HALF + WINDOW]
    n_unknown = WINDOW - len(known) + known.count("N")
    return "N_RICH" if n_unknown > WINDOW / 2 else "OK"


def expected_refusal(data: bytes, fields: list[list[str]]) -> bool:
    """Return whether the VCF looks like one of another reference."""
    header = b"\n".join(split_vcf(data)[0]).decode("latin-1")
    named = [record[0] for record in fields] + re.findall(
        r"##contig=<(?:[^>\n]*,)?ID=([^,>]+)", header
    )
    if fields and not any(name in NAMES for name in named):
        return True
    agree = [
        # a REF that could be scored, as an SNV of it tells
        expected_status(chrom, int(pos), ref, "C" if ref[:1] in "Aa" else "A")
        for chrom, pos, _, ref, *_ in fields
    ]
    wrong, checked = agree.count("REF_MISMATCH"), {"OK", "TOO_LONG", "N_RICH", "REF_MISMATCH"}
    right = sum(status in checked for status in agree) - wrong
    return wrong >= 10 and wrong > right


def as_form(data: bytes, form: str, folder: Path) -> tuple[Path, bytes]:
    """Write a VCF in a form; return the file, and the text that is in it."""
    path = folder / "in"
    if form == "bgzip":
        with pysam.BGZFile(str(path), "wb") as file:
            file.write(data)
        return path, data
    path.write_bytes(gzip.compress(data) if form == "gzip" else data)
    # pysam reads no ID but UTF-8
    if form == "bcf" and not re.search(rb"<ID=[^,>]*[\x80-\xff]", declared(data)):
        path.write_bytes(declared(data))
        bcf, text = folder / "in.bcf", folder / "text.vcf"
        try:
            for kind, source, made in (("-Ob", path, bcf), ("-Ov", bcf, text)):
                htslib_view(kind, "--no-version", "-o", str(made), str(source))
            return bcf, text.read_bytes()
        except pysam.SamtoolsError:
            event("htslib makes no BCF of it")
            path.write_bytes(data)
        finally:
            text.unlink(missing_ok=True)
    return path, data


def score(path: Path, output: str, folder: Path, fasta: Path, *, as_stream: bool) -> tuple:
    """Score a file; return the summary and the annotated text."""
    sink = SimpleNamespace(buffer=io.BytesIO())
    source = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(path.read_bytes())))
    with (
        Genome(fasta) as genome,
        mock.patch.object(sys, "stdin", source),
        mock.patch.object(sys, "stdout", sink),
    ):
        summary = score_vcf(
            "-" if as_stream else path,
            FreeScorer(genome, SMALL_TRACKS),
            "-" if output == "-" else folder / output,
            matrix=folder / "m.parquet",
            stats=folder / "o.stats.json",
            force=True,
        )
    return summary, sink.buffer.getvalue() if output == "-" else inflated(folder / output)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory) -> Path:
    return write_fasta(tmp_path_factory.mktemp("genome") / "g.fa", GENOME)


FORMS = ["plain", "gzip", "bgzip", "bcf"]


@given(
    whole=wholes(),
    form=st.sampled_from(FORMS),
    as_stream=st.booleans(),
    output=st.sampled_from(["o.vcf", "o.vcf.gz", "-"]),
    size=st.integers(1, 7),
)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_every_record_and_allele_of_any_vcf_is_accounted_for(
    fasta, whole, form, as_stream, output, size
):
    with TemporaryDirectory() as name:
        folder = Path(name)
        path, data = as_form(whole.data(), form, folder)
        fields = [line.rstrip(b"\r").decode("latin-1").split("\t") for line in split_vcf(data)[1]]
        before = {entry.name for entry in folder.iterdir()}
        if path.name != "in.bcf":
            assert fields == whole.records
        statuses = [expected_statuses(f[0], int(f[1]), f[3], alts_of(f[4])) for f in fields]
        how = {"folder": folder, "fasta": fasta, "as_stream": as_stream}
        if expected_refusal(data, fields):
            event("refused")
            with pytest.raises(InputError) as caught:
                score(path, output, **how)
            assert str(caught.value).count("\n") == 0
            assert {entry.name for entry in folder.iterdir()} == before
            return
        summary, after = score(path, output, **how)
        check_counts(summary, fields, statuses, folder)
        for ours, record, states in zip(check_text(data, after), fields, statuses, strict=True):
            check_keys(ours, alts_of(record[4]), states)
        made = [(folder / name).read_bytes() for name in ("m.parquet", "o.skipped.tsv")]
        with mock.patch("mfdvep.scoring.reading.MAX_RECORDS", size):
            assert score(path, output, **how)[1] == after
        assert [(folder / name).read_bytes() for name in ("m.parquet", "o.skipped.tsv")] == made


@given(whole=wholes(), form=st.sampled_from(["plain", "bcf"]), as_stream=st.booleans())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_any_vcf_becomes_bcf_or_is_refused(fasta, whole, form, as_stream):
    with TemporaryDirectory() as name:
        folder = Path(name)
        path, _ = as_form(declared(whole.data()), form, folder)
        before = {entry.name for entry in folder.iterdir()}
        try:
            summary, _ = score(path, "o.bcf", folder, fasta, as_stream=as_stream)
        except MfdvepError as error:
            event(f"refused: {str(error).replace(str(folder), '')[:30]}")
            said = str(error)
        else:
            event("fine")
            lines = htslib_lines(folder / "o.bcf")
            fields = [line.decode("latin-1").split("\t") for line in lines]
            found = [taken_out(line) for line in lines]
            assert [line for line, _ in found] == [emptied(x) for x in htslib_lines(path)]
            for (_, ours), record in zip(found, fields, strict=True):
                alts = alts_of(record[4])
                check_keys(
                    ours,
                    alts,
                    expected_statuses(record[0], int(record[1]), record[3], alts),
                )
            assert summary.records == len(lines)
            return
        assert len(said.splitlines()) == 1
        assert {entry.name for entry in folder.iterdir()} == before


@pytest.mark.parametrize("output", ["o.vcf", "o.bcf"])
def test_a_bcf_keeps_bytes_that_are_no_utf8(fasta, tmp_path, output):
    record = ["chr1", "300", "\xe9", GENOME["chr1"][299], "*", ".", ".", "XX=\xff"]
    odd = Whole(["##fileformat=VCFv4.2", "##by=Ren\xe9", COLUMNS], [record], "\n", "\n")
    path, data = as_form(odd.data(), "bcf", tmp_path)
    assert path.name == "in.bcf"
    score(path, output, tmp_path, fasta, as_stream=False)
    lines = htslib_lines(tmp_path / output)
    assert [taken_out(line)[0] for line in lines] == split_vcf(data)[1]
    assert b"##by=Ren\xe9\n" in inflated(tmp_path / output)


def check_counts(summary, fields: list[list[str]], statuses: list[list[str]], folder: Path) -> None:
    """Hold all that counts alleles against the expected statuses."""
    flat = [status for record in statuses for status in record]
    assert (summary.records, summary.alleles) == (len(fields), len(flat))
    assert {status: n for status, n in summary.status.items() if n} == Counter(flat)
    assert summary.unscored == sum(status not in ("OK", "NO_ALT") for status in flat)
    assert json.loads((folder / "o.stats.json").read_text())["status"] == summary.status
    effects = read_effects(folder / "m.parquet")
    assert [str(status) for status in effects.status] == flat
    assert [v.pos for v in effects.variants] == [
        int(f[1]) for f, record in zip(fields, statuses, strict=True) for _ in record
    ]
    rows = (folder / "o.skipped.tsv").read_bytes().decode("latin-1").split("\n")[1:-1]
    assert [row.split("\t")[:8] for row in rows] == [
        [
            record[0],
            str(int(record[1])),
            *record[2:4],
            alt or ".",
            str(i),
            str(0 if record[4] in ("", ".") else j),
            status,
        ]
        for i, (record, states) in enumerate(zip(fields, statuses, strict=True))
        for j, (alt, status) in enumerate(zip(alts_of(record[4]), states, strict=True), start=1)
        if status != "OK"
    ]


def check_keys(ours: dict[bytes, bytes], alts: list[str], statuses: list[str]) -> None:
    """Hold the keys of a record against its alleles."""
    assert ours[b"MFD_STATUS"].decode().split(",") == statuses
    for key in (b"MFD_MAX", b"MFD_BIO", b"MFD_TECH", b"MFD_TSHARE"):
        values = ours[key].split(b",")
        assert [value == b"." for value in values] == [status != "OK" for status in statuses]
        assert all(NUMBER.fullmatch(value) for value in values)
    entries = [entry.split(b"|") for entry in ours.get(b"MFD", b"").split(b",") if entry]
    assert [entry[0].decode() for entry in entries] == [
        alt for alt, status in zip(alts, statuses, strict=True) if status == "OK" for _ in range(3)
    ]
    for entry in entries:
        assert all(map(NUMBER.fullmatch, entry[2:6]))
        assert entry[6:] == [b".", b"loss" if entry[2].startswith(b"-") else b"gain"]


@pytest.mark.parametrize("pos", ["", ".", "-1", "+1", "1e3", "1" + "0" * 18, "1" * 5000, "\u0661"])
def test_a_position_that_no_table_can_hold_is_refused(fasta, tmp_path, pos):
    line = f"chr1\t{pos}\t.\tA\tC\t.\t.\t."
    (tmp_path / "in").write_text(f"##fileformat=VCFv4.2\n{COLUMNS}\n{line}\n")
    with pytest.raises(InputError, match=r"in:3: POS .* is no number") as caught:
        score(tmp_path / "in", "o.vcf", tmp_path, fasta, as_stream=False)
    assert len(str(caught.value)) < 300
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


# --- the largest and the least


def test_a_very_long_line(fasta, tmp_path):
    n = 20_000
    genotypes = ["0/1:3,4:99"] * n
    info = f"AC=1;XX={'ACGT' * (5 << 18)}"
    lines = [
        "##fileformat=VCFv4.2",
        "\t".join([COLUMNS, "FORMAT", *(f"s{i}" for i in range(n))]),
        "\t".join(["chr1", "300", ".", GENOME["chr1"][299], "*", ".", ".", info, "GT", *genotypes]),
        "\t".join(["chr1", "301", ".", GENOME["chr1"][300], "*", ".", ".", ".", "GT", *genotypes]),
    ]
    data = ("\n".join(lines) + "\n").encode()
    (tmp_path / "in").write_bytes(data)
    for name in ("o.vcf", "o.vcf.gz", "-"):
        summary, after = score(tmp_path / "in", name, tmp_path, fasta, as_stream=name == "-")
        assert summary.records == 2
        assert [ours[b"MFD_STATUS"] for ours in check_text(data, after)] == [b"STAR"] * 2


@pytest.mark.parametrize(
    ("form", "end"),
    [*((form, "\n") for form in FORMS), ("plain", ""), ("gzip", "\r\n"), ("bgzip", "\n\n\n")],
)
def test_a_header_alone(fasta, tmp_path, form, end):
    whole = Whole(["##fileformat=VCFv4.5", COLUMNS], [], "\r\n" if "\r" in end else "\n", end)
    path, data = as_form(whole.data(), form, tmp_path)
    for name in ("o.vcf", "o.vcf.gz", "o.bcf", "-"):
        summary, after = score(path, name, tmp_path, fasta, as_stream=form == "gzip")
        lines = htslib_lines(tmp_path / name) if name == "o.bcf" else check_text(data, after)
        assert lines == []
        check_counts(summary, [], [], tmp_path)
