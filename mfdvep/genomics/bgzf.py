"""bgzip (BGZF) as bytes: telling it from gzip, seeing that it is whole, reading it by offset."""

from __future__ import annotations

import os
import zlib
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mfdvep.errors import InputError

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


class Inflated:
    """A bgzip file, read by offsets in its text, through its .gzi.

    Source: the .gzi format of htslib's bgzip manual: a count, then pairs of 64-bit compressed and
    uncompressed offsets of every block but the first.
    """

    def __init__(self, file: BinaryIO, path: Path, gzi: Path) -> None:
        self._file, self._path = file, path
        n_bytes = os.fstat(file.fileno()).st_size
        values = np.frombuffer(gzi.read_bytes()[: gzi.stat().st_size // 8 * 8], dtype="<u8")
        pairs = values[1:].reshape(-1, 2).astype(np.int64) if len(values) % 2 else values[:0]
        whole = len(values) % 2 == 1 and values[0] == len(pairs)
        if not whole or (len(pairs) and (pairs[-1, 0] >= n_bytes or (np.diff(pairs.T) < 0).any())):
            raise InputError(
                f"{gzi}: not the bgzip index of {path}; make it again: samtools faidx {path}"
            )
        self._compressed = np.concatenate([[0], pairs[:, 0], [n_bytes]])  # (blocks + 1,)
        self._text = np.concatenate([[0], pairs[:, 1]])  # (blocks,)
        self._at = 0

    def seek(self, offset: int) -> int:
        self._at = offset
        return offset

    def read(self, size: int) -> bytes:
        first = int(np.searchsorted(self._text, self._at, side="right")) - 1
        last = int(np.searchsorted(self._text, self._at + size, side="left"))
        low, high = self._compressed[first], self._compressed[max(last, first + 1)]
        self._file.seek(int(low))
        raw = self._file.read(int(high - low))
        parts = []
        try:
            while raw:
                member = zlib.decompressobj(wbits=31)  # checks the CRC of the block
                parts.append(member.decompress(raw))
                raw = member.unused_data
        except zlib.error as error:
            raise InputError(
                f"{self._path}: damaged bgzip data near byte {low}: {error}; get the file again"
            ) from error
        skip = self._at - int(self._text[first])
        text = b"".join(parts)[skip : skip + size]
        self._at += len(text)
        return text

    def close(self) -> None:
        self._file.close()
