"""In-silico mutagenesis: what each other base would change, in windows that stay where they are.

`mfdvep score` centres the windows on each variant; here all variants of a sequence are seen from
the same windows, so that their effects are comparable. It is exact: the incremental engine
computes differences, it does not approximate them. See `mfdvep.scoring.incremental`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.sequences import CENTRE, WINDOW_BASES, reverse_complement, shift_offsets
from mfdvep.interpret.targets import Target
from mfdvep.interpret.windows import centre_of, check_stretches, strands_of
from mfdvep.model.device import Precision, pick_device, windows_at_once
from mfdvep.model.folded import FoldedTrunk
from mfdvep.model.mfd import MFDModel
from mfdvep.model.trunk import WINDOW_TOKENS
from mfdvep.scoring.changed import Changes
from mfdvep.scoring.geometry import PAIR_ROWS, Plan, best_plan
from mfdvep.scoring.incremental import latent
from mfdvep.scoring.shared import Windows

FLANK = 64  # bases on each side of the centre: the bin that is predicted, and one more
REACH = 320
"""Bases between a change and the centre of its window, up to which the engine is exact.

With windows apart from level 5 on, a base 413 away first reaches a row that zero padding reaches,
or the window's end.
"""
_WINDOWS_FROM = 5

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Mutagenesis:
    """What every other base at m bases of n sequences changes in T targets.

    Attributes
    ----------
    targets
        T of them.
    first
        Index in the sequences (stretches) of the first of the m bases.
    codes
        (n, m) uint8: the bases that are there.
    effects
        (n, T, m, 4) float32: target with A, C, G, T in its place minus target as it is, mean over
        shifts and strands; 0 for the base that is there, NaN where that is N.
    """

    targets: tuple[Target, ...]
    first: int
    codes: np.ndarray
    effects: np.ndarray

    def importance(self) -> np.ndarray:
        """Return (n, T, m) float32: how much the base that is there adds, against the others' mean.

        Minus the mean effect of the three others: positive where most would lower the target, as
        an attribution is.
        """
        return -self.effects.sum(axis=3) / 3


def mutate(
    model: MFDModel,
    codes: np.ndarray,
    targets: Sequence[Target],
    *,
    flank: int = FLANK,
    shifts: int | str | Sequence[int] = 11,
    strand: str = "both",
    engine: str = "incremental",
    device: str = "auto",
    progress: Progress | None = None,
) -> Mutagenesis:
    """Return what all single-base changes near the centre of sequences do to targets.

    All targets at once cost what one does.

    Parameters
    ----------
    codes
        (n, L) uint8 base codes, L = `stretch_bases(shift_offsets(shifts))`.
    flank
        Bases that are changed on each side of the centre: m = 2 flank + 1.
    shifts, strand
        Of the windows, as for `attribute_stretches`.
    engine
        "incremental" (bases further from a window's centre than `REACH` are computed by "plain"),
        or "plain": every window by itself, many times slower.
    device
        "auto", "cpu", "cuda", "cuda:1" ...
    progress
        Told how many sequences are done, and of how many.

    Raises
    ------
    InputError
        An option or an array of another form, no target, or a base that some window lacks.
    ModelError
        The model gave a value that is not finite.
    """
    offsets = shift_offsets(shifts)
    check_stretches(codes, offsets)
    centre, widest = centre_of(offsets), CENTRE - max(-offsets[0], offsets[-1])
    if not 0 <= flank <= widest:
        raise InputError(f"flank {flank}; expected 0 to {widest}, which all windows hold")
    if engine not in ("incremental", "plain"):
        raise InputError(f"engine {engine!r}; expected incremental or plain")
    if not targets:
        raise InputError("no target to attribute; give one or more")
    work = _Work(model.to(pick_device(device)).eval(), targets, offsets, strand)
    first = centre - flank
    found = codes[:, first : centre + flank + 1]  # (n, m)
    effects = np.full((len(codes), len(targets), found.shape[1], 4), np.nan, dtype=np.float32)
    # positions and bases of all changes, whatever is there
    at, base = (x.ravel() for x in np.indices((found.shape[1], 4), dtype=np.int64))
    near = np.abs(first + at - centre) + max(-offsets[0], offsets[-1]) <= REACH
    near &= engine == "incremental"
    with torch.inference_mode(), Precision("float32").in_force():
        for i, stretch in enumerate(codes):
            there = found[i][at]
            effects[i][:, at[there == base], base[there == base]] = 0
            for compute, of in ((work.incremental, near), (work.plain, ~near)):
                todo = np.flatnonzero(of & (there != base) & (there < 4))
                if len(todo):
                    changes = compute(stretch, first + at[todo], base[todo])  # (n_changes, T)
                    effects[i][:, at[todo], base[todo]] = changes.T
            if not np.isfinite(effects[i][:, found[i] < 4]).all():
                raise ModelError(
                    "the model gave an effect that is not finite; its weights are damaged"
                )
            if progress is not None:
                progress(i + 1, len(codes))
    return Mutagenesis(tuple(targets), first, found, effects)


class _Work:
    """Effects (n_changes, T) of changes of one base in a stretch, by either engine."""

    def __init__(
        self, model: MFDModel, targets: Sequence[Target], offsets: Sequence[int], strand: str
    ) -> None:
        self._trunk, self._device = model.trunk, model.bias.device
        self._width = model.config.width
        self._folded = FoldedTrunk(model.trunk)
        assert model.latent_norm.running_var is not None
        sd = torch.sqrt(model.latent_norm.running_var + model.latent_norm.eps)  # (C,)
        weights = torch.from_numpy(np.stack([target.weights for target in targets]))
        self._weights = weights.to(self._device) / sd  # (T, C), of latent features not yet scaled
        self._first = np.array(offsets) - offsets[0]  # (S,) first bases of windows
        self._strands = strands_of(strand)

    def incremental(self, stretch: np.ndarray, at: np.ndarray, base: np.ndarray) -> np.ndarray:
        """Return effects of `base` (codes) at bases `at` of a stretch (L,), by the engine."""
        n_shifts, n_strands = len(self._first), len(self._strands)
        size = windows_at_once(self._device, self._width, engine="incremental")
        n_at_once = max(1, size * WINDOW_TOKENS // (n_shifts * n_strands * PAIR_ROWS))
        parts = []
        for start in range(0, len(at), n_at_once):
            some = slice(start, start + n_at_once)
            parts.append(self._part(stretch, at[some], base[some]))
        return np.concatenate(parts)

    def _part(self, stretch: np.ndarray, at: np.ndarray, base: np.ndarray) -> np.ndarray:
        n, n_shifts, n_strands = len(at), len(self._first), len(self._strands)
        codes = np.stack([self._read(stretch, back) for back in self._strands])  # (K, L)
        first, start, bases = [], [], []
        for back in self._strands:
            last = len(stretch) - 1
            first.append(last + 1 - WINDOW_BASES - self._first if back else self._first)
            start.append(last - at if back else at)
            bases.append(3 - base if back else base)
        pair_window = np.arange(n_strands)[:, None, None] * n_shifts + np.arange(n_shifts)
        changes = Changes(
            self._sent(np.repeat(np.arange(n_strands), n)),
            self._sent(np.concatenate(start)),
            self._sent(np.concatenate(bases).astype(np.uint8)[:, None]),
            self._sent(np.repeat(np.arange(n_strands * n), n_shifts)),
            self._sent(np.broadcast_to(pair_window, (n_strands, n, n_shifts)).ravel()),
        )
        windows = Windows(
            self._sent(np.repeat(np.arange(n_strands), n_shifts)),
            self._sent(np.concatenate(first)),
        )
        plan = best_plan(
            self._width,
            n_tokens=len(stretch) - 1,
            n_windows=n_shifts,
            n_changes=n,
            n_pairs=n * n_shifts,
        )
        apart = min(plan.windows_from, _WINDOWS_FROM)
        plan = Plan(apart, min(plan.changes_from, apart), plan.cost)
        found = latent(self._folded, self._sent(codes), windows, changes, plan).change
        assert found is not None
        return self._mean(found, n)

    def plain(self, stretch: np.ndarray, at: np.ndarray, base: np.ndarray) -> np.ndarray:
        """Return the same, from whole windows: those as they are, and those with each change."""
        size = windows_at_once(self._device, self._width, engine="plain")
        index = self._first[:, None] + np.arange(WINDOW_BASES)  # (S, 1153)
        before = self._features([stretch], index, size)
        n_at_once = max(1, size // len(before))
        parts = []
        for start in range(0, len(at), n_at_once):
            changed = []
            for position, new in zip(at[start:], base[start : start + n_at_once], strict=False):
                changed.append(stretch.copy())
                changed[-1][position] = new
            after = self._features(changed, index, size)  # (K n S, C)
            by_window = after.unflatten(0, (len(self._strands), len(changed), -1))
            by = by_window - before.unflatten(0, (len(self._strands), 1, -1))
            parts.append(self._mean(by.flatten(0, 2), len(changed)))
        return np.concatenate(parts)

    def _features(self, stretches: list[np.ndarray], index: np.ndarray, size: int) -> Tensor:
        """Return latent features (strands, stretches, shifts: rows; C), not yet scaled."""
        windows = np.stack(stretches)[:, index]  # (n, S, 1153)
        codes = np.concatenate([self._read(windows, back) for back in self._strands])
        flat = torch.from_numpy(codes.reshape(-1, WINDOW_BASES)).to(self._device)
        return torch.cat([self._trunk(part) for part in flat.split(size)])

    def _mean(self, change: Tensor, n: int) -> np.ndarray:
        """Return effects (n, T) of changes (strands x n x shifts, C) of latent features."""
        by = change @ self._weights.T
        return by.unflatten(0, (len(self._strands), n, -1)).mean((0, 2)).cpu().numpy()

    def _read(self, codes: np.ndarray, back: bool) -> np.ndarray:
        return reverse_complement(codes) if back else codes

    def _sent(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
