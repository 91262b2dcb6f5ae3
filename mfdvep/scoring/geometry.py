"""Which rows of which level the incremental engine computes, and what they cost. Integers only.

A stretch has T tokens; window o in it has tokens o..o+1151. Level 0 is the stem, levels 1..6 are
the tower; row j of window o at level l stands for the tokens from o + 2^l j. See `incremental`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from mfdvep.model.trunk import TOKEN_CHANNELS, WINDOW_TOKENS, tower_channels

N_LEVELS = 7
LAST_LEVEL = N_LEVELS - 1
STEM_REACH = 7  # tokens on each side of a row of the stem
REACH = 2  # rows on each side, in the tower
WINDOW_ROWS = tuple(WINDOW_TOKENS >> level for level in range(N_LEVELS))  # 1152 ... 18
# rows at each end of a window that its zero padding reaches: the convolution's own reach, and as
# many rows as the level before has after pooling
EDGE_ROWS = (7, 6, 5, 5, 5, 5)
LAST_ROWS = range(2, 16)  # rows of level 6 that the central bin depends on
MAX_CHANGED = 64  # bases; a longer change could reach a window's ends in the tower


def dense_rows(level: int, n_tokens: int) -> range:
    """Return the tokens that the rows of a level stand for, computed at every token.

    They are as many as need no zero padding, and hold all rows of all windows but `EDGE_ROWS`.
    """
    start, end = STEM_REACH, n_tokens - STEM_REACH
    for above in range(1, level + 1):
        reach = REACH << above
        start, end = start + reach, end - reach - (1 << (above - 1))
    return range(start, end)


def changed_rows(level: int, n_bases: int) -> int:
    """Return how many rows of a level, computed at every token, a change of bases reaches."""
    n = n_bases + 1 + 2 * STEM_REACH
    for above in range(1, level + 1):
        n += (1 << (above - 1)) + 4 * (1 << above)
    return n


def changed_window_rows(level: int, n_bases: int, *, since: int) -> int:
    """Return how many rows of one window a change reaches, at most.

    Parameters
    ----------
    since
        The first level at which windows are held apart.
    """
    if since == 0:
        n = n_bases + 1 + 2 * STEM_REACH
    else:
        entered = changed_rows(since - 1, n_bases) + (1 << (since - 1))
        n = -(-entered // (1 << since)) + 2 * REACH
    for _ in range(since, level):
        n = n // 2 + 1 + 2 * REACH
    return n


@dataclass(frozen=True)
class Plan:
    """From which level on windows are computed one by one.

    Attributes
    ----------
    windows_from
        Of the reference; below it every level is computed once, at every token.
    changes_from
        Of the changed rows; at most `windows_from`.
    cost
        Multiplications of numbers by weights, for all that the plan was made for.
    """

    windows_from: int
    changes_from: int
    cost: int


@lru_cache(maxsize=4096)
def best_plan(
    width: int, *, n_tokens: int, n_windows: int, n_changes: int, n_pairs: int, n_bases: int = 1
) -> Plan:
    """Return the plan with the fewest multiplications for one stretch.

    Parameters
    ----------
    width
        W of the trunk.
    n_tokens, n_windows
        Of the stretch.
    n_changes, n_pairs, n_bases
        Changes in it, pairs of a change and a window, and the bases of a change.
    """
    plans = []
    for windows_from in range(N_LEVELS):
        reference = _reference_cost(width, windows_from, n_tokens, n_windows)
        for changes_from in range(windows_from + 1):
            changed = _changes_cost(width, changes_from, n_changes, n_pairs, n_bases)
            plans.append(Plan(windows_from, changes_from, reference + changed))
    return min(plans, key=lambda plan: plan.cost)


def _reference_cost(width: int, windows_from: int, n_tokens: int, n_windows: int) -> int:
    total = _blocks_cost(width, n_windows)
    for level, (convolution, pointwise) in enumerate(row_costs(width)):
        if level < windows_from:
            n = len(dense_rows(level, n_tokens)) + n_windows * 2 * EDGE_ROWS[level]
        else:
            n = n_windows * (len(LAST_ROWS) if level == LAST_LEVEL else WINDOW_ROWS[level])
        total += n * (convolution + pointwise)
    return total


def _changes_cost(width: int, changes_from: int, n_changes: int, n_pairs: int, n_bases: int) -> int:
    total = _blocks_cost(width, n_pairs)
    for level, (convolution, pointwise) in enumerate(row_costs(width)):
        # rows that change come in, and spread by the convolution's reach to both sides
        spread = 2 * (STEM_REACH if level == 0 else REACH)
        if level < changes_from:
            n = changed_rows(level, n_bases)
            total += n_changes * ((n - (spread << level)) * convolution + n * pointwise)
        else:
            n = changed_window_rows(level, n_bases, since=changes_from)
            total += n_pairs * ((n - spread) * convolution + n * pointwise)
    return total


def _blocks_cost(width: int, n: int) -> int:
    return 4 * 4 * width**2 * n  # the first block at 3 rows, the second at 1


@lru_cache
def row_costs(width: int) -> tuple[tuple[int, int], ...]:
    """Return the multiplications of one row of each level: of its convolution, and its residual."""
    channels = tower_channels(width)
    stem = (2 * STEM_REACH + 1) * TOKEN_CHANNELS * channels[0], channels[0] ** 2
    return stem, *(((2 * REACH + 1) * a * b, b * b) for a, b in pairwise(channels))
