"""Lines of a text file that may be compressed: byte for byte, and whole or refused."""

from __future__ import annotations

import gzip
import os
import select
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO, RawIOBase, UnsupportedOperation
from pathlib import Path
from typing import Any, BinaryIO, cast

from mfdvep.errors import InputError
from mfdvep.genomics.bgzf import END_BLOCK, Compression, compression, has_end, inflated

CODEC = {"encoding": "utf-8", "errors": "surrogateescape"}
"""Bytes to text and back: any byte comes out as it went in."""
PARQUET = b"PAR1"
"""How a Parquet file begins."""
_BLOCK = 1 << 16
_HEAD = 18  # bytes that tell how a file is compressed


class TextStream:
    """Text, gzip or bgzip, told by content; iterated once, it gives lines without their newline.

    Parameters
    ----------
    path
        A file, a pipe, or "-" for standard input.

    Attributes
    ----------
    name
        For messages.
    head
        The first bytes of the text, up to 16.
    is_file
        Whether the name can be opened again.

    Raises
    ------
    InputError
        Missing; damaged at its start; bgzip without its end block. The end of a pipe can only be
        checked when it is reached: from the iteration, with the line, as other damage.
    """

    def __init__(self, path: str | Path) -> None:
        is_stdin = str(path) == "-"
        self.name = "standard input" if is_stdin else str(path)
        path = Path(path)
        self.is_file = not is_stdin and path.is_file()
        try:
            raw = _standard_input() if is_stdin else path.open("rb", buffering=0)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; give a file that can be read") from error
        self._opened: list[BufferedReader | gzip.GzipFile] = []
        self._waiting: _Waiting | None = None
        if isinstance(raw, BufferedReader):
            file = raw
        else:
            self._waiting = None if self.is_file else _Waiting(raw)
            file = BufferedReader(self._waiting or raw)
            self._opened.append(file)
        self._stream: BufferedReader | gzip.GzipFile = file
        self._tail: _Tail | None = None
        try:
            self.head = self._inflate(file)
        except InputError:
            self.close()
            raise

    def _inflate(self, file: BufferedReader) -> bytes:
        """Set the stream of inflated bytes and return the first of them."""
        source: BufferedReader | _Tail = file
        try:
            form = compression(file.peek(_HEAD))
            if form is Compression.BGZF:
                if self.is_file and not has_end(file):
                    raise self._truncated()
                source = self._tail = _Tail(file)
            if form is not Compression.NONE:
                # bgzip is gzip of many members; pysam.BGZFile would drop carriage returns
                # the stub asks for seek too, which only going back would call
                self._stream = gzip.GzipFile(fileobj=source, mode="rb")  # type: ignore[arg-type]
                self._opened.insert(0, self._stream)
            return self._stream.peek(16)[:16]
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"{self.name}: damaged at its start: {error}; get the file again"
            ) from error

    @property
    def is_bgzip(self) -> bool:
        """Whether it is compressed in blocks."""
        return self._tail is not None

    def __iter__(self) -> Iterator[str]:
        number = 0
        with self._reading(lambda: f":{number}: damaged after this line"):
            for line in self._stream:
                yield line.removesuffix(b"\n").decode(**CODEC)
                number += 1
        self._check_end()

    def between(self, start: int, end: int | None) -> Iterator[str]:
        """Yield the lines between two virtual offsets of a bgzip file, whatever was read of it.

        Parameters
        ----------
        start, end
            As for `inflated`; of where lines begin.

        Raises
        ------
        InputError
            Damaged; or the end is not where a line begins, so the offsets are of another file.
        """
        begun: list[bytes] = []  # of a line that goes over blocks
        is_last = end is None
        try:
            with open(self.name, "rb") as file:
                for data in inflated(file, start, end):
                    first, newline, rest = data.partition(b"\n")
                    begun.append(first)
                    if not newline:
                        continue
                    yield b"".join(begun).decode(**CODEC)
                    *lines, last = rest.split(b"\n")
                    for line in lines:
                        yield line.decode(**CODEC)
                    begun = [last]
                if end is not None and any(begun):  # only the last line may have no newline
                    is_last = not any(inflated(file, end, None))
        except (EOFError, OSError, ValueError, zlib.error) as error:
            raise InputError(f"{self.name}: damaged: {error}; get the file again") from error
        if last_line := b"".join(begun):
            if not is_last:
                raise InputError(
                    f"{self.name}: its index is of another file; make it again: bcftools index -f "
                    f"{self.name}"
                )
            yield last_line.decode(**CODEC)

    def blocks(self) -> Iterator[bytes]:
        """Yield what is read, inflated, in blocks of bytes; raises InputError as the lines do."""
        with self._reading(lambda: ": damaged"):
            while block := self._stream.read(_BLOCK):
                yield block
        self._check_end()

    @contextmanager
    def _reading(self, where: Callable[[], str]) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{self.name}{where()}: {error}; get the file again") from error

    def _check_end(self) -> None:
        """Raise InputError if a bgzip stream has ended without its last block."""
        if self._tail is not None and self._tail.last != END_BLOCK:
            raise self._truncated()

    def _truncated(self) -> InputError:
        return InputError(
            f"{self.name}: truncated: no bgzip end-of-file block; copy or download the file again"
        )

    def close(self) -> None:
        """Close what was opened, also under a thread that reads it; standard input stays open."""
        if self._waiting is not None:
            self._waiting.end()
        for file in self._opened:
            file.close()


def _standard_input() -> FileIO | BufferedReader:
    """Return standard input without its buffer: Python dies at its end if a thread waits in that.

    What a program has put in its place is returned as it is.

    Raises
    ------
    InputError
        It is closed.
    """
    if sys.stdin is None:
        raise InputError("standard input is closed; give a file, or a pipe that is open")
    try:
        return FileIO(sys.stdin.buffer.fileno(), closefd=False)
    except UnsupportedOperation:
        return cast(BufferedReader, sys.stdin.buffer)  # typed as any binary stream


class _Waiting(RawIOBase):
    """A stream on which nothing may come for long; `end` wakes the thread that waits for it.

    Parameters
    ----------
    file
        Closed with this.
    """

    def __init__(self, file: FileIO) -> None:
        self._file, self._least = file, _HEAD
        self._woken, self._waking = os.pipe()
        self._poll = select.poll()
        for handle in (file.fileno(), self._woken):
            self._poll.register(handle, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has come; the first time, all that tells how the stream is compressed."""
        view, n = memoryview(buffer), 0
        while n < min(self._least, len(view)) and self._woken not in dict(self._poll.poll()):
            n_more = self._file.readinto(view[n:])
            if not n_more:
                break
            n += n_more
        self._least = 1
        return n

    def end(self) -> None:
        """Let a read that waits, and every later one, find the end."""
        if self._waking >= 0:
            os.close(self._waking)
            self._waking = -1

    def close(self) -> None:
        if not self.closed:
            self.end()
            os.close(self._woken)
            self._file.close()
        super().close()


class _Tail:
    """A file that remembers its last bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.last = (self.last + data)[-len(END_BLOCK) :]
        return data
