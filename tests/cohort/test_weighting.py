"""What --weight means, and how tracks become one number."""

from __future__ import annotations

import numpy as np
import pytest

from mfdvep.cohort.weighting import parse_weightings, weights_of
from mfdvep.errors import InputError

# two alleles on three tracks: a gain beside a loss, and one track larger than the others
EFFECTS = np.array([[0.3, 0.1], [-0.6, 0.1], [0.0, 0.4]], dtype=np.float32)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("biological", "biological_absolute"),
        ("technical", "technical_absolute"),
        ("combined:signed", "combined_signed"),
        ("signed", "biological_signed"),
        ("quantile", "biological_quantile"),
        ("combined:quantile", "combined_quantile"),
        ("unweighted", "unweighted"),
    ],
)
def test_names(text, name):
    (found,) = parse_weightings([text])
    assert found.name == name
    assert found.is_never_negative == ("signed" not in name)


@pytest.mark.parametrize("text", ["", "bio", "biological:size", "half:signed", "unweighted:signed"])
def test_other_words_are_refused(text):
    with pytest.raises(InputError, match="expected unweighted, or HALF:FORM"):
        parse_weightings([text])


def test_one_twice_is_refused():
    with pytest.raises(InputError, match="biological_absolute is there twice"):
        parse_weightings(["biological", "absolute"])


@pytest.mark.parametrize(
    ("form", "over", "expected"),
    [
        ("signed", "mean", [-0.1, 0.2]),
        ("absolute", "mean", [0.3, 0.2]),
        ("signed", "largest", [-0.6, 0.4]),
        ("absolute", "largest", [0.6, 0.4]),
        ("quantile", "mean", [0.3, 0.2]),
        ("quantile", "largest", [0.6, 0.4]),
    ],
)
def test_over_tracks(form, over, expected):
    found = weights_of(EFFECTS, form, over)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_track_without_quantiles_is_left_out():
    lacking = EFFECTS.copy()
    lacking[1] = np.nan
    np.testing.assert_allclose(weights_of(lacking, "quantile", "mean"), [0.15, 0.25], rtol=1e-6)
    with pytest.raises(InputError, match="none of the chosen tracks has quantiles"):
        weights_of(np.full((2, 3), np.nan), "quantile", "mean")
