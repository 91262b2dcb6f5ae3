"""People cut into training, validation and test, families whole. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdvep.errors import InputError

SPLITS = ("train", "validation", "test")
_FEWEST = 2  # people a split: with one there is nobody to tell a person from


def split_people(
    families: Sequence[str], *, validation: float, test: float, seed: int
) -> np.ndarray:
    """Return the split of each person, text (n,).

    Families, in an order drawn by the seed and not by that of the files, go to the test until it
    has its share of the people, then to the validation, then to training.

    Parameters
    ----------
    families
        n names; the people of one stay together.
    validation, test
        Shares of the people, each above 0; they are reached or exceeded by less than a family.

    Raises
    ------
    InputError
        A split would have fewer than 2 people, or training nothing.
    """
    names, family, sizes = np.unique(np.asarray(families), return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]  # people of earlier families
    n = len(families)
    bounds = [test * n, (test + validation) * n]
    place = np.searchsorted(bounds, before, side="right")  # 0 test, 1 validation, 2 train
    of_family = np.empty(len(names), dtype="<U10")
    of_family[order] = np.array(SPLITS[::-1])[place]
    found = of_family[family]
    for split in SPLITS:
        if (count := int((found == split).sum())) < _FEWEST:
            raise InputError(
                f"{count} people of {len(names)} families to {split}; expected at least {_FEWEST}: "
                "give more people, or other shares"
            )
    return found
