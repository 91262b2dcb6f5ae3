"""`mfdvep features`, `probe-labels` and `probe`, from a BED to Table 1."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import make_model, random_bases, write_fasta

from mfdvep.interpret.features.feature_file import read_features
from mfdvep.model.checkpoint import save_model


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """A genome of six contigs with regions of two classes, and two models."""
    monkeypatch.chdir(tmp_path)
    write_fasta(tmp_path / "g.fa", {f"chr{i}": random_bases(20_000, i) for i in range(1, 7)})
    rng = np.random.default_rng(0)
    starts = np.arange(2000, 18_000, 1600)
    lines = [f"chr{i}\t{s}\t{s + 300}\t{rng.choice(['PLS', 'TF'])}\n"
             for i in range(1, 7) for s in starts]  # fmt: skip
    (tmp_path / "c.bed").write_text("".join(lines))
    for name, seed in (("one", 1), ("two", 2)):
        save_model(make_model(seed=seed), tmp_path / name, about={})
    return tmp_path


def test_from_classes_to_the_table(run, inputs):
    labels = ["probe-labels", "c.bed", "-o", "set", "--background", "1", "-f", "g.fa"]
    code, out, err = run(*labels)
    assert (code, out) == (0, "")
    assert "60 regions, 60 background, 2 tasks" in err
    for model in ("one", "two"):
        output = f"{model}.parquet"
        code, _, err = run("features", "set.bed", "-f", "g.fa", "-m", model, "-o", output)
        assert code == 0
        assert f"{output}: 120 rows: OK 120" in err
    about = read_features("one.parquet").about
    assert about["command"].startswith("mfdvep features set.bed")
    assert about["model"]["name"] == "one"
    options = ["--folds", "3", "--penalty", "0.01", "--permute", "1", "-o", "report", "-q"]
    code, out, err = run("probe", "one.parquet", "second=two.parquet", "set.labels.tsv", *options)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("Mean over 2 tasks of 120 regions, 3 folds of whole chromosomes")
    assert lines[2].split() == ["AUROC", "combined", "biological", "technical"]
    assert [line.split()[0] for line in lines[3:8]] == [
        "one",
        "permuted",
        "second",
        "permuted",
        "GC",
    ]
    assert any(line.startswith("one biological - one technical") for line in lines)
    names = {path.name for path in (inputs / "report").iterdir()}
    assert names == {"summary.tsv", "scores.tsv", "fold_scores.tsv", "comparisons.tsv", "tasks.tsv",
                     "folds.tsv", "probe.json", "halves.png", "halves.svg", "tasks.png",
                     "tasks.svg"}  # fmt: skip
    rows = (inputs / "report" / "summary.tsv").read_text().splitlines()
    assert len(rows) == 1 + 7
    settings = json.loads((inputs / "report" / "probe.json").read_text())["settings"]
    assert settings["models"]["second"]["model"]["name"] == "two"


def test_errors_are_one_line(run, inputs):
    run("probe-labels", "c.bed", "-o", "set", "-q")
    run("features", "set.bed", "-f", "g.fa", "-m", "one", "-o", "one.parquet", "-q")
    for args, told in (
        (("features", "set.bed", "-m", "one", "-o", "x.parquet"), "give the reference with -f"),
        (("features", "set.bed", "-f", "g.fa", "-m", "one", "-o", "one.parquet"), "exists"),
        (("probe", "one.parquet", "set.labels.tsv", "-t", "PSL"), "no task 'PSL'; nearest: PLS"),
        (("probe", "one.parquet", "set.labels.tsv", "--folds", "7"), "6 chromosomes"),
        (("probe", "set.labels.tsv", "set.labels.tsv"), "not a file of features"),
        (("probe-labels", "c.bed", "-o", "set"), "exists"),
        (("probe-labels", "c.bed", "-o", "new", "--background", "1"), "give it with -f"),
    ):
        code, out, err = run(*args, "-q")
        assert (code, out) == (1, ""), err
        assert err.startswith("mfdvep: error: ")
        assert told in err
        assert len(err.splitlines()) == 1
    assert not (inputs / "x.parquet").exists()


def test_what_was_left_out_is_told(run, inputs):
    run("probe-labels", "c.bed", "-o", "set", "-q")
    bed = (inputs / "set.bed").read_text().splitlines(keepends=True)
    (inputs / "part.bed").write_text("".join(bed[:-2]))
    run("features", "part.bed", "-f", "g.fa", "-m", "one", "-o", "one.parquet", "-q")
    code, out, err = run("probe", "one.parquet", "set.labels.tsv", "--folds", "2", "-q",
                         "--match", "random", "--balanced")  # fmt: skip
    assert code == 0
    assert "of 60 regions with labels 2 were not used: 2 are not in the features" in err
    assert "58 regions" in out
