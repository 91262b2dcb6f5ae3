"""The folder of a run, as who runs it holds it: begun, gone on with, and removed; see `chunks`."""

from __future__ import annotations

import fcntl
import json
import os
import re
import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from fnmatch import fnmatch
from typing import Any

from mfdvep.errors import InputError, OutputError
from mfdvep.scoring.chunks import ANEW, ChunkFolder, failed, read_json, write_json
from mfdvep.storage import AnyPath, Remote

# names of files in the folder
_OWN = re.compile(r"(run|lines|session|\d{6,}-\d{6,})(\.\w+)+|session|publishing")


class ChunkStore(ChunkFolder):
    """The folder of one run, as who runs it sees it; a context manager.

    It is held against other processes until the exit, which removes it, unless there was an error
    and a chunk is finished and kept; on object storage as far as `ChunkFolder` can.

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
        folder: AnyPath,
        run: Mapping[str, Any],
        *,
        resume: bool = False,
        force: bool = False,
        keep: bool = True,
    ) -> None:
        super().__init__(folder, uuid.uuid4().hex)
        self._keep = keep
        if folder.exists() and not (resume or force):
            also = " or is at work" if isinstance(folder, Remote) else ""
            raise OutputError(
                f"{folder} holds a run that was interrupted{also}; go on with it: --resume, or "
                "begin anew: --force"
            )
        wanted: dict[str, Any] = json.loads(json.dumps(run))
        try:
            folder.mkdir(exist_ok=True)
            self._lock = _locked(folder)
            held = [path.name for path in folder.iterdir()]
            if strange := [name for name in held if not _OWN.fullmatch(name)]:
                self._let_go()
                raise OutputError(
                    f"{folder} holds {strange[0]}, which no run made; this run needs the folder: "
                    "move it, or give another output"
                )
            begun = read_json(folder / "run.json") if resume else None
            if begun is None:
                begun = wanted
                _begin(folder, wanted, but=("publishing",) if resume else ())
        except OSError as error:
            raise failed(folder, error) from error
        for key, value in wanted.items():
            if key != "command" and begun.get(key) != value:
                self._let_go()
                raise OutputError(
                    f"{folder} holds a run with another {key} ({_short(begun.get(key))}, here "
                    f"{_short(value)}); give the same, or {ANEW}"
                )
        self.command: str = begun["command"]
        if isinstance(folder, Remote):
            self.announce()

    def __enter__(self) -> ChunkStore:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if self._is_taken():
            pass  # by another session, which needs what is there
        elif error is None or not self._keep or not self._has_chunks():
            _remove(self.folder)
        else:
            when = "once the input is repaired, " if isinstance(error, InputError) else ""
            error.add_note(
                f"what is finished is kept in {self.folder}; {when}--resume goes on with it"
            )
        self._let_go()

    def _is_taken(self) -> bool:
        """Return whether another session is known to be at work in a folder that no lock holds."""
        try:
            return isinstance(self.folder, Remote) and not self._is_announced()
        except OSError:
            return False

    def _has_chunks(self) -> bool:
        """Return whether a chunk is finished, or may be: storage may be out of reach."""
        try:
            return any(fnmatch(path.name, "*-*.json") for path in self.folder.iterdir())
        except OSError:
            return True

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)

    @staticmethod
    def is_publishing(folder: AnyPath) -> bool:
        """Return whether the run that a folder holds has begun to put its outputs in place."""
        return (folder / "publishing").exists()


def _begin(folder: AnyPath, run: Mapping[str, Any], *, but: Collection[str]) -> None:
    """Make a folder hold a run and nothing else `but` some files; an OSError leaves no folder."""
    _empty(folder, but=but)
    try:
        write_json(folder / "run.json", run)
    except OSError:
        _remove(folder)
        raise


def _empty(folder: AnyPath, *, but: Collection[str] = ()) -> None:
    """Remove what is in a folder `but` some files, in an order that may be cut off.

    The chunks go before `run.json`, lest they be taken for another run's; `publishing`, by which
    a run knows its own outputs, goes last. On object storage a thousand go at a time, and in any
    order: without `run.json` nothing is taken for a chunk, and without `publishing` --resume finds
    outputs that are not known for its own, and asks for --force.
    """
    if isinstance(folder, Remote) and not but:
        folder.clear()
        return
    last = ["run.json", "publishing"]
    held = {path.name for path in folder.iterdir()}.difference(but)
    for name in [*held.difference(last), *(name for name in last if name in held)]:
        (folder / name).unlink()


def _remove(folder: AnyPath) -> None:
    """Remove a folder and what is in it, as far as that can be done."""
    with suppress(OSError):
        if isinstance(folder, Remote):
            folder.rmtree()
            return
        _empty(folder)
        folder.rmdir()


def _locked(folder: AnyPath) -> int | None:
    """Return a handle that holds a folder; the system lets go of it with the process.

    None on object storage, which has no such thing.
    """
    if isinstance(folder, Remote):
        return None
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


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
