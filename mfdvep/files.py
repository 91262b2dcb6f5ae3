"""Files: their digests, and outputs that are checked before any work and appear whole or not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mfdvep.errors import OutputError


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def md5(path: str | Path) -> str:
    """Return the MD5 of a file, in hexadecimal, by which archives tell that it is the right one."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def sampled(path: str | Path) -> str:
    """Return a digest of the size of a file and of 64 blocks of it, spread evenly; quick.

    It tells apart genomes of the same contigs, such as one whose repeats are masked, which differ
    nearly everywhere; it does not see a single changed byte.
    """
    size = os.path.getsize(path)
    found = hashlib.sha256(str(size).encode())
    with open(path, "rb") as handle:
        for number in range(64):
            handle.seek(number * size // 64)
            found.update(handle.read(4096))
    return found.hexdigest()


def check_outputs(
    outputs: Mapping[str, str | Path | None],
    inputs: Sequence[str | Path],
    *,
    force: bool = False,
) -> None:
    """Refuse outputs that cannot be written or would destroy something.

    Parameters
    ----------
    outputs
        What each is for -> its path; None for one that is not wanted, "-" for standard output.
    inputs
        Files that are read.
    force
        Whether existing files may be replaced; inputs never are.

    Raises
    ------
    OutputError
        Two outputs of one path, an output that is an input, a folder that is missing, a path
        that is a folder, or a file that exists without `force`.
    """
    read = {os.path.realpath(path) for path in inputs if str(path) != "-"}
    seen: dict[str, str] = {}
    for use, path in outputs.items():
        if path is None or str(path) == "-":
            continue
        place, target = os.path.realpath(path), Path(path)
        if place in read:
            raise OutputError(f"{use} {path} is an input of this run; choose another output")
        if place in seen:
            raise OutputError(f"{use} {path} is the {seen[place]} too; give each output its own")
        seen[place] = use
        seen[os.path.realpath(_part(target))] = f"temporary file of the {use}"
        if target.is_dir():
            raise OutputError(f"{use} {path} is a folder; give a file")
        if target.exists() and not target.is_file():
            raise OutputError(f"{use} {path} is no regular file, which could be replaced; give one")
        if not target.parent.is_dir():
            raise OutputError(f"{use} {path}: no folder {target.parent}; make it first")
        if target.exists() and not force:
            raise OutputError(f"{use} {path} exists; choose another output or use --force")


def _part(output: Path) -> Path:
    """Return the temporary file of an output, beside the file itself if that is a link to it."""
    output = Path(os.path.realpath(output))
    return output.with_name(f".{output.name}.part")


class Parts:
    """Temporary files beside their outputs: renamed into place together, or removed on an error.

    Their names are always the same, so that what a process left behind that was killed is written
    over by the next.
    """

    def __init__(self, *outputs: str | Path | None) -> None:
        self._parts = {Path(out): _part(Path(out)) for out in outputs if out is not None}

    def __getitem__(self, output: str | Path) -> Path:
        return self._parts[Path(output)]

    def write_text(self, output: str | Path, text: str) -> None:
        """Write the text that will be an output; raises OutputError, e.g. for a full disk."""
        try:
            self[output].write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                for output, part in self._parts.items():
                    os.replace(part, os.path.realpath(output))
        except OSError as error:
            raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error
        finally:
            for part in self._parts.values():
                part.unlink(missing_ok=True)
