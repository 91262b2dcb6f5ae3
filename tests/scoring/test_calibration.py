"""Quantiles from a table of sizes, against a count of every pair."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from conftest import SMALL_TRACKS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scoring.backgrounds import MADE, counted, effects_of, table_of

from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.calibration import Calibration, knot_ranks, quantile_text
from mfdvep.scoring.effects import KINDS

NAN = float("nan")
FLOATS = st.floats(-4, 4, width=32)


def table(*backgrounds, names=None) -> Calibration:
    """Return the table of one kind of effects, the same for all; the last are the largest."""
    sizes = np.sort(np.abs(np.array(backgrounds, dtype=np.float32)), axis=1)
    ranks = knot_ranks(sizes.shape[1])
    names = names or SMALL_TRACKS.names[: len(sizes) - 1]
    return Calibration(names, dict.fromkeys(KINDS, sizes[:, ranks]), ranks, MADE)


def among(background, effects) -> np.ndarray:
    """Return quantiles of effects on one track."""
    found = table(background, background).look_up(
        "combined", np.array(effects, dtype=np.float32), np.array(0)
    )
    assert found.dtype == np.float32
    return found


def test_four_variants():
    """At most 3/4; of equals none is smaller; 0 is 0."""
    effects = [0, 0.5, -1, 1.5, -2, 2.5, 3, -9, NAN]
    expected = [0, 0, -0.0, 0.25, -0.25, 0.75, 0.75, -0.75, NAN]
    assert np.array_equal(among([-1, 2, 2, 3], effects), expected, equal_nan=True)


def test_a_background_without_effect():
    assert among([0, 0, 0, -0.0], [0, -0.0, 1e-45, -1]).tolist() == [0, 0, 0.75, -0.75]


@given(
    background=arrays(np.float32, st.integers(1, 255), elements=FLOATS),
    effects=arrays(np.float32, st.integers(0, 20), elements=FLOATS),
)
def test_few_variants_are_counted_exactly(background, effects):
    effects = np.concatenate([effects, background[:20], -background[-20:]])
    assert np.array_equal(among(background, effects), counted(background, effects).astype("f4"))


@pytest.mark.parametrize("n", [256, 1000, 20_000])
def test_many_variants_are_counted_almost_exactly(n):
    """By less than 1/128, and than 1/32 of what is left to 1; the 64 largest exactly."""
    rng = np.random.default_rng(n)
    background = rng.laplace(size=n).astype(np.float32)
    background[::3] = np.round(background[::3], 1)  # runs of equals
    effects = np.concatenate([rng.laplace(size=3000).astype(np.float32), background])
    found, exact = among(background, effects), counted(background, effects)
    off = np.abs(found - exact)
    left = 1 - np.abs(exact)
    assert (off <= np.minimum(1 / 128, left / 32) + 1e-6).all()
    top = np.abs(effects) >= np.sort(np.abs(background))[-64]
    assert top.sum() >= 64
    assert np.array_equal(found[top], exact[top].astype(np.float32))
    # smooth between the knots: far closer than the bound
    smooth = np.abs(effects) != np.round(np.abs(effects), 1)
    assert np.median(off[smooth]) < 1 / 1000


@given(st.integers(1, 3000) | st.sampled_from([10**5, 10**6]))
def test_the_ranks_that_are_kept(n):
    ranks = knot_ranks(n)
    larger = n - 1 - ranks
    assert (ranks[0], ranks[-1]) == (0, n - 1)
    assert (np.diff(ranks) > 0).all()
    assert all(
        low - high <= max(1, min(high / 32, n / 128)) for low, high in pairwise(larger.tolist())
    )
    assert set(range(min(n, 65))) <= set(larger.tolist())
    assert len(ranks) <= 438
    if n < 256:
        assert len(ranks) == n


def test_the_number_of_ranks():
    assert [len(knot_ranks(n)) for n in (1, 255, 3758, 10**6)] == [1, 255, 258, 438]


def test_each_track_has_its_own_background():
    found = table([1, 2], [10, 20], [11, 21]).of(SMALL_TRACKS.take([1, 0]))
    effects = np.array([[15, 1.5], [-15, -25]], dtype=np.float32)
    assert found.is_whole
    quantiles = found.on_tracks("combined", effects, np.array([0, 1]))
    assert quantiles.tolist() == [[0.5, 0.5], [-0.5, -0.5]]
    assert found.on_tracks("combined", effects[:, 0], np.array([0, 1])).tolist() == [0.5, -0.5]
    assert found.of_largest("combined", np.float32([15, -25])).tolist() == [0.5, -0.5]


def test_a_track_that_the_table_lacks():
    """It has no quantile, nor has the largest effect over others than the table's tracks."""
    found = table([1, 2], [11, 21]).of(SMALL_TRACKS.take([3, 0]))
    assert found.known.tolist() == [False, True]
    assert not found.is_whole
    quantiles = found.on_tracks("combined", np.float32([[1.5, 1.5]]), np.array([0, 1]))
    assert np.array_equal(quantiles, [[NAN, 0.5]], equal_nan=True)
    assert np.isnan(found.of_largest("combined", np.float32([15, 25]))).all()


