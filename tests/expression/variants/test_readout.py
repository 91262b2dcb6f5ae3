"""What a model, a calibration and a model of expression must have in common."""

from __future__ import annotations

import numpy as np
import pytest
from expression.variants.worlds import SHA, HandMadeModel, calibration, expression_model

from mfdvep.errors import InputError
from mfdvep.expression.bins import MARKS
from mfdvep.expression.variants.readout import Readout


def test_a_cell_that_the_model_does_not_have():
    with pytest.raises(InputError, match="cell 'HeLa'"):
        Readout(HandMadeModel(), calibration(), cells=["HeLa"], mfd_sha256=SHA)


def test_a_cell_that_the_calibration_does_not_have():
    with pytest.raises(InputError, match="cell 'HepG2': the calibration has K562; make one"):
        Readout(HandMadeModel(), calibration(cells=["K562"]), mfd_sha256=SHA)


def test_a_calibration_of_another_model():
    with pytest.raises(InputError, match="weights 777777777777, not 555555555555; make one"):
        Readout(HandMadeModel(), calibration(sha256="7" * 64), mfd_sha256=SHA)


def test_a_calibration_of_other_marks():
    with pytest.raises(InputError, match="the calibration H3K27me3, H3K36me3, H3K4me1, H3K4me3;"):
        Readout(HandMadeModel(), calibration(marks=MARKS[:4]), mfd_sha256=SHA)


def test_a_model_without_the_baseline():
    marks = [mark for mark in MARKS if mark != "H3K4me3"]
    with pytest.raises(InputError, match="expected the same, H3K4me3 among them"):
        Readout(HandMadeModel(marks=marks), calibration(marks=marks), mfd_sha256=SHA)


def test_a_calibration_of_other_profiles():
    model, maps = HandMadeModel(), calibration()
    model.about = {"profiles": {"inputs": {"a.bed": "1" * 64, "b.bed": "2" * 64}}}
    maps.provenance["profiles"] = {"inputs": {"renamed.bed": "1" * 64}}
    Readout(model, maps, mfd_sha256=SHA)
    maps.provenance["profiles"] = {"inputs": {"a.bed": "3" * 64}}
    with pytest.warns(UserWarning, match="no file in common"):
        Readout(model, maps, mfd_sha256=SHA)


def test_marks_in_another_order_are_matched_by_name():
    p = np.random.default_rng(1).uniform(0, 1, (3, 100, 2, 5))
    knots = calibration()
    turned = calibration()
    turned = type(turned)(knots.cells, knots.marks[::-1], knots.knots, knots.provenance)
    found = [Readout(HandMadeModel(), c, mfd_sha256=SHA).value(p) for c in (knots, turned)]
    np.testing.assert_allclose(*found)


def test_a_model_of_expression_is_read_in_float64_and_stays_as_it_was():
    p = np.random.default_rng(2).uniform(0, 1, (3, 100, 2, 5))
    model, maps = expression_model(), calibration()
    value = Readout(model, maps, mfd_sha256=SHA).value
    for i, cell in enumerate(model.cells):
        signal = maps.signal(p)[:, :, i].transpose(0, 2, 1)
        np.testing.assert_allclose(value(p)[:, i], model.predict(signal, cell), atol=1e-6)
    step = np.zeros_like(p)
    step[:, 50, :, 3] = 1e-9
    slopes = [(value(p + k * step) - value(p)) / k for k in (1, 4)]
    assert (slopes[0] != 0).all()  # a float32 would have no digit of it
    np.testing.assert_allclose(*slopes, rtol=1e-3)
