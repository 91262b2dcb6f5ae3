"""The rows of the reference: computed once for all windows that lie in a stretch.

See `incremental` for why this is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mfdvep.model.folded import FoldedTrunk, Level
from mfdvep.model.trunk import TOKEN_CHANNELS, WINDOW_TOKENS
from mfdvep.scoring.geometry import (
    EDGE_ROWS,
    LAST_LEVEL,
    LAST_ROWS,
    REACH,
    STEM_REACH,
    WINDOW_ROWS,
    dense_rows,
)


class Windows(NamedTuple):
    """Windows of 1152 tokens: the stretch of each (n_w,), and its first token there (n_w,)."""

    stretch: Tensor
    offset: Tensor


@dataclass(frozen=True)
class LevelRows:
    """The rows of the reference at one level.

    Attributes
    ----------
    c, h
        Before and after the residual, (n, L, channels): n stretches or n windows.
    token_origin
        (B,): row of token t of stretch b is `token_origin[b] + t`; None once windows are apart.
    window_origin, window_step
        (n_w,): row of row j of window w is `window_origin[w] + window_step * j`.
    """

    c: Tensor
    h: Tensor
    token_origin: Tensor | None
    window_origin: Tensor
    window_step: int


def take(rows: Tensor, index: Tensor) -> Tensor:
    """Return rows (..., channels), counted over all but the last axis, at an index of any shape."""
    flat = rows.reshape(-1, rows.shape[-1])
    return flat.index_select(0, index.reshape(-1)).view(*index.shape, -1)


def halve(rows: Tensor) -> Tensor:
    """Return the larger of each pair of rows: (n, 2 L, channels) -> (n, L, channels)."""
    return torch.maximum(rows[:, ::2], rows[:, 1::2])


def pool_dense(rows: Tensor, half: int) -> Tensor:
    """Return the larger of each row and that `half` after it: (n, L, c) -> (n, L - half, c)."""
    return torch.maximum(rows[:, :-half], rows[:, half:])


class Reference:
    """Computes the rows of the reference, level by level.

    Parameters
    ----------
    trunk
        Whose rows.
    tokens
        (B, T) int64.
    windows
        Within the stretches.
    windows_from
        The level from which on each window has its own rows; 0..6.

    Attributes
    ----------
    level
        The last that was computed; -1 at first.
    rows
        Of that level.
    """

    def __init__(
        self, trunk: FoldedTrunk, tokens: Tensor, windows: Windows, windows_from: int
    ) -> None:
        self._trunk, self._tokens, self._windows = trunk, tokens, windows
        self._windows_from = windows_from
        self._edges: Tensor | None = None  # (n_w, 2 EDGE_ROWS, channels): the right ones, the left
        self.level = -1
        self.rows: LevelRows | None = None

    def advance(self) -> LevelRows:
        """Compute the next level, and return its rows."""
        self.level += 1
        layer = self._trunk.levels[self.level]
        if self.level < self._windows_from:
            rows, edges = self._dense(layer), self._end_rows(layer)
            self.rows, self._edges = rows, edges
        else:
            self.rows, self._edges = self._apart(layer), None
        return self.rows

    def _indices(self, n: int, first: int = 0) -> Tensor:
        return torch.arange(first, first + n, device=self._tokens.device)

    def _dense(self, layer: Level) -> LevelRows:
        """Return the rows at every token, as far as they need no zero padding."""
        dilation = 1 << self.level
        if self.rows is None:
            x = self._trunk.one_hot(self._tokens)  # (B, T, 16)
        else:
            x = layer.entered(pool_dense(self.rows.h, dilation // 2))
        c = layer.convolution(x, dilation=dilation)  # (B, T', channels)
        covered = dense_rows(self.level, self._tokens.shape[1])
        token_origin = self._indices(len(c)) * len(covered) - covered.start
        window_origin = token_origin[self._windows.stretch] + self._windows.offset
        return LevelRows(c, layer.residual(c), token_origin, window_origin, dilation)

    def _end_rows(self, layer: Level) -> Tensor:
        """Return the rows that the zero padding at a window's two ends reaches.

        The two ends are put back to back with the zeros between them, so that one convolution
        gives both: ... last rows, 0 0, first rows ...
        """
        n_edge = EDGE_ROWS[self.level]
        if self.rows is None:
            n = 2 * STEM_REACH  # tokens of each end
            index = torch.cat([self._indices(n, WINDOW_TOKENS - n), self._indices(n)])
            ends = self._tokens_at(index)  # (n_w, 2 n)
            gap = ends.new_full((len(ends), STEM_REACH), TOKEN_CHANNELS)  # the zero row
            x = self._trunk.one_hot(torch.cat([ends[:, :n], gap, ends[:, n:]], dim=1))
        else:
            n_known = EDGE_ROWS[self.level - 1]
            n = 2 * (n_edge + REACH)  # rows of each end, which pool to n_edge + 2
            n_inner = n - n_known
            inner = self._interior(
                torch.cat(
                    [
                        self._indices(n_inner, WINDOW_ROWS[self.level - 1] - n),
                        self._indices(n_inner, n_known),
                    ]
                )
            )
            assert self._edges is not None
            ends = torch.cat([inner[:, :n_inner], self._edges, inner[:, n_inner:]], dim=1)
            x = layer.entered(halve(ends))  # (n_w, n, channels)
            gap = x.new_zeros(len(x), REACH, x.shape[2])
            x = torch.cat([x[:, : n // 2], gap, x[:, n // 2 :]], dim=1)
        c = layer.convolution(x)  # (n_w, 2 n_edge and rows around the zeros, channels)
        return layer.residual(torch.cat([c[:, :n_edge], c[:, -n_edge:]], dim=1))

    def _tokens_at(self, j: Tensor) -> Tensor:
        """Return tokens j of all windows, (n_w, len(j))."""
        first = self._tokens.shape[1] * self._windows.stretch + self._windows.offset
        return self._tokens.reshape(-1)[first[:, None] + j]

    def _interior(self, j: Tensor) -> Tensor:
        """Return rows j of all windows, (n_w, len(j), channels), of the level before."""
        assert self.rows is not None
        index = self.rows.window_origin[:, None] + self.rows.window_step * j
        return take(self.rows.h, index)

    def _apart(self, layer: Level) -> LevelRows:
        """Return the rows of each window, with zero padding as in a window of its own."""
        before = self.rows
        padding = REACH
        if before is None:
            x = self._trunk.one_hot(self._tokens_at(self._indices(WINDOW_TOKENS)))
            padding = STEM_REACH
        elif self._edges is None:
            x = layer.entered(halve(before.h))
        else:
            x = layer.entered(self._gathered(before))
        first, n_rows = 0, WINDOW_ROWS[self.level]
        if self.level == LAST_LEVEL:
            first, n_rows, padding = LAST_ROWS.start, len(LAST_ROWS), 0
        c = layer.convolution(x, padding=padding)  # (n_w, n_rows, channels)
        origin = n_rows * self._indices(len(c)) - first
        return LevelRows(c, layer.residual(c), None, origin, 1)

    def _gathered(self, before: LevelRows) -> Tensor:
        """Return the pooled rows of each window, from those at every token and its end rows."""
        half = before.window_step
        edges = self._edges
        assert edges is not None
        n_known = EDGE_ROWS[self.level - 1]
        n_pooled = -(-n_known // 2)
        pooled = pool_dense(before.h, half)  # (B, T' - half, channels)
        # the rows of `pooled` lie as those of `h`, but for `half` fewer a stretch
        origin = before.window_origin - half * self._windows.stretch
        n_inner = WINDOW_ROWS[self.level] - 2 * n_pooled
        inner = take(pooled, origin[:, None] + 2 * half * self._indices(n_inner, n_pooled))
        last, first = edges[:, :n_known], edges[:, n_known:]
        if n_known % 2:  # the innermost known row pools with an interior one
            n_rows = WINDOW_ROWS[self.level - 1]
            last = torch.cat([self._interior(self._indices(1, n_rows - n_known - 1)), last], dim=1)
            first = torch.cat([first, self._interior(self._indices(1, n_known))], dim=1)
        return torch.cat([halve(first), inner, halve(last)], dim=1)
