"""`mfdvep profile`, on the example's genome with the bundled model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = ("-f", str(EXAMPLES / "genome.fa"), "--method", "gradient", "--device", "cpu")
PATTERN = "CCANYAGRKGGCRS"


@pytest.fixture
def sites(tmp_path):
    """Planted CTCF sites that are whole, as footprints."""
    lines = (EXAMPLES / "motifs.bed").read_text().splitlines(keepends=True)
    path = tmp_path / "ctcf.bed"
    path.write_text("".join(line for line in lines if line.split("\t")[3] == "CTCF"))
    return path


@pytest.fixture
def loci(sites, tmp_path):
    """200 bases round each, whose strand is not said."""
    path = tmp_path / "loci.bed"
    rows = (line.split("\t") for line in sites.read_text().splitlines())
    path.write_text("".join(f"{r[0]}\t{int(r[1]) - 90}\t{int(r[2]) + 91}\n" for r in rows))
    return path


@pytest.fixture
def quiet(tmp_path):
    path = tmp_path / "quiet.bed"
    path.write_text("".join(f"chrB\t{at}\t{at + 1}\n" for at in range(3000, 40_000, 7200)))
    return path


def rows(path):
    with open(path) as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def test_the_ctcf_feature_peaks_on_planted_motifs(run, tmp_path, loci, quiet):
    out = tmp_path / "ctcf"
    code, stdout, err = run(
        "profile", str(loci), "--motif", PATTERN, "--baseline-bed", str(quiet), *QUICK,
        "-o", str(out),
    )  # fmt: skip
    assert (code, stdout) == (0, "")
    summary = {row["feature"]: row for row in rows(out / "summary.tsv")}
    ctcf = summary["target=CTCF"]
    assert ctcf["peak_inside"] == "1"
    assert float(ctcf["inside_minus_flank_low"]) > 0
    assert float(ctcf["share_inside"]) > 0.25 > 14 / 201
    for row in summary.values():
        if row["half"] == "technical":
            assert float(row["inside_minus_flank"]) < 0.5 * float(ctcf["inside_minus_flank"])
    assert len(rows(out / "profile.tsv")) == 201 * len(summary)
    settings = json.loads((out / "settings.json").read_text())
    assert settings["motif"]["name"] == PATTERN
    assert settings["sites"] == len((out / "sites.bed").read_text().splitlines())
    assert settings["baseline"]["source"] == "quiet.bed"
    names = {"signed", "absolute", "heat"}
    assert {path.stem for path in out.glob("*.png")} == {path.stem for path in out.glob("*.svg")}
    assert names == {path.stem for path in out.glob("*.png")}
    assert "target=CTCF" in err.splitlines()[-len(summary) - 1]


def test_footprints_alone_as_parquet_without_a_baseline(run, tmp_path, sites):
    out = tmp_path / "p.parquet"
    code, _, err = run(
        "profile", str(sites), "--feature", "CTCF", "--flank", "20", *QUICK, "-o", str(out)
    )
    assert code == 0
    table = pq.read_table(out)
    assert table.num_rows == 41
    assert table["baseline_signed"].null_count == 41
    assert "sites, " in err


def test_footprints_without_a_strand_are_told(run, tmp_path, loci):
    code, _, err = run(
        "profile", str(loci), "--feature", "CTCF", *QUICK, "-o", str(tmp_path / "p.tsv")
    )
    assert code == 0
    assert "no footprint has a strand (column 6): all are read along +" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--motif", PATTERN, "--feature", "CTFC"), "no direct feature 'CTFC'; nearest: CTCF"),
        (("--motif", "NNN"), "not all N"),
        (("--motif", "missing.meme"), "missing.meme: No such file"),
        (("--motif", str(EXAMPLES / "truth.tsv")), "truth.tsv:1: expected a motif in JASPAR"),
        (("--motif", PATTERN, "-r", "chrB:1-2"), "0 sites and 0 baseline sequences"),
        (("--motif", "GATA"), "0.0039"),
        (("--data", "no.set"), "no.set: not a training set"),
    ],
)
def test_refusals_are_one_line(run, tmp_path, loci, args, words):
    extra = ("--p-value", "0.0001") if "GATA" in args else ()
    code, out, err = run(
        "profile", str(loci), *args, *extra, *QUICK, "-q", "-o", str(tmp_path / "out")
    )
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("--data", "a.set", "--baseline-bed", "b.bed"),
        ("--p-value", "0.1"),
        ("--motif", PATTERN, "--min-score", "2"),
    ],
)
def test_usage(run, tmp_path, loci, args):
    assert run("profile", str(loci), *args, *QUICK, "-o", str(tmp_path / "out"))[0] == 2


def test_an_output_is_not_replaced_and_no_input_is(run, tmp_path, loci):
    (tmp_path / "out.tsv").write_text("x")
    for output, words in ((tmp_path / "out.tsv", "use --force"), (loci, "exists already")):
        code, _, err = run("profile", str(loci), "--motif", PATTERN, *QUICK, "-o", str(output))
        assert code == 1
        assert words in err or "is an input" in err or "lies in" in err
