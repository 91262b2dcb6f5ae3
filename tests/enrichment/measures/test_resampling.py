"""Blocks, bootstrap samples and permutations."""

from __future__ import annotations

import numpy as np
import pytest

from mfdvep.enrichment.measures.matched import strata_of
from mfdvep.enrichment.measures.resampling import (
    blocks_of,
    bootstrap_weights,
    percentile_interval,
    permuted_labels,
)

NONE = np.full(5, -1)


def test_blocks_are_stretches_of_contigs():
    chrom, pos = ["a", "a", "a", "b", "b"], np.array([1, 999, 1000, 1, 5000])
    assert blocks_of(chrom, pos, NONE, size=1000).tolist() == [0, 0, 1, 2, 3]
    assert blocks_of(chrom, pos, NONE, size=None).tolist() == [0, 0, 0, 1, 1]


def test_a_matched_set_is_not_cut():
    chrom, pos = ["a"] * 5, np.array([10, 990, 1010, 2500, 2600])
    strata = strata_of([("p",), ("q",), ("q",), (), ("p",)])
    found = blocks_of(chrom, pos, strata, size=1000)
    assert found[1] == found[2]
    assert found[0] == found[4] != found[3]


def test_every_sample_draws_as_many_blocks_as_there_are():
    weights = bootstrap_weights(7, 50, np.random.default_rng(0))
    assert weights.shape == (50, 7)
    assert (weights.sum(1) == 7).all()


def test_percentiles_leave_out_what_is_not_defined():
    values = np.arange(1001, dtype=float)
    both = np.stack([values, np.where(values < 500, np.nan, values)], axis=1)
    low, high = percentile_interval(both)
    assert (low[0], high[0]) == (25.0, 975.0)
    assert np.isnan([low[1], high[1]]).all()  # half of the samples have no value
    for few in (0, 39):
        assert np.isnan(percentile_interval(np.zeros((few, 3)))).all()


def test_intervals_of_few_blocks_are_wider_and_of_fewer_there_are_none():
    samples = np.random.default_rng(0).standard_normal((20_000, 4))
    low, high = percentile_interval(samples, np.array([9, 10, 20, 10_000]))
    assert np.isnan([low[0], high[0]]).all()
    assert high[1] > high[2] > high[3]
    # Student's t with 9 degrees of freedom, over the bootstrap's SD, which is sqrt(9/10) of it
    assert high[1] == pytest.approx(2.262 * (10 / 9) ** 0.5, abs=0.15)
    assert high[3] == pytest.approx(1.96, abs=0.05)


def test_labels_are_permuted_within_sets():
    positive = np.array([1, 0, 0, 1, 1, 0, 0, 1], bool)
    strata = np.array([0, 0, 0, 1, 1, 1, -1, -1])
    found = permuted_labels(positive, strata, 400, np.random.default_rng(0))
    assert found.shape == (8, 400)
    for stratum in (0, 1, -1):
        at = strata == stratum
        assert (found[at].sum(0) == positive[at].sum()).all()
    # each variant is positive as often as any other of its set: 1/3, 2/3, 1/2, within 4 SE
    share = np.array([1 / 3] * 3 + [2 / 3] * 3 + [0.5] * 2)
    assert (np.abs(found.mean(1) - share) < 4 * np.sqrt(share * (1 - share) / 400)).all()
