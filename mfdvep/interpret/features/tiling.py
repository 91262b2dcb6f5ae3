"""Where the windows of a region lie. Numpy only."""

from __future__ import annotations

import numpy as np

from mfdvep.genomics.sequences import CENTRE, WINDOW_BASES

STRIDE = 128  # bases from one tile to the next: one predicted bin
MAX_REGION = 1_000_000  # bases; longer ones would be 8,000 windows of one row


def window_starts(start: int, end: int, *, stride: int = STRIDE) -> np.ndarray:
    """Return where the windows of a region start, int64 (k,), ascending, 0-based.

    A region of at most 1153 bases has one window, whose base 576 is the region's middle base,
    (start + end) // 2, as in training; it reaches beyond the region. A longer one has the fewest
    windows that lie in it, reach both its ends and are at most `stride` apart, spread evenly and
    the same from both ends, so that the other strand has the same ones.

    Parameters
    ----------
    start, end
        0-based, half-open; the end not before the start.
    stride
        Bases from one window to the next, at most; at least 1.
    """
    room = end - start - WINDOW_BASES
    if room <= 0:
        return np.array([(start + end) // 2 - CENTRE], dtype=np.int64)
    n = 1 + -(-room // stride)
    at = (2 * np.arange(n) * room + n - 1) // (2 * (n - 1))  # rounded: floors would lie too far
    at[n - n // 2 :] = room - at[: n // 2][::-1]
    return start + at
