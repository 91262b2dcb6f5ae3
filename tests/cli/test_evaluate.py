"""`mfdvep evaluate`: what it refuses at once, and what it prints."""

from __future__ import annotations

import json

import pytest
from conftest import make_model
from training.simulated import TRACKS, simulate

from mfdvep.model.checkpoint import save_model
from mfdvep.model.config import Variable

RSQUARED = "r2_technical_from_biological"


@pytest.fixture(scope="module")
def args(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    simulate(folder / "set", n_bins=300)
    variables = (Variable("target", "biological"), Variable("assay", "technical"))
    save_model(make_model(TRACKS, variables=variables), folder / "m", about={})
    return ["evaluate", str(folder / "m"), "--data", str(folder / "set"),
            "--split", "validation", "--seeds", "1", "-q"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "says"),
    [("old.json", "--force"), ("folder", "is a folder"), ("none/m.json", "no folder")],
)
def test_an_output_that_cannot_be_written_is_refused_at_once(run, tmp_path, name, says):
    (tmp_path / "old.json").touch()
    (tmp_path / "folder").mkdir()
    code, out, err = run("evaluate", "no-model", "--data", "no-set", "-o", str(tmp_path / name))
    assert (code, out) == (1, "")
    assert says in err


def test_table_and_file(run, args, tmp_path):
    path = tmp_path / "m.json"
    code, out, _ = run(*args, "--bins", "20", "--seeds", "2", "-o", str(path))
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows[:6]] == ["group", "all", "a", "b", "c", RSQUARED]
    assert rows[0][-1] == "combined_calibration_slope"
    low, high = map(float, rows[5][2].split(".."))
    assert low <= float(rows[5][1]) <= high
    assert json.loads(path.read_text())["bins"] == 20


def test_the_columns_asked_for_are_shown(run, args):
    group = ["--group-by", "target", "--group-by", "assay", "--bins", "20"]
    code, out, _ = run(*args, *group)
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows[1:8]] == ["all", "X", "Y", "Z", "a", "b", "c"]
    assert rows[8][2] == "."  # one seed has no interval


def test_an_unknown_column(run, args):
    code, out, err = run(*args, "--bins", "20", "--group-by", "organ")
    assert (code, out) == (1, "")
    assert "no column 'organ' in the track table; it has: experiment, target, assay" in err


def test_a_report(run, args, tmp_path):
    report = str(tmp_path / "report")
    assert run(*args, "--bins", "20", "--report", report)[0] == 0
    assert (tmp_path / "report" / "auroc_by_group.png").exists()
    code, out, err = run("evaluate", "no-model", "--data", "no-set", "--report", report)
    assert (code, out) == (1, "")
    assert "--force" in err
    code, _, err = run(*args, "--report", report, "--force", "-o", f"{report}/m.json")
    assert code == 1
    assert "lies in the folder" in err


def test_the_table_is_shown_even_if_the_file_cannot_be_written(run, args, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    code, out, err = run(*args, "--bins", "20", "-o", str(tmp_path / "m.json"))
    assert code == 1
    assert out.startswith("group\tn_tracks")
    assert "disk full" in err
    assert list(tmp_path.iterdir()) == []


def test_measures_without_a_value_are_dots(run, args, monkeypatch):
    monkeypatch.setattr(
        "mfdvep.training.halves.halves_independence", lambda *_, **__: {"r2": float("nan")}
    )
    code, out, _ = run(*args, "--bins", "20")
    assert code == 0
    assert out.endswith("r2\t.\t.\n")


def test_too_few_bins(run, args):
    code, out, err = run(*args, "--bins", "19")
    assert (code, out) == (1, "")
    assert "19 validation bins; expected at least 20" in err
