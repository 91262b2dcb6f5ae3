"""Folds of whole chromosomes. Numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mfdvep.errors import InputError


def chromosome_folds(chromosomes: Sequence[str], n_folds: int) -> np.ndarray:
    """Return the fold of each region, int64 (n,): 0 .. n_folds - 1, whole chromosomes in each.

    The chromosome with most regions first, each goes to the fold with fewest so far; of equals
    the first by name. So the folds are of like size, and always the same.

    Raises
    ------
    InputError
        Fewer than two folds; fewer regions, or fewer chromosomes, than folds.
    """
    names, of, sizes = np.unique(
        np.asarray(chromosomes, dtype=str), return_inverse=True, return_counts=True
    )
    if n_folds < 2:
        raise InputError(f"{n_folds} folds; expected at least 2")
    if len(of) < n_folds:
        raise InputError(f"{len(of)} regions for {n_folds} folds; give more, or fewer --folds")
    if len(names) < n_folds:
        raise InputError(
            f"{len(names)} chromosomes ({', '.join(names)}) for {n_folds} folds, which hold whole "
            "chromosomes; give regions of more of them, or fewer --folds"
        )
    fold = np.zeros(len(names), dtype=np.int64)
    filled = np.zeros(n_folds, dtype=np.int64)
    for i in sorted(range(len(names)), key=lambda i: (-sizes[i], names[i])):
        fold[i] = filled.argmin()
        filled[fold[i]] += sizes[i]
    return fold[of.reshape(-1)]


def splits(fold: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the regions to train on and to test on, both bool (n,), of each fold in turn."""
    for number in range(int(fold.max()) + 1):
        yield fold != number, fold == number
