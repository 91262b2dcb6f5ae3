"""Metrics of held-out bins against independent oracles, and the report made of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_model
from scipy.stats import mannwhitneyu
from training.simulated import TRACKS, simulate

from mfdvep.errors import InputError, OutputError
from mfdvep.model.config import Variable
from mfdvep.model.mfd import Features
from mfdvep.training.evaluation import held_out_features, kinds_of, predictions, track_scores
from mfdvep.training.halves import (
    canonical_correlation,
    halves_independence,
    independence_over_seeds,
)
from mfdvep.training.report import evaluate_model, write_metrics


def test_auroc_is_mann_whitneys_and_missing_labels_do_not_count():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(60, 4)).round(1)  # with ties
    labels = rng.random((60, 4)) < 0.4
    mask = rng.random((60, 4)) < 0.8
    labels[:, 3] = True
    found = track_scores(scores, labels, mask)
    for track in range(3):
        known = mask[:, track]
        positive, negative = (scores[known & (labels[:, track] == k), track] for k in (1, 0))
        u = mannwhitneyu(positive, negative).statistic
        assert found["auroc"][track] == pytest.approx(u / len(positive) / len(negative))
    assert np.isnan([found["auroc"][3], found["auprc"][3]]).all()


def test_auprc_of_a_case_to_check_by_eye():
    scores = np.array([[4.0], [3.0], [2.0], [1.0]])
    labels = np.array([[1], [0], [1], [0]])
    found = track_scores(scores, labels, np.ones((4, 1), dtype=bool))
    assert found["auprc"][0] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found["auroc"][0] == 0.75


def pairs(n: int, seed: int, share: float) -> Features:
    """Return halves of 4 features that share this part of their variance."""
    generator = torch.Generator().manual_seed(seed)
    common, a, b = (torch.randn(n, 4, generator=generator) for _ in range(3))
    return Features(*(share**0.5 * common + (1 - share) ** 0.5 * x for x in (a, b)))


def test_independent_halves_tell_nothing_of_each_other():
    found = halves_independence(pairs(2000, 0, 0.0), pairs(2000, 1, 0.0), epochs=3, hidden=32)
    assert found["r2_technical_from_biological"] < 0.02
    assert found["canonical_correlation"] < 0.06
    assert 0.45 < found["forest_accuracy"] < 0.55


def test_dependent_halves_are_found_out():
    found = halves_independence(pairs(2000, 0, 0.9), pairs(2000, 1, 0.9), epochs=10, hidden=32)
    assert found["r2_technical_from_biological"] > 0.6
    assert found["r2_biological_from_technical"] > 0.6
    assert found["canonical_correlation"] == pytest.approx(0.9, abs=0.03)
    assert found["forest_accuracy"] > 0.8


def test_canonical_correlation_ignores_any_linear_change():
    fit, held = (tuple(half.numpy().astype(float) for half in pairs(500, s, 0.5)) for s in (2, 3))
    change = np.random.default_rng(4).normal(size=(4, 4))
    changed = [(a @ change + 3, b) for a, b in (fit, held)]
    assert canonical_correlation(fit, held) == pytest.approx(canonical_correlation(*changed))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("set") / "set", n_bins=400)[0]


@pytest.fixture(scope="module")
def model():
    variables = (Variable("target", "biological"), Variable("assay", "technical"))
    return make_model(TRACKS, variables=variables)


def test_report(model, data, tmp_path):
    seen = []
    options = {"split": "validation", "n_seeds": 1}
    metrics = evaluate_model(
        model, data, **options, progress=lambda done, total: seen.append((done, total))
    )
    rows = data.rows("validation")
    assert metrics["bins"] == len(rows)
    assert seen[-1] == (2 * len(rows), 2 * len(rows))
    assert metrics["summary"]["all"]["n_tracks"] == 9
    assert {k: set(v) for k, v in metrics["summary"]["groups"].items()} == {
        "assay": {"a", "b", "c"},
        "target": {"X", "Y", "Z"},
    }
    assert set(metrics["reliability"]["groups"]["assay"]) == {"a", "b", "c"}
    pooled = metrics["reliability"]["all"]
    assert sum(point["labels"] for point in pooled) == 9 * len(rows)
    peaks = sum(point["labels"] * point["observed"] for point in pooled)
    assert peaks == pytest.approx(data.labels(rows).sum())
    values = [track["combined_ece"] for track in metrics["tracks"]]
    assert metrics["summary"]["all"]["combined_ece"] == pytest.approx(np.mean(values), abs=1e-4)
    assert [t["positives"] for t in metrics["tracks"]] == data.labels(rows).sum(0).tolist()
    scores = sum(
        1 / (1 + np.exp(-predictions(model, features)["technical"]))
        for features in (held_out_features(model, data, rows, reverse=r) for r in (False, True))
    )
    auroc = track_scores(scores, data.labels(rows), data.label_mask(rows))["auroc"]
    assert metrics["tracks"][2]["technical_auroc"] == pytest.approx(auroc[2], abs=1e-5)
    assert evaluate_model(model, data, **options) == metrics
    forward = evaluate_model(model, data, **options, strand="forward")
    single = forward["summary"]["all"]["combined_auroc"]
    assert metrics["forward_strand"]["auroc"] == pytest.approx(single, abs=2e-4)
    write_metrics(metrics, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text()) == metrics
    with pytest.raises(OutputError, match="exists"):
        write_metrics(metrics, tmp_path / "m.json")


def test_groups_are_the_columns_asked_for(model, data):
    metrics = evaluate_model(
        model, data, split="validation", n_bins=20, n_seeds=1, group_by=["target", "target"]
    )
    assert list(metrics["summary"]["groups"]) == ["target"]
    assert list(metrics["reliability"]["groups"]) == ["target"]


def test_measures_over_seeds():
    fit, held = pairs(60, 0, 0.5), pairs(60, 1, 0.5)
    means, spread = independence_over_seeds(fit, held, n_seeds=3)
    runs = [halves_independence(fit, held, seed=seed) for seed in range(3)]
    for name in ("r2_technical_from_biological", "forest_accuracy"):
        values = [run[name] for run in runs]
        assert spread[name]["values"] == pytest.approx(values)
        assert means[name] == pytest.approx(np.mean(values))
        assert spread[name]["sd"] == pytest.approx(np.std(values, ddof=1))
        half = 4.302653 * np.std(values, ddof=1) / np.sqrt(3)  # t(2, .975), from a table
        low, high = spread[name]["interval"]
        assert (low, high) == pytest.approx((means[name] - half, means[name] + half))
    assert spread["canonical_correlation"]["sd"] == 0
    means, spread = independence_over_seeds(fit, held, n_seeds=1)
    assert means["forest_accuracy"] == runs[0]["forest_accuracy"]
    assert spread["forest_accuracy"]["sd"] is spread["forest_accuracy"]["interval"] is None


def test_a_model_without_metadata_has_the_combined_prediction_alone(data):
    variables = (Variable("target", "biological"), Variable("assay", "technical"))
    plain = make_model(TRACKS, variables=variables)
    object.__setattr__(plain.config, "variables", ())  # which the configuration itself refuses
    assert kinds_of(plain) == ("combined",)
    metrics = evaluate_model(plain, data, split="validation", n_bins=40)
    assert metrics["kinds"] == ["combined"]
    assert metrics["independence"] is metrics["independence_seeds"] is None
    assert not [name for name in metrics["tracks"][0] if "biological" in name]
    assert "combined_calibration_slope" in metrics["summary"]["all"]


def test_refusals(model, data):
    with pytest.raises(InputError, match=r"no column 'organ'.*it has: experiment, target, assay"):
        evaluate_model(model, data, split="validation", group_by=["assay", "organ"])
    with pytest.raises(InputError, match="0 test bins"):
        evaluate_model(model, data)
    with pytest.raises(InputError, match="not the model's"):
        evaluate_model(make_model(), data)
    with pytest.raises(InputError, match="bins of 64 bases; the model's are of 128"):
        evaluate_model(model, replace(data, bin_size=64))
    for n in (1, 19):
        with pytest.raises(InputError, match=f"{n} validation bins; expected at least 20"):
            evaluate_model(model, data, split="validation", n_bins=n)


def test_few_bins_give_a_report_that_is_json(model, data, tmp_path):
    metrics = evaluate_model(model, data, split="validation", n_bins=20)
    assert metrics["bins"] == 20
    write_metrics(metrics, tmp_path / "m.json")


def test_nan_never_becomes_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_metrics({"a": float("nan")}, tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


def test_features_that_never_change_have_no_r2():
    constant = Features(torch.ones(30, 4), torch.ones(30, 4))
    found = halves_independence(constant, constant, epochs=1, hidden=8)
    assert np.isnan(found["r2_technical_from_biological"])
    assert found["canonical_correlation"] == 0
    some = pairs(30, 0, 0.5)
    found = halves_independence(some, constant, epochs=1, hidden=8)
    assert np.isnan(found["r2_biological_from_technical"])
    assert found["canonical_correlation"] == 0


def test_measures_without_a_value_are_null(model, data, monkeypatch):
    monkeypatch.setattr(
        "mfdvep.training.halves.halves_independence", lambda *_, **__: {"a": np.nan, "b": -np.inf}
    )
    metrics = evaluate_model(model, data, split="validation", n_bins=20)
    assert metrics["independence"] == {"a": None, "b": None}
    assert metrics["independence_seeds"]["a"] == {"values": [], "sd": None, "interval": None}


def test_outputs_that_cannot_be_written(tmp_path):
    (tmp_path / "m.json").touch()
    for path, force, says in (
        (tmp_path / "m.json", False, "--force"),
        (tmp_path, True, "is a folder"),
        (tmp_path / "none" / "m.json", False, "no folder"),
    ):
        with pytest.raises(OutputError, match=says):
            write_metrics({}, path, force=force)
