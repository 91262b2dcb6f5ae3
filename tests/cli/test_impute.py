"""`mfdvep train --hold-out` and `mfdvep impute`: from a recipe to the table, and refusals."""

from __future__ import annotations

import json

import pytest
from conftest import make_model
from training.simulated import RECIPE, TRACKS, simulate

from mfdvep.model.checkpoint import load_model, save_model
from mfdvep.model.config import Variable


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("impute")
    simulate(folder / "set", n_bins=300)
    (folder / "r.toml").write_text(RECIPE)
    variables = (Variable("target", "biological"), Variable("assay", "technical"))
    model = make_model(TRACKS, variables=variables)
    for name, held in (("some", ["X/S1", "Z/S8"]), ("none", [])):
        save_model(model, folder / name, about={"training": {"hold_out": held}})
    return folder


def impute(folder, *more: str) -> list[str]:
    return ["impute", str(folder / "some"), "--data", str(folder / "set"), "--split", "validation",
            "--same", "target", "--same", "assay", "--bins", "20", "-q", *more]  # fmt: skip


@pytest.mark.parametrize("given", [["2"], ["X/S1", "Z/S8"], ["names.txt"]])
def test_a_recipe_is_trained_without_the_experiments(run, folder, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("S1\nS8\n")
    options = [word for name in given for word in ("--hold-out", name)]
    code, _, err = run("train", str(folder / "r.toml"), "--data", str(folder / "set"),
                       "-o", "run", "--steps", "1", "-q", *options)  # fmt: skip
    assert code == 0
    assert "2 experiments were held out" in err
    model = load_model(tmp_path / "run" / "model")
    assert len(model.untrained) == 2
    if given != ["2"]:
        assert [model.tracks.names[row] for row in model.untrained] == ["X/S1", "Z/S8"]


def test_table_and_file(run, folder, tmp_path):
    path = tmp_path / "i.json"
    code, out, err = run(*impute(folder, "-o", str(path)))
    assert (code, err) == (0, "")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert header[:4] == ["prediction", "n_tracks", "auroc", "auprc"]
    assert header[4:8] == [f"auroc_lead_{name}" for name in ("mean", "low", "high", "p")]
    assert {len(row) for row in rows} == {12}
    groups = ("same_target", "same_assay", "same_target_and_assay", "all")
    kinds = [f"{what}_{group}" for what in ("predicted", "observed") for group in groups]
    assert [row[0] for row in rows] == ["hypernetwork", "virtual", *kinds]
    assert rows[0][4:] == ["."] * 8
    assert rows[4] == ["predicted_same_target_and_assay", "0", *["."] * 10]
    written = json.loads(path.read_text())
    assert (written["bins"], written["held_out"]) == (20, 2)
    value = written["summary"]["predicted_all"]["auroc"]
    assert float(rows[5][2]) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"some": "none"}, "was trained on all its experiments"),
        ({"some": "missing"}, "no model"),
    ],
)
def test_models_refused(run, folder, change, says):
    args = impute(folder)
    args[1] = str(folder / change["some"])
    code, out, err = run(*args)
    assert (code, out) == (1, "")
    assert says in err


def test_a_column_that_the_table_lacks_is_named(run, folder):
    args = [arg for arg in impute(folder) if arg not in ("--same", "target", "assay")]
    code, _, err = run(*args)
    assert code == 1
    assert "no column 'biosample'" in err


def test_an_output_that_exists_is_refused_at_once(run, folder, tmp_path):
    (tmp_path / "old.json").touch()
    code, out, err = run("impute", "no-model", "--data", "no-set", "-o", str(tmp_path / "old.json"))
    assert (code, out) == (1, "")
    assert "--force" in err
