"""A random sample of things that come one by one, in the memory of the sample."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Reservoir(Generic[T]):
    """Keeps a sample without replacement, in which everything offered is equally likely.

    Parameters
    ----------
    size
        Most things kept, at least 1; None keeps all.
    rng
        Where the draws come from: two for each thing that replaces one.

    Attributes
    ----------
    items
        The sample, in no order.
    n_offered
        How many things it is a sample of.

    Source: Li, Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n))), ACM TOMS 1994
    (algorithm L).
    """

    def __init__(self, size: int | None, rng: np.random.Generator) -> None:
        self.items: list[T] = []
        self.n_offered = 0
        self._size, self._rng = size, rng
        self._log_w = 0.0
        self._next = 0  # the number, from 1, of the next one that replaces one

    def offer(self, item: T) -> None:
        """Keep a thing, or not."""
        self.n_offered += 1
        if self._size is None or len(self.items) < self._size:
            self.items.append(item)
            if len(self.items) == self._size:
                self._next = self.n_offered
                self._skip()
        elif self.n_offered == self._next:
            self.items[int(self._rng.integers(self._size))] = item
            self._skip()

    def _skip(self) -> None:
        """Choose the next one that replaces one."""
        assert self._size is not None
        # 1 - random() is never 0
        self._log_w += math.log(1 - self._rng.random()) / self._size
        rest = math.log1p(-math.exp(self._log_w)) if self._log_w < 0 else -math.inf
        step = math.log(1 - self._rng.random()) / rest
        # beyond 2^62 nothing comes
        self._next += 1 + math.floor(min(step, 2.0**62))
