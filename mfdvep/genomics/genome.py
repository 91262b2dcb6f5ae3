"""The only FASTA reader: bases of a reference genome by coordinate, plain or bgzip."""

from __future__ import annotations

import hashlib
import re
import struct
import warnings
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pyfaidx

from mfdvep.errors import InputError
from mfdvep.genomics.bgzf import Compression, compression, has_end
from mfdvep.genomics.contigs import spellings
from mfdvep.genomics.sequences import N_CODE, decode, encode

# Measured, a fetch of 1200 bases: every 100 bases 15 us, every 1080 bases 25 us plain and 31 us
# bgzip; in any order 0.6 ms and 1.0 ms.
_BLOCK = 1 << 16  # bases, about one block of a bgzip file
_BLOCKS_KEPT = 64  # 4 MB
_SEQUENCE = re.compile(r"[A-Za-z*-]*")  # the letters, gap and stop of FASTA; no header, no index

# What pyfaidx and biopython raise on an index or a file that is damaged or does not fit.
_DAMAGE = (ValueError, RuntimeError, OSError, OverflowError, struct.error, zlib.error)


class Genome:
    """An indexed FASTA, read by coordinate.

    Bases come as codes in upper case, N beyond the ends of a contig. Blocks are kept, so variants
    in order cost few reads. Nothing is ever written beside the file.

    Parameters
    ----------
    fasta
        FASTA with its .fai; or bgzip FASTA, named .gz or .bgz, with its .fai and .gzi.

    Raises
    ------
    InputError
        A file is missing, is not FASTA, is gzip but not bgzip, is named as if it were in the other
        form, is truncated, or its index is missing, damaged, or of another file.
    """

    def __init__(self, fasta: str | Path) -> None:
        self.path = Path(fasta)
        self._faidx = _open(self.path)
        self.contigs: dict[str, int] = {
            name: entry.rlen for name, entry in self._faidx.index.items()
        }
        self._blocks: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()
        try:
            if (first := self._faidx.file.read(1)) != b">":
                found = "nothing" if not first else repr(first.decode("latin-1"))
                raise InputError(
                    f"{self.path}: not a FASTA: expected '>' first, found {found}; give a FASTA"
                )
            if not self.contigs:
                raise InputError(
                    f"{self.path}.fai: lists no contig; make it again: samtools faidx {self.path}"
                )
            # an index of another assembly nearly always fails at one of these
            for name in (next(iter(self.contigs)), next(reversed(self.contigs))):
                self.base(name, self.contigs[name] - 1)
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

    @property
    def record(self) -> dict[str, str]:
        """What is written of the reference: its file's name and its fingerprint."""
        return {"file": Path(self.path).name, "fingerprint": self.fingerprint}

    def resolve(self, chrom: str) -> str | None:
        """Return this genome's name of a contig, or None.

        The exact name; else chr1 for 1 or 1 for chr1; else any of chrM, MT, M, chrMT for another.
        """
        return next((name for name in spellings(chrom) if name in self.contigs), None)

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
        where = f"{chrom}:{start}-{end}"
        try:
            text = self._faidx.fetch(chrom, start + 1, end)  # 1-based, closed
        except _DAMAGE as error:
            # biopython would next give another block's bases for the one that it could not read
            self._faidx.close()
            self._faidx = _open(self.path)
            raise self._stale(f"{where} cannot be read ({error})") from error
        if not _SEQUENCE.fullmatch(text):
            raise self._stale(f"{where} is not sequence alone")
        if len(text) != end - start:
            raise self._stale(f"{where} has {len(text)} bases")
        return encode(text)

    def _stale(self, what: str) -> InputError:
        return InputError(
            f"{self.path}: {what}: the index is of another file, or the file is damaged or "
            f"truncated; check the file, then make the index again: samtools faidx {self.path}"
        )


def _open(fasta: Path) -> pyfaidx.Faidx:
    """Return pyfaidx on a FASTA, after refusing what it would mend by writing beside the file."""
    if not fasta.is_file():
        raise InputError(f"{fasta}: no such file; give an indexed FASTA")
    try:
        with fasta.open("rb") as file:
            form = compression(file.peek(18))
            whole = form is not Compression.BGZF or has_end(file)
    except OSError as error:
        raise InputError(f"{fasta}: cannot be read: {error.strerror}") from error
    if form is Compression.GZIP:
        raise InputError(
            f"{fasta}: gzip, but not bgzip, so it has no random access; recompress it: "
            f"gzip -dc {fasta} | bgzip > new.fa.gz && samtools faidx new.fa.gz"
        )
    is_bgzip = form is Compression.BGZF
    if is_bgzip != fasta.name.lower().endswith((".gz", ".bgz")):  # pyfaidx goes by the name
        found, wanted = ("bgzip", ".gz") if is_bgzip else ("not compressed", ".fa")
        raise InputError(
            f"{fasta}: {found}, but its name says otherwise; rename it to end in {wanted}, and "
            "its index likewise"
        )
    if not whole:
        raise InputError(f"{fasta}: truncated: no bgzip end-of-file block; get it again")
    indexes = [f"{fasta}.fai", f"{fasta}.gzi"] if is_bgzip else [f"{fasta}.fai"]
    for index in indexes:
        if not Path(index).is_file():
            raise InputError(f"{fasta}: index {index} is missing; make it: samtools faidx {fasta}")
    try:
        with warnings.catch_warnings():
            # that the index is older than the file: whether it fits is seen where it is read
            warnings.simplefilter("ignore", RuntimeWarning)
            faidx = pyfaidx.Faidx(str(fasta), as_raw=True, rebuild=False, build_index=False)
        for name, (length, offset, n_bases, n_bytes, *_) in faidx.index.items():
            if min(length, offset, n_bases) < 0 or (length and not 0 < n_bases <= n_bytes):
                faidx.close()
                raise ValueError(f"impossible numbers for {name}")
        return faidx
    except _DAMAGE as error:
        reason = str(error)
    # raised here, where no traceback keeps the file open that pyfaidx left so
    raise InputError(
        f"{fasta}: {' or '.join(indexes)} is not a FASTA index ({reason}); check the file, then "
        f"make it again: samtools faidx {fasta}"
    )
