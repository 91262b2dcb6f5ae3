"""Effects as an array: which variants were scored, and the effects on a track by its name."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SMALL_TRACKS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mfdvep.errors import InputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch, overall_technical_share, technical_share


def batch(tracks: TrackTable = SMALL_TRACKS) -> EffectBatch:
    """Three alleles; combined 0 ... 4 for the first, biological 10 and technical 20 more."""
    row = np.arange(len(tracks), dtype=np.float32)
    combined = np.stack([row, np.full_like(row, np.nan), -row])
    variants = tuple(Variant("chr1", 10 + i, "A", "C", i, 1) for i in range(3))
    status = (VariantStatus.OK, VariantStatus.STAR, VariantStatus.OK)
    return EffectBatch(variants, status, combined, combined + 10, combined + 20, tracks)


def test_which_variants_are_scored():
    assert batch().scored.tolist() == [True, False, True]
    assert len(batch()) == 3


@pytest.mark.parametrize(
    ("kind", "first", "last"), [("combined", 3, -3), ("biological", 13, 7), ("technical", 23, 17)]
)
def test_the_effects_on_a_track(kind, first, last):
    found = batch().effect_of("open/E3", kind)  # its biosample is not known
    assert found.dtype == np.float32
    assert np.array_equal(found, [first, np.nan, last], equal_nan=True)


def test_the_kind_is_combined_if_none_is_given():
    assert np.array_equal(batch().effect_of("CTCF/K562/E0"), [0, np.nan, 0], equal_nan=True)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("CTCF/K562/E1", "combined", "no track 'CTCF/K562/E1' among the 5.*nearest: .*K562/E0"),
        ("?", "combined", "no track '\\?' among the 5 of these effects; a name is as CTCF/K562/E0"),
        ("CTCF/K562/E0", "max", "kind 'max'; expected combined, biological, technical"),
    ],
)
def test_what_is_unknown_is_refused(name, kind, message):
    with pytest.raises(InputError, match=message):
        batch().effect_of(name, kind)


def test_a_name_of_several_tracks_is_refused():
    tracks = TrackTable({"assay": ("ChIP", "DNase", "ChIP")})
    with pytest.raises(InputError, match=r"2 tracks are named 'ChIP', columns \[0, 2\]"):
        batch(tracks).effect_of("ChIP")


@pytest.mark.parametrize(
    ("biological", "technical", "share"),
    [
        (0.3, 0.1, 0.25),
        (-0.3, 0.1, 0.25),  # of sizes: combined would be -.2
        (0.3, -0.1, 0.25),
        (0.5, -0.5, 0.5),  # and here nothing
        (0.2, 0, 0),
        (0, 1e-30, 1),
        (0, 0, np.nan),
        (-0.0, 0, np.nan),
        (np.nan, np.nan, np.nan),
    ],
)
def test_technical_share(biological, technical, share):
    found = technical_share(np.float32([biological]), np.float32([technical]))
    assert found.dtype == np.float32
    assert np.allclose(found, share, rtol=1e-6, equal_nan=True)


def test_the_share_over_tracks_counts_each_for_as_much_as_it_changes():
    biological = np.float32([[0.3, 0, -0.6], [0, 0, 0], [np.nan] * 3, [1, 1, 1]])
    technical = np.float32([[-0.1, 0, 0], [0, 0, 0], [np.nan] * 3, [0, 0, 0]])
    found = overall_technical_share(biological, technical)
    assert np.allclose(found, [0.1, np.nan, np.nan, 0], equal_nan=True)


def test_the_shares_of_a_batch():
    found = batch()
    assert np.array_equal(np.isnan(found.technical_share).all(axis=1), ~found.scored)
    assert np.allclose(found.technical_share[0], [(20 + i) / (30 + 2 * i) for i in range(5)])
    assert np.allclose(found.technical_share[2], [(20 - i) / (30 - 2 * i) for i in range(5)])


SIZES = st.floats(-1, 1, width=32) | st.sampled_from([0.0, -0.0, 1e-42, -1e-42, 1e-7, np.nan])


@given(arrays(np.float32, (2, 3, 5), elements=SIZES))
def test_properties_of_shares(halves):
    b, t = halves
    each, overall = technical_share(b, t), overall_technical_share(b, t)
    assert each.dtype == np.float32
    nothing = np.isnan(b) | np.isnan(t) | ((b == 0) & (t == 0))
    assert np.array_equal(np.isnan(each), nothing)
    assert ((each >= 0) & (each <= 1) | nothing).all()
    swapped = technical_share(-b, -t), overall_technical_share(-b, -t)
    assert np.array_equal(each, swapped[0], equal_nan=True)
    assert np.array_equal(overall, swapped[1], equal_nan=True)
    for row in range(3):
        exact = [[abs(float(x)) for x in half[row]] for half in (b, t)]
        total = sum(map(sum, exact))
        if total > 0:  # no NaN
            assert overall[row] == pytest.approx(sum(exact[1]) / total, abs=1e-12)
            known = each[row][~nothing[row]]
            assert known.min() - 1e-6 <= overall[row] <= known.max() + 1e-6
        else:
            assert np.isnan(overall[row])
    # the halves the other way round
    assert np.allclose(technical_share(t, b), 1 - each, atol=1e-6, equal_nan=True)


def test_an_alleles_share_does_not_depend_on_where_it_lies():
    b, t = np.random.default_rng(0).normal(size=(2, 100, 442)).astype(np.float32)
    whole = overall_technical_share(b, t)
    alone = [overall_technical_share(b[i : i + 1], t[i : i + 1])[0] for i in range(100)]
    assert whole.tolist() == alone
