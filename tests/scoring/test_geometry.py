"""Rows that are needed, against rows found by pushing marks through the network's own reaches."""

from __future__ import annotations

import numpy as np
import pytest

from mfdvep.model.trunk import tower_channels
from mfdvep.scoring.geometry import (
    EDGE_ROWS,
    LAST_LEVEL,
    LAST_ROWS,
    N_LEVELS,
    WINDOW_ROWS,
    best_plan,
    changed_rows,
    changed_window_rows,
    dense_rows,
    row_costs,
)


def widened(marks: np.ndarray, reach: int) -> np.ndarray:
    """Mark every row that has a marked one within reach, as a convolution would."""
    out = marks.copy()
    for by in range(1, reach + 1):
        out[by:] |= marks[:-by]
        out[:-by] |= marks[by:]
    return out


def through_window(tokens: np.ndarray) -> list[np.ndarray]:
    """Return which rows of each level of one window depend on marked tokens (1152,)."""
    levels = [widened(tokens, 7)]
    for _ in range(1, N_LEVELS):
        levels.append(widened(levels[-1].reshape(-1, 2).any(axis=1), 2))
    return levels


def padded_rows() -> list[np.ndarray]:
    """Return which rows of each level depend on what is beyond the window's ends."""
    ends, levels = np.zeros(1152, dtype=bool), []
    for level in range(N_LEVELS):
        rows = ends if level == 0 else levels[-1].reshape(-1, 2).any(axis=1)
        reach = 7 if level == 0 else 2
        beyond = np.pad(rows, reach, constant_values=True)
        levels.append(widened(beyond, reach)[reach:-reach])
    return levels


def test_window_rows():
    assert [len(rows) for rows in padded_rows()] == list(WINDOW_ROWS)


def test_edge_rows_are_those_that_zero_padding_reaches():
    for level, n in enumerate(EDGE_ROWS):
        padded = padded_rows()[level]
        assert padded[:n].all()
        assert padded[-n:].all()
        assert not padded[n:-n].any()


@pytest.mark.parametrize("n_tokens", [1152, 1162, 1500])
def test_rows_at_every_token_hold_all_others(n_tokens):
    for level, n_edge in enumerate(EDGE_ROWS):
        dense = dense_rows(level, n_tokens)
        for offset in (0, n_tokens - 1152):
            first = offset + (n_edge << level)
            last = offset + ((WINDOW_ROWS[level] - 1 - n_edge) << level)
            assert first in dense
            assert last in dense


def test_last_rows_are_those_of_the_central_bin():
    """Bins 1..7: the central one takes bins 1, 4, 7 of the first block, and these 1 to 7."""
    assert (LAST_ROWS.start, LAST_ROWS.stop) == (2 * 1, 2 * (7 + 1))


@pytest.mark.parametrize("n_bases", [1, 2, 64])
@pytest.mark.parametrize("at", range(512, 640, 13))
@pytest.mark.parametrize("since", [0, 1, 4, 6])
def test_changed_rows_hold_all_that_change(n_bases, at, since):
    tokens = np.zeros(1152, dtype=bool)
    tokens[at - 1 : at + n_bases] = True
    for level, marked in enumerate(through_window(tokens)):
        found = np.flatnonzero(marked)
        n = found[-1] - found[0] + 1
        assert marked[found[0] : found[-1] + 1].all()
        if level < since:
            assert (n - 1) << level < changed_rows(level, n_bases)
        else:
            assert n <= changed_window_rows(level, n_bases, since=since)
        if level < LAST_LEVEL:  # so that ends and changes never meet
            assert found[0] >= EDGE_ROWS[level]
            assert found[-1] < WINDOW_ROWS[level] - EDGE_ROWS[level]


def test_row_costs_are_those_of_the_paper():
    """3.59 GFLOP a sequence at width 768, of which blocks and pointwise are 44 million products."""
    costs = [sum(cost) for cost in row_costs(768)]
    total = sum(cost * n for cost, n in zip(costs, WINDOW_ROWS, strict=True))
    total += 9 * 2 * 4 * 768**2 + 768 * 2 * 768
    assert 2 * total == pytest.approx(3.59e9, rel=2e-3)
    assert tower_channels(768)[1] == 431


def test_the_cheapest_plan():
    alone = best_plan(768, n_tokens=1162, n_windows=11, n_changes=1, n_pairs=11)
    assert (alone.windows_from, alone.changes_from) == (4, 4)
    assert 2 * alone.cost == pytest.approx(18.2e9, rel=0.01)
    single = best_plan(768, n_tokens=1152, n_windows=1, n_changes=1, n_pairs=1)
    assert single.windows_from == 0  # nothing to share
    dense = best_plan(768, n_tokens=1162 + 500, n_windows=275, n_changes=25, n_pairs=275)
    assert dense.windows_from == 6
    assert 2 * dense.cost / 25 < 79e9 / 10
