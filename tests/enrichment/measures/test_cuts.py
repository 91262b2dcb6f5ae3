"""Cuts: thresholds, ties, and quantiles that are too fine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.enrichment.measures.cuts import Cut, cuts_of, ranking_score
from mfdvep.errors import InputError


def tagged(cut, values):
    values = np.array(values, dtype=np.float32)
    values = np.abs(values) if cut.sided == "absolute" else values
    low, high = cut.thresholds(np.sort(values))
    return cut.tags(values, low, high).tolist()


@pytest.mark.parametrize(
    ("sided", "name", "expected"),
    [
        ("absolute", "0.8", [0, 5]),  # of sizes 9 8 1 2 3 9.5 ... the two largest
        ("upper", "0.8", [1, 5]),
        ("lower", "0.2", [0, 6]),
        ("both", "0.2,0.8", [0, 1, 5, 6]),
    ],
)
def test_who_is_tagged(sided, name, expected):
    cut = Cut(0.8, sided)
    assert cut.name == name
    assert tagged(cut, [-9, 8, 1, 2, 3, 9.5, -4, 0, 0.5, 0.25]) == expected


def test_who_ties_with_the_threshold_is_not_tagged():
    # the 0.8 quantile of ten values is between the 8th and 9th, both 5
    assert tagged(Cut(0.8, "upper"), [0, 1, 2, 3, 4, 5, 5, 5, 5, 9]) == [9]
    assert tagged(Cut(0.8, "upper"), [0] * 10) == []
    assert tagged(Cut(0.9, "both"), [0] * 9 + [1]) == [9]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=10, max_size=60),
    st.sampled_from([0.6, 0.75, 0.9]),
)
def test_the_threshold_is_numpys_quantile(values, q):
    ordered = np.sort(np.array(values, dtype=np.float32))
    low, high = Cut(q, "both").thresholds(ordered)
    expected = np.quantile(ordered.astype(np.float64), [1 - q, q])
    size = np.abs(ordered).max()
    np.testing.assert_allclose([low, high], expected, rtol=1e-12, atol=1e-15 * size + 1e-300)
    # and at most a share of 1 - q is tagged
    assert len(Cut(q, "upper").tags(ordered, low, high)) <= np.ceil((1 - q) * len(values))


def test_ranking_is_by_what_the_cut_looks_at():
    effects = np.array([-3.0, 1.0])
    assert ranking_score(effects, "absolute").tolist() == [3.0, 1.0]
    assert ranking_score(effects, "both").tolist() == [3.0, 1.0]
    assert ranking_score(effects, "lower").tolist() == [3.0, -1.0]
    assert ranking_score(effects, "upper").tolist() == [-3.0, 1.0]


def test_a_quantile_finer_than_the_sample_is_refused_with_the_finest():
    with pytest.raises(
        InputError, match=r"cut 0.99 needs 100 variants, and there are 50; .* 0.98;"
    ):
        cuts_of([0.9, 0.99], "absolute", 50)
    assert [cut.name for cut in cuts_of([0.9, 0.98], "absolute", 50)[0]] == ["0.9", "0.98"]


def test_a_preset_leaves_it_out_and_says_so():
    cuts, said = cuts_of([0.9, 0.99], "absolute", 50, skip=True)
    assert [cut.name for cut in cuts] == ["0.9"]
    assert len(said) == 1
    assert said[0].endswith("left out")
    with pytest.raises(InputError, match="needs 10 variants"):
        cuts_of([0.9, 0.99], "absolute", 5, skip=True)


@pytest.mark.parametrize(("quantiles", "sided"), [([], "upper"), ([0.1], "upper"), ([1.0], "both")])
def test_quantiles_that_are_none(quantiles, sided):
    with pytest.raises(InputError, match=r"above 0\.5 and below 1"):
        cuts_of(quantiles, sided, 1000)


def test_another_side():
    with pytest.raises(InputError, match="side 'left'; expected absolute, both, upper, lower"):
        cuts_of([0.9], "left", 1000)
