"""`mfdvep score` as it is typed, on the example and with the bundled model."""

from __future__ import annotations

import json
from pathlib import Path

import cyvcf2
import numpy as np
import pytest

from mfdvep.cli.score import default_output
from mfdvep.scoring.effects import read_effects

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(
    ("vcf", "output"),
    [
        ("a/in.vcf.gz", "a/in.mfd.vcf.gz"),
        ("in.vcf", "in.mfd.vcf.gz"),
        ("in.bcf", "in.mfd.vcf.gz"),
        ("in.txt", "in.txt.mfd.vcf.gz"),
        ("-", "-"),
    ],
)
def test_default_output(vcf, output):
    assert default_output(vcf) == output


@pytest.fixture
def few(tmp_path):
    """The header and the first four records of the example."""
    import gzip

    with gzip.open(EXAMPLES / "variants.vcf.gz", "rt") as file:
        lines = file.read().splitlines()
    n_header = sum(line.startswith("#") for line in lines)
    path = tmp_path / "few.vcf"
    path.write_text("\n".join(lines[: n_header + 4]) + "\n")
    return path


def score(run, vcf, *options: str) -> tuple[int, str, str]:
    return run(
        "score", str(vcf), "-f", str(EXAMPLES / "genome.fa"), "--shifts", "1",
        "--strand", "forward", "--threads", "1", *options,
    )  # fmt: skip


def test_score_writes_all_outputs(run, few, tmp_path):
    matrix, stats = tmp_path / "m.parquet", tmp_path / "s.json"
    code, out, err = score(run, few, "--matrix", str(matrix), "--stats", str(stats))
    assert (code, out) == (0, "")
    assert "4 records, 5 alleles: OK 4, STAR 1" in err
    assert (tmp_path / "few.mfd.vcf.gz").exists()
    assert json.loads(stats.read_text())["provenance"]["model"]["name"] == "regulome45"
    assert np.isfinite(read_effects(matrix).combined).sum() == 4 * 442


def test_score_to_standard_output(run, few):
    code, out, err = score(run, few, "-o", "-", "-q")
    assert (code, err) == (0, "")
    body = [line for line in out.splitlines() if not line.startswith("#")]
    assert len(body) == 4
    assert all("MFD_STATUS=OK" in line for line in body)


def test_outputs_are_not_overwritten_without_force(run, few, tmp_path):
    (tmp_path / "few.mfd.vcf.gz").write_text("mine")
    code, _, err = score(run, few)
    assert code == 1
    assert "exists" in err
    assert score(run, few, "--force", "-q") == (0, "", "")


def test_the_index_finds_records_by_region(run, few, tmp_path):
    assert score(run, few, "--write-index", "-q")[0] == 0
    found = list(cyvcf2.VCF(str(tmp_path / "few.mfd.vcf.gz"))("chrA:1600-1612"))
    assert [record.POS for record in found] == [1610]


def test_where_chooses_tracks(run, few, tmp_path):
    matrix = tmp_path / "m.parquet"
    code, *_ = score(run, few, "--where", "target=CTCF", "--matrix", str(matrix))
    assert code == 0
    effects = read_effects(matrix)
    assert set(effects.tracks["target"]) == {"CTCF"}
    assert effects.combined.shape == (5, len(effects.tracks))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--where", "target=CTFC"], "nearest: CTCF"),
        (["-m", "nothing"], "bundled models: regulome45"),
        (["--shifts", "0"], "shifts"),
        (["-o", "x.txt"], "ends in .vcf.gz"),
        (["-o", "x.vcf", "--write-index"], "only bgzip output has an index"),
        (["-o", "few.vcf.gz", "--matrix", "few.vcf.gz"], "is the output too"),
    ],
)
def test_refusals(run, few, options, says):
    code, _, err = score(run, few, *options)
    assert code == 1
    assert says in err
    assert {path.name for path in few.parent.iterdir()} == {"few.vcf"}
