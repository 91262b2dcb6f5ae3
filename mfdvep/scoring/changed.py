"""The rows that a change of bases reaches, as differences from the rows of the reference.

See `incremental` for why this is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from mfdvep.model.folded import FoldedTrunk, Level
from mfdvep.model.trunk import tokens_of
from mfdvep.scoring.geometry import LAST_LEVEL, LAST_ROWS
from mfdvep.scoring.shared import LevelRows, Windows, halve, pool_dense, take


class Changes(NamedTuple):
    """Bases that are replaced by as many others, and the windows that are judged by it.

    Attributes
    ----------
    stretch, start
        (n_c,): stretch, and the first base that is replaced.
    bases
        (n_c, m) uint8 codes in their place.
    pair_change, pair_window
        (n_p,): pairs of a change and a window that holds it.
    """

    stretch: Tensor
    start: Tensor
    bases: Tensor
    pair_change: Tensor
    pair_window: Tensor


class ChangedRows:
    """Computes by how much changes alter the rows of the reference, level by level.

    Up to `changes_from` once a change, at every token; from there on once a pair of a change
    and a window, at that window's rows.

    Parameters
    ----------
    trunk
        Whose rows.
    codes
        (B, T + 1) uint8 bases of the stretches.
    windows, changes
        Within the stretches.
    changes_from
        A level, at most `windows_from` of the reference.
    """

    def __init__(
        self,
        trunk: FoldedTrunk,
        codes: Tensor,
        windows: Windows,
        changes: Changes,
        changes_from: int,
    ) -> None:
        self._trunk, self._windows, self._changes = trunk, windows, changes
        self._changes_from = changes_from
        # (n_c, m + 2): one base more on both sides, so that all changed tokens are seen
        index = changes.start[:, None] + self._indices(changes.bases.shape[1] + 2) - 1
        before = take(codes[..., None], changes.stretch[:, None] * codes.shape[1] + index)[..., 0]
        after = before.clone()
        after[:, 1:-1] = changes.bases
        tokens = (tokens_of(after), tokens_of(before))
        self.by = torch.sub(*(trunk.one_hot(each) for each in tokens))  # (n_c, m + 1, 16)
        self._start = changes.start - 1  # token, or row of the window, of the first of `by`

    def advance(self, level: int, before: LevelRows | None, after: LevelRows) -> None:
        """Compute the changes at a level from those at the level before.

        Parameters
        ----------
        before, after
            The reference's rows of both; None before the stem.
        """
        layer = self._trunk.levels[level]
        if before is not None:
            apart = level > self._changes_from
            self._pool_apart(layer, before) if apart else self._pool_dense(layer, before)
        if level == self._changes_from:
            self._part(level)
        dilation = 1 << level if level < self._changes_from else 1
        by = layer.convolution.spread(self.by, dilation=dilation)
        self._start = self._start - layer.convolution.taps // 2 * dilation
        if level < self._changes_from:
            assert after.token_origin is not None
            origin, step = after.token_origin[self._changes.stretch], 1
        else:
            origin, step = after.window_origin[self._changes.pair_window], after.window_step
        j = self._start[:, None] + self._indices(by.shape[1])
        if level == LAST_LEVEL:
            by = by * ((j >= LAST_ROWS.start) & (j < LAST_ROWS.stop))[..., None]
            j = j.clamp(LAST_ROWS.start, LAST_ROWS.stop - 1)
        self.by = layer.residual_change(take(after.c, origin[:, None] + step * j), by)

    def at_bins(self, rows: LevelRows) -> Tensor:
        """Return the changes of the 7 pooled bins of the last level, (n_p, 7, channels)."""
        j = self._indices(len(LAST_ROWS), LAST_ROWS.start).expand(len(self.by), -1)
        reference = rows.h[self._changes.pair_window]  # (n_p, 14, channels)
        return halve(reference + self._placed(j)) - halve(reference)

    def _indices(self, n: int, first: int = 0) -> Tensor:
        return torch.arange(first, first + n, device=self._changes.start.device)

    def _pool_dense(self, layer: Level, before: LevelRows) -> None:
        """Pool at every token: pairs of rows that lie half a dilation apart."""
        half = before.window_step
        n = self.by.shape[1]
        assert before.token_origin is not None
        origin = before.token_origin[self._changes.stretch] + self._start - half
        reference = take(before.h, origin[:, None] + self._indices(n + 2 * half))
        changed = reference.clone()
        changed[:, half : half + n] += self.by
        pooled = (pool_dense(changed, half), pool_dense(reference, half))
        self.by = torch.sub(*(layer.entered(x) for x in pooled))  # (n_c, n + half, channels)
        self._start = self._start - half

    def _part(self, level: int) -> None:
        """Give each pair of a change and a window the rows of that window."""
        step = 1 << level
        n = self.by.shape[1]
        offset = self._windows.offset[self._changes.pair_window]
        offset = offset - self._start[self._changes.pair_change]  # of row 0 from the first of `by`
        first = -torch.div(offset, step, rounding_mode="floor")
        index = offset[:, None] + step * (first[:, None] + self._indices(-(-n // step)))
        index = index.clamp(max=n)  # n: a row of zeros
        index = index + (n + 1) * self._changes.pair_change[:, None]
        self.by = take(pad(self.by, (0, 0, 0, 1)), index)  # (n_p, rows, channels)
        self._start = first

    def _pool_apart(self, layer: Level, before: LevelRows) -> None:
        """Pool rows 2j and 2j + 1 of each window."""
        n = self.by.shape[1] // 2 + 1
        first = torch.div(self._start, 2, rounding_mode="floor")
        j = 2 * first[:, None] + self._indices(2 * n)  # (n_p, 2 n)
        origin = before.window_origin[self._changes.pair_window]
        reference = take(before.h, origin[:, None] + before.window_step * j)
        pooled = (halve(reference + self._placed(j)), halve(reference))
        self.by = torch.sub(*(layer.entered(x) for x in pooled))  # (n_p, n, channels)
        self._start = first

    def _placed(self, j: Tensor) -> Tensor:
        """Return the changes at rows j (n_p, n) of the windows; 0 where there is none."""
        n_p, n, _ = self.by.shape
        index = j - self._start[:, None]
        index = torch.where((index >= 0) & (index < n), index, n)  # n: a row of zeros
        index = index + (n + 1) * self._indices(n_p)[:, None]
        return take(pad(self.by, (0, 0, 0, 1)), index)
