"""`mfdvep expression explain`: a folder of figures and tables, and what is told."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import simulate_expression
import torch
from expression.made import simulated_profiles

from mfdvep.cli import expression_explain
from mfdvep.expression.model import ExpressionModel, save_expression_model
from mfdvep.expression.network import Autoencoder, ExpressionNetwork, Head, Heads
from mfdvep.expression.profiles import SPLITS, write_profiles
from mfdvep.expression.scaling import Scale

FILES = {"explain.json", "latents.tsv", "latent_bins.tsv", "genes.tsv", "gene_bins.tsv",
         "gene.SIM3.png", "gene.SIM3.svg", "latents.sim-A.png", "latents.sim-A.svg"}  # fmt: skip
COMMAND = ("p.parquet", "-m", "head", "-o", "out", "--gene", "SIM3", "--cell", "sim-A",
           "--most", "12", "--steps", "16")  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Simulated profiles, and a model of them that has learnt nothing."""
    folder = tmp_path_factory.mktemp("explain")
    profiles, _ = simulated_profiles(folder, genes=120)
    write_profiles(folder / "p.parquet", profiles)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        heads = Heads([Head(2 + 2, 0.0)], torch.zeros(4), torch.ones(4))
        network = ExpressionNetwork(Autoencoder(5, 2), heads, 2)
    model = ExpressionModel(
        network,
        cells=simulate_expression.CELLS,
        marks=profiles.marks,
        target="label",
        scale=Scale.of(profiles),
        about={},
    )
    save_expression_model(model, folder / "head")
    return folder


@pytest.fixture
def folder(inputs, tmp_path, monkeypatch):
    for name in ("p.parquet", "head"):
        (tmp_path / name).symlink_to(inputs / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(path):
    with open(path, encoding="utf-8") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_a_folder_with_a_gene_and_the_latents(run, folder):
    command = ("expression", "explain", *COMMAND, "--force")
    code, out, err = run(*command)
    assert code == 0
    assert {path.name for path in (folder / "out").iterdir()} == FILES
    lines = out.splitlines()
    assert lines[0] == "sim-A: 12 genes"
    assert [line.split()[0] for line in lines[2:5]] == ["prediction", "z1", "z2"]
    assert "contributions of 13 predictions sum to what they should but for" in err
    about = json.loads((folder / "out" / "explain.json").read_text())
    assert about["model"]["name"] == "head"
    assert about["command"].startswith("mfdvep expression explain p.parquet")
    assert len(rows("out/latent_bins.tsv")) == 3 * 5 * 100
    (gene,) = rows("out/genes.tsv")
    marks = sum(float(gene[mark]) for mark in simulate_expression.MARKS)
    expected = float(gene["prediction"]) - float(gene["without_marks"])
    assert marks + float(gene["gap"]) == pytest.approx(expected, abs=1e-6)
    bins = [float(row["contribution"]) for row in rows("out/gene_bins.tsv")]
    assert sum(bins) == pytest.approx(marks, abs=1e-5)
    signal = np.array([float(row["signal"]) for row in rows("out/gene_bins.tsv")])
    assert not np.array(bins)[signal == 0].any()
    before = contents("out")
    assert run(*command, "-q")[0] == 0
    after = contents("out")
    assert {name for name in FILES if before[name] != after[name]} == {"explain.json"}
    code, _, err = run("expression", "explain", *COMMAND)
    assert code == 1
    assert "out: exists already" in err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--gene", "TP53"], "gene 'TP53': not in the profiles"),
        (["--cell", "K562"], "cell 'K562': the model knows sim-A, sim-B"),
    ],
)
def test_a_wrong_name_is_refused_and_leaves_nothing(run, folder, more, message):
    code, _, err = run("expression", "explain", *COMMAND, *more)
    assert code == 1
    assert message in err
    assert not (folder / "out").exists()


def test_the_splits_are_those_of_profiles():
    assert expression_explain._SPLITS == SPLITS
