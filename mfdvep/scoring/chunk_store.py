"""The folder of a run, as who runs it holds it: begun, gone on with, and removed; see `chunks`."""

from __future__ import annotations

import errno
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
from mfdvep.scoring.chunk_files import failed, read_json, write_json
from mfdvep.scoring.chunks import ANEW, ChunkFolder
from mfdvep.storage import AnyPath, Remote

# names of files in the folder
_OWN = re.compile(r"(run|lines|session|\d{6,}-\d{6,})(\.\w+)+|session|publishing|lock")
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)  # the file system has none


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
        self._keep = keep
        self._lock: int | None = None
        wanted: dict[str, Any] = json.loads(json.dumps(run))
        try:
            if not (resume or force) and (folder / "run.json").exists():
                also = " or is at work" if isinstance(folder, Remote) else ""
                raise OutputError(
                    f"{folder} holds a run that was interrupted{also}; go on with it: --resume, or "
                    "begin anew: --force"
                )
            folder.mkdir(exist_ok=True)
            held = [path.name for path in folder.iterdir()]
            if strange := [name for name in held if not _OWN.fullmatch(name)]:
                raise OutputError(
                    f"{folder} holds {strange[0]}, which no run made; this run needs the folder: "
                    "move it, or give another output"
                )
            self._lock = _locked(folder)
            begun = read_json(folder / "run.json") if resume else None
            if begun is None:
                begun = {**wanted, "id": uuid.uuid4().hex[:12]}
                self._begin(folder, begun, but=("publishing",) if resume else ())
        except OSError as error:
            self._let_go()
            raise failed(folder, error) from error
        for key, value in wanted.items():
            if key != "command" and begun.get(key) != value:
                self._let_go()
                raise OutputError(
                    f"{folder} holds a run with another {key} ({_short(begun.get(key))}, here "
                    f"{_short(value)}); give the same, or {ANEW}"
                )
        super().__init__(folder, uuid.uuid4().hex, begun["id"])
        self.command: str = begun["command"]
        if isinstance(folder, Remote):
            self.announce()

    def __enter__(self) -> ChunkStore:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if self._is_taken():
            pass  # by another session, which needs what is there
        elif error is None or not self._keep or not self._has_chunks():
            self._remove(self.folder)
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
            names = [path.name for path in self.folder.iterdir()]
        except OSError:
            return True
        return any(fnmatch(name, f"*-*.{self.run_id}.json") for name in names)

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _begin(self, folder: AnyPath, run: Mapping[str, Any], *, but: Collection[str]) -> None:
        """Make a folder hold a run and no more `but` some files; an OSError leaves no folder."""
        _empty(folder, but=("lock", *but))
        try:
            write_json(folder / "run.json", run)
        except OSError:
            self._remove(folder)
            raise

    def _remove(self, folder: AnyPath) -> None:
        """Remove a folder and what is in it, as far as that can be done."""
        with suppress(OSError):
            if isinstance(folder, Remote):
                folder.rmtree()
                return
            _empty(folder)
            self._let_go()  # NFS keeps a name of what is open
            folder.rmdir()

    @staticmethod
    def is_publishing(folder: AnyPath) -> bool:
        """Return whether the run that a folder holds has begun to put its outputs in place."""
        return (folder / "publishing").exists()


def _empty(folder: AnyPath, *, but: Collection[str] = ()) -> None:
    """Remove what is in a folder `but` some files, in an order that may be cut off.

    The chunks go before `run.json`, so that what is cut off is gone on with; `publishing`, by which
    a run knows its own outputs, after it, and `lock` last. On object storage a thousand go at a
    time, and in any order: without `run.json` nothing is taken for a chunk, and without
    `publishing` --resume finds outputs that are not known for its own, and asks for --force.
    """
    if isinstance(folder, Remote) and "publishing" not in but:
        folder.clear()
        return
    last = ["run.json", "publishing", "lock"]
    held = {path.name for path in folder.iterdir()}.difference(but)
    for name in [*held.difference(last), *(name for name in last if name in held)]:
        (folder / name).unlink(missing_ok=True)


def _locked(folder: AnyPath) -> int | None:
    """Return a handle that holds a folder; the system lets go of it with the process.

    None on object storage, which has no such thing. Raises OutputError if another process holds it.
    """
    if isinstance(folder, Remote):
        return None
    path = folder / "lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # NFS locks only what is open for writing
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_held = os.path.samestat(os.fstat(handle), path.stat())
    except (BlockingIOError, FileNotFoundError):  # held; or its holder has just removed it
        is_held = False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            os.close(handle)
            raise
        is_held = True
    if not is_held:
        os.close(handle)
        raise OutputError(
            f"{folder}: another process is at work on this output; wait for it, or give another"
        )
    return handle


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
