"""Dosages: how many copies of an ALT each person has, of a record's decoded calls. Pure NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_MISSING = -1  # of "." in calls; beyond a person's ploidy they have -2
_NOBODY = np.empty(0, dtype=np.int64)
_SLACK = 1e-3  # of a dosage that was written with three places


class Dosages(NamedTuple):
    """What n people have of one ALT.

    Attributes
    ----------
    values
        float32 (n,), copies of the ALT, 0 to the ploidy; NaN for a person who was not called.
    missing
        int64: which people were not called, those of half calls too.
    n_half
        People with a half call such as 0/., who count as not called.
    mean
        Of the called people; NaN where there is none.
    frequency
        Of the ALT among the alleles of the called people; NaN where there is none.
    """

    values: np.ndarray
    missing: np.ndarray
    n_half: int
    mean: float
    frequency: float

    @property
    def n_missing(self) -> int:
        """How many people were not called."""
        return len(self.missing)


def of_gt(calls: np.ndarray, allele: int) -> Dosages:
    """Return how many alleles of each person are this one; half calls are missing.

    Parameters
    ----------
    calls
        (n, ploidy + 1) as cyvcf2 has them: numbers of alleles, -1 for ".", -2 beyond a person's
        ploidy; the last column tells the phase, 0 or 1.
    allele
        1-based number of the ALT.
    """
    # all people at once, and one after the other only the columns of the ploidy, which are few
    is_allele = (calls == allele).view(np.int8)
    copies = is_allele[:, 0]
    for column in range(1, calls.shape[1] - 1):
        copies = copies + is_allele[:, column]
    n_alleles = len(calls) * (calls.shape[1] - 1)
    negative = np.flatnonzero(calls < 0)
    if not len(negative):
        return _dosages(copies, _NOBODY, n_alleles)
    rows = negative // calls.shape[1]  # ascending
    is_new = np.ones(len(rows), dtype=bool)
    is_new[1:] = rows[1:] != rows[:-1]
    rows = rows[is_new]
    alleles = calls[rows, :-1]
    is_missing = (alleles == _MISSING).any(axis=1) | (alleles[:, 0] < 0)
    n_known = (alleles[is_missing] >= 0).sum(axis=1)
    n_alleles -= len(negative) + int(n_known.sum())
    return _dosages(copies, rows[is_missing], n_alleles, int(np.count_nonzero(n_known)))


def of_ds(values: np.ndarray, allele: int) -> Dosages:
    """Return the dosages in DS (n, ALTs), NaN for missing; two alleles a person are taken.

    Raises
    ------
    ValueError
        One beyond 0 to 2.
    """
    found = values[:, allele - 1].astype(np.float32)
    with np.errstate(invalid="ignore"):
        is_wrong = (found < 0) | (found > 2 + _SLACK)
    if is_wrong.any():
        raise ValueError(f"DS is {found[is_wrong][0]:g}, expected 0 to 2")
    missing = np.flatnonzero(np.isnan(found))
    return _dosages(found, missing, 2.0 * (len(found) - len(missing)))


def of_gp(values: np.ndarray, allele: int) -> Dosages:
    """Return the dosages of the one ALT in GP (n, genotypes), NaN for missing.

    A person of two genotypes is haploid.

    Raises
    ------
    ValueError
        They do not sum to 1.
    """
    is_missing = np.isnan(values[:, :2]).any(axis=1)
    both = values[:, 2] if values.shape[1] > 2 else np.full(len(values), np.nan)
    is_haploid = np.isnan(both)
    both = np.where(is_haploid, 0, both)
    total = (values[:, 0] + values[:, 1] + both)[~is_missing]
    if (is_wrong := np.abs(total - 1) > 0.05).any():
        raise ValueError(
            f"GP sums to {total[is_wrong][0]:g}, expected probabilities, which sum to 1 (before "
            "VCF 4.3 GP was phred-scaled)"
        )
    n_alleles = float(np.where(is_haploid, 1, 2)[~is_missing].sum())
    return _dosages(values[:, 1] + 2 * both, np.flatnonzero(is_missing), n_alleles)


def _dosages(values: np.ndarray, missing: np.ndarray, n_alleles: float, n_half: int = 0) -> Dosages:
    """Return dosages (n,) with their frequency among n_alleles; missing ones may have any value."""
    found = values.astype(np.float32)
    n_called = len(found) - len(missing)
    found[missing] = 0
    total = float(found.sum(dtype=np.float64))
    found[missing] = np.nan
    if not n_called or not n_alleles:
        return Dosages(found, missing, n_half, np.nan, np.nan)
    return Dosages(found, missing, n_half, total / n_called, total / n_alleles)


OF_FIELD: dict[str, Callable[[np.ndarray, int], Dosages]] = {"GT": of_gt, "DS": of_ds, "GP": of_gp}
"""Field -> what gives the dosages of its values and the 1-based number of an ALT."""
