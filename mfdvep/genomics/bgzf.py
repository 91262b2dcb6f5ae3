"""bgzip (BGZF) as bytes: telling it from gzip, and seeing that it is whole."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO

END_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that every whole bgzip file ends with (SAM specification, section 4.1.2)."""


class Compression(Enum):
    """How a file is compressed, by its first bytes and not by its name."""

    NONE = 0
    GZIP = 1
    BGZF = 2


def compression(head: bytes) -> Compression:
    """Return how a file is compressed whose first bytes, 18 or more, are these.

    Source: SAM specification, section 4.1: a gzip member whose extra field starts with "BC".
    """
    if not head.startswith(b"\x1f\x8b"):
        return Compression.NONE
    is_bgzf = len(head) >= 18 and head[3] & 4 and head[12:14] == b"BC"
    return Compression.BGZF if is_bgzf else Compression.GZIP


def has_end(file: BinaryIO) -> bool:
    """Return whether an open bgzip file ends with the end-of-file block; leave it at its start.

    Source: SAM specification, section 4.1.2: a file without the block is truncated.
    """
    file.seek(max(0, os.fstat(file.fileno()).st_size - len(END_BLOCK)))
    whole = file.read() == END_BLOCK
    file.seek(0)
    return whole


def inflated(file: BinaryIO, start: int, end: int | None) -> Iterator[bytes]:
    """Yield what lies between two virtual offsets of an open bgzip file, a block at a time.

    Parameters
    ----------
    start, end
        2^16 times where a block begins in the file, and bytes of it when inflated; None: the end
        of the file.

    Raises
    ------
    ValueError, zlib.error
        There is no whole block where one should be; its checksum does not fit.

    Source: SAM specification, section 4.1.
    """
    last, n_last = (None, 0) if end is None else (end >> 16, end & 0xFFFF)
    at, skipped = start >> 16, start & 0xFFFF
    file.seek(at)
    while last is None or at < last or (at == last and n_last):
        head = file.read(18)
        if not head and last is None:
            return
        if compression(head) is not Compression.BGZF:
            raise ValueError(f"no bgzip block at byte {at}")
        rest = int.from_bytes(head[16:18], "little") + 1 - len(head)
        data = zlib.decompress(head + file.read(rest), wbits=31)
        yield data[skipped : n_last if at == last else None]
        at, skipped = at + len(head) + rest, 0
