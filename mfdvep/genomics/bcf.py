"""BCF through htslib: records as the lines that htslib writes for them, and records to BCF."""

from __future__ import annotations

import gzip
import os
import re
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pysam

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.bgzf import has_end
from mfdvep.genomics.header import Declared
from mfdvep.genomics.info import is_mfd
from mfdvep.genomics.text import CODEC, TextStream

Info = Sequence[tuple[str, str]]
_END = '##INFO=<ID=END,Number=1,Type=Integer,Description="End of the variant">'
_SIZES = {0: 0, 1: 1, 2: 2, 3: 4, 5: 4, 7: 1}  # bytes of a value, by type
_INTEGERS = ((1, "b", -120, 127), (2, "h", -32760, 32767), (3, "i", -(2**31) + 8, 2**31 - 1))
_COUNTS, _ID = 16, 24  # where a record has its numbers of INFO keys and alleles, and its ID
_DAMAGE = (OSError, ValueError, RuntimeError)  # what pysam raises for a file that is damaged


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Keep htslib from writing to stderr what is raised as an error or allowed."""
    verbosity = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(verbosity)


class BcfSource:
    """A BCF that is read once: from its file, or from a stream through a pipe.

    Attributes
    ----------
    header_lines
        As htslib writes them, "#CHROM..." last.
    contigs
        Those that the header declares, in order.

    Raises
    ------
    InputError
        Damaged; also from `lines` and `fetch`.
    """

    def __init__(self, text: TextStream) -> None:
        self._text, self._error = text, list[InputError]()
        self._files: list[Any] = []
        with self._reading():
            source = text.name if text.is_file else self._pipe()
            self._file = pysam.VariantFile(source)
            self._files.insert(0, self._file)
            self.header_lines = str(self._file.header).rstrip("\n").split("\n")
            self.contigs = tuple(map(str, self._file.header.contigs))

    def lines(self) -> Iterator[tuple[str, pysam.VariantRecord]]:
        """Yield the line of each record, without its newline, and the record."""
        yield from self._lines_of(self._file)
        if self._error:
            raise self._error[0]

    def fetch(self, chrom: str, start: int, end: int) -> Iterator[tuple[str, pysam.VariantRecord]]:
        """Yield as `lines` what overlaps a stretch, 0-based and half-open, through the index."""
        with self._reading():
            found = self._file.fetch(chrom, start, end)
        yield from self._lines_of(found)

    def _lines_of(
        self, records: Iterable[pysam.VariantRecord]
    ) -> Iterator[tuple[str, pysam.VariantRecord]]:
        with self._reading():
            for record in records:
                yield str(record).rstrip("\n"), record

    def close(self) -> None:
        """Close the file."""
        for file in self._files:
            with suppress(OSError):  # htslib says a second time that the file is damaged
                file.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            self.close()
            if self._error:  # the stream was damaged before htslib saw it
                raise self._error[0] from error
            raise InputError(
                f"{self._text.name}: damaged BCF: {error}; get the file again"
            ) from error

    def _pipe(self) -> Any:
        """Return the reading end of a pipe into which a thread puts the inflated BCF."""
        reading, writing = os.pipe()

        def feed() -> None:
            try:
                with os.fdopen(writing, "wb") as pipe:
                    for block in self._text.blocks():
                        pipe.write(block)
            except InputError as error:
                self._error.append(error)
            except OSError:  # nobody reads any more
                pass

        threading.Thread(target=feed, daemon=True).start()
        self._files.append(os.fdopen(reading, "rb"))
        return self._files[-1]


class BcfEncoder:
    """Makes BCF of annotated records.

    Parameters
    ----------
    name
        Of the output, for messages.
    header_lines
        Of the output.
    folder
        For files that are made on the way.

    Attributes
    ----------
    header
        The bytes of a BCF before its first record.

    Raises
    ------
    InputError
        htslib cannot read the header, or it declares END as no integer.
    OutputError
        The folder cannot be written to.
    """

    def __init__(self, name: str | Path, header_lines: Sequence[str], folder: Path) -> None:
        self._name = name
        self._scratch, self._written = folder / "lines.vcf", folder / "lines.bcf"
        lines = [line.rstrip("\r") for line in header_lines]
        self._declared = Declared.of(lines)
        self.header = self._bytes(self._parsed(lines), ())
        # pysam gives records an END, see `_with_end`, and then it has to be declared
        self._lines = lines
        if "END" not in self._declared.info:
            self._lines = [*lines[:-1], _END, lines[-1]]
        self._header = self._parsed(self._lines)
        if (kind := self._header.info["END"].type) != "Integer":
            raise InputError(
                f"{name}: the VCF declares INFO END as {kind}, expected Integer; repair it "
                "(bcftools reheader), or give -o NAME.vcf.gz"
            )
        self._end: int = self._header.info["END"].id  # type: ignore[attr-defined]  # of the stub
        # pysam holds values against Number=A, which a record without an ALT has none of
        self._any_number = self._parsed([_with_any_number(line) for line in self._lines])

    def records(self, annotated: Iterable[tuple[str, Any, Info]]) -> bytes:
        """Return records as BCF has them after its header.

        Parameters
        ----------
        annotated
            A record's line with the keys in its INFO; the record, if it is from a BCF, else None;
            and those keys and values. A record from a BCF keeps every bit of its numbers.

        Raises
        ------
        OutputError
            A record uses what the header does not declare, or the folder cannot be written to.
        InputError
            htslib cannot read a line.
        """
        lines, records = [], []
        for line, native, info in annotated:
            lines.append(line.rstrip("\r"))
            if native is not None:
                records.append(self._with_info(native, info))
            elif missing := self._declared.missing(line):
                chrom, pos = line.split("\t", 2)[:2]
                raise OutputError(
                    f"{self._name}: BCF holds only what the header declares, and the record at "
                    f"{chrom}:{pos} has {missing}; declare it (bcftools annotate -h, or bcftools "
                    "reheader --fai for contigs) or give -o NAME.vcf.gz"
                )
        data = self._bytes(self._header, records or self._read([*self._lines, *lines]))
        return self._with_end(data, lines)

    def _with_info(self, record: pysam.VariantRecord, info: Info) -> pysam.VariantRecord:
        for key in [key for key in record.info if is_mfd(key)]:
            del record.info[key]
        record.translate(self._any_number)
        for key, text in info:
            values: tuple = tuple(text.split(","))
            if self._header.info[key].type == "Float":
                values = tuple(None if x == "." else float(x) for x in values)
            record.info[key] = values
        record.translate(self._header)
        return record

    def _with_end(self, data: bytes, lines: Iterable[str]) -> bytes:
        """Return the records of a BCF, each with the END that its line has.

        pysam takes END out of a record on writing it, or adds one, by its own mind on how long the
        record is.
        """
        at = _after_header(data)
        records = []
        for line in lines:
            n_shared, n_genotypes = struct.unpack_from("<II", data, at)
            start, end = at + 8, at + 8 + n_shared
            at = end + n_genotypes
            shared = with_end(data[start:end], line.split("\t", 8)[7], end=self._end)
            records += [struct.pack("<II", len(shared), n_genotypes), shared, data[end:at]]
        return b"".join(records)

    def _bytes(self, header: pysam.VariantHeader, records: Iterable[pysam.VariantRecord]) -> bytes:
        """Return the BCF that pysam writes, not compressed."""
        try:
            self._written.touch()  # pysam names no reason for a path that it cannot open
            with pysam.VariantFile(str(self._written), "wb0", header=header) as file:
                for record in records:
                    file.write(record)
            with self._written.open("rb") as written:
                if not has_end(written):
                    raise OSError("its end is missing; is the disk full?")
            return gzip.decompress(self._written.read_bytes())
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self._name}: cannot be written: {reason}") from error

    def _parsed(self, lines: Sequence[str]) -> pysam.VariantHeader:
        """Return the header that htslib reads in lines."""
        file = self._opened(lines)
        header = file.header.copy()
        file.close()
        return header

    def _read(self, lines: Sequence[str]) -> Iterator[pysam.VariantRecord]:
        """Yield the records that htslib reads in the lines of a VCF."""
        with self._opened(lines) as file:
            while True:
                try:
                    record = next(file)
                except StopIteration:
                    return
                except _DAMAGE as error:
                    raise self._unreadable("a record", error) from error
                yield record

    def _opened(self, lines: Sequence[str]) -> pysam.VariantFile:
        try:
            self._scratch.write_bytes("".join(f"{line}\n" for line in lines).encode(**CODEC))
        except OSError as error:
            raise OutputError(f"{self._name}: cannot be written: {error.strerror}") from error
        try:
            return pysam.VariantFile(str(self._scratch))
        except _DAMAGE as error:
            raise self._unreadable("the header", error) from error

    def _unreadable(self, what: str, error: Exception) -> InputError:
        return InputError(
            f"{self._name}: htslib cannot make BCF of {what} of the VCF ({error}); repair it, or "
            "give -o NAME.vcf.gz"
        )


def _with_any_number(line: str) -> str:
    """Return a header line in which an MFD key may have any number of values."""
    return re.sub(r"^(##INFO=<ID=MFD\w*,Number=)A", r"\1.", line)


def _after_header(data: bytes) -> int:
    """Return the offset of the first record in a BCF."""
    return 9 + struct.unpack_from("<I", data, 5)[0]


def with_end(shared: bytes, info: str, *, end: int) -> bytes:
    """Return the shared bytes of a BCF record with the END that an INFO column has, or none.

    Parameters
    ----------
    shared
        What follows the two lengths of the record, up to its genotypes.
    info
        INFO as text, with the keys that the bytes have but for END.
    end
        Number of the key END in the header's dictionary.

    Raises
    ------
    ValueError
        END in `info` is no list of integers.

    Source: VCF 4.3, section 6.3.
    """
    n_info, n_alleles = struct.unpack_from("<HH", shared, _COUNTS)
    at = _ID
    for _ in range(1 + n_alleles + 1):  # ID, alleles, FILTER
        at = _after(shared, at)
    start, entries = at, []
    for _ in range(n_info):
        after = _after(shared, _after(shared, at))
        if _integers(shared, at)[0] != end:
            entries.append(shared[at:after])
        at = after
    for number, entry in enumerate(info.split(";")):
        key, _, value = entry.partition("=")
        if key == "END":
            encoded = _encoded([None if x == "." else int(x) for x in value.split(",")])
            entries.insert(number, _encoded([end]) + encoded)
            break
    counts = struct.pack("<H", len(entries))
    return b"".join([shared[:_COUNTS], counts, shared[_COUNTS + 2 : start], *entries])


def _header_of(data: bytes, at: int) -> tuple[int, int, int]:
    """Return type and number of the typed values at an offset, and where they start."""
    kind, n = data[at] & 15, data[at] >> 4
    if n < 15:
        return kind, n, at + 1
    return kind, _integers(data, at + 1)[0], _after(data, at + 1)


def _after(data: bytes, at: int) -> int:
    """Return the offset behind the typed values at an offset."""
    kind, n, start = _header_of(data, at)
    return start + n * _SIZES[kind]


def _integers(data: bytes, at: int) -> tuple[int, ...]:
    kind, n, start = _header_of(data, at)
    letter = {kind: letter for kind, letter, *_ in _INTEGERS}[kind]
    return struct.unpack_from(f"<{n}{letter}", data, start)


def _encoded(values: Sequence[int | None]) -> bytes:
    """Return integers as typed values of the least width that holds them; None is missing."""
    known = [x for x in values if x is not None] or [0]
    kind, letter = next(
        (kind, letter)
        for kind, letter, least, most in _INTEGERS
        if least <= min(known) and max(known) <= most
    )
    missing = -(2 ** (8 * _SIZES[kind] - 1))
    numbers = [missing if x is None else x for x in values]
    return struct.pack(f"<B{len(numbers)}{letter}", len(numbers) << 4 | kind, *numbers)
