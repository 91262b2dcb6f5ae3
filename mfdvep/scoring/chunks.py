"""Finished pieces of a run in a folder, so that a run that was interrupted goes on where it was.

The folder has `run.json`, which says what run it is, and for each finished chunk its parts, one a
kind of output, and `SECTION-NUMBER.json`: the digest of its records, its figures, the process or
cluster that made it, and size and CRC-32 of each part. A chunk is finished when its JSON is there,
which is renamed into place last. A folder without a whole `run.json` holds nothing. `session` says
who is at work, for the workers of a cluster; `publishing` is there once outputs may be in place.

Every file is written under a name of its own and then renamed, so that two attempts at a chunk,
one of them given up for lost, do no harm: both write the same.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import uuid
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mfdvep.errors import InputError, OutputError

_ANEW = "begin anew: --force without --resume"
# names of files in the folder
_OWN = re.compile(r"(run|lines|session|\d{6,}-\d{6,})(\.\w+)+|session|publishing")


class Place(NamedTuple):
    """Which chunk it is: the section of the file that it is in, and its number there, from 0."""

    section: int
    number: int

    def __str__(self) -> str:
        return f"{self.section:06d}-{self.number:06d}"


@dataclass(frozen=True)
class Finished:
    """A chunk that is finished.

    Attributes
    ----------
    figures
        As they were given with it.
    resumed
        Whether another session made it, before this one.
    """

    figures: dict[str, Any]
    resumed: bool


class ChunkFolder:
    """The folder of a run, as who makes chunks sees it.

    Parameters
    ----------
    folder
        It is there.
    session
        Names the process, or the processes of a cluster, that make chunks together.
    """

    def __init__(self, folder: Path, session: str) -> None:
        self.folder, self.session = folder, session

    def is_at_work(self) -> bool:
        """Return whether this session has announced itself in the folder; write to it.

        Raises
        ------
        OutputError
            It cannot be written to.
        """
        try:
            probe = self.folder / f"session.{uuid.uuid4().hex[:12]}"
            probe.write_text("", encoding="utf-8")
            probe.unlink()
            return (self.folder / "session").read_text(encoding="utf-8") == self.session
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _failed(self.folder, error) from error

    def announce(self) -> None:
        """Record that this session is at work in the folder; raises OutputError."""
        try:
            with _renamed(self.folder / "session") as part:
                part.write_text(self.session, encoding="utf-8")
        except OSError as error:
            raise _failed(self.folder, error) from error

    def part(self, place: Place, kind: str) -> Path:
        """Return the path of a chunk's part."""
        return self.folder / f"{place}.{kind}"

    def parts(self, places: Iterable[Place], kind: str) -> Iterator[Path]:
        """Yield the paths of the parts of a kind, in order."""
        return (self.part(place, kind) for place in places)

    @contextmanager
    def writing(self, place: Place, kind: str) -> Iterator[Path]:
        """Give a path to write a chunk's part to, and put it in place; raises OutputError."""
        try:
            with _renamed(self.part(place, kind)) as part:
                yield part
        except OSError as error:
            raise _failed(self.folder, error) from error

    def finished(self, place: Place, digest: str) -> Finished | None:
        """Return a chunk that is finished and whole; None if it is not.

        Raises
        ------
        OutputError
            It is of other records: the input has changed since.
        """
        record = _read_json(self.part(place, "json"))
        if record is None:
            return None
        if record["digest"] != digest:
            raise OutputError(
                f"{self.folder} holds a run on another input: the records of its chunk {place} "
                f"were others; give the same input, or {_ANEW}"
            )
        whole = all(
            _size_and_crc(self.part(place, kind)) == found
            for kind, found in record["parts"].items()
        )
        return Finished(record["figures"], record["session"] != self.session) if whole else None

    def figures(self, place: Place) -> dict[str, Any] | None:
        """Return the figures of a chunk that is finished, None if it is not; nothing is checked."""
        record = _read_json(self.part(place, "json"))
        return None if record is None else record["figures"]

    def finish(
        self, place: Place, digest: str, kinds: Iterable[str], figures: Mapping[str, Any]
    ) -> None:
        """Record that a chunk's parts, one of each kind, are written; raises OutputError."""
        try:
            parts = {kind: _size_and_crc(self.part(place, kind)) for kind in kinds}
            record = {
                "digest": digest,
                "session": self.session,
                "parts": parts,
                "figures": figures,
            }
            _write_json(self.part(place, "json"), record)
        except OSError as error:
            raise _failed(self.folder, error) from error

    def publish(self) -> None:
        """Record that the outputs are put in place from now on; raises OutputError."""
        try:
            (self.folder / "publishing").touch()
        except OSError as error:
            raise _failed(self.folder, error) from error


