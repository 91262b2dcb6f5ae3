"""Files in the folder of a run: they appear whole, and are known by size and CRC-32."""

from __future__ import annotations

import json
import os
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mfdvep.errors import OutputError
from mfdvep.storage import AnyPath, Remote


def size_and_crc(path: AnyPath) -> list[int] | None:
    """Return size and CRC-32 of a file; None if there is none; raises OutputError."""
    crc = size = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                crc, size = zlib.crc32(block, crc), size + len(block)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror or error}") from error
    return [size, crc]


def read_json(path: AnyPath) -> dict[str, Any] | None:
    """Return what a JSON file holds; None if there is no such file, or not a whole one.

    Raises
    ------
    OutputError
        It cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror or error}") from error


def write_json(path: AnyPath, value: Any) -> None:
    """Write a value as a JSON file, which appears whole or not."""
    with renamed(path) as part:
        part.write_text(json.dumps(value), encoding="utf-8")


@contextmanager
def renamed(path: AnyPath) -> Iterator[Path]:
    """Give a path of its own to write to, and put it in place, or remove it on an error."""
    if isinstance(path, Remote):
        with path.made() as part:
            yield part
        return
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def failed(folder: AnyPath, error: OSError) -> OutputError:
    """Return the error that says why a folder cannot be written."""
    return OutputError(f"{folder}: cannot be written: {error.strerror or error}")
