"""Files on object storage, or in another file system that pyarrow knows.

A `Remote` has as much of a `Path` as the outputs of a run need. A file is made here and copied
there as a whole. On object storage it appears whole; elsewhere it is copied beside its place and
moved there. See `uris` for what a name stands for.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mfdvep.errors import OutputError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_AHEAD = 8  # files that are copied here before they are needed
BLOCK = 10 << 20  # bytes that go at once: what pyarrow makes a part of an upload of
_APPEAR_WHOLE = ("s3", "gcs", "abfs")


@dataclass(frozen=True, eq=False)
class Remote:
    """A file or folder in a file system of pyarrow; can be sent to a process.

    Its methods raise OSError as those of `Path` do, but where they say that they raise OutputError.

    Attributes
    ----------
    filesystem
        Where it is.
    path
        Its path there.
    uri
        Its name, for people.
    """

    filesystem: FileSystem
    path: str
    uri: str

    def __str__(self) -> str:
        return self.uri

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The ending of the name."""
        return PurePosixPath(self.path).suffix

    @property
    def folder(self) -> str:
        """The path of the folder that it is in."""
        return self.path.rpartition("/")[0]

    def with_name(self, name: str) -> Remote:
        """Return what has another name in the same folder."""
        head, mark, query = self.uri.partition("?")
        uri = f"{head.rpartition('/')[0]}/{quote(name)}{mark}{query}"
        return replace(self, path=f"{self.folder}/{name}", uri=uri)

    def __truediv__(self, name: str) -> Remote:
        return self.with_name(f"{self.name}/{name}")

    def absolute(self) -> Remote:
        """Return the same: its path is from the root."""
        return self

    def is_same(self, other: Remote) -> bool:
        """Return whether the other is at the same place."""
        return self.path == other.path and self.filesystem.equals(other.filesystem)

    def exists(self) -> bool:
        """Return whether there is a file, or a folder with something in it."""
        return self._kind() != "NotFound"

    def is_dir(self) -> bool:
        """Return whether it is a folder, with something in it."""
        return self._kind() == "Directory"

    def _kind(self) -> str:
        return str(self.filesystem.get_file_info(self.path).type.name)

    def iterdir(self) -> Iterator[Remote]:
        """Yield what is in the folder; nothing if there is no folder."""
        from pyarrow.fs import FileSelector

        for info in self.filesystem.get_file_info(FileSelector(self.path, allow_not_found=True)):
            yield self / info.base_name

    def mkdir(self, *, exist_ok: bool) -> None:
        """Make a folder, where folders are made and do not come with their first file."""
        if self.filesystem.type_name not in _APPEAR_WHOLE:
            if not exist_ok and self.exists():
                raise FileExistsError(f"{self} exists")
            self.filesystem.create_dir(self.path, recursive=False)

    def open(self, mode: str) -> Any:
        """Return the file, to be read as bytes from its start."""
        assert mode == "rb"
        return self.filesystem.open_input_stream(self.path, compression=None, buffer_size=BLOCK)

    def read_text(self, encoding: str) -> str:
        """Return what a small file holds."""
        with self.open("rb") as file:
            return bytes(file.read()).decode(encoding)

    def write_text(self, text: str, encoding: str) -> None:
        """Write a small file; raises OutputError."""
        with self.made() as path:
            path.write_text(text, encoding=encoding)

    def touch(self) -> None:
        """Write an empty file; raises OutputError."""
        self.write_text("", "utf-8")

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove the file."""
        try:
            self.filesystem.delete_file(self.path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def clear(self) -> None:
        """Remove what is in the folder, in any order."""
        self.filesystem.delete_dir_contents(self.path, missing_dir_ok=True)

    def rmtree(self) -> None:
        """Remove the folder and what is in it, in any order."""
        self.filesystem.delete_dir(self.path)

    @contextmanager
    def made(self) -> Iterator[Path]:
        """Give a path on this machine to write to; what is there then is copied here as a whole.

        Raises
        ------
        OutputError
            It cannot be copied. What was here before is still here.
        """
        with tempfile.TemporaryDirectory(prefix="mfdvep-") as folder:
            path = Path(folder) / "file"
            yield path
            try:
                # in a thread, where no signal ends it: pyarrow would close what it left half
                # written, and so make a torn object of it
                with ThreadPoolExecutor(1, "upload") as pool:
                    pool.submit(self._upload, path).result()
            except OSError as error:
                raise OutputError(f"{self}: cannot be written: {error}") from error

    def fetch(self, path: Path) -> Path:
        """Copy it to a path on this machine, which is returned.

        Raises
        ------
        OutputError
            It cannot be copied.
        """
        try:
            with self.open("rb") as source, path.open("wb") as file:
                shutil.copyfileobj(source, file, BLOCK)
        except OSError as error:
            raise OutputError(f"{self}: cannot be read: {error}") from error
        return path

    def _upload(self, path: Path) -> None:
        if self.filesystem.type_name in _APPEAR_WHOLE:
            self._put(path)
            return
        part = self.with_name(f"{self.name}.{uuid.uuid4().hex[:12]}.tmp")
        part._put(path)
        self.unlink(missing_ok=True)  # HDFS moves no file onto another
        self.filesystem.move(part.path, self.path)

    def _put(self, path: Path) -> None:
        # not by copy_files: pyarrow 26 forgets there that a server refused the end of a file
        with path.open("rb") as source:
            stream = self.filesystem.open_output_stream(self.path, compression=None)
            while block := source.read(BLOCK):
                stream.write(block)
            stream.close()


AnyPath = Path | Remote


def fetched(remotes: Iterable[Remote]) -> Generator[Path, None, None]:
    """Yield the paths of copies on this machine, in order; each is removed when the next is due.

    Some are copied ahead, for one by one the time to reach a server adds up.

    Raises
    ------
    OutputError
        One cannot be copied.
    """
    waiting: deque[Future[Path]] = deque()
    with (
        tempfile.TemporaryDirectory(prefix="mfdvep-") as folder,
        ThreadPoolExecutor(_AHEAD, "fetch") as pool,
    ):
        for number, remote in enumerate(remotes):
            waiting.append(pool.submit(remote.fetch, Path(folder) / str(number)))
            if len(waiting) > _AHEAD:
                yield from _taken(waiting)
        while waiting:
            yield from _taken(waiting)


def _taken(waiting: deque[Future[Path]]) -> Iterator[Path]:
    path = waiting.popleft().result()
    yield path
    path.unlink()
