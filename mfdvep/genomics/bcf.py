"""BCF through htslib, to read: records as the lines that htslib writes for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pysam
from pysam.libcutils import set_encoding_error_handler

from mfdvep.errors import InputError
from mfdvep.genomics.text import CODEC, TextStream

BCF_DAMAGE = (
    OSError,
    ValueError,
    RuntimeError,
    NotImplementedError,
)  # what pysam raises for a file that is damaged


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Keep htslib from writing to stderr what is raised as an error or allowed.

    And let pysam read bytes that are no UTF-8 as `CODEC` does, which it otherwise refuses.
    """
    verbosity = pysam.set_verbosity(0)
    errors = set_encoding_error_handler(CODEC["errors"])
    try:
        yield
    finally:
        set_encoding_error_handler(errors)
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
        Damaged; also from `lines` and `between`.
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

    def between(self, start: int, end: int | None) -> Iterator[tuple[str, pysam.VariantRecord]]:
        """Yield as `lines` what lies between two virtual offsets; 0 is where the file begins."""
        with self._reading():
            if start:
                self._file.seek(start)
        yield from self._lines_of(self._until(end))

    def _until(self, end: int | None) -> Iterator[pysam.VariantRecord]:
        while end is None or self._file.tell() < end:
            try:
                yield next(self._file)
            except StopIteration:
                return

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
        except BCF_DAMAGE as error:
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
