"""Training: nothing is learnt from test genes, a seed gives the same, a planted rule is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from expression.conftest import QUICK
from expression.made import simulated_profiles

from mfdvep.enrichment.measures.ranking import auroc, groups_of, sort_with_labels
from mfdvep.errors import InputError, TrainingError
from mfdvep.expression import fitting
from mfdvep.expression.autoencoder import rebuilding_error
from mfdvep.expression.measuring import measure
from mfdvep.expression.options import LOG_EXPRESSION, TrainOptions
from mfdvep.expression.references import marginal_scores
from mfdvep.expression.scaling import Scale
from mfdvep.expression.training import of_cells, train_model


def weights(model):
    return {name: value.numpy() for name, value in model.network.state_dict().items()}


def assert_same(a, b):
    assert a.scale.sd.tobytes() == b.scale.sd.tobytes()
    assert weights(a).keys() == weights(b).keys()
    for name, value in weights(a).items():
        assert value.tobytes() == weights(b)[name].tobytes(), name


def test_the_scale_is_of_the_training_genes(simulated):
    scale = Scale.of(simulated)
    train = simulated.signal[:, simulated.split == "train"].astype(np.float64)
    for cell in range(2):
        for mark in range(5):
            expected = np.log1p(train[cell, :, mark]).std()
            assert scale.sd[cell, mark] == pytest.approx(expected, rel=1e-5)
    scaled = scale.apply(simulated.signal[0], 0)
    assert scaled[simulated.rows("train")].std((0, 2)) == pytest.approx(np.ones(5), rel=1e-4)


def test_a_mark_that_does_not_vary_stays_zero(simulated):
    signal = simulated.signal.copy()
    signal[1, :, 2] = 0
    assert Scale.of(replace(simulated, signal=signal)).sd[1, 2] == 1


@pytest.mark.parametrize("split", ["test", "left_out"])
def test_other_genes_change_no_quantity_of_the_training(simulated, quick_model, few_steps, split):
    rows = simulated.rows("test")
    signal, expression = simulated.signal.copy(), simulated.expression.copy()
    signal[:, rows] *= 1000
    expression[:, rows] = 1 - expression[:, rows]
    splits = simulated.split.copy()
    splits[rows] = split
    changed = replace(simulated, signal=signal, expression=expression, split=splits)
    assert_same(train_model(changed, QUICK, seed=1).model, quick_model)


def test_validation_genes_choose_epochs_alone(simulated, quick_model, few_steps):
    signal = simulated.signal.copy()
    signal[:, simulated.rows("validation")] *= 1000
    changed = train_model(replace(simulated, signal=signal), QUICK, seed=1).model
    assert changed.scale.sd.tobytes() == quick_model.scale.sd.tobytes()


def test_a_seed_gives_the_same_bytes_and_another_other_ones(simulated, quick_model, few_steps):
    assert_same(train_model(simulated, QUICK, seed=1).model, quick_model)
    other = train_model(simulated, QUICK, seed=2).model
    name = "autoencoder.mean.weight"
    assert weights(other)[name].tobytes() != weights(quick_model)[name].tobytes()


def test_the_callers_random_numbers_are_left_alone(simulated, few_steps):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train_model(of_cells(simulated, ["sim-A"]), QUICK)
    assert torch.equal(torch.rand(3), expected)


def test_the_planted_rule_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "MIN_STEPS", 60)
    profiles, _ = simulated_profiles(tmp_path, genes=480)
    options = TrainOptions(n_latent=4, epochs=2, head_epochs=2, heads=1)
    model = train_model(profiles, options, seed=1).model
    found = measure(model, profiles)["splits"]["test"]
    scale, rows, test = Scale.of(profiles), profiles.rows("train"), profiles.rows("test")
    for number, cell in enumerate(profiles.cells):
        y, x = profiles.labels(number), scale.apply(profiles.signal[number], number)
        alone = marginal_scores(x[rows], y[rows], x[test])
        baseline = auroc(groups_of(sort_with_labels(alone, y[test] == 1)))
        assert baseline < 0.8
        assert found[cell]["auroc"] > 0.93
        assert found[cell]["n"] == len(test)
        assert found[cell]["n_high"] == (y[test] == 1).sum()


def test_the_epoch_of_the_best_validation_loss_is_kept(simulated, few_steps):
    shown = []
    options = replace(QUICK, epochs=6, heads=1)
    trained = train_model(simulated, options, progress=lambda *given: shown.append(given[:3]))
    losses = [entry["held_out"] for entry in trained.log["autoencoder"]]
    assert len(losses) == 6
    rows = simulated.rows("validation")
    x = Scale.of(simulated).of_all(simulated)[:, rows].reshape(-1, 5, 100)
    error = rebuilding_error(trained.model.network.autoencoder, torch.from_numpy(x))
    assert error == pytest.approx(min(losses), rel=1e-6)
    assert shown[0] == ("autoencoder", 1, 6)
    assert shown[-1] == ("heads", 2, 2)


def test_log_expression_is_predicted_on_its_own_scale(simulated, few_steps):
    model = train_model(simulated, QUICK, target=LOG_EXPRESSION).model
    row = measure(model, simulated)["splits"]["test"]["sim-A"]
    assert -1 <= row["pearson_low"] <= row["pearson"] <= row["pearson_high"] <= 1
    assert {"spearman", "auroc"} <= row.keys()
    rows = simulated.rows("train")
    predicted = model.predict(simulated.signal[0, rows], "sim-A")
    observed = simulated.log_expression(0)[rows]
    assert predicted.mean() == pytest.approx(float(observed.mean()), abs=float(observed.std()))


def test_genes_of_unknown_expression_do_not_train(simulated, few_steps):
    expression = simulated.expression.copy()
    rows = simulated.rows("train")[:50]
    expression[0, rows] = np.nan
    model = train_model(replace(simulated, expression=expression), QUICK).model
    assert np.isfinite(model.predict(simulated.signal[0], "sim-A")).all()


def test_one_class_is_refused_with_its_cell(simulated):
    expression = simulated.expression.copy()
    expression[1] = 0
    with pytest.raises(TrainingError, match=r"genes of sim-B: 160 .* all 0; expected both"):
        train_model(replace(simulated, expression=expression), QUICK)


def test_no_training_genes_are_refused(simulated):
    splits = np.where(simulated.split == "train", "left_out", simulated.split)
    with pytest.raises(TrainingError, match="there are none"):
        train_model(replace(simulated, split=splits), QUICK)


def test_a_loss_that_is_not_finite_is_refused(simulated):
    signal = simulated.signal.copy()
    signal[0, simulated.rows("train")[0]] = np.inf
    with np.errstate(invalid="ignore"), pytest.raises(TrainingError, match="loss"):
        train_model(replace(simulated, signal=signal), QUICK)


def test_cells_are_chosen_by_name(simulated):
    chosen = of_cells(simulated, ["sim-B"])
    assert chosen.cells == ("sim-B",)
    assert np.array_equal(chosen.signal[0], simulated.signal[1])
    with pytest.raises(InputError, match="'K562': the profiles have sim-A, sim-B"):
        of_cells(simulated, ["K562"])
    with pytest.raises(InputError, match="given twice"):
        of_cells(simulated, ["sim-A", "sim-A"])
