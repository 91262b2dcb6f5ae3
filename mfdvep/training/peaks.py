"""Peaks of an experiment: BED, narrowPeak or broadPeak -> intervals -> positive bins."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.bgzf import END_BLOCK, Compression, compression

MAX_DIGITS = 10
"""Longest coordinate read, in digits; it always fits int64 and no contig comes near it."""

_TAB, _NEWLINE, _SPACE, _HASH, _ZERO = b"\t\n #0"
_DIRECTIVES = (b"track", b"browser")
# A tab parts two columns, so that an empty one stays one; spaces part them however many there are.
_SEPARATOR = re.compile(rb"\t| +")


@dataclass(frozen=True)
class Intervals:
    """Intervals of one file on the contigs of a genome, in the file's order.

    Attributes
    ----------
    contig
        (n,) int32, rank of the contig in the mapping that was given to `read_intervals`.
    start, end
        (n,) int64, 0-based, half-open, 0 <= start < end <= length of the contig.
    row
        (n,) int64, which interval of the file each is, from 0.
    absent
        Contig name as in the file -> number of its intervals, for contigs not in the genome.
    """

    contig: np.ndarray
    start: np.ndarray
    end: np.ndarray
    row: np.ndarray
    absent: dict[str, int]

    def __len__(self) -> int:
        return len(self.start)


def read_intervals(
    path: str | Path, contigs: Mapping[str, int], *, resolve: Callable[[str], str | None]
) -> Intervals:
    """Return the intervals in a BED, narrowPeak or broadPeak file; only columns 1 to 3 are read.

    Blank lines and lines that begin with `#`, `track` or `browser` are skipped. Columns may be
    parted by tabs or spaces.

    Parameters
    ----------
    path
        Plain, gzip or bgzip (told apart by content, not by name).
    contigs
        Contig name -> length in bases; its order gives the ranks in the result.
    resolve
        Name in the file -> key of `contigs`, or None for a contig that the genome lacks.

    Raises
    ------
    InputError
        File missing, unreadable or truncated. With its line: fewer than 3 columns, start or end
        not an integer, negative, or of more than 10 digits, end <= start, end beyond the contig.
    """
    data = _read(Path(path)).replace(b"\r\n", b"\n")
    parsed = _parse_regular(data)
    if parsed is None:
        parsed = _parse_any(data, path)
    names, name_index, start, end, line = parsed

    rank = {name: i for i, name in enumerate(contigs)}
    resolved = [resolve(name) for name in names]
    contig_of = np.array([-1 if r is None else rank[r] for r in resolved], dtype=np.int32)
    length_of = np.array([0 if r is None else contigs[r] for r in resolved], dtype=np.int64)

    contig = contig_of[name_index]  # (n,)
    known = contig >= 0
    empty = end <= start
    wrong = empty | (known & (end > length_of[name_index]))
    if wrong.any():
        i = int(wrong.argmax())
        where = f"{path}:{line[i]}: {names[name_index[i]]}:{start[i]}-{end[i]}"
        if empty[i]:
            raise InputError(f"{where}: end <= start; expected 0-based, half-open intervals")
        raise InputError(
            f"{where}: beyond the end of {resolved[name_index[i]]}, which has "
            f"{length_of[name_index[i]]} bases; are peaks and FASTA of the same assembly?"
        )
    counts = np.bincount(name_index[~known], minlength=len(names))
    absent = {name: int(n) for name, n in zip(names, counts, strict=True) if n}
    return Intervals(contig[known], start[known], end[known], np.flatnonzero(known), absent)


def merge(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the union of intervals of one contig, sorted: overlapping and book-ended ones joined.

    Parameters
    ----------
    start, end
        (n,) int64, 0-based, half-open, in any order.

    Returns
    -------
    start, end
        (m,) int64, m <= n; between two results lies at least one base.
    """
    order = np.argsort(start, kind="stable")
    start, end = start[order], np.maximum.accumulate(end[order])
    opens = np.ones(len(start), dtype=bool)
    opens[1:] = start[1:] > end[:-1]
    closes = np.roll(opens, -1)
    return start[opens], end[closes]


def bins_of(
    start: np.ndarray, end: np.ndarray, *, bin_size: int = 128, min_overlap: int = 64
) -> np.ndarray:
    """Return the bins of which the intervals together cover at least `min_overlap` bases.

    Parameters
    ----------
    start, end
        (n,) int64, 0-based, half-open, merged (see `merge`), on one contig.
    bin_size
        Bases a bin; bin i is [i * bin_size, (i + 1) * bin_size).
    min_overlap
        Bases, 1 to bin_size.

    Returns
    -------
    (m,) int64, sorted, without repeats.

    Source: science.md "Training data"; at least 64 of 128 bases in the paper.
    """
    first, last = start // bin_size, (end - 1) // bin_size
    # The bins in which an interval begins or ends are covered in part, perhaps by several
    # intervals; those between are covered whole, by one.
    head = np.minimum(end, (first + 1) * bin_size) - start
    tail = end - last * bin_size
    two = last > first
    edge = np.concatenate([first, last[two]])
    covered = np.concatenate([head, tail[two]])
    order = np.argsort(edge, kind="stable")
    edge, covered = edge[order], covered[order]
    unique = np.flatnonzero(np.diff(edge, prepend=-1))
    total = np.add.reduceat(covered, unique) if len(unique) else covered
    edges = edge[unique][total >= min_overlap]
    inner = expand(first + 1, np.maximum(last, first + 1))
    return np.sort(np.concatenate([edges, inner]))


