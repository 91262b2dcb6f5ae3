"""Sums: those of a plain loop, whatever the size of a block; what does not fit is refused."""

from __future__ import annotations

import numpy as np
import pytest

from mfdvep.cohort import accumulator
from mfdvep.cohort.accumulator import Accumulator
from mfdvep.errors import InputError


@pytest.mark.parametrize("block", [1, 3, 256])
def test_sums_are_those_of_a_loop(monkeypatch, block):
    monkeypatch.setattr(accumulator, "_MOST_VARIANTS", block)
    rng = np.random.default_rng(0)
    expected = np.zeros((6, 2, 7))
    sums = Accumulator(7, 2)
    for _ in range(20):
        dosages, weights = rng.integers(0, 3, 7).astype(np.float32), rng.normal(size=2)
        regions = tuple(sorted(rng.choice(5, rng.integers(1, 4), replace=False).tolist()))
        sums.add(dosages, regions, weights)
        for region in regions:
            expected[region] += weights[:, None] * dosages
    sums.flush()
    sums.flush()
    assert sums.regions <= set(range(5))
    for region in range(6):
        np.testing.assert_allclose(sums.of(region), expected[region], atol=1e-12)
        np.testing.assert_array_equal(sums.of(region, slice(2, 4)), sums.of(region)[:, 2:4])


def test_more_than_fits_is_refused():
    sums = Accumulator(1000, 2, most=40_000)  # two regions and a half
    for region in range(3):
        sums.add(np.ones(1000), (region,), np.ones(2))
    with pytest.raises(InputError, match=r"1,000 people in 3 regions and 2 .* a chromosome"):
        sums.flush()
