"""The signal of a mark in the bins of genes: of peaks with a signal (BED), or of a bigWig."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.expression.bins import BIN, N_BINS
from mfdvep.expression.places import Places, fill, one_spelling
from mfdvep.genomics.regions import BedLine, bed_lines

_BIGWIG = (0x888FFC26).to_bytes(4, "little"), (0x888FFC26).to_bytes(4, "big")
_SIGNAL_COLUMN = {4: 4, 9: 7, 10: 7}
"""Columns of a BED -> that of the signal: bedGraph, broadPeak, narrowPeak."""
_SPAN = N_BINS * BIN


@dataclass(frozen=True)
class MarkSignal:
    """What a file says of n genes.

    Attributes
    ----------
    bins
        float32 (n, 100), in the gene's direction; 0 where the file has no data.
    lengths
        Contig, by `one_spelling` -> its bases; None where the file (BED) does not tell. A contig
        that is not here is one of which the file says nothing.
    """

    bins: np.ndarray
    lengths: dict[str, int | None]


def read_mark(path: str | Path, places: Places, *, column: int | None = None) -> MarkSignal:
    """Return the signal of a file in the bins of genes.

    Parameters
    ----------
    path
        BED, plain, gzip or bgzip, or a bigWig; told by content.
    column
        That of the signal in a BED, from 1; None: 4 of 4 columns (bedGraph), 7 of 9 or 10
        (broadPeak, narrowPeak).

    Raises
    ------
    InputError
        Missing or damaged; a BED whose signal column is not known or is not in a line; a signal
        that is no number or negative (line or contig named); a bigWig without pyBigWig.
    """
    try:
        with open(path, "rb") as handle:
            is_bigwig = handle.read(4) in _BIGWIG
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a file that can be read") from error
    return _of_bigwig(path, places) if is_bigwig else _of_bed(path, places, column)


def _of_bed(path: str | Path, places: Places, column: int | None) -> MarkSignal:
    """Return the signal of peaks; where they overlap, their signals add."""
    found: dict[str, tuple[array, array]] = {}  # 24 bytes a line
    contigs: dict[str, str] = {}
    for line in bed_lines(path):
        if column is None:
            column = _column_of(line, path)
        contig = contigs.get(line.chrom)
        if contig is None:
            contig = contigs[line.chrom] = one_spelling(line.chrom)
            found.setdefault(contig, (array("q"), array("d")))
        intervals, values = found[contig]
        intervals.append(line.start)
        intervals.append(line.end)
        values.append(_value(line, column, path))
    bins = np.zeros((places.n, N_BINS))
    for contig, rows in places.rows.items():
        if contig in found:
            intervals, values = found[contig]
            ends = np.frombuffer(intervals, dtype=np.int64).reshape(-1, 2)
            bins[rows] = fill(places.starts[contig], ends, np.frombuffer(values))
    return MarkSignal(places.directed(bins), dict.fromkeys(found))


def _column_of(line: BedLine, path: str | Path) -> int:
    n = 3 + len(line.rest)
    if n not in _SIGNAL_COLUMN:
        raise InputError(
            f"{path}:{line.number}: {n} columns; the signal is known to be in column 4 of 4 "
            "(bedGraph) and 7 of 9 or 10 (broadPeak, narrowPeak): name it with --signal-column"
        )
    return _SIGNAL_COLUMN[n]


def _value(line: BedLine, column: int, path: str | Path) -> float:
    where = f"{path}:{line.number}"
    if column > 3 + len(line.rest):
        raise InputError(f"{where}: {3 + len(line.rest)} columns; the signal is in {column}")
    text = line.rest[column - 4]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(
            f"{where}: signal {text[:30]!r} in column {column}; expected a number from 0, such as "
            "a fold over control; name its column with --signal-column"
        )
    return value


def _of_bigwig(path: str | Path, places: Places) -> MarkSignal:
    """Return the mean over the bases of each bin; bases without data count as 0.

    Source: UCSC, "bigWig Track Format".
    """
    try:
        import pyBigWig
    except ImportError as error:
        raise InputError(
            f"{path}: bigWig needs pyBigWig; install it: pip install 'mfdvep[bigwig]'"
        ) from error
    bins = np.zeros((places.n, N_BINS))
    try:
        with pyBigWig.open(str(path)) as file:
            names = {one_spelling(name): name for name in file.chroms()}
            lengths = {name: int(file.chroms(named)) for name, named in names.items()}
            for chrom, rows in places.rows.items():
                if chrom not in names:
                    continue
                for row, start in zip(rows, places.starts[chrom].tolist(), strict=True):
                    left, right = max(start, 0), min(start + _SPAN, lengths[chrom])
                    if left >= right:
                        continue
                    bases = np.zeros(_SPAN)
                    found = file.values(names[chrom], left, right, numpy=True)
                    bases[left - start : right - start] = np.where(np.isnan(found), 0, found)
                    if not 0 <= bases.min() <= bases.max() < math.inf:
                        worst = bases.min() if bases.min() < 0 else bases.max()
                        raise InputError(
                            f"{path}: a signal of {worst:.4g} on {names[chrom]}; expected numbers "
                            "from 0, such as a fold over control, not its logarithm"
                        )
                    bins[row] = bases.reshape(N_BINS, BIN).mean(axis=1)
    except RuntimeError as error:
        raise InputError(f"{path}: damaged bigWig: {error}; get the file again") from error
    return MarkSignal(places.directed(bins), dict(lengths))
