"""Base codes, window offsets, and the two sequences that an allele is judged by. Numpy only.

Base codes everywhere: A 0, C 1, G 2, T 3, anything else 4, as uint8.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from mfdvep.errors import InputError

WINDOW_BASES = 1153  # 1152 dinucleotide tokens; token i covers bases i and i + 1
CENTRE = 576  # the exact centre of 0..1152, on both strands
MAX_SHIFT = 64  # half of the 128-base bin: beyond it a variant leaves the central bin
N_CODE = 4

_LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
_CODES = np.full(256, N_CODE, dtype=np.uint8)
for _code, _letter in enumerate("ACGT"):
    _CODES[[ord(_letter), ord(_letter.lower())]] = _code
_COMPLEMENT = np.array([3, 2, 1, 0, N_CODE], dtype=np.uint8)


def encode(text: str | bytes) -> np.ndarray:
    """Return the base codes (n,) uint8 of a sequence in either case; 4 for all but ACGT."""
    if isinstance(text, str):
        text = text.encode("latin-1", errors="replace")
    return _CODES[np.frombuffer(text, dtype=np.uint8)]  # (n,)


def decode(codes: np.ndarray) -> str:
    """Return the upper-case letters of base codes (n,); N for 4."""
    return _LETTERS[codes].tobytes().decode("ascii")


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """Return base codes (..., n) of the other strand, read 5' to 3'; a new array."""
    return np.ascontiguousarray(_COMPLEMENT[codes][..., ::-1])


def shift_offsets(spec: int | str | Sequence[int]) -> tuple[int, ...]:
    """Return window offsets in bases, positive to the right, in rising order.

    Parameters
    ----------
    spec
        A count n, or its text: n consecutive offsets centred on 0, -n/2..n/2-1 when n is even.
        Otherwise the offsets themselves, as numbers or as text with commas: "-3,0,3".

    Raises
    ------
    InputError
        Not whole numbers; none; one twice; or one beyond 64 bases, where a variant would leave
        the 128-base bin that is predicted.

    Source
    ------
    MFD section 3.3: 11 offsets for GTEx, 7 for gnomAD.
    """
    try:
        if isinstance(spec, str) and "," in spec:
            offsets = tuple(sorted(int(part) for part in spec.split(",")))
        elif isinstance(spec, str | int | np.integer):
            n = int(spec)
            if n < 1:
                raise InputError(f"shifts {spec!r}: expected a count of at least 1, such as 11")
            offsets = tuple(range(-(n // 2), n - n // 2))
        else:
            offsets = tuple(sorted(operator.index(offset) for offset in spec))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"shifts {spec!r}: expected a count such as 11, or offsets such as -3,0,3"
        ) from error
    if not offsets:
        raise InputError("shifts: no offset given; expected a count such as 11")
    if len(set(offsets)) < len(offsets):
        raise InputError(f"shifts {spec!r}: an offset is given twice; give each once")
    widest = max(offsets, key=abs)
    if abs(widest) > MAX_SHIFT:
        raise InputError(
            f"shifts {spec!r}: offset {widest} is beyond {MAX_SHIFT} bases, where a variant leaves "
            f"the central bin; use at most {2 * MAX_SHIFT + 1} shifts or nearer offsets"
        )
    return offsets


def allele_windows(
    reference: np.ndarray,
    *,
    origin: int,
    start: int,
    ref_length: int,
    alt: np.ndarray,
    shifts: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows with the REF and with the ALT allele, each (S, 1153) uint8 codes.

    At shift s both windows start at `start` - 576 + s, so at shift 0 the first base of the variant
    is base 576 of 1153. In the ALT window everything left of the variant stays where it is; the
    right side is filled with what follows (deletion) or cut (insertion).

    Parameters
    ----------
    reference
        (n,) codes of a stretch of the genome that holds every window, and for a deletion as many
        bases more on the right as it takes away.
    origin
        0-based genome position of `reference[0]`; may be negative.
    start, ref_length
        0-based genome position of the trimmed REF allele, and its length (0 for an insertion).
    alt
        (m,) codes of the trimmed ALT allele.
    shifts
        S offsets in bases, each within 64 of 0, so that every window starts left of the variant.

    Raises
    ------
    ValueError
        The stretch does not hold every window, or a shift is beyond 64.

    Source
    ------
    MFD section 3.3; science.md "Variant effects".
    """
    offsets = np.asarray(shifts, dtype=np.int64)
    if np.abs(offsets).max() > MAX_SHIFT:
        raise ValueError(f"a shift of {shifts} is beyond {MAX_SHIFT} bases")
    at = start - origin
    changed = np.concatenate([reference[:at], alt, reference[at + ref_length :]])
    first = at - CENTRE + offsets  # (S,)
    if first.min() < 0 or first.max() + WINDOW_BASES > min(len(reference), len(changed)):
        raise ValueError(
            f"a stretch of {len(reference)} bases from {origin} does not hold the windows of "
            f"{start} at shifts {offsets.min()}..{offsets.max()}"
        )
    index = first[:, None] + np.arange(WINDOW_BASES)  # (S, 1153)
    return reference[index], changed[index]
