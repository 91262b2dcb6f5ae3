"""A gene's windows with an ALT allele: which of them it touches, and what they then hold. Numpy."""

from __future__ import annotations

import numpy as np

from mfdvep.genomics.sequences import CENTRE, WINDOW_BASES


def is_touched(starts: np.ndarray, *, start: int, ref_length: int) -> np.ndarray:
    """Return which windows hold a base that a change takes away, or the place of an insertion.

    An insertion just before the first or just after the last base of a window is outside it.

    Parameters
    ----------
    starts
        int64 (k,), 0-based.
    start, ref_length
        0-based position of the least change, and how many bases it takes away, perhaps none.

    Returns
    -------
    numpy.ndarray
        bool (k,).
    """
    return (start < starts + WINDOW_BASES) & (start + ref_length > starts)


def alternative_windows(
    reference: np.ndarray,
    *,
    origin: int,
    starts: np.ndarray,
    start: int,
    ref_length: int,
    alt: np.ndarray,
) -> np.ndarray:
    """Return what windows hold with the ALT allele: uint8 base codes (k, 1153).

    The centre base of a window keeps its place. Of a change that lies left of it the right side
    stays, and the left is filled with what comes before (deletion) or cut (insertion). Of one
    that lies right of it, or takes the centre base away, the left side stays, and the right is
    filled or cut, as `allele_windows` does.

    Parameters
    ----------
    reference
        (n,) codes of a stretch of the genome that holds every window, and on both sides as many
        bases more as the change takes away.
    origin
        0-based position of `reference[0]`; may be negative.
    starts
        int64 (k,), 0-based.
    start, ref_length, alt
        0-based position of the least change, how many bases it takes away, and the codes (m,) of
        those in their place.

    Raises
    ------
    ValueError
        The stretch does not hold every window.
    """
    at = start - origin
    changed = np.concatenate([reference[:at], alt, reference[at + ref_length :]])
    is_left = start + ref_length <= starts + CENTRE  # (k,)
    first = starts - origin + np.where(is_left, len(alt) - ref_length, 0)
    if at < 0 or first.min() < 0 or first.max() + WINDOW_BASES > len(changed):
        raise ValueError(
            f"a stretch of {len(reference)} bases from {origin} does not hold the windows of a "
            f"change of {ref_length} bases at {start}"
        )
    return changed[first[:, None] + np.arange(WINDOW_BASES)]
