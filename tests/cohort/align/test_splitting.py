"""Splits: families whole, shares met, the order of the files without meaning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.cohort.align.splitting import SPLITS, split_people
from mfdvep.errors import InputError


@settings(max_examples=30)
@given(st.lists(st.integers(0, 60), min_size=60, max_size=100), st.integers(0, 99))
def test_families_are_whole_and_shares_are_met(family, seed):
    names = [f"f{i}" for i in family]
    try:
        found = split_people(names, validation=0.2, test=0.3, seed=seed)
    except InputError:
        return
    for name in set(names):
        assert len({s for s, own in zip(found, names, strict=True) if own == name}) == 1
    largest = max(names.count(name) for name in names)
    n = len(names)
    assert 0.3 * n <= (found == "test").sum() < 0.3 * n + largest
    assert (found != "train").sum() >= 0.5 * n - 1e-9


def test_order_does_not_matter_and_the_seed_does():
    names = [f"f{i // 2}" for i in range(100)]
    order = np.random.default_rng(0).permutation(100)
    plain = split_people(names, validation=0.2, test=0.2, seed=1)
    turned = split_people([names[i] for i in order], validation=0.2, test=0.2, seed=1)
    assert (turned == plain[order]).all()
    assert (split_people(names, validation=0.2, test=0.2, seed=2) != plain).any()
    assert set(plain) == set(SPLITS)


def test_too_few():
    with pytest.raises(InputError, match="people of 1 families to"):
        split_people(["f"] * 50, validation=0.2, test=0.2, seed=0)
    with pytest.raises(InputError, match="expected at least 2"):
        split_people(list("abcd"), validation=0.2, test=0.2, seed=0)
