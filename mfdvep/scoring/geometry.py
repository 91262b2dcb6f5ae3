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
PAIR_ROWS = 10  # rows that an SNV reaches in each level above the third
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
    reference = [
        at_tokens + n_windows * a_window for at_tokens, a_window in _reference(width, n_tokens)
    ]
    changed = [
        n_changes * a_change + n_pairs * a_pair for a_change, a_pair in _changes(width, n_bases)
    ]
    cost, windows_from, changes_from = min(
        (reference[w] + changed[c], w, c) for w in range(N_LEVELS) for c in range(w + 1)
    )
    return Plan(windows_from, changes_from, cost)


@lru_cache
def _reference(width: int, n_tokens: int) -> tuple[tuple[int, int], ...]:
    """Return, for windows apart from each level on, the cost of a stretch and of each window."""
    costs = []
    for windows_from in range(N_LEVELS):
        at_tokens, a_window = 0, _blocks_cost(width)
        for level, (convolution, pointwise) in enumerate(row_costs(width)):
            a_row = convolution + pointwise
            if level < windows_from:
                at_tokens += len(dense_rows(level, n_tokens)) * a_row
                a_window += 2 * EDGE_ROWS[level] * a_row
            else:
                a_window += a_row * (len(LAST_ROWS) if level == LAST_LEVEL else WINDOW_ROWS[level])
        costs.append((at_tokens, a_window))
    return tuple(costs)


@lru_cache
def _changes(width: int, n_bases: int) -> tuple[tuple[int, int], ...]:
    """Return, for changed rows apart from each level on, the cost of a change and of a pair."""
    costs = []
    for changes_from in range(N_LEVELS):
        a_change, a_pair = 0, _blocks_cost(width)
        for level, (convolution, pointwise) in enumerate(row_costs(width)):
            # rows that change come in, and spread by the convolution's reach to both sides
            spread = 2 * (STEM_REACH if level == 0 else REACH)
            if level < changes_from:
                n = changed_rows(level, n_bases)
                a_change += (n - (spread << level)) * convolution + n * pointwise
            else:
                n = changed_window_rows(level, n_bases, since=changes_from)
                a_pair += (n - spread) * convolution + n * pointwise
        costs.append((a_change, a_pair))
    return tuple(costs)


def _blocks_cost(width: int) -> int:
    return 4 * 4 * width**2  # the first block at 3 rows, the second at 1


@lru_cache
def row_costs(width: int) -> tuple[tuple[int, int], ...]:
    """Return the multiplications of one row of each level: of its convolution, and its residual."""
    channels = tower_channels(width)
    stem = (2 * STEM_REACH + 1) * TOKEN_CHANNELS * channels[0], channels[0] ** 2
    return stem, *(((2 * REACH + 1) * a * b, b * b) for a, b in pairwise(channels))
