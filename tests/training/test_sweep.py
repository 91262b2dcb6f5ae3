"""A sweep trains and measures every setting once, and goes on where it stopped."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from training.simulated import RECIPE, simulate

from mfdvep.errors import InputError, OutputError
from mfdvep.model.checkpoint import load_model
from mfdvep.training.recipe import Recipe
from mfdvep.training.sweep import FIGURES, sweep
from mfdvep.training.trainer import Trainer


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("s") / "set", n_bins=600)[0]


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "r.toml").write_text(RECIPE)
    return Recipe.read(tmp_path / "r.toml").override(steps=3)


def table(folder):
    with open(folder / "sweep.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_setting_is_a_row_and_every_lambda_has_its_mean(recipe, data, tmp_path):
    folder = tmp_path / "sweep"
    rows = sweep(recipe, data, folder, independence=[0, 0.01], seeds=[1, 2], device="cpu")
    assert [(row["independence"], row["seed"]) for row in rows[:4]] == [
        (0, 1), (0, 2), (0.01, 1), (0.01, 2),
    ]  # fmt: skip
    assert [row["seed"] for row in rows[4:]] == ["mean", "sd"] * 2
    runs = [row["combined_auroc"] for row in rows[:2]]
    assert rows[4]["combined_auroc"] == pytest.approx(np.mean(runs))
    assert rows[5]["combined_auroc"] == pytest.approx(abs(runs[0] - runs[1]) / np.sqrt(2))
    one = json.loads((folder / "lambda-0.01.seed-2" / "metrics.json").read_text())
    assert rows[3]["technical_auprc"] == one["summary"]["all"]["technical_auprc"]
    assert rows[3]["forest_accuracy"] == one["independence"]["forest_accuracy"]
    assert one["split"] == "validation"
    written = table(folder)
    assert list(written[0]) == ["independence", "seed", *FIGURES]
    assert len(written) == 8
    assert float(written[3]["technical_auprc"]) == pytest.approx(rows[3]["technical_auprc"], 1e-3)


def test_the_baseline_is_a_row_of_the_same_table(recipe, data, tmp_path):
    folder = tmp_path / "sweep"
    rows = sweep(recipe, data, folder, independence=[0], seeds=[1], plain=True, device="cpu")
    assert [(row["independence"], row["seed"]) for row in rows] == [
        ("plain", 1), (0, 1), ("plain", "mean"), ("plain", "sd"), (0, "mean"), (0, "sd"),
    ]  # fmt: skip
    assert load_model(folder / "plain.seed-1" / "model").config.plain
    assert 0 < rows[0]["combined_auroc"] < 1
    assert rows[0]["biological_auroc"] is rows[0]["forest_accuracy"] is None
    assert table(folder)[0]["biological_auroc"] == ""


def test_what_is_done_is_not_done_again(recipe, data, tmp_path, monkeypatch):
    folder, steps = tmp_path / "sweep", []
    train_step = Trainer.train_step

    def counted(self, batch):
        steps.append(self.step)
        return train_step(self, batch)

    def interrupt(step, total, entry):
        if len(steps) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "train_step", counted)
    options = {"independence": [0, 0.01], "seeds": [1], "device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        sweep(recipe, data, folder, **options, progress=interrupt)
    assert not (folder / "sweep.tsv").exists()
    names = []
    first = sweep(recipe, data, folder, **options, began=lambda name, *_: names.append(name))
    assert steps == [0, 1, 2, 0, 1, 2]
    assert names == ["lambda-0.seed-1", "lambda-0.01.seed-1"]
    assert sweep(recipe, data, folder, **options) == first
    assert len(steps) == 6
    whole = sweep(recipe, data, tmp_path / "other", **options)
    assert whole == first
    more = sweep(recipe, data, folder, independence=[0.01], seeds=[1, 2], device="cpu")
    assert len(steps) == 15
    assert more[0] == first[1]


def test_another_recipe_or_measure_is_refused(recipe, data, tmp_path):
    options = {"independence": [0], "seeds": [1], "device": "cpu"}
    folder = tmp_path / "sweep"
    sweep(recipe, data, folder, **options)
    for other, more in ((recipe.override(steps=4), {}), (recipe, {"n_bins": 30})):
        with pytest.raises(OutputError, match="a sweep of another recipe, training set or measure"):
            sweep(other, data, folder, **options, **more)
    with pytest.raises(InputError, match="5 validation bins; expected at least 20"):
        sweep(recipe, data, tmp_path / "few", **options, n_bins=5)
    assert not (tmp_path / "few").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(OutputError, match="exists, and is no sweep"):
        sweep(recipe, data, tmp_path / "full", **options)


@pytest.mark.parametrize("changes", [{"seeds": []}, {"seeds": [1, 1]}, {"independence": []}])
def test_each_value_once(recipe, data, tmp_path, changes):
    options = {"independence": [0], "seeds": [1], **changes}
    with pytest.raises(InputError, match="expected one or more values, each once"):
        sweep(recipe, data, tmp_path / "s", **options)
