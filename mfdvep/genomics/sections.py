"""Cuts an indexed VCF or BCF into sections of about equally many records, by its index alone.

A section is stretches of the file itself, not of the genome: from the first byte of a record to
that of another. So sections in order hold every record once, in the order of the file, whatever
the records span; and each can be read without the others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.genomics.bgzf import inflated
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.vcf_index import DAMAGE, Index

Span = tuple[int, int | None]
"""Virtual offsets of where records begin and end; from 0 it begins with the header, None: the end
of the file."""

_BLOCK = 1 << 16  # bytes of a bgzip block at most, inflated or not
_SAMPLE = 16  # blocks whose lines are counted, a megabyte


@dataclass(frozen=True)
class Section:
    """A part of a file: spans that come in order and do not overlap."""

    spans: tuple[Span, ...]


WHOLE = Section(((0, None),))


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
        About how many each is to hold; None makes one section, as does the index of a BCF that
        does not count records. Where that of a VCF does not (htsjdk's, of GATK and Picard), the
        lines of its first blocks tell. The records of a stretch that one bin of the index covers,
        16,384 bases where there are many, stay together.
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
    except DAMAGE as error:
        raise InputError(
            f"{path}: {index} is of another file ({error}), or the file is damaged; make it "
            f"again: bcftools index -f {path}"
        ) from error
    spans: list[Span] = [(0, None)]
    if regions is not None:
        spans = list(_spans_of(read, names, regions))
    scale = _Scale(offsets, size, n_last)
    n = 1
    if n_records is not None:
        n_all = read.n_records
        if n_all is None and read.contigs and offsets:
            n_all = _guessed(path, offsets[0], scale)
        if n_all is not None:
            length = sum(map(scale.length, spans))
            n = max(1, round(n_all * length / scale.length(WHOLE.spans[0]) / n_records))
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
    """Return how many bytes a block holds, or the first after it that is not empty; see `inflated`.

    An index names an empty block, which `cat` leaves between files, for what comes after it.
    """
    with open(path, "rb") as file:
        size = len(next(filter(None, inflated(file, block << 16, None)), b""))
    if not size:
        raise ValueError(f"no record at byte {block}")
    return size


def _guessed(path: str | Path, first: int, scale: _Scale) -> int:
    """Return about how many lines come from an offset on, by those of the blocks that begin there.

    Raises
    ------
    InputError
        The file is damaged.
    """
    try:
        with open(path, "rb") as file:
            blocks = islice(inflated(file, first, None), _SAMPLE)
            n_lines = sum(data.count(b"\n") for data in blocks)
            n_bytes = file.tell() - scale.at(first)
    except DAMAGE as error:
        raise InputError(f"{path}: damaged: {error}; get the file again") from error
    return round(n_lines * scale.length((first, None)) / n_bytes)


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
