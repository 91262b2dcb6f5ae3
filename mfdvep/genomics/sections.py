"""Cuts an indexed VCF or BCF into sections of about equally many records, by its index alone.

A section is stretches of the file itself, not of the genome: from the first byte of a record to
that of another. So sections in order hold every record once, in the order of the file, whatever
the records span; and each can be read without the others.

Source: the tabix (.tbi) and CSIv1 (.csi) specifications of hts-specs, and the SAM specification,
section 4.1.1, for virtual offsets: 2^16 times where a bgzip block begins in the file, and how many
bytes of the inflated block come before.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.genomics.bgzf import inflated
from mfdvep.genomics.regions import Regions

Bins = dict[tuple[int, int], list[tuple[int, int]]]
Span = tuple[int, int | None]
"""Virtual offsets of where records begin and end; from 0 it begins with the header, None: the end
of the file."""

_BLOCK = 1 << 16  # bytes of a bgzip block at most, inflated or not
_TBI_SHIFT, _TBI_DEPTH = 14, 5
_DAMAGE = (OSError, EOFError, zlib.error, struct.error, ValueError, OverflowError)


@dataclass(frozen=True)
class Section:
    """A part of a file: spans that come in order and do not overlap."""

    spans: tuple[Span, ...]


WHOLE = Section(((0, None),))


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
        except _DAMAGE as error:
            raise InputError(
                f"{path}: not an index that can be read ({error}); make it again: bcftools index "
                f"-f {path.with_suffix('')}"
            ) from error


def index_of(path: str | Path) -> Path | None:
    """Return the index beside a file, .tbi or .csi, if it is not older than the file."""
    changed = Path(path).stat().st_mtime
    for ending in (".tbi", ".csi"):
        index = Path(f"{path}{ending}")
        if index.is_file() and index.stat().st_mtime >= changed:
            return index
    return None


def cut(
    path: str | Path,
    index: Path,
    *,
    n_records: int | None = None,
    regions: Regions | None = None,
    contigs: Sequence[str] = (),
) -> list[Section]:
    """Return the sections of a bgzip VCF or BCF, always the same of the same file and index.

    Parameters
    ----------
    n_records
        About how many each is to hold; None makes one section, as an index does that does not
        count records. The records of a stretch that one bin of the index covers, 16,384 bases
        where there are many, stay together.
    regions
        Only what may hold records that overlap them, and no section if nothing does.
    contigs
        Of the header, in order, which the index of a BCF does not name.

    Raises
    ------
    InputError
        The index is damaged, or of another file.
    """
    read = Index.read(index)
    size = Path(path).stat().st_size
    names = read.contigs or contigs
    offsets = read.offsets
    try:
        if len(names) < len(read.chunks):
            raise ValueError("contigs are missing")
        n_last = _inflated_size(path, offsets[-1] >> 16) if offsets else _BLOCK
    except _DAMAGE as error:
        raise InputError(
            f"{path}: {index} is of another file ({error}), or the file is damaged; make it "
            f"again: bcftools index -f {path}"
        ) from error
    spans: list[Span] = [(0, None)]
    if regions is not None:
        spans = list(_spans_of(read, names, regions))
    scale = _Scale(offsets, size, n_last)
    n = 1
    if n_records is not None and read.n_records is not None:
        length = sum(map(scale.length, spans))
        n = max(1, round(read.n_records * length / scale.length(WHOLE.spans[0]) / n_records))
    return [Section(tuple(part)) for part in _shared_out(spans, offsets, scale, n)]


class _Scale:
    """How far apart offsets are in the file, in bytes; within a block by what is before them.

    Parameters
    ----------
    offsets
        Virtual, sorted.
    size
        Of the file.
    n_last
        Bytes of the last block that an offset names, inflated; the others are taken as full.
    """

    def __init__(self, offsets: Sequence[int], size: int, n_last: int) -> None:
        self._first = offsets[0] if offsets else 0  # what is before is the header
        self._blocks = sorted({at >> 16 for at in offsets} | {size})
        self._end, self._last, self._n_last = float(size), self._blocks[:-1][-1:], n_last

    def at(self, offset: int | None) -> float:
        """Return where an offset is."""
        if offset is None:
            return self._end
        offset = max(offset, self._first)
        block, inside = offset >> 16, offset & 0xFFFF
        after = self._blocks[min(bisect_right(self._blocks, block), len(self._blocks) - 1)]
        n = self._n_last if [block] == self._last else _BLOCK
        return block + inside / n * min(max(after - block, 0), _BLOCK)

    def length(self, span: Span) -> float:
        """Return the bytes of a span, at least one."""
        return max(1.0, self.at(span[1]) - self.at(span[0]))


def _inflated_size(path: str | Path, block: int) -> int:
    """Return how many bytes a block of a bgzip file holds; raises as `inflated` does."""
    with open(path, "rb") as file:
        size = len(next(inflated(file, block << 16, None), b""))
    if not size:
        raise ValueError(f"no record at byte {block}")
    return size


def _spans_of(index: Index, names: Sequence[str], regions: Regions) -> Iterator[Span]:
    """Yield the spans of the bins that regions overlap, merged, in order."""
    found = [
        span
        for name, bins in zip(names, index.chunks, strict=False)
        for (start, end), spans in bins.items()
        if regions.overlaps(name, start, end)
        for span in spans
    ]
    begin = end = -1
    for start, stop in sorted(found):
        if start > end:
            if end >= 0:
                yield begin, end
            begin, end = start, stop
        else:
            end = max(end, stop)
    if end >= 0:
        yield begin, end


def _shared_out(
    spans: Sequence[Span], offsets: Sequence[int], scale: _Scale, n: int
) -> Iterator[list[Span]]:
    """Yield the spans of up to n parts that are about as long as each other."""
    share = sum(map(scale.length, spans)) / n
    part: list[Span] = []
    before, number = 0.0, 1  # bytes of the spans before; parts begun
    for start, end in spans:
        origin = scale.at(start)
        last = len(offsets) if end is None else bisect_left(offsets, end)
        at = bisect_left(offsets, start + 1)
        if start == 0:
            at += 1  # the first record is where the header ends
        for offset in offsets[at:last]:
            done = before + scale.at(offset) - origin
            if done >= number * share:
                part.append((start, offset))
                yield part
                part, start = [], offset
                number = int(done / share) + 1
        part.append((start, end))
        before += scale.length((start, end)) + scale.at(start) - origin
    if part:
        yield part


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
