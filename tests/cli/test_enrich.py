"""`mfdvep enrich` as typed, and `mfdvep score --labels`, which ends with its table."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from enrichment.effects import labels, write_effects
from enrichment.flat import write_table

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def scores(tmp_path):
    return write_effects(tmp_path / "scores.parquet", labels(300))


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_table_on_stdout(run, scores):
    code, out, err = run("enrich", str(scores), "--bootstrap", "50", "-q")
    assert code == 0
    assert "300 variants used of 300" in out
    assert all(f"  {kind}" in out for kind in ("combined", "biological", "technical"))
    assert err == ""


def test_everything_in_a_folder(run, scores, tmp_path):
    folder = tmp_path / "report"
    code, _, err = run(
        "enrich", str(scores), "--quantiles", "0.9", "--sided", "both", "--permute", "20",
        "--bootstrap", "50", "--legacy", "-o", str(folder),
    )  # fmt: skip
    assert code == 0
    assert "report.html has the figures" in err
    names = {path.name for path in folder.iterdir()}
    assert {
        "overall.tsv",
        "tracks.parquet",
        "report.html",
        "qq.png",
        "legacy.combined.tsv",
    } <= names
    assert {row["cut"] for row in read(folder / "overall.tsv")} == {"0.1,0.9"}
    about = json.loads((folder / "enrichment.json").read_text())
    assert about["settings"]["command"].startswith("mfdvep enrich ")
    assert about["settings"]["n_permutations"] == 20
    # and it is not written over by accident
    code, _, err = run("enrich", str(scores), "-o", str(folder))
    assert code == 1
    assert "exists already" in err


def test_labels_of_another_file(run, tmp_path):
    path = write_table(
        tmp_path / "t.parquet", np.random.default_rng(0).standard_normal((3, 100)), labels(100) == 1
    )
    code, out, _ = run("enrich", str(path), "--labels", "label", "--quantiles", "0.9", "-q")
    assert code == 0
    assert "score" in out
    code, _, err = run("enrich", str(path), "--variants", str(EXAMPLES / "labelled.vcf.gz"))
    assert code == 1
    assert "none of the 100 variants" in err


class TestKnownSets:
    """--gtex and --gnomad without scores."""

    @pytest.fixture
    def data(self, tmp_path):
        folder = tmp_path / "data"
        folder.mkdir()
        return folder

    def test_a_set_that_is_not_there(self, run, data):
        code, _, err = run("enrich", "--gtex", "--data", str(data))
        assert code == 1
        assert "make it with: mfdvep variants gtex" in err

    def test_a_set_that_is_not_scored_and_no_reference(self, run, data, monkeypatch):
        monkeypatch.delenv("MFDVEP_FASTA", raising=False)
        shutil.copy(EXAMPLES / "labelled.vcf.gz", data / "gtex.vcf.gz")
        code, _, err = run("enrich", "--gtex", "--data", str(data))
        assert code == 1
        assert "-f genome.fa or MFDVEP_FASTA" in err

    def test_a_set_is_scored_once(self, run, data, monkeypatch):
        monkeypatch.setenv("MFDVEP_FASTA", str(EXAMPLES / "genome.fa"))
        monkeypatch.setenv("MFDVEP_DATA", str(data))
        few(EXAMPLES / "labelled.vcf.gz", data / "gtex.vcf.gz", 40)
        code, out, err = run("enrich", "--gtex", "--bootstrap", "50")
        assert code == 0
        assert "40 variants used of 40" in out
        assert "40 alleles" in err
        (matrix,) = data.glob("gtex-*.regulome45-*.parquet")
        made = matrix.stat().st_mtime_ns
        assert run("enrich", "--gtex", "--bootstrap", "50", "-q")[0] == 0
        assert matrix.stat().st_mtime_ns == made
        # but again when the set has changed
        few(EXAMPLES / "labelled.vcf.gz", data / "gtex.vcf.gz", 44)
        os.utime(data / "gtex.vcf.gz", (0, 0))  # as a copy that keeps its time
        assert "44 variants used of 44" in run("enrich", "--gtex", "--bootstrap", "50", "-q")[1]


def few(source: Path, target: Path, n: int) -> None:
    """Write the header and the first records of a VCF."""
    import gzip

    with gzip.open(source, "rt") as file:
        lines = file.readlines()
    header = [line for line in lines if line.startswith("#")]
    records = [line for line in lines if not line.startswith("#")]
    with gzip.open(target, "wt") as file:
        file.writelines(header + records[:n])


def test_score_ends_with_the_table(run, tmp_path):
    few(EXAMPLES / "labelled.vcf.gz", tmp_path / "in.vcf.gz", 40)
    code, out, err = run(
        "score", str(tmp_path / "in.vcf.gz"), "-f", str(EXAMPLES / "genome.fa"),
        "--matrix", str(tmp_path / "m.parquet"), "--labels", "LABEL", "--shifts", "1",
    )  # fmt: skip
    assert code == 0
    assert out == ""
    assert "40 variants used of 40" in err
    assert "cut 0.99 needs 100 variants" in err.replace("\n", " ").replace("  ", " ")


def test_labels_that_cannot_be_tested_do_not_spoil_the_scores(run, tmp_path):
    few(EXAMPLES / "labelled.vcf.gz", tmp_path / "in.vcf.gz", 3)
    code, _, err = run(
        "score", str(tmp_path / "in.vcf.gz"), "-f", str(EXAMPLES / "genome.fa"),
        "--matrix", str(tmp_path / "m.parquet"), "--labels", "LABEL", "--shifts", "1",
    )  # fmt: skip
    assert code == 0
    assert "mfdvep: no enrichment: " in err
    assert (tmp_path / "m.parquet").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "give SCORES, or --gtex or --gnomad"),
        (["x.parquet", "--quantiles", "a,b"], "expected numbers such as 0.9,0.99"),
        (["x.parquet", "--block", "0"], "expected a number of bases, or contig"),
        (["x.parquet", "--element", "E"], "--element goes with --correlation"),
        (["x.parquet", "--correlation", "--permute", "5"], "--correlation has no"),
        (["x.parquet", "--correlation", "--block", "9"], "--correlation has no --block"),
        (["--gtex", "--gnomad"], "give one of them"),
    ],
)
def test_usage(run, args, said):
    code, _, err = run("enrich", *args)
    assert code == 2
    assert said in err


def test_no_such_scores(run, tmp_path):
    code, _, err = run("enrich", str(tmp_path / "none.parquet"))
    assert code == 1
    assert "no Parquet file" in err
