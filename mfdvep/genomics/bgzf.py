"""bgzip (BGZF) as bytes: telling it from gzip, and seeing that it is whole."""

from __future__ import annotations

import os
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
