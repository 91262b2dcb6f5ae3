"""Changes to latent features of REF and ALT, in batches: the plain way, and the incremental one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from math import gcd
from typing import Protocol

import numpy as np
import torch

from mfdvep.genomics.sequences import WINDOW_BASES
from mfdvep.model.folded import FoldedTrunk
from mfdvep.model.trunk import WINDOW_TOKENS, Trunk
from mfdvep.scoring.changed import Changes
from mfdvep.scoring.incremental import latent
from mfdvep.scoring.shared import Windows
from mfdvep.scoring.stretches import Batch, Stretches
from mfdvep.scoring.swap import Pairs
from mfdvep.scoring.windows import AlleleWindows, Change

_GROUP = 256  # at most so many changes' windows are cut, and their features held, at once


class Engine(Protocol):
    """Computes latent features; `size` windows at once."""

    def pairs(self, changes: Sequence[Change], size: int) -> Iterator[tuple[np.ndarray, Pairs]]:
        """Yield indices (n,) of changes and their pairs, in order of strand, change and shift."""


def _in_full(trunk: Trunk, dtype: torch.dtype) -> Trunk:
    """Return the trunk, in float64 if that is asked for; shorter types are made where used."""
    return deepcopy(trunk).double() if dtype == torch.float64 else trunk


class PlainEngine:
    """Every window by itself through the trunk: the oracle.

    Each call of the trunk has the same shape: another one may be computed by another
    algorithm, and an allele scored alone then differed from the same in a batch by 1.1e-6.
    """

    def __init__(self, trunk: Trunk, windows: AlleleWindows, dtype: torch.dtype) -> None:
        self._trunk, self._windows, self._dtype = _in_full(trunk, dtype), windows, dtype

    def pairs(self, changes: Sequence[Change], size: int) -> Iterator[tuple[np.ndarray, Pairs]]:
        """Yield indices (n,) of changes and their pairs, in order of strand, change and shift."""
        n_windows = 2 * len(self._windows.shifts) * self._windows.n_strands
        n_group = min(size // gcd(n_windows, size), _GROUP)  # that fills its calls
        for first in range(0, len(changes), n_group):
            of = np.arange(first, min(first + n_group, len(changes)))
            # (n, 2, K, 1153)
            cut = np.stack(
                [self._windows.cut(change) for change in changes[first : first + n_group]]
            )
            ordered = cut.reshape(len(of), 2, self._windows.n_strands, -1, WINDOW_BASES)
            codes = torch.from_numpy(ordered.transpose(1, 2, 0, 3, 4).reshape(-1, WINDOW_BASES))
            missing = -len(codes) % size
            codes = torch.cat([codes, codes[-1:].expand(missing, -1)])
            parts = [self._features(part) for part in codes.split(size)]
            ref, alt = torch.cat(parts)[: len(codes) - missing].chunk(2)
            yield of, Pairs(ref, alt - ref, torch.arange(len(ref), device=ref.device))

    def _features(self, codes: torch.Tensor) -> torch.Tensor:
        device = self._trunk.stem.weight.device
        half = self._dtype in (torch.bfloat16, torch.float16)
        with torch.autocast(device.type, self._dtype if half else None, enabled=half):
            features = self._trunk(codes.to(device))  # (size, C)
        return features.float() if half else features


class IncrementalEngine:
    """Shares what windows, alleles and neighbouring variants have in common; see `incremental`."""

    def __init__(self, trunk: Trunk, windows: AlleleWindows, dtype: torch.dtype) -> None:
        self._device = trunk.stem.weight.device
        trunk = _in_full(trunk, dtype)
        full = trunk.stem.weight.dtype
        self._folded = FoldedTrunk(trunk, dtype)
        # ALT and REF of a change of length are computed apart, so that rounding does not cancel
        self._exact = self._folded if dtype == full else FoldedTrunk(trunk)
        self._stretches = Stretches(windows.shifts, windows.strand, trunk.width)

    def pairs(self, changes: Sequence[Change], size: int) -> Iterator[tuple[np.ndarray, Pairs]]:
        """Yield indices (n,) of changes and their pairs, in order of strand, change and shift."""
        for batch in self._stretches.batches(changes, n_rows=size * WINDOW_TOKENS):
            yield batch.of, self._pairs(batch)

    def _pairs(self, batch: Batch) -> Pairs:
        codes = self._sent(batch.codes)
        windows = Windows(self._sent(batch.window_stretch), self._sent(batch.window_offset))
        window = self._sent(batch.pair_window)
        if batch.pair_other is None:
            changes = Changes(
                self._sent(batch.change_stretch),
                self._sent(batch.change_start),
                self._sent(batch.change_bases),
                self._sent(batch.pair_change),
                window,
            )
            found = latent(self._folded, codes, windows, changes, batch.plan)
            assert found.change is not None
            return Pairs(found.windows, found.change, window)
        found = latent(self._exact, codes, windows, None, batch.plan)
        other = found.windows[self._sent(batch.pair_other)]
        return Pairs(found.windows, other - found.windows[window], window)

    def _sent(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)


ENGINES: dict[str, Callable[[Trunk, AlleleWindows, torch.dtype], Engine]] = {
    "incremental": IncrementalEngine,
    "plain": PlainEngine,
}
