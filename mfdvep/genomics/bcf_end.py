"""END in the bytes of a BCF record, where pysam changes it. Pure Python."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_SIZES = {0: 0, 1: 1, 2: 2, 3: 4, 5: 4, 7: 1}  # bytes of a value, by type
_INTEGERS = ((1, "b", -120, 127), (2, "h", -32760, 32767), (3, "i", -(2**31) + 8, 2**31 - 1))
_COUNTS, _ID = 16, 24  # where a record has its numbers of INFO keys and alleles, and its ID


def with_end(shared: bytes, info: str, *, end: int) -> bytes:
    """Return the shared bytes of a BCF record with the END that an INFO column has, or none.

    Parameters
    ----------
    shared
        What follows the two lengths of the record, up to its genotypes.
    info
        INFO as text, with the keys that the bytes have but for END.
    end
        Number of the key END in the header's dictionary.

    Raises
    ------
    ValueError
        END in `info` is no integer of 32 bits.

    Source: VCF 4.3, section 6.3.
    """
    n_info, n_alleles = struct.unpack_from("<HH", shared, _COUNTS)
    at = _ID
    for _ in range(1 + n_alleles + 1):  # ID, alleles, FILTER
        at = _after(shared, at)
    start, entries = at, []
    for _ in range(n_info):
        after = _after(shared, _after(shared, at))
        if _integers(shared, at)[0] != end:
            entries.append(shared[at:after])
        at = after
    for number, entry in enumerate(filter(None, info.split(";"))):
        key, _, value = entry.partition("=")
        if key == "END":
            encoded = _encoded([None if x == "." else int(x) for x in value.split(",")])
            entries.insert(number, _encoded([end]) + encoded)
            break
    counts = struct.pack("<H", len(entries))
    return b"".join([shared[:_COUNTS], counts, shared[_COUNTS + 2 : start], *entries])


def _header_of(data: bytes, at: int) -> tuple[int, int, int]:
    """Return type and number of the typed values at an offset, and where they start."""
    kind, n = data[at] & 15, data[at] >> 4
    if n < 15:
        return kind, n, at + 1
    return kind, _integers(data, at + 1)[0], _after(data, at + 1)


def _after(data: bytes, at: int) -> int:
    """Return the offset behind the typed values at an offset."""
    kind, n, start = _header_of(data, at)
    return start + n * _SIZES[kind]


def _integers(data: bytes, at: int) -> tuple[int, ...]:
    kind, n, start = _header_of(data, at)
    letter = {kind: letter for kind, letter, *_ in _INTEGERS}[kind]
    return struct.unpack_from(f"<{n}{letter}", data, start)


def _encoded(values: Sequence[int | None]) -> bytes:
    """Return integers as typed values of the least width that holds them; None is missing."""
    known = [x for x in values if x is not None] or [0]
    fitting = [(k, x) for k, x, lo, hi in _INTEGERS if lo <= min(known) and max(known) <= hi]
    if not fitting or len(values) > 14:
        raise ValueError(f"END {values}: expected an integer of 32 bits")
    kind, letter = fitting[0]
    missing = -(2 ** (8 * _SIZES[kind] - 1))
    numbers = [missing if x is None else x for x in values]
    return struct.pack(f"<B{len(numbers)}{letter}", len(numbers) << 4 | kind, *numbers)
