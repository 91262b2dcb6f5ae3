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

import cyvcf2
import pysam
import pysam.bcftools
import pytest
from conftest import SMALL_TRACKS, random_bases, write_fasta
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from oracles.free_scorer import FreeScorer

from mfdvep.cli import main as cli
from mfdvep.errors import InputError, MfdvepError
from mfdvep.genomics.genome import Genome
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.pipeline import score_vcf

SUITE = "hts-specs_test_vcf.tar.gz"
OURS = re.compile(rb"MFD(_MAX|_BIO|_TECH|_STATUS)?=")
NUMBER = re.compile(rb"\.|-?\d+(\.\d+)?(e-?\d+)?")


def split_vcf(data: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the header lines and the record lines of a VCF; empty lines at its end are none."""
    lines = data.rstrip(b"\r\n").split(b"\n") if data.endswith(b"\n") else data.split(b"\n")
    if data.endswith(b"\r\n") and lines:
        lines[-1] += b"\r"
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
    """Return a record's line whose INFO, if it says nothing, has no character."""
    end = line[len(line.rstrip(b"\r")) :]
    fields = line.rstrip(b"\r").split(b"\t")
    fields[7] = b"" if fields[7].strip(b";") in (b"", b".") else fields[7]
    return b"\t".join(fields) + end


def check_text(before: bytes, after: bytes) -> list[dict[bytes, bytes]]:
    """Hold an annotated VCF against its input; return the keys of mfdvep of each record."""
    header, records = split_vcf(before)
    new_header, new_records = split_vcf(after)
    n_old = len(header) - 1
    assert new_header[:n_old] == header[:n_old]
    assert new_header[-1] == header[-1]
    assert all(OURS.search(x[11:]) or x[:8] == b"##mfdvep" for x in new_header[n_old:-1])
    assert len(new_records) == len(records)
    found = []
    for old, new in zip(records, new_records, strict=True):
        line, ours = taken_out(new)
        assert line == emptied(old)
        found.append(ours)
    return found


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


def outcome(data: bytes, fasta: Path, folder: Path, name: str) -> str:
    """Score a file; return "fine" or the error, after a look at what lies there."""
    (folder / "in.vcf").write_bytes(data)
    out = folder / name
    try:
        with Genome(fasta) as genome:
            summary = score_vcf(folder / "in.vcf", FreeScorer(genome, SMALL_TRACKS), out)
    except MfdvepError as error:
        assert {path.name for path in folder.iterdir()} == {"in.vcf"}
        assert len(str(error).splitlines()) == 1
        assert not hasattr(error, "__notes__")
        return str(error)
    assert {path.name for path in folder.iterdir()} == {"in.vcf", name}
    if name.endswith(".bcf"):
        pysam.set_verbosity(0)
        with pysam.VariantFile(str(out)) as file:
            assert sum(1 for _ in file) == summary.records
    else:
        assert len(check_text(data, inflated(out))) == summary.records
    out.unlink()
    return "fine"


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["o.vcf", "o.vcf.gz"])
def test_the_suite_comes_out_as_it_went_in_or_is_refused(suite, tmp_path, name):
    files, fasta = suite
    said = {file: outcome(data, fasta, tmp_path, name) for file, data in files.items()}
    refused = {file for file, text in said.items() if text != "fine"}
    assert [file for file in refused if "/passed/" in file] == []
    kinds = {re.sub(r"(_\d+)?\.vcf", "", Path(file).name) for file in refused}
    assert kinds == {
        "failed_body_chrom", "failed_body_pos", "failed_empty", "failed_empty_sample",
        "failed_fileformat", "failed_header", "failed_meta",
    }  # fmt: skip
