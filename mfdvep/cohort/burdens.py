"""The matrix of burdens: people by regions and weightings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mfdvep.cohort.accumulator import Accumulator
from mfdvep.cohort.region_set import RegionSet
from mfdvep.cohort.weighting import Weighting

_PART = 64 << 20  # bytes of float64 that are taken at a time


@dataclass(frozen=True)
class Burdens:
    """Burdens of n people in c columns, a region's weightings beside each other.

    Attributes
    ----------
    people
        Their ids.
    regions
        Numbers of the regions that have columns.
    of
        All regions.
    weightings
        In order.
    sums
        Where they are; float64.
    """

    people: tuple[str, ...]
    regions: tuple[int, ...]
    of: RegionSet
    weightings: Sequence[Weighting]
    sums: Accumulator

    @property
    def columns(self) -> list[str]:
        """Names, such as SAMD11|biological_absolute."""
        names = self.of.names
        return [f"{names[i]}|{one.name}" for i in self.regions for one in self.weightings]

    def parts(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the people some at a time: which, and their burdens, float64 (n, c)."""
        n_columns = len(self.regions) * len(self.weightings)
        n_people = max(1, _PART // (8 * max(n_columns, 1)))
        for start in range(0, len(self.people), n_people):
            part = slice(start, min(start + n_people, len(self.people)))
            yield part, np.concatenate([self.sums.of(i, part) for i in self.regions]).T
