"""Effects as an array: which variants were scored, and the effects on a track by its name."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SMALL_TRACKS

from mfdvep.errors import InputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch


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
