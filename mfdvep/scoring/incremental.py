"""Latent features of REF and ALT in many windows, without computing anything twice.

A variant is 2 alleles x 2 strands x 11 shifts = 44 windows of 1152 tokens that are nearly the same
sequence. Every row of activations (one position, all channels) is a function of the tokens that
it can see, and of how near the window's ends are, which are padded with zeros. So each is computed
once for all windows in which it is the same, and the result is that of 44 passes of the model,
rounding apart (in float32 some 1e-6 of an effect): no approximation is made.

    tokens   ....................................x.................................   a stretch
    window 0 [===========================================================]
    window 1  [===========================================================]            1162 tokens
    window 2   [===========================================================]           for 11 shifts

    level 0       |<------------------- at every token ----------------------->|      stem
                                             |x|                                       changed
    level 1..3      |<----------------- at every token --------------------->|
                                          |<- x ->|                                    changed
             and   [[[                                                     ]]]         ends of
                    [[[                                                     ]]]        windows
                     [[[                                                     ]]]       0, 1, 2

    level 4..6    [ rows of window 0 ]   [ rows of window 1 ]   [ rows of window 2 ]
                        |<- x ->|              |<- x ->|              |<- x ->|        changed

1. *At every token* (`shared`). A convolution does not care where it stands. Row j of window o at
   level l, after l poolings, depends on tokens from o + 2^l j on; so one row at every token t, with
   pooling of t and t + 2^(l-1) and taps 2^l apart, has the rows of all windows.
2. *Ends* (`shared`). Zeros beyond a window's ends reach its first and last 7 rows of the stem, and
   6, 5, 5 ... rows of the levels above: these are computed for each window.
3. *Windows apart* (`shared`). Once 2^l is larger than the number of shifts, rows at every token are
   more than the windows have, and each window goes on by itself. Only the central bin is read: of
   level 6, rows 2..15 of 18; of the dilated blocks, 3 rows, then 1.
4. *Changed rows* (`changed`). An SNV changes 2 tokens, so 16 rows of the stem, then 10 to 13 of
   each window. What is computed is the difference ALT - REF: a convolution of differences is the
   difference of convolutions; for GELU and maximum both sides are taken. Zeros are not multiplied.
   So the rounding of products is relative to the effect, not to the activations, which is what
   lets lower precision be good enough.
5. *Neighbours* (`stretches`). Variants that lie together share a longer stretch: then the rows at
   every token serve all of them, up to level 5. ALTs at one place share windows too.

What is left, for one SNV, one strand, 11 shifts and the paper's width of 768, in rows and GFLOP
(two a multiplication); plain is 22 windows:

    level   plain rows  at every token  ends  windows  changed   plain GFLOP  here
    0 stem       25344            1148   154        -       16          12.1    .6
    1            12672            1139   132        -       25          25.7   2.6
    2             6336            1121   110        -       43          16.1   3.2
    3             3168            1085   110        -       79          10.2   4.0
    4             1584               -     -      792      110           6.4   3.5
    5              792               -     -      396      110           4.0   2.4
    6              396               -     -      154      110           2.5   1.5
    blocks         198               -     -       44       44           1.9    .4

79 GFLOP become 18; `geometry.best_plan` chooses from which level windows go apart.

A change of length (an indel) moves all that is right of it by another number of rows at each
level. Its ALT gets a stretch of its own: shared over shifts, not with REF (79 become 33).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from mfdvep.model.folded import FoldedTrunk
from mfdvep.model.trunk import tokens_of
from mfdvep.scoring.changed import ChangedRows, Changes
from mfdvep.scoring.geometry import N_LEVELS, Plan
from mfdvep.scoring.shared import Reference, Windows, halve

# Of the 9 bins, 1..7 are at hand as 0..6; 7 stands for a row of zeros. The first block, dilation
# 2, is needed at bins 1, 4 and 7, from which the second, dilation 3, makes bin 4.
_BLOCK_TAPS = ((7, 0, 2, 1, 3, 5, 4, 6, 7), (0, 1, 2))
_KEPT = (slice(0, None, 3), slice(1, 2))  # the middle ones, which the residual is added to


class Latent(NamedTuple):
    """Latent features before their BatchNorm.

    Attributes
    ----------
    windows
        (n_w, C).
    change
        (n_p, C): by how much changes alter them, for each pair of a change and a window; None
        without changes.
    """

    windows: Tensor
    change: Tensor | None


def latent(
    trunk: FoldedTrunk, codes: Tensor, windows: Windows, changes: Changes | None, plan: Plan
) -> Latent:
    """Return the latent features of windows, and how changes alter them.

    Parameters
    ----------
    codes
        (B, T + 1) uint8 base codes of B stretches, on the trunk's device.
    windows
        Within the stretches.
    changes
        None to compute windows alone. Each is at most `MAX_CHANGED` bases, and starts within 64
        bases of the centre of the windows that it is paired with.
    plan
        Any plan gives the same result.
    """
    reference = Reference(trunk, tokens_of(codes), windows, plan.windows_from)
    changed = None
    if changes is not None:
        changed = ChangedRows(trunk, codes, windows, changes, plan.changes_from)
    for level in range(N_LEVELS):
        before = reference.rows
        rows = reference.advance()
        if changed is not None:
            changed.advance(level, before, rows)
    x = halve(rows.h)  # (n_w, 7, W)
    by = None if changed is None else changed.at_bins(rows)  # (n_p, 7, W)
    window = None if changes is None else changes.pair_window
    for block, taps, kept in zip(trunk.blocks, _BLOCK_TAPS, _KEPT, strict=True):
        c = block.first(_laid(block.enter(x), taps))  # (n_w, 3 rows, then 1, W)
        if by is not None:
            by_c = block.first(_laid(block.enter.change(x[window], by), taps))
            by = by[:, kept] + block.second(block.inner.change(c[window], by_c))
        x = x[:, kept] + block.second(block.inner(c))
    x = x[:, 0]  # (n_w, W)
    change = None
    if by is not None:
        change = trunk.head(trunk.exit.change(x[window], by[:, 0]))  # (n_p, C)
    return Latent(trunk.head(trunk.exit(x)), change)


def _laid(rows: Tensor, taps: tuple[int, ...]) -> Tensor:
    """Return the rows (n, 7 or 3, W) that each output row takes, end to end: (n, m, 3 W)."""
    picked = pad(rows, (0, 0, 0, 1)).index_select(1, _on(rows.device, taps))
    return picked.unflatten(1, (-1, 3)).flatten(2)


@lru_cache
def _on(device: torch.device, taps: tuple[int, ...]) -> Tensor:
    """Return an index on a device; made once, since the copy would hold a GPU up."""
    return torch.tensor(taps, device=device)
