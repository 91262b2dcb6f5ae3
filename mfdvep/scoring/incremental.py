"""draft doc"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from mfdvep.model.folded import FoldedTrunk
from mfdvep.model.trunk import tokens_of
from mfdvep.scoring.changed import ChangedRows, Changes
from mfdvep.scoring.geometry import LAST_LEVEL, N_LEVELS, Plan
from mfdvep.scoring.shared import Reference, Windows, halve

# bins 1..7 of 9 are at hand as 0..6, and 7 is a row of zeros. The first block (dilation 2) is
# needed at bins 1, 4 and 7, which the second (dilation 3) takes to bin 4.
_BLOCK_INPUTS = (((7, 0, 2), (1, 3, 5), (4, 6, 7)), ((0, 1, 2),))


class Latent(NamedTuple):
    """Latent features before their BatchNorm: of windows (n_w, C); and by how much they change
    for pairs of a change and a window (n_p, C), None without changes.
    """

    windows: Tensor
    change: Tensor | None


def latent(
    trunk: FoldedTrunk, codes: Tensor, windows: Windows, changes: Changes | None, plan: Plan
) -> Latent:
    tokens = tokens_of(codes)  # (B, T)
    reference = Reference(trunk, tokens, windows, plan.windows_from)
    changed = None
    if changes is not None:
        changed = ChangedRows(trunk, codes, windows, changes, plan.changes_from)
    for level in range(N_LEVELS):
        before, after = reference.rows, reference.advance()
        if changed is not None:
            changed.advance(level, before, after)
    rows = reference.rows
    x = halve(rows.h)  # (n_w, 7, W)
    if changes is None:
        return Latent(_through_blocks(trunk, x), None)
    by = changed.at_bins(rows)  # (n_p, 7, W)
    return _changed_through_blocks(trunk, x, by, changes.pair_window)


def _through_blocks(trunk: FoldedTrunk, x: Tensor) -> Tensor:
    for block, inputs in zip(trunk.blocks, _BLOCK_INPUTS, strict=True):
        c = block.first(_laid(block.enter(x), inputs))
        x = x[:, [taps[1] for taps in inputs]] + block.second(block.inner(c))
    return trunk.head(trunk.exit(x[:, 0]))


def _changed_through_blocks(trunk, x, by, window) -> Latent:
    for block, inputs in zip(trunk.blocks, _BLOCK_INPUTS, strict=True):
        kept = [taps[1] for taps in inputs]
        c = block.first(_laid(block.enter(x), inputs))
        by_c = block.first(_laid(block.enter.change(x[window], by), inputs))
        x = x[:, kept] + block.second(block.inner(c))
        by = by[:, kept] + block.second(block.inner.change(c[window], by_c))
    return Latent(
        trunk.head(trunk.exit(x[:, 0])),
        trunk.head(trunk.exit.change(x[window, 0], by[:, 0])),
    )


def _laid(rows: Tensor, inputs) -> Tensor:
    return pad(rows, (0, 0, 0, 1))[:, inputs].flatten(2)