def expand(first: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return the integers of ranges [first, stop), range after range: (sum of lengths,) int64."""
    length = (stop - first).astype(np.int64)
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(length.sum())


def runs_of(bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sorted, unique integers as maximal ranges [first, stop): the inverse of `expand`."""
    breaks = np.flatnonzero(np.diff(bins) != 1)
    first = bins[np.concatenate([[0], breaks + 1])] if len(bins) else bins
    last = bins[np.concatenate([breaks, [len(bins) - 1]])] if len(bins) else bins
    return first, last + 1


def _read(path: Path) -> bytes:
    """Return the text of a plain, gzip or bgzip file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the intervals: {error.strerror}") from error
    form = compression(data[:18])
    if form is Compression.NONE:
        return data
    if form is Compression.BGZF and not data.endswith(END_BLOCK):
        raise InputError(f"{path}: truncated: the bgzip end block is missing; fetch it again")
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged or truncated gzip ({error}); fetch it again") from error


_Parsed = tuple[list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Contig names, and per interval: index of its name, start, end, line number from 1."""


def _parse_regular(data: bytes) -> _Parsed | None:
    """Return the intervals of a file without a surprise; None where `_parse_any` must look.

    Whole columns at once: 100,000 lines of narrowPeak take 15 ms if sorted and 24 ms if not,
    line by line 200 ms; the paper has 2,106 such files.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    text = np.frombuffer(data, dtype=np.uint8)  # (bytes,)
    mark = np.flatnonzero((text == _TAB) | (text == _NEWLINE) | (text == _SPACE))
    last = np.flatnonzero(text[mark] == _NEWLINE)  # (lines,) of each line, its newline in mark
    first = np.concatenate([[0], last[:-1] + 1])  # (lines,) of each line, its first mark
    begin = np.concatenate([[0], mark[last[:-1]] + 1])  # (lines,) first byte

    keep = (text[begin] != _HASH) & (text[begin] != _NEWLINE)
    for i in np.flatnonzero(keep & ((text[begin] == ord("t")) | (text[begin] == ord("b")))):
        keep[i] = data[begin[i] : mark[first[i]]] not in _DIRECTIVES
    line = np.flatnonzero(keep)
    begin, first, last = begin[line], first[line], last[line]
    if (last - first < 2).any():
        return None
    name_end, start_end, end_end = mark[first], mark[first + 1], mark[first + 2]
    if (name_end == begin).any():
        return None
    start, end = _integers(text, name_end + 1, start_end), _integers(text, start_end + 1, end_end)
    if start is None or end is None:
        return None
    names, name_index = _names(data, text, begin, name_end)
    return names, name_index, start, end, line + 1


def _integers(text: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray | None:
    """Return the numbers spelled by text[begin:end], or None when one is not 1-10 digits."""
    width = end - begin
    if len(width) == 0:
        return np.zeros(0, dtype=np.int64)
    if width.min() < 1 or width.max() > MAX_DIGITS:
        return None
    value = np.zeros(len(begin), dtype=np.int64)
    for place in range(int(width.max())):
        inside = place < width
        digit = text[np.minimum(begin + place, end - 1)] - np.uint8(_ZERO)  # wraps below '0'
        if (digit[inside] > 9).any():
            return None
        value = np.where(inside, value * 10 + digit, value)
    return value


def _names(
    data: bytes, text: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Return the different names spelled by text[begin:end], and the index of each line's."""
    width = end - begin
    same = np.zeros(len(begin), dtype=bool)  # as the line before
    same[1:] = width[1:] == width[:-1]
    for place in range(int(width.max(initial=0))):
        at = text[np.minimum(begin + place, end - 1)]
        same[1:] &= at[1:] == at[:-1]
    heads = np.flatnonzero(~same)
    index: dict[bytes, int] = {}
    of_head = [
        index.setdefault(data[b:e], len(index))
        for b, e in zip(begin[heads].tolist(), end[heads].tolist(), strict=True)
    ]
    lines = np.diff(heads, append=len(begin))
    names = [name.decode("utf-8", "replace") for name in index]
    return names, np.repeat(np.array(of_head, dtype=np.int64), lines)


def _parse_any(data: bytes, path: str | Path) -> _Parsed:
    """Return the intervals of any file, line by line, or raise with the number of the bad line."""
    index: dict[str, int] = {}
    rows: list[tuple[int, int, int, int]] = []
    for number, text in enumerate(data.split(b"\n"), start=1):
        if not text.strip() or text.startswith(b"#"):
            continue
        fields = _SEPARATOR.split(text.lstrip(b" ").rstrip(b" \r"), maxsplit=3)
        if fields[0] in _DIRECTIVES:
            continue
        where = f"{path}:{number}"
        if len(fields) < 3:
            raise InputError(
                f"{where}: {len(fields)} columns; expected at least 3: contig, start, end"
            )
        if not fields[0]:
            raise InputError(f"{where}: the contig is empty; expected its name in column 1")
        for name, value in zip(("start", "end"), fields[1:3], strict=True):
            shown = value.decode("utf-8", "replace")
            if value[:1] == b"-" and value[1:].isdigit():
                raise InputError(f"{where}: {name} {shown} is negative; expected 0-based intervals")
            if not value.isdigit() or len(value) > MAX_DIGITS:
                raise InputError(
                    f"{where}: {name} {shown!r} is not an integer of at most {MAX_DIGITS} digits"
                )
        contig = index.setdefault(fields[0].decode("utf-8", "replace"), len(index))
        rows.append((contig, int(fields[1]), int(fields[2]), number))
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return list(index), table[:, 0], table[:, 1], table[:, 2], table[:, 3]