class ChunkStore(ChunkFolder):
    """The folder of one run, as who runs it sees it; a context manager.

    It is held against other processes until the exit, which removes it, unless there was an error
    and a chunk is finished and kept.

    Parameters
    ----------
    folder
        Made if it is not there.
    run
        What the numbers and files of the run depend on, as JSON has it: a run goes on only if it
        is the same. Its "command" may be another, and the first is kept.
    resume
        Go on with the run that the folder holds, if it holds one.
    force
        Throw away the run that the folder holds, unless it is resumed.
    keep
        Whether what is finished is kept after an error.

    Attributes
    ----------
    command
        That of the run that began it.

    Raises
    ------
    OutputError
        The folder holds a run and neither `resume` nor `force` is set, or another run than this;
        a process is at work in it; or it cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        run: Mapping[str, Any],
        *,
        resume: bool = False,
        force: bool = False,
        keep: bool = True,
    ) -> None:
        super().__init__(folder, uuid.uuid4().hex)
        self._keep = keep
        if folder.exists() and not (resume or force):
            raise OutputError(
                f"{folder} holds a run that was interrupted; go on with it: --resume, or begin "
                "anew: --force"
            )
        wanted: dict[str, Any] = json.loads(json.dumps(run))
        try:
            folder.mkdir(exist_ok=True)
            self._lock = _locked(folder)
            held = list(folder.iterdir())
            if strange := [path.name for path in held if not _OWN.fullmatch(path.name)]:
                os.close(self._lock)
                raise OutputError(
                    f"{folder} holds {strange[0]}, which no run made; this run needs the folder: "
                    "move it, or give another output"
                )
            begun = _read_json(folder / "run.json") if resume else None
            if begun is None:
                begun = wanted
                _begin(folder, wanted, but=("publishing",) if resume else ())
        except OSError as error:
            raise _failed(folder, error) from error
        for key, value in wanted.items():
            if key != "command" and begun.get(key) != value:
                os.close(self._lock)
                raise OutputError(
                    f"{folder} holds a run with another {key} ({_short(begun.get(key))}, here "
                    f"{_short(value)}); give the same, or {_ANEW}"
                )
        self.command: str = begun["command"]

    def __enter__(self) -> ChunkStore:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None or not self._keep or not any(self.folder.glob("*-*.json")):
            _remove(self.folder)
        else:
            when = "once the input is repaired, " if isinstance(error, InputError) else ""
            error.add_note(
                f"what is finished is kept in {self.folder}; {when}--resume goes on with it"
            )
        os.close(self._lock)

    @staticmethod
    def is_publishing(folder: Path) -> bool:
        """Return whether the run that a folder holds has begun to put its outputs in place."""
        return (folder / "publishing").exists()


def _begin(folder: Path, run: Mapping[str, Any], *, but: Collection[str]) -> None:
    """Make a folder hold a run and nothing else `but` some files; an OSError leaves no folder."""
    _empty(folder, but=but)
    try:
        _write_json(folder / "run.json", run)
    except OSError:
        _remove(folder)
        raise


def _empty(folder: Path, *, but: Collection[str] = ()) -> None:
    """Remove what is in a folder `but` some files, in an order that may be cut off.

    The chunks go before `run.json`, lest they be taken for another run's; `publishing`, by which
    a run knows its own outputs, goes last.
    """
    last = ["run.json", "publishing"]
    held = {path.name for path in folder.iterdir()}.difference(but)
    for name in [*held.difference(last), *(name for name in last if name in held)]:
        (folder / name).unlink()


def _remove(folder: Path) -> None:
    """Remove a folder and what is in it, as far as that can be done."""
    with suppress(OSError):
        _empty(folder)
        folder.rmdir()


def _locked(folder: Path) -> int:
    """Return a handle that holds a folder; the system lets go of it with the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise OutputError(
            f"{folder}: another process is at work on this output; wait for it, or give another"
        ) from error
    except OSError:  # a file system without locks
        pass
    return handle


def _size_and_crc(path: Path) -> list[int] | None:
    """Return size and CRC-32 of a file; None if there is none."""
    crc = size = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                crc, size = zlib.crc32(block, crc), size + len(block)
    except FileNotFoundError:
        return None
    return [size, crc]


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return what a JSON file holds; None if there is no such file, or not a whole one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _write_json(path: Path, value: Any) -> None:
    with _renamed(path) as part:
        part.write_text(json.dumps(value), encoding="utf-8")


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """Give a path of its own to write to, and rename it into place, or remove it on an error."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _failed(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"{folder}: cannot be written: {error.strerror or error}")