def test_fewer_tracks_than_the_table_has():
    found = table([1, 2], [1, 2], [11, 21]).of(SMALL_TRACKS.take([0]))
    assert found.known.all()
    assert not found.is_whole


def test_a_virtual_track_is_known_by_what_it_is_made_of():
    tracks = TrackTable({"id": ("a", "v"), "virtual": ("", "target=CTCF: 3 experiments")})
    made = table([1, 2], [1, 2], [1, 2], names=("a", "v"))
    for about, known in (("target=CTCF: 3 experiments", True), ("target=REST", False)):
        virtual = Calibration(made.names, made.sizes, made.ranks, {**MADE, "virtual": {"v": about}})
        assert virtual.of(tracks).known.tolist() == [True, known]
        assert virtual.of(tracks).is_whole == known
    assert made.of(tracks).known.tolist() == [True, False]


def test_quantiles_of_a_batch(tmp_path):
    """Of all effects, and of the largest over the tracks; NaN where a variant was not scored."""
    background, batch = effects_of(150), effects_of(40, seed=1)
    found = table_of(background, tmp_path).quantiles(batch)
    used = background.scored
    rows = np.arange(40)
    for kind in KINDS:
        of_kind, effects = getattr(background, kind)[used], getattr(batch, kind)
        for t in range(5):
            expected = counted(of_kind[:, t], effects[:, t]).astype(np.float32)
            assert np.array_equal(getattr(found, kind)[:, t], expected, equal_nan=True)
        largest = effects[rows, np.abs(effects).argmax(axis=1)]
        expected = counted(np.abs(of_kind).max(axis=1), largest).astype(np.float32)
        assert np.array_equal(found.largest[kind], expected, equal_nan=True)
    assert np.isnan(found.combined[~batch.scored]).all()
    assert not np.isnan(found.combined[batch.scored]).any()


def test_listed_tracks(tmp_path):
    background, batch = effects_of(150), effects_of(4, seed=1)
    made = table_of(background, tmp_path)
    chosen = [np.array(columns, dtype=np.int64) for columns in ([4, 0], [], [1], [2, 3, 0])]
    listed = made.of(SMALL_TRACKS).listed(batch, chosen)
    every = made.quantiles(batch).combined
    assert [len(found) for found in listed] == [2, 0, 1, 3]
    for row, (found, columns) in enumerate(zip(listed, chosen, strict=True)):
        assert np.array_equal(found, every[row, columns])
    assert made.of(SMALL_TRACKS).listed(effects_of(0), []) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"scale": "logit"}, ["scale probability, not logit"]),
        ({"shifts": [0], "strand": "reverse"},
         ["strand both, not reverse", "shifts -1,0,1, not 0"]),
        ({"model": {"name": "other", "sha256": "6" * 64}},
         ["model small (sha256 555555555555), not other (sha256 666666666666)"]),
        ({"reference": {"file": "other.fa", "fingerprint": "x"}, "device": "cuda"}, []),
    ],
)  # fmt: skip
def test_effects_that_were_made_otherwise(changes, said):
    assert table([1, 2], [1, 2]).differences({**MADE, **changes}) == said


@pytest.mark.parametrize(
    ("value", "n", "text"),
    [
        (NAN, 100, "."),
        (0, 100, "0"),
        (-0.0, 100, "0"),
        (1e-9, 100, "0"),
        (-1e-9, 100, "0"),
        (0.5, 100, "0.5"),
        (-1 / 3, 100, "-0.333"),
        (2 / 3, 3, "0.6"),
        (np.float32(1 - 1 / 3761), 3761, "0.9997"),
        (np.float32(1 - 1 / 1000), 1000, "0.999"),
        (np.float32(-(1 - 1 / 500_000)), 500_000, "-0.999998"),
        (np.float32(1 - 1e-8), 10**8, "0.999999"),
    ],
)
def test_as_text_a_quantile_is_rounded_towards_0(value, n, text):
    assert quantile_text(float(value), n) == text
    assert text == "." or abs(float(text)) <= 1 - 1 / n


@given(n=st.integers(2, 10**6), data=st.data())
def test_as_text_no_quantile_is_more_than_it_is(n, data):
    smaller = data.draw(st.integers(0, n - 1))
    text = quantile_text(float(np.float32(smaller / n)), n)
    lacking = Fraction(smaller, n) - Fraction(text)
    assert lacking >= -Fraction(2, 10**7)  # what float32 does not tell apart
    assert lacking < Fraction(1, 10 ** min(len(str(n)), 6)) + Fraction(2, 10**7)
    assert Fraction(text) <= 1 - Fraction(1, n)
