"""Sums of weight times dosage per region, weighting and person, in float64."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from mfdvep.errors import InputError

_BLOCK = 32 << 20  # bytes of dosages that wait for a product
_MOST_VARIANTS = 256
_NOBODY = slice(0, 0)


class Accumulator:
    """Adds variants to regions, as products of a sparse matrix of weights and a block of dosages.

    Memory: 8 bytes for each person, weighting and region that has a variant, and 32 MB; it does
    not grow with the number of variants.

    Parameters
    ----------
    n_people, n_weightings
        Of every variant.
    most
        Bytes that the sums may take; None: the memory of the machine.

    Raises
    ------
    InputError
        From `add`: the sums do not fit.
    """

    def __init__(self, n_people: int, n_weightings: int, *, most: int | None = None) -> None:
        self._shape = (n_weightings, n_people)
        self._n_block = int(np.clip(_BLOCK // (8 * n_people), 1, _MOST_VARIANTS))
        self._dosages = np.empty((self._n_block, n_people))  # (b, n)
        self._waiting: list[tuple[Sequence[int], np.ndarray]] = []
        self._sums: dict[int, np.ndarray] = {}  # region -> (n_weightings, n_people)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self._most = memory if most is None else most

    @property
    def regions(self) -> set[int]:
        """Those that a variant was added to; complete after `flush`."""
        return set(self._sums)

    def add(
        self,
        dosages: np.ndarray,
        regions: Sequence[int],
        weights: np.ndarray,
        missing: np.ndarray | slice = _NOBODY,
        mean: float = 0.0,
    ) -> None:
        """Add a variant to regions.

        Parameters
        ----------
        dosages
            (n_people,).
        regions, weights
            Numbers of the regions; float64 (n_weightings,).
        missing, mean
            Which people have no dosage, and the one that they get.
        """
        row = self._dosages[len(self._waiting)]
        row[:] = dosages
        row[missing] = mean
        self._waiting.append((regions, weights))
        if len(self._waiting) == self._n_block:
            self.flush()

    def flush(self) -> None:
        """Add what waits; needed before `of` is asked."""
        if not self._waiting:
            return
        touched = sorted({region for regions, _ in self._waiting for region in regions})
        place = {region: i for i, region in enumerate(touched)}
        n_weightings, n_people = self._shape
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        for variant, (regions, weights) in enumerate(self._waiting):
            for region in regions:
                rows += range(place[region] * n_weightings, (place[region] + 1) * n_weightings)
                columns += [variant] * n_weightings
                values += weights.tolist()
        shape = (len(touched) * n_weightings, len(self._waiting))
        weights_of = csr_matrix((values, (rows, columns)), shape=shape)
        sums = weights_of @ self._dosages[: len(self._waiting)]  # (touched x weightings, n)
        self._waiting = []
        for region, found in zip(touched, sums.reshape(-1, n_weightings, n_people), strict=True):
            if region in self._sums:
                self._sums[region] += found
            else:
                self._check(len(self._sums) + 1)
                self._sums[region] = found.copy()

    def of(self, region: int, people: slice = slice(None)) -> np.ndarray:
        """Return a region's sums, float64 (n_weightings, n); zeros where it had no variant."""
        found = self._sums.get(region)
        return np.zeros(self._shape)[:, people] if found is None else found[:, people]

    def _check(self, n_regions: int) -> None:
        need = 8 * n_regions * self._shape[0] * self._shape[1]
        if need > self._most:
            raise InputError(
                f"the burdens of {self._shape[1]:,} people in {n_regions:,} regions and "
                f"{self._shape[0]} weightings take {need / 1e9:.1f} GB, more than this machine's "
                f"{self._most / 1e9:.1f} GB; run it for a part of the regions at a time, such as a "
                "chromosome"
            )
