"""Reads the index of a bgzip VCF or BCF: .tbi or .csi.

Source: the tabix (.tbi) and CSIv1 (.csi) specifications of hts-specs, and the SAM specification,
section 4.1.1, for virtual offsets: 2^16 times where a bgzip block begins in the file, and how many
bytes of the inflated block come before.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mfdvep.errors import InputError

Bins = dict[tuple[int, int], list[tuple[int, int]]]

ENDINGS = (".tbi", ".csi")
_TBI_SHIFT, _TBI_DEPTH = 14, 5
DAMAGE = (OSError, EOFError, zlib.error, struct.error, ValueError, OverflowError)
"""What is raised for a file that is damaged, or no index."""


@dataclass(frozen=True)
class Index:
    """What an index says of where records are.

    Attributes
    ----------
    contigs
        Names, in the order of the file; none in the index of a BCF.
    chunks
        For each contig, a bin's stretch (start, end), 0-based and half-open, -> its spans.
    offsets
        Where records begin, in order: the first of every chunk, and of intervals of 16,384 bases.
    n_records
        How many it counts; None if it does not.
    """

    contigs: tuple[str, ...]
    chunks: tuple[Bins, ...]
    offsets: tuple[int, ...]
    n_records: int | None

    @classmethod
    def read(cls, path: Path) -> Index:
        """Return what a .tbi or .csi says.

        Raises
        ------
        InputError
            It is damaged, or no such index.
        """
        try:
            with gzip.open(path, "rb") as file:
                return _Parser(file.read()).index()
        except DAMAGE as error:
            raise InputError(
                f"{path}: not an index that can be read ({error}); make it again: bcftools index "
                f"-f {path.with_suffix('')}"
            ) from error


def index_of(path: str | Path) -> Path | None:
    """Return the index beside a file, .tbi or .csi, if it is not older than the file."""
    changed = Path(path).stat().st_mtime
    for ending in ENDINGS:
        index = Path(f"{path}{ending}")
        if index.is_file() and index.stat().st_mtime >= changed:
            return index
    return None


class _Parser:
    """Reads an index's numbers one after the other; raises struct.error beyond its end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def index(self) -> Index:
        magic = self._bytes(4)
        if magic == b"TBI\1":
            n_contigs, *_, n_names = self._numbers("<8i")
            names = self._names(n_names)
            shift, depth, is_csi = _TBI_SHIFT, _TBI_DEPTH, False
        elif magic == b"CSI\1":
            shift, depth, n_more = self._numbers("<3i")
            more = _Parser(self._bytes(n_more))
            names = ()
            if n_more >= 28:  # as tabix has it: of a VCF, not of a BCF
                *_, n_names = more._numbers("<7i")
                names = more._names(n_names)
            (n_contigs,) = self._numbers("<i")
            is_csi = True
        else:
            raise ValueError(f"it begins with {magic!r}")
        if not (0 <= shift < 64 and 0 <= depth < 16):
            raise ValueError(f"bins of 2^{shift} bases and {depth} levels")
        chunks, starts, n_records, counted = [], set[int](), 0, False
        for _ in range(n_contigs):
            bins, first, n = self._contig(shift, depth, is_csi)
            chunks.append(bins)
            starts.update(first, (at for spans in bins.values() for at, _ in spans))
            n_records, counted = n_records + (n or 0), counted or n is not None
        # an interval without records has 0 or all bits
        offsets = sorted(starts - {0, (1 << 64) - 1})
        return Index(names, tuple(chunks), tuple(offsets), n_records if counted else None)

    def _contig(
        self, shift: int, depth: int, is_csi: bool
    ) -> tuple[Bins, Sequence[int], int | None]:
        """Return bins, offsets of intervals and number of records, if it is said, of a contig."""
        bins: Bins = {}
        n_records = None
        # a bin beyond the last holds what htslib counts: its second span is mapped and unmapped
        about = ((1 << 3 * (depth + 1)) - 1) // 7 + 1
        (n_bins,) = self._numbers("<i")
        for _ in range(n_bins):
            (number,) = self._numbers("<I")
            if is_csi:
                self._bytes(8)  # the least offset, which the spans tell too
            (n_spans,) = self._numbers("<i")
            flat = self._numbers(f"<{2 * n_spans}Q")
            spans = list(zip(flat[::2], flat[1::2], strict=True))
            if number == about:
                n_records = sum(spans[1]) if n_spans > 1 else None
            else:
                bins[_stretch(number, shift, depth)] = spans
        n_intervals = 0 if is_csi else self._numbers("<i")[0]
        return bins, self._numbers(f"<{n_intervals}Q"), n_records

    def _names(self, n: int) -> tuple[str, ...]:
        text = self._bytes(n).decode("utf-8", "surrogateescape")
        return tuple(text.split("\0")[:-1])

    def _numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _bytes(self, n: int) -> bytes:
        if n < 0 or self._at + n > len(self._data):
            raise ValueError("it ends too soon")
        self._at += n
        return self._data[self._at - n : self._at]


def _stretch(number: int, shift: int, depth: int) -> tuple[int, int]:
    """Return the stretch of a bin, 0-based and half-open."""
    level, first = 0, 0
    while number >= first + (1 << 3 * level):
        first += 1 << 3 * level
        level += 1
    if level > depth:
        raise ValueError(f"a bin {number} beyond the last")
    width = 1 << shift + 3 * (depth - level)
    return (number - first) * width, (number - first + 1) * width
