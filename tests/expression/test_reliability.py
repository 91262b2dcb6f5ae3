"""Agreement of calibrated and observed signal, and its figure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from mfdvep.expression.calibration import fit_calibration
from mfdvep.expression.reliability import draw_reliability, reliability

CELLS, MARKS = ("A", "B"), ("one", "two", "three")
SHAPE = (len(CELLS), len(MARKS))


def simulated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2, 2, (n, *SHAPE))
    return expit(odds), rng.poisson(4 * expit(odds)).astype(np.float32)


@pytest.fixture(scope="module")
def calibration():
    return fit_calibration(*simulated(20_000, 0), cells=CELLS, marks=MARKS, provenance={})


def test_it_is_what_numpy_says(calibration):
    probability, signal = simulated(3000, 5)
    rows = reliability(calibration, probability, signal)
    assert [(row.cell, row.mark) for row in rows] == [(c, m) for c in CELLS for m in MARKS]
    predicted = np.log1p(calibration.signal(probability))[:, 1, 0]
    observed = np.log1p(signal[:, 1, 0])
    residual = np.mean((observed - predicted) ** 2) / np.var(observed)
    row = rows[3]
    assert row.r2 == pytest.approx(1 - residual, abs=1e-6)
    assert row.n_bins == 3000
    assert 0.3 < row.r2 < row.spearman < 1
    assert (np.diff(row.predicted) > 0).all()
    assert row.observed.mean() == pytest.approx(observed.mean(), rel=1e-6)
    # held out, but of the same rule: on the diagonal
    assert np.abs(row.observed - row.predicted).max() < 0.12


def test_a_mark_that_is_nowhere_has_no_number(calibration):
    row = reliability(calibration, np.full((20, *SHAPE), 0.1), np.zeros((20, *SHAPE)))[0]
    assert np.isnan([row.r2, row.spearman]).all()
    assert row.record() == {
        "cell": "A", "mark": "one", "n_bins": 20, "r2": None, "spearman": None,
    }  # fmt: skip


def test_the_figure_has_a_panel_a_mark_and_a_line_a_cell_and_set(calibration):
    sets = {
        name: reliability(calibration, *simulated(500, seed))
        for seed, name in enumerate(("fitted", "test"))
    }
    figure = draw_reliability(sets)
    assert [axes.get_title() for axes in figure.axes] == list(MARKS)
    for axes in figure.axes:
        assert len(axes.get_lines()) == 2 * 2 + 1  # and the diagonal
    assert len(figure.legends[0].get_texts()) == 4
    assert len(draw_reliability({"fitted": sets["fitted"]}).legends[0].get_texts()) == 3
