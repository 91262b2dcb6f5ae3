"""Measures of agreement against scipy and cases with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SMALL_TRACKS
from scipy.stats import spearmanr

from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.fidelity import compare


def batch(effects: np.ndarray) -> EffectBatch:
    n = len(effects)
    variants = tuple(Variant("chr1", i + 1, "A", "C", i, 1) for i in range(n))
    effects = effects.astype(np.float32)
    status = (VariantStatus.OK,) * (n - 1) + (VariantStatus.STAR,)
    effects[-1] = np.nan
    return EffectBatch(variants, status, effects, 2 * effects, -effects, tracks=SMALL_TRACKS)


@pytest.fixture
def reference():
    return np.random.default_rng(0).standard_normal((401, 5))


def test_the_same_is_perfect(reference):
    for each in compare(batch(reference), batch(reference)):
        assert each.spearman == pytest.approx(1)
        assert each.worst_track == pytest.approx(1)
        assert (each.top_overlap, each.largest, each.relative) == (1, 0, 0)
        assert each.is_good


def test_noise(reference):
    noisy = reference + 0.3 * np.random.default_rng(1).standard_normal(reference.shape)
    for each, kind in zip(
        compare(batch(noisy), batch(reference)),
        ("combined", "biological", "technical"),
        strict=True,
    ):
        assert each.kind == kind
        x, y = noisy[:-1].astype(np.float32), reference[:-1].astype(np.float32)
        tracks = [spearmanr(a, b).statistic for a, b in zip(x.T, y.T, strict=True)]
        assert each.spearman == pytest.approx(spearmanr(x.ravel(), y.ravel()).statistic)
        assert each.median_track == pytest.approx(np.median(tracks))
        assert each.worst_track == pytest.approx(min(tracks))
        assert each.relative == pytest.approx(np.linalg.norm(x - y) / np.linalg.norm(y), rel=1e-5)
        assert not each.is_good


def test_the_top_is_of_sizes(reference):
    swapped = reference.copy()
    swapped[0, 0], reference[0, 0] = 0, -100  # the largest of 2000, of which 20 are the top
    combined, *_ = compare(batch(swapped), batch(reference))
    assert combined.top_overlap == pytest.approx(19 / 20)
    assert not combined.is_good


def test_a_constant_track_has_no_rank(reference):
    reference[:, 2] = 0
    for each in compare(batch(reference), batch(reference)):
        assert each.worst_track == pytest.approx(1)
        assert each.is_good


def test_nothing_to_rank_is_not_good(reference):
    combined, *_ = compare(batch(np.zeros((9, 5))), batch(np.zeros((9, 5))))
    assert np.isnan(combined.median_track)
    assert combined.relative == 0
    assert not combined.is_good
    one, *_ = compare(batch(reference[:2]), batch(reference[:2]))
    assert not one.is_good  # one variant


def test_other_variants_are_refused(reference):
    with pytest.raises(ValueError, match="other variants"):
        compare(batch(reference), batch(reference[1:]))
