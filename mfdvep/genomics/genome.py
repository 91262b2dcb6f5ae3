"""The only FASTA reader: bases of a reference genome by coordinate, plain or bgzip."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyfaidx
from fsspec.core import OpenFile

from mfdvep.errors import InputError
from mfdvep.genomics.bgzf import Compression, Inflated, compression, has_end
from mfdvep.genomics.sequences import N_CODE, decode, encode

# Measured, a fetch of 1200 bases: in order 9 us plain and 21 us bgzip; in any order 0.16 ms and
# 0.59 ms, and a block four times as large takes 2 to 3 times that.
_BLOCK = 1 << 16  # bases, about one block of a bgzip file
_BLOCKS_KEPT = 64  # 4 MB
_MITOCHONDRION = ("chrM", "MT", "M", "chrMT")


class Genome:
    """An indexed FASTA, read by coordinate.

    Bases come as codes in upper case, N beyond the ends of a contig. Blocks are kept, so variants
    in order cost few reads. Nothing is ever written beside the file.

    Parameters
    ----------
    fasta
        FASTA with its .fai; or bgzip FASTA with its .fai and .gzi.

    Raises
    ------
    InputError
        A file is missing, is not FASTA, is gzip but not bgzip, is truncated, or its index is
        missing, damaged, or of another file.
    """

    def __init__(self, fasta: str | Path) -> None:
        self.path = Path(fasta)
        view = _view(self.path)
        index = Path(f"{self.path}.fai")
        try:
            _need(index, self.path, "FASTA index", f"samtools faidx {self.path}")
            if (first := view.read(1)) != b">":
                found = "nothing" if not first else repr(first.decode("latin-1"))
                raise InputError(
                    f"{self.path}: not a FASTA: expected '>' first, found {found}; give a FASTA"
                )
            self._faidx = _open_faidx(view, index)
        except InputError:
            view.close()
            raise
        self.contigs: dict[str, int] = {
            name: entry.rlen for name, entry in self._faidx.index.items()
        }
        self._view = view
        self._blocks: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()
        self._checked: set[str] = set()
        try:
            if not self.contigs:
                raise InputError(
                    f"{index}: lists no contig; make it again: samtools faidx {self.path}"
                )
            # the ends of the file: an index of another assembly nearly always fails here
            for name in (next(iter(self.contigs)), next(reversed(self.contigs))):
                self._check(name)
        except InputError:
            self.close()
            raise

    @property
    def fingerprint(self) -> str:
        """What identifies the assembly: sha256 of its "name<TAB>length" lines, in file order.

        It costs no read of the bases, is the same for a plain and a bgzip file, and tells
        assemblies apart; it does not see a changed base.
        """
        lines = "".join(f"{name}\t{length}\n" for name, length in self.contigs.items())
        return hashlib.sha256(lines.encode()).hexdigest()

    def resolve(self, chrom: str) -> str | None:
        """Return this genome's name of a contig, or None.

        The exact name; else chr1 for 1 or 1 for chr1; else any of chrM, MT, M, chrMT for another.
        """
        other = chrom[3:] if chrom.startswith("chr") else f"chr{chrom}"
        names = [chrom, other, *(_MITOCHONDRION if chrom in _MITOCHONDRION else ())]
        return next((name for name in names if name in self.contigs), None)

    def fetch(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Return the base codes (end - start,) uint8 of a stretch; a new array.

        Parameters
        ----------
        chrom
            Contig, by this genome's name (see `resolve`).
        start, end
            0-based, half-open; may pass the ends of the contig, where every base is N (4).

        Raises
        ------
        InputError
            The contig is unknown, `end` is before `start`, or the file cannot be read there.
        """
        if chrom not in self.contigs:
            raise InputError(f"{self.path}: no contig {chrom!r}; its names are in {self.path}.fai")
        if end < start:
            raise InputError(f"{chrom}:{start}-{end}: the end is before the start")
        codes = np.full(end - start, N_CODE, dtype=np.uint8)
        low, high = max(start, 0), min(end, self.contigs[chrom])
        if high - low > _BLOCK:  # as large as what is kept: read at once
            codes[low - start : high - start] = self._read(chrom, low, high)
            return codes
        while low < high:
            number, offset = divmod(low, _BLOCK)
            part = self._block(chrom, number)[offset : offset + high - low]
            codes[low - start : low - start + len(part)] = part
            low += len(part)
        return codes

    def base(self, chrom: str, at: int) -> str:
        """Return the upper-case letter at a 0-based position; N beyond the ends.

        Raises
        ------
        InputError
            As for `fetch`.
        """
        return decode(self.fetch(chrom, at, at + 1))

    def close(self) -> None:
        """Close the file."""
        self._faidx.close()

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _block(self, chrom: str, number: int) -> np.ndarray:
        """Return base codes of the block with this number, which the contig's end may cut."""
        key = (chrom, number)
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        start = number * _BLOCK
        block = self._read(chrom, start, min(start + _BLOCK, self.contigs[chrom]))
        self._blocks[key] = block
        if len(self._blocks) > _BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return block

    def _read(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Return base codes of a stretch inside the contig, from the file."""
        self._check(chrom)
        try:
            text = self._faidx.fetch(chrom, start + 1, end)  # 1-based, closed
        except UnicodeDecodeError as error:
            raise self._stale(f"{chrom}:{start}-{end} is not text") from error
        if len(text) != end - start:
            raise self._stale(f"{chrom}:{start}-{end} has {len(text)} bases")
        return encode(text)

    def _check(self, chrom: str) -> None:
        """Refuse an index whose entry of a contig does not fit the lines of the file."""
        if chrom in self._checked:
            return
        entry = self._faidx.index[chrom]
        # what stands before the first base: the end of ">chrom description"
        n_before = min(entry.offset, len(chrom.encode()) + 4096)
        self._view.seek(entry.offset - n_before)
        before = self._view.read(n_before)
        name = before.rpartition(b">")[2].split(maxsplit=1)[:1]
        if not before.endswith(b"\n") or (b">" in before and name != [chrom.encode()]):
            raise self._stale(f"the sequence of {chrom} does not start where the index says")
        if entry.rlen:
            row, column = divmod(entry.rlen - 1, entry.lenc)
            self._view.seek(entry.offset + row * entry.lenb + column)
            after = self._view.read(4)  # the last base, end of line, and the next contig or nothing
            if after[:1].strip() in (b"", b">"):
                raise self._stale(f"{chrom} is shorter than the {entry.rlen} bases of the index")
            if after[1:].lstrip(b"\r\n")[:1] not in (b">", b""):
                raise self._stale(f"{chrom} is longer than the {entry.rlen} bases of the index")
        self._checked.add(chrom)

    def _stale(self, what: str) -> InputError:
        return InputError(
            f"{self.path}: {what}: the index is of another file, or the file is truncated; "
            f"check the file, then make the index again: samtools faidx {self.path}"
        )


def _need(file: Path, fasta: Path, what: str, command: str) -> None:
    if not file.is_file():
        raise InputError(f"{fasta}: {what} {file} is missing; make it: {command}")


def _view(fasta: Path) -> BinaryIO | Inflated:
    """Return the bytes of a FASTA by their offset in its text, whether it is bgzip or not."""
    if not fasta.is_file():
        raise InputError(f"{fasta}: no such file; give an indexed FASTA")
    try:
        file = fasta.open("rb")
    except OSError as error:
        raise InputError(f"{fasta}: cannot be read: {error.strerror}") from error
    try:
        form = compression(file.peek(18))
        if form is Compression.NONE:
            return file
        if form is Compression.GZIP:
            raise InputError(
                f"{fasta}: gzip, but not bgzip, so it has no random access; recompress it: "
                f"gzip -dc {fasta} | bgzip > new.fa.gz && samtools faidx new.fa.gz"
            )
        gzi = Path(f"{fasta}.gzi")
        _need(gzi, fasta, "bgzip index", f"samtools faidx {fasta}")
        if not has_end(file):
            raise InputError(f"{fasta}: truncated: no bgzip end-of-file block; get it again")
        return Inflated(file, fasta, gzi)
    except InputError:
        file.close()
        raise


def _open_faidx(view: BinaryIO | Inflated, index: Path) -> pyfaidx.Faidx:
    """Return pyfaidx on that view; it reads bgzip itself only where biopython is installed."""
    try:
        faidx = pyfaidx.Faidx(
            OpenFile(_Filesystem(view), "sequence.fa"),
            indexname=str(index),
            as_raw=True,
            rebuild=False,
            build_index=False,
        )
        for name, (length, offset, n_bases, n_bytes, *_) in faidx.index.items():
            if min(length, offset, n_bases) < 0 or (length and not 0 < n_bases <= n_bytes):
                raise ValueError(f"impossible numbers for {name}")
    except (ValueError, TypeError, OSError) as error:
        fasta = index.with_suffix("")
        raise InputError(
            f"{index}: not a FASTA index ({error}); make it again: samtools faidx {fasta}"
        ) from error
    return faidx


class _Filesystem:
    """What pyfaidx asks of an fsspec file system, with one open file in it."""

    def __init__(self, file: BinaryIO | Inflated) -> None:
        self._file = file

    def open(self, _path: str, mode: str) -> BinaryIO | Inflated:
        return self._file

    def stat(self, _path: str) -> dict[str, float]:
        # an index older than its file is fine: whether it fits is checked contig by contig
        return {"mtime": 0.0}
