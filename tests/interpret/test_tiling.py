"""Where the windows of a region lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.genomics.sequences import CENTRE, WINDOW_BASES
from mfdvep.interpret.features.tiling import window_starts


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (1000, 1128, [1064 - CENTRE]),  # a bin: its base 64, as in training
        (1000, 1000, [1000 - CENTRE]),
        (1000, 1001, [1000 - CENTRE]),
        (0, 1153, [0]),
        (0, 1154, [0, 1]),
        (10, 10 + 1153 + 128, [10, 138]),
        (0, 1153 + 129, [0, 65, 129]),
        (0, 1153 + 256, [0, 128, 256]),
    ],
)
def test_named_cases(start, end, expected):
    assert window_starts(start, end).tolist() == expected


@given(st.integers(0, 10**6), st.integers(0, 20_000), st.integers(1, 2000))
def test_the_windows_of_a_region(start, length, stride):
    starts = window_starts(start, start + length, stride=stride)
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts) <= stride).all()
    if length <= WINDOW_BASES:
        assert len(starts) == 1
        assert starts[0] <= start
        assert starts[0] + WINDOW_BASES >= start + length
    else:
        assert (starts[0], starts[-1]) == (start, start + length - WINDOW_BASES)
        middle = len(starts) % 2 and len(starts) // 2  # of an odd number, half a base off centre
        both = starts + starts[::-1]
        off = np.abs(both - both[0])
        assert off.max() <= 1
        assert (np.delete(off, middle) == 0).all() or not middle
