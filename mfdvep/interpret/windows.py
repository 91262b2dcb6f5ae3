"""Stretches that hold the windows of all shifts and strands, and what is found brought back.

Numpy only. A stretch of 1153 + (last shift - first shift) bases holds all windows of one place;
its base `centre_of(shifts)` is base 576 of the window at shift 0. All scores are given at the
forward bases of the stretch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mfdvep.errors import InputError
from mfdvep.genomics.sequences import CENTRE, WINDOW_BASES, reverse_complement

STRANDS = {"both": (False, True), "forward": (False,), "reverse": (True,)}  # reverse or not


def strands_of(strand: str) -> tuple[bool, ...]:
    """Return for each strand that is read whether it is the reverse.

    Raises
    ------
    InputError
        Not "both", "forward" or "reverse".
    """
    if strand not in STRANDS:
        raise InputError(f"strand {strand!r}; expected {', '.join(STRANDS)}")
    return STRANDS[strand]


def stretch_bases(shifts: Sequence[int]) -> int:
    """Return the length of a stretch for these shifts, which rise."""
    return WINDOW_BASES + shifts[-1] - shifts[0]


def centre_of(shifts: Sequence[int]) -> int:
    """Return the index in a stretch of base 576 of the window at shift 0."""
    return CENTRE - shifts[0]


def check_stretches(codes: np.ndarray, shifts: Sequence[int]) -> None:
    """Refuse base codes that are no stretches (n, L) for these shifts.

    Raises
    ------
    InputError
        An array of another form.
    """
    length = stretch_bases(shifts)
    if codes.ndim != 2 or codes.shape[1] != length:
        raise InputError(f"base codes of shape {codes.shape}; expected (n, {length})")


def windows_of(codes: np.ndarray, shifts: Sequence[int], strand: str) -> np.ndarray:
    """Return the windows of stretches, as they are read.

    Parameters
    ----------
    codes
        (n, L) uint8 base codes, L = `stretch_bases(shifts)`.
    shifts
        S offsets in bases, rising.
    strand
        "both" (K = 2 S: forward, then reverse), "forward" or "reverse" (K = S).

    Returns
    -------
    np.ndarray
        (n, K, 1153) uint8.
    """
    first = np.asarray(shifts) - shifts[0]
    forward = sliding_window_view(codes, WINDOW_BASES, axis=1)[:, first]  # (n, S, 1153)
    read = [reverse_complement(forward) if back else forward for back in strands_of(strand)]
    return np.concatenate(read, axis=1)


def at_forward_bases(tokens: np.ndarray, *, reverse: bool) -> np.ndarray:
    """Return scores of tokens (..., 1152) as scores of forward bases (..., 1153).

    A token's score goes to its first base in reading direction (MFD section 3.1). On the reverse
    strand that is the right one of the two on the forward strand: token j, of reverse bases j and
    j + 1, covers forward bases 1152 - j and 1151 - j, and goes to 1152 - j. So the mean of both
    strands is the mean of the two tokens that a base is part of, and symmetric.
    """
    out = np.zeros((*tokens.shape[:-1], tokens.shape[-1] + 1), dtype=tokens.dtype)
    if reverse:
        out[..., 1:] = tokens[..., ::-1]
    else:
        out[..., :-1] = tokens
    return out


def mean_over_windows(tokens: np.ndarray, shifts: Sequence[int], strand: str) -> np.ndarray:
    """Return the mean over windows of scores brought back to the forward bases of the stretch.

    Parameters
    ----------
    tokens
        (n, K, T, 1152): of the tokens of `windows_of`, for T targets.

    Returns
    -------
    np.ndarray
        (n, T, L) float64. A base that a window does not hold has 0 from it, so that the sum over
        bases is the mean of the windows' sums.
    """
    n, n_windows, n_targets, _ = tokens.shape
    out = np.zeros((n, n_targets, stretch_bases(shifts)))
    k = 0
    for reverse in strands_of(strand):
        for shift in shifts:
            first = shift - shifts[0]
            part = at_forward_bases(tokens[:, k], reverse=reverse)  # (n, T, 1153)
            out[..., first : first + WINDOW_BASES] += part
            k += 1
    return out / n_windows
