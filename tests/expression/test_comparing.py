"""Comparisons: which fits, that they go on, and what their tables say."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from expression.conftest import QUICK
from sklearn.metrics import roc_auc_score

from mfdvep.enrichment.measures.odds import adjusted
from mfdvep.errors import InputError, OutputError, TrainingError
from mfdvep.expression.comparing import ALL, ONE, OTHERS, Fit, Plan, fits_of, open_folder, run_fits
from mfdvep.expression.comparison import MEAN, compare
from mfdvep.expression.comparison_folder import write_comparison
from mfdvep.expression.contenders import CONTENDERS, Inputs, chosen

CELLS = ("sim-A", "sim-B")


def test_every_model_is_fitted_on_every_size_and_seed():
    fits = list(fits_of(Plan(("marginal", "boosting"), (30, None), (1, 2)), CELLS))
    assert len(fits) == len(set(fits)) == 2 * (4 + 4 + 2 + 2)
    assert {fit.setting for fit in fits if fit.model == "marginal"} == {ONE}
    assert {fit.size for fit in fits if fit.setting == OTHERS} == {None}
    one = list(fits_of(Plan(("boosting",), (30,), (1,)), ("sim-A",)))
    assert one == [Fit(ONE, "sim-A", "boosting", 30, 1)]  # of one cell there is no other
    assert len({fit.name for fit in fits}) == len(fits)


@pytest.fixture
def quick_plan():
    return Plan(("marginal", "simplechrome", "simplechrome_k2"), (40, None), (1, 2), options=QUICK)


def test_an_interrupted_comparison_goes_on(simulated, quick_plan, few_steps, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    open_folder(whole, "digest", CELLS, QUICK)
    expected = run_fits(simulated, quick_plan, whole)
    open_folder(broken, "digest", CELLS, QUICK)

    def stop(done, total):
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_fits(simulated, quick_plan, broken, progress=stop)
    kept = {path: path.stat().st_mtime_ns for path in (broken / "fits").iterdir()}
    open_folder(broken, "digest", CELLS, QUICK)
    found = run_fits(simulated, quick_plan, broken)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert found.keys() == expected.keys()
    for fit, scores in expected.items():
        assert np.array_equal(scores, found[fit]), fit
        assert scores.shape == (2 if fit.setting == ALL else 1, 40)


def test_no_test_gene_trains_anything(simulated, few_steps, tmp_path):
    """With other labels of the test genes, and other marks of half, the other half score alike."""
    rows = simulated.rows("test")
    signal, expression = simulated.signal.copy(), simulated.expression.copy()
    signal[:, rows[::2]] *= 1000
    expression[:, rows] = expression.max() - expression[:, rows]
    changed = replace(simulated, signal=signal, expression=expression)
    plan = Plan(("marginal", "logistic", "simplechrome"), (40,), (1,), options=QUICK)
    found = []
    for name, profiles in (("as-it-is", simulated), ("changed", changed)):
        open_folder(tmp_path / name, "digest", CELLS, QUICK)
        found.append(run_fits(profiles, plan, tmp_path / name))
    for fit in found[0]:
        a, b = (of[fit][:, 1::2] for of in found)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=fit.name)


def test_the_folder_of_another_comparison_is_refused(tmp_path):
    open_folder(tmp_path / "a", "digest", CELLS, QUICK)
    with pytest.raises(OutputError, match="a comparison with other profiles;"):
        open_folder(tmp_path / "a", "another", CELLS, QUICK)
    with pytest.raises(OutputError, match="other cells, options"):
        open_folder(tmp_path / "a", "digest", ("sim-A",), replace(QUICK, heads=5))
    with pytest.raises(OutputError, match="no comparison's"):
        open_folder(tmp_path, "digest", CELLS, QUICK)


def test_what_cannot_be_compared_is_refused(simulated, tmp_path):
    open_folder(tmp_path / "a", "digest", CELLS, QUICK)
    with pytest.raises(InputError, match="size 161: there are 160 training genes"):
        run_fits(simulated, Plan(("marginal",), (161,), (1,)), tmp_path / "a")
    none = replace(simulated, split=np.where(simulated.split == "test", "train", simulated.split))
    with pytest.raises(InputError, match="0 test genes; prepare"):
        run_fits(none, Plan(("marginal",), (10,), (1,)), tmp_path / "a")
    low = replace(simulated, expression=np.zeros_like(simulated.expression))
    with pytest.raises(TrainingError, match=r"one\.sim-A\.boosting\.20\.1: .* labels are all 0"):
        run_fits(low, Plan(("boosting",), (20,), (1,)), tmp_path / "a")
    with pytest.raises(InputError, match="model 'forest'; expected of marginal, logistic"):
        chosen(["forest"], CONTENDERS, "model")
    with pytest.raises(InputError, match="no setting"):
        chosen([], (ONE, ALL), "setting")


def test_neighbours_come_with_their_latents(simulated, few_steps, tmp_path):
    inputs = Inputs(simulated, QUICK, 1, tmp_path)
    assert inputs.features("simplechrome", 0).shape == (240, 3)
    assert inputs.features("simplechrome_k4", 0).shape == (240, 3 + 4 * 5)
    assert inputs.features("logistic", 1).shape == (240, 500)


def simulated_scores(profiles, *, gain, seed=0):
    """Return scores of two models of which the first is better by a gain."""
    rng = np.random.default_rng(seed)
    found = {}
    rows = profiles.rows("test")
    for number in (1, 2, 3):
        for cell, name in enumerate(profiles.cells):
            high = profiles.labels(cell)[rows]
            noise = rng.normal(size=len(rows))
            for model, strength in (("boosting", 1.0), ("simplechrome", 1.0 + gain)):
                scores = (strength * high + noise).astype(np.float32)
                found[Fit(ONE, name, model, None, number)] = scores[None]
    return found


def test_tables_have_the_auroc_and_intervals_around_it(simulated):
    found = simulated_scores(simulated, gain=1.0)
    made = compare(simulated, found, samples=200)
    rows = simulated.rows("test")
    assert [row["cell"] for row in made.models].count(MEAN) == 2
    for row in made.models:
        assert row["low"] < row["auroc"] < row["high"]
        assert (row["genes"], row["seeds"], row["setting"]) == (160, 3, ONE)
        if row["cell"] != MEAN:
            cell = simulated.cells.index(row["cell"])
            areas = [
                roc_auc_score(simulated.labels(cell)[rows], scores[0])
                for fit, scores in found.items()
                if (fit.cell, fit.model) == (row["cell"], row["model"])
            ]
            assert row["auroc"] == pytest.approx(np.mean(areas), abs=1e-9)
            assert row["seed_sd"] == pytest.approx(np.std(areas, ddof=1), abs=1e-9)
    by_key = {(row["cell"], row["model"]): row["auroc"] for row in made.models}
    assert len(made.differences) == 3
    for row in made.differences:
        assert (row["first"], row["second"]) == ("simplechrome", "boosting")
        gap = by_key[row["cell"], "simplechrome"] - by_key[row["cell"], "boosting"]
        assert row["difference"] == pytest.approx(gap, abs=1e-12)
        assert 0 < row["low"] < gap < row["high"]
        assert row["p"] == pytest.approx(2 / 201)
    q = adjusted(np.array([row["p"] for row in made.differences]))
    assert [row["q"] for row in made.differences] == pytest.approx(q.tolist())


def test_equal_models_do_not_differ(simulated):
    found = simulated_scores(simulated, gain=0.0)
    for row in compare(simulated, found, samples=200).differences:
        assert (row["difference"], row["low"], row["high"]) == (0, 0, 0)
        assert row["p"] == row["q"] == 1


def test_the_bootstrap_is_repeatable(simulated):
    found = simulated_scores(simulated, gain=0.5)
    assert compare(simulated, found, samples=60) == compare(simulated, found, samples=60)


def test_settings_are_set_against_the_cell_itself(simulated):
    found = simulated_scores(simulated, gain=0.5)
    for number in (1, 2, 3):
        both = [found[Fit(ONE, cell, "boosting", None, number)][0] for cell in CELLS]
        found[Fit(ALL, "", "simplechrome", None, number)] = np.stack(both)
        for cell, scores in zip(CELLS, both, strict=True):
            found[Fit(OTHERS, cell, "simplechrome", None, number)] = scores[None]
    rows = [r for r in compare(simulated, found, samples=60).differences if r["setting"] != ONE]
    assert {row["second_setting"] for row in rows} == {ONE}
    assert [row["cell"] for row in rows if row["setting"] == OTHERS] == [*CELLS, MEAN]


def test_the_folder_has_tables_a_record_and_figures(simulated, tmp_path):
    made = compare(simulated, simulated_scores(simulated, gain=0.5), samples=60)
    write_comparison(made, {"command": "mfdvep"}, tmp_path)
    with open(tmp_path / "table.tsv", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert len(rows) == len(made.models)
    assert float(rows[0]["auroc"]) == made.models[0]["auroc"]
    record = json.loads((tmp_path / "comparison.json").read_text())
    assert record["differences"] == made.differences
    assert record["provenance"] == {"command": "mfdvep"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "learning_curve.png",
        "learning_curve.svg",
    }
