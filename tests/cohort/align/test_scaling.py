"""Scaling and residuals: those of an independent regression; what does not vary is 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from cohort.align.made import table

from mfdvep.cohort.align.people import Inputs, gather
from mfdvep.cohort.align.preparing import Preparation, constant_columns
from mfdvep.cohort.align.scaling import Scaling, design_of
from mfdvep.errors import InputError

RNG = np.random.default_rng(0)


def test_residuals_of_other_people():
    covariates, values = RNG.normal(size=(50, 2)), RNG.normal(size=(50, 3)).astype(np.float32)
    values[:, 0] += 3 * covariates[:, 1] + 7
    scaling = Scaling.fit(values[:30], design_of(covariates[:30]))
    found = scaling.apply(values[30:], design_of(covariates[30:]))
    for column in range(3):
        fit = sm.OLS(values[:30, column].astype(float), sm.add_constant(covariates[:30])).fit()
        rest = values[30:, column] - fit.predict(sm.add_constant(covariates[30:]))
        np.testing.assert_allclose(found[:, column], rest / fit.resid.std(), rtol=2e-5, atol=1e-6)


def test_what_does_not_vary_is_nought_in_others_too():
    values = np.float32([[5, 1], [5, 2], [5, 4]])
    scaling = Scaling.fit(values)
    assert scaling.flat.tolist() == [True, False]
    other = scaling.apply(np.float32([[1000, 3]]))
    assert other[0, 0] == 0
    assert other[0, 1] == pytest.approx((3 - 7 / 3) / np.std([1, 2, 4]))
    with_design = Scaling.fit(values, design_of(np.array([[0.0], [1.0], [3.0]])))
    assert with_design.flat.tolist() == [True, True]  # the covariate explains all of the second


def test_images_are_scaled_by_channel():
    values = RNG.normal(size=(40, 2, 3, 4)).astype(np.float32) * 5 + 1
    found = Scaling.fit(values).apply(values)
    assert found.shape == values.shape
    np.testing.assert_allclose(found.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=(0, 2, 3)), 1, rtol=1e-6)
    age = RNG.normal(size=(40, 1))
    rest = Scaling.fit(values, design_of(age)).apply(values, design_of(age))
    np.testing.assert_allclose(age[:, 0] @ rest.reshape(40, -1), 0, atol=1e-4)


def cohort(n: int = 20) -> Inputs:
    names = [chr(97 + i) for i in range(n)]
    make = np.random.default_rng(1)
    return Inputs(
        table(names, make.normal(size=(n, 3)), name="images"),
        (table(names[:-2], make.normal(size=(n - 2, 2)), name="burdens", columns="GH"),),
        table(names, make.normal(size=(n, 1)), name="covariates", columns="a"),
    )


def test_adding_covariates_to_genetics():
    inputs = cohort()
    people = gather(inputs, mode="outer", need_covariates=True)
    rows = np.arange(10)
    made = Preparation.fit(inputs, people, rows, adjust="add")
    assert made.genetic_columns == (("G", "H", "a"),)
    arrays = made.apply(inputs, people)
    assert arrays.genetics[0].shape == (18, 3)
    np.testing.assert_allclose(arrays.genetics[0][rows].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(arrays.images[rows].std(0), 1, rtol=1e-5)
    assert constant_columns(made, inputs.tables) == {"images": 0, "burdens": 0}


def test_what_does_not_fit_is_refused():
    inputs = cohort()
    people = gather(inputs, mode="outer", need_covariates=True)
    made = Preparation.fit(inputs, people, np.arange(10), adjust="residualise")
    with pytest.raises(InputError, match="needs covariates"):
        Preparation.fit(
            Inputs(inputs.images, inputs.genetics), people, np.arange(10), adjust="residualise"
        )
    with pytest.raises(InputError, match="2 training people for 1 covariates"):
        Preparation.fit(inputs, people, np.arange(2), adjust="residualise")
    one = replace(inputs.genetics[0], values=inputs.genetics[0].values * 0 + 3)
    with pytest.raises(InputError, match="none of its 2 columns varies among the 10 training"):
        Preparation.fit(
            replace(inputs, genetics=(one,)), people, np.arange(10), adjust="residualise"
        )
    same = replace(inputs.images, values=inputs.images.values * 0 + 3)
    with pytest.raises(InputError, match=r"images\.tsv: nothing varies among the 10 training"):
        Preparation.fit(replace(inputs, images=same), people, np.arange(10), adjust="residualise")
    with pytest.raises(InputError, match="genetics named prs; the model was trained with burdens"):
        made.fitting(Inputs(inputs.images, (table("a", [[1]], name="prs"),), inputs.covariates))
    with pytest.raises(InputError, match=r"images of \(2,\); the model was trained with \(3,\)"):
        made.fitting(Inputs(table("a", [[1, 2]]), inputs.genetics, inputs.covariates))
    with pytest.raises(InputError, match="no column of numbers 'H'"):
        made.fitting(
            Inputs(inputs.images, (table("a", [[1]], name="burdens", columns="G"),),
                   inputs.covariates)
        )  # fmt: skip
    with pytest.raises(InputError, match="trained with covariates; give them"):
        made.fitting(Inputs(inputs.images, inputs.genetics))


def test_columns_are_found_by_name():
    inputs = cohort()
    people = gather(inputs, mode="outer", need_covariates=True)
    made = Preparation.fit(inputs, people, np.arange(10), adjust="residualise")
    own = inputs.genetics[0]
    g, h = own.values.T
    turned = table(own.iids, np.stack([h, 0 * g, g], axis=1), name="burdens", columns="HXG")
    other = made.fitting(Inputs(inputs.images, (turned,), inputs.covariates))
    for a, b in zip(made.apply(inputs, people).genetics, made.apply(other, people).genetics,
                    strict=True):  # fmt: skip
        np.testing.assert_array_equal(a, b)
