"""`mfdvep expression train` and `compare`, from profiles to a model and to tables."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner
from expression.made import simulated_profiles

from mfdvep.cli.main import mfdvep
from mfdvep.expression import fitting
from mfdvep.expression.model import load_expression_model
from mfdvep.expression.profiles import write_profiles


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profiles")
    path = folder / "profiles.parquet"
    write_profiles(path, simulated_profiles(folder, genes=180)[0])
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fitting, "MIN_STEPS", 2)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def run(*arguments):
    return CliRunner().invoke(mfdvep, ["expression", *map(str, arguments)])


QUICK = ("--epochs", 1, "--head-epochs", 1, "--threads", 1)


def test_train_writes_a_model_with_its_figures(profiles, tmp_path):
    done = run("train", profiles, "-o", tmp_path / "head", *QUICK, "--latent", 3, "--heads", 2)
    assert done.exit_code == 0, done.output
    model = load_expression_model(tmp_path / "head")
    assert model.cells == ("sim-A", "sim-B")
    metrics = json.loads((tmp_path / "head" / "metrics.json").read_text())
    assert metrics["model"] == {"name": "head", "sha256": model.provenance["sha256"]}
    assert metrics["splits"].keys() == {"validation", "test"}
    log = json.loads((tmp_path / "head" / "log.json").read_text())
    assert (len(log["autoencoder"]), len(log["heads"])) == (2, 2)
    assert "test        sim-A     30    15" in done.output
    assert "autoencoder: 2/2 epochs" in done.output
    training = json.loads((tmp_path / "head" / "config.json").read_text())["about"]["training"]
    assert (training["seed"], training["n_latent"]) == (1, 3)


def test_train_refuses_before_any_work(profiles, tmp_path):
    (tmp_path / "head").mkdir()
    done = run("train", profiles, "-o", tmp_path / "head")
    assert "exists already" in str(done.exception)
    done = run("train", profiles, "-o", tmp_path / "other", "--cells", " K562,")
    assert "the profiles have sim-A, sim-B" in str(done.exception)
    assert not (tmp_path / "other").exists()


def test_train_of_one_cell_and_of_log_expression(profiles, tmp_path):
    folder = tmp_path / "head"
    done = run("train", profiles, "-o", folder, *QUICK, "-q", "--cells", "sim-B", "--heads", 1,
               "--target", "log_expression")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.output == ""
    assert load_expression_model(folder).cells == ("sim-B",)
    test = json.loads((folder / "metrics.json").read_text())["splits"]["test"]
    assert "spearman_low" in test["sim-B"]


def test_compare_shows_and_keeps_a_table(profiles, tmp_path):
    models = ("--models", "marginal,simplechrome", "--seeds", 1, "--sizes", "30,all")
    done = run("compare", profiles, "-o", tmp_path / "out", *models, *QUICK)
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "compare.json", "comparison.json", "differences.tsv", "figures", "fits", "table.tsv",
    }  # fmt: skip
    assert (tmp_path / "out" / "figures" / "settings.png").is_file()
    assert "trained on   cell" in done.output
    again = run("compare", profiles, "-o", tmp_path / "out", *models, *QUICK, "-q")
    assert again.exit_code == 0, again.output
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert record["provenance"]["seeds"] == [1]
    assert record["provenance"]["models"].keys() == {"marginal", "simplechrome"}


@pytest.mark.parametrize("sizes", ["1", "ten", "30,30", ""])
def test_compare_refuses_sizes_that_are_none(profiles, tmp_path, sizes):
    done = run("compare", profiles, "-o", tmp_path / "out", "--sizes", sizes)
    assert done.exit_code == 2
    assert "expected different numbers from 2 on, or all" in done.output


def test_models_lists_both_kinds():
    done = CliRunner().invoke(mfdvep, ["models"])
    assert done.exit_code == 0, done.output
    told = {line.split("\t")[0]: line.split("\t")[1] for line in done.output.splitlines()}
    assert told["regulome45"] == "442 tracks"
    assert told["simplechrome4"] == "expression in 4 cells"
