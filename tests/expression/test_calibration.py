"""The map of predicted probability to observed signal: rising, exact on paper, refused when bad."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit

from mfdvep.errors import InputError, OutputError
from mfdvep.expression.calibration import (
    fit_calibration,
    log_odds,
    read_calibration,
    write_calibration,
)
from mfdvep.expression.model import load_expression_model
from mfdvep.model.checkpoint import DEFAULT_MODEL, EXPRESSION, model_folder, read_config

CELLS, MARKS = ("A", "B"), ("one", "two", "three")
SHAPE = (len(CELLS), len(MARKS))


def simulated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and signals: a Poisson number of peaks whose mean rises with odds."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2, 2, (n, *SHAPE))
    signal = rng.poisson(4 * expit(odds)) * rng.uniform(0.5, 1.5, odds.shape)
    return expit(odds).astype(np.float32), signal.astype(np.float32)


def fitted(n: int = 20_000, **options):
    probability, signal = simulated(n)
    return fit_calibration(
        probability, signal, cells=CELLS, marks=MARKS, provenance={"n": n}, **options
    )


def test_it_gives_the_mean_of_the_log_signal():
    found = fitted()
    probability, signal = simulated(20_000, seed=1)
    predicted = np.log1p(found.signal(probability))
    for low, high in ((0.01, 0.05), (0.2, 0.3), (0.6, 0.8)):
        inside = (probability > low) & (probability < high)
        assert predicted[inside].mean() == pytest.approx(np.log1p(signal[inside]).mean(), rel=0.08)


def test_it_rises_strictly_over_all_that_was_seen():
    found, (probability, _) = fitted(), simulated(20_000)
    grid = expit(np.linspace(*np.quantile(log_odds(probability[:, 1, 2]), [0, 1]), 2000))
    signal = found.signal(np.broadcast_to(grid[:, None, None], (2000, *SHAPE)))[:, 1, 2]
    assert (np.diff(signal) > 0).all()
    for knots in found.knots.values():
        assert (np.diff(knots) > 0).all()
        assert (knots[1] >= 0).all()


def test_it_is_flat_beyond_what_was_seen():
    found = fitted()
    ends = found.signal(np.broadcast_to(np.array([0.0, 1e-9, 1.0])[:, None, None], (3, *SHAPE)))
    assert (ends[0] == ends[1]).all()
    assert (ends[2] > ends[0]).all()


def test_no_signal_at_all_below_a_place():
    probability, signal = simulated(20_000)
    signal[probability < 0.1] = 0
    found = fit_calibration(probability, signal, cells=CELLS, marks=MARKS, provenance={})
    knots = found.knots["A", "one"]
    assert knots[1][0] == 0
    assert knots[0][0] == log_odds(probability[:, 0, 0]).min()
    assert (np.diff(knots) > 0).all()


def test_one_cell_is_that_of_all():
    found, (probability, _) = fitted(), simulated(50, seed=3)
    both = found.signal(probability)
    assert both.dtype == np.float32
    assert found.signal(probability.astype(np.float64)).dtype == np.float64
    assert (found.signal(probability[:, 1], "B") == both[:, 1]).all()
    assert (found.signal(probability[None, :, 1], "B")[0] == both[:, 1]).all()


def test_it_is_read_back_exactly(tmp_path):
    found = fitted(2000)
    path = tmp_path / "c.json"
    write_calibration(found, path)
    again = read_calibration(path)
    assert (again.cells, again.marks, again.provenance) == (CELLS, MARKS, {"n": 2000})
    for pair, knots in found.knots.items():
        assert (again.knots[pair] == knots).all()
    assert again.digest == found.digest != fitted(3000).digest


def test_what_is_refused(tmp_path):
    probability, signal = simulated(1200)
    with pytest.raises(InputError, match=r"999 bins .* at least 1,000"):
        fit_calibration(probability[:999], signal[:999], cells=CELLS, marks=MARKS, provenance={})
    signal[:, 1, 0] = -np.log(probability[:, 1, 0])
    with pytest.raises(InputError, match="observed one in B does not rise"):
        fit_calibration(probability, signal, cells=CELLS, marks=MARKS, provenance={})
    found = fitted(2000)
    with pytest.raises(InputError, match="no calibration of C; it has A, B"):
        found.signal(probability[:, 0], "C")
    with pytest.raises(InputError, match=r"shape \(1200, 2, 2\); expected 2 cells and 3 marks"):
        found.signal(probability[:, :, :2])
    with pytest.raises(OutputError, match="cannot write"):
        write_calibration(found, tmp_path / "missing" / "c.json")


def test_the_bundled_calibration_is_of_the_bundled_models():
    expression = load_expression_model("simplechrome4")
    found = read_calibration(model_folder("simplechrome4", EXPRESSION) / "calibration.json")
    config = read_config(model_folder(DEFAULT_MODEL))
    assert found.provenance["model"]["sha256"] == config["sha256"]["model.safetensors"]
    assert (found.cells, found.marks) == (expression.cells, expression.marks)
    fitted = found.provenance["contigs"]["fitted"]
    assert not {"chr20", "chr21", "chr1"} & fitted.keys()  # the model's own test and validation
    assert sum(fitted.values()) == found.provenance["genes"]["fitted"] == 345


@pytest.mark.parametrize("damage", ["format", "knots", "fall", "text", "missing"])
def test_damaged_files_are_refused(tmp_path, damage):
    path = tmp_path / "c.json"
    write_calibration(fitted(2000), path)
    record = json.loads(path.read_text())
    if damage == "format":
        record["format"] = 2
    elif damage == "knots":
        record["knots"].pop()
    elif damage == "fall":
        record["knots"][0]["log1p_signal"][1] = -1
    path.write_text("text" if damage == "text" else json.dumps(record))
    if damage == "missing":
        path.unlink()
    with pytest.raises(InputError, match="not a whole calibration of marks"):
        read_calibration(path)
