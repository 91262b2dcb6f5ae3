"""BCF through htslib: records as the lines that htslib writes for them, and records to BCF."""

from __future__ import annotations

import os
import re
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


class BcfWriter:
    """Writes annotated records as BCF files of one header.

    Parameters
    ----------
    name
        Of the output, for messages.
    header_lines
        Of the output.
    folder
        For files that are made on the way.

    Raises
    ------
    InputError
        htslib cannot read the header.
    OutputError
        The folder cannot be written to.
    """

    def __init__(self, name: str | Path, header_lines: Sequence[str], folder: Path) -> None:
        self._name, self._scratch = name, folder / "lines.vcf"
        self._lines = [line.rstrip("\r") for line in header_lines]
        self._declared = Declared.of(self._lines)
        self._header = self._parsed(self._lines)
        # pysam holds values against Number=A, which a record without an ALT has none of
        self._any_number = self._parsed([_with_any_number(line) for line in self._lines])

    def write(self, path: Path, annotated: Iterable[tuple[str, Any, Info]]) -> None:
        """Write records to a BCF file of its own.

        Parameters
        ----------
        annotated
            A record's line with the keys in its INFO; the record, if it is from a BCF, else None;
            and those keys and values. A record from a BCF keeps every bit of its numbers.

        Raises
        ------
        OutputError
            A record uses what the header does not declare, or the file cannot be written.
        InputError
            htslib cannot read a line.
        """
        lines, records = [], []
        for line, native, info in annotated:
            if native is not None:
                records.append(self._with_info(native, info))
                continue
            if missing := self._declared.missing(line):
                chrom, pos = line.split("\t", 2)[:2]
                raise OutputError(
                    f"{self._name}: BCF holds only what the header declares, and the record at "
                    f"{chrom}:{pos} has {missing}; declare it (bcftools annotate -h, or bcftools "
                    "reheader --fai for contigs) or give -o NAME.vcf.gz"
                )
            lines.append(line.rstrip("\r"))
        self._put(records or self._read([*self._lines, *lines]), path)

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """Write the records of BCF files of this writer as one; raises OutputError."""

        def records() -> Iterator[pysam.VariantRecord]:
            for part in parts:
                with pysam.VariantFile(str(part)) as file:
                    yield from file

        self._put(records(), path)

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

    def _put(self, records: Iterable[pysam.VariantRecord], path: Path) -> None:
        """Write records to a file, and see that it is whole."""
        try:
            path.touch()  # pysam names no reason for a path that it cannot open
            with pysam.VariantFile(str(path), "wb", header=self._header) as file:
                for record in records:
                    file.write(record)
            with path.open("rb") as written:
                if not has_end(written):
                    raise OSError("its end is missing; is the disk full?")
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
