"""Finished pieces of a run in a folder, so that a run that was interrupted goes on where it was.

The folder has `run.json`, which says what run it is, and for each finished chunk its parts, one a
kind of output, and `SECTION-NUMBER.RUN.json`: the digest of its records, its figures, the process
or cluster that made it, and size and CRC-32 of each part. A chunk is finished when its JSON is
there, which is renamed into place last. A folder without a whole `run.json` holds nothing.
`session` says who is at work, for the workers of a cluster; `publishing` is there once outputs may
be in place; who runs it holds `lock`.

Every file is written under a name of its own and then renamed, so that two attempts at a chunk,
one of them given up for lost, do no harm: both write the same. RUN is made anew with every run that
is begun anew, and kept by one that goes on: what a worker of an abandoned run writes late is never
taken for another run's.

The folder may be on object storage, where files appear whole without being renamed. No lock holds
it there: whoever begins to work in it writes `session`, and who finds another's there stops.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from mfdvep.errors import OutputError
from mfdvep.scoring.chunk_files import failed, read_json, renamed, size_and_crc, write_json
from mfdvep.storage import AnyPath, Remote, fetched

ANEW = "begin anew: --force without --resume"


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
    run_id
        Names the run, whichever session goes on with it.
    """

    def __init__(self, folder: AnyPath, session: str, run_id: str) -> None:
        self.folder, self.session, self.run_id = folder, session, run_id
        self._sent: dict[str, list[int]] = {}  # size and CRC-32 of what was sent to storage

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
            return self._is_announced()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise failed(self.folder, error) from error

    def _is_announced(self) -> bool:
        try:
            return (self.folder / "session").read_text(encoding="utf-8") == self.session
        except FileNotFoundError:
            return False

    def _check_hold(self) -> None:
        """Raise OutputError if another session is at work in a folder that no lock holds."""
        if isinstance(self.folder, Remote) and not self._is_announced():
            raise OutputError(
                f"{self.folder}: another process has begun to work on this output; wait for it, "
                "or give another"
            )

    def announce(self) -> None:
        """Record that this session is at work in the folder; raises OutputError."""
        try:
            with renamed(self.folder / "session") as part:
                part.write_text(self.session, encoding="utf-8")
        except OSError as error:
            raise failed(self.folder, error) from error

    def part(self, place: Place, kind: str) -> AnyPath:
        """Return the path of a chunk's part."""
        return self.folder / f"{place}.{self.run_id}.{kind}"

    def parts(self, places: Sequence[Place], kind: str) -> Iterator[Path]:
        """Yield the paths of the parts of a kind, in order.

        A part on object storage is copied here, until the next is asked for; see `fetched`.

        Raises
        ------
        OutputError
            One is not what was recorded when its chunk was finished, or cannot be read.
        """
        pairs = ((self.part(place, "json"), self.part(place, kind)) for place in places)
        named = chain.from_iterable(pairs)
        if isinstance(self.folder, Remote):
            here = fetched(file for file in named if isinstance(file, Remote))
        else:
            here = (file for file in named if isinstance(file, Path))
        with closing(here) as files:
            for place in places:
                record = read_json(next(files))
                part = next(files)
                if record is None or size_and_crc(part) != record["parts"][kind]:
                    raise OutputError(
                        f"{self.part(place, kind)} is not what was written; --resume makes it again"
                    )
                yield part

    @contextmanager
    def writing(self, place: Place, kind: str) -> Iterator[Path]:
        """Give a path to write a chunk's part to, and put it in place; raises OutputError."""
        try:
            target = self.part(place, kind)
            with renamed(target) as part:
                yield part
                if isinstance(target, Remote):
                    self._check_hold()
                    if (sums := size_and_crc(part)) is not None:
                        self._sent[target.name] = sums
        except OSError as error:
            raise failed(self.folder, error) from error

    def finished(self, place: Place, digest: str) -> Finished | None:
        """Return a chunk that is finished and whole; None if it is not.

        Raises
        ------
        OutputError
            It is of other records, as the input has changed since; or it cannot be read.
        """
        record = read_json(self.part(place, "json"))
        if record is None:
            return None
        if record["digest"] != digest:
            raise OutputError(
                f"{self.folder} holds a run on another input: the records of its chunk {place} "
                f"were others; give the same input, or {ANEW}"
            )
        whole = all(
            size_and_crc(self.part(place, kind)) == found for kind, found in record["parts"].items()
        )
        return Finished(record["figures"], record["session"] != self.session) if whole else None

    def figures(self, place: Place) -> dict[str, Any] | None:
        """Return the figures of a chunk that is finished, None if it is not; see `read_json`."""
        record = read_json(self.part(place, "json"))
        return None if record is None else record["figures"]

    def finish(
        self, place: Place, digest: str, kinds: Iterable[str], figures: Mapping[str, Any]
    ) -> None:
        """Record that a chunk's parts, one of each kind, are written; raises OutputError."""
        try:
            self._check_hold()
            paths = {kind: self.part(place, kind) for kind in kinds}
            parts = {
                kind: self._sent.pop(path.name, None) or size_and_crc(path)
                for kind, path in paths.items()
            }
            record = {
                "digest": digest,
                "session": self.session,
                "parts": parts,
                "figures": figures,
            }
            write_json(self.part(place, "json"), record)
        except OSError as error:
            raise failed(self.folder, error) from error

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Raise OutputError at the end if another session is by then at work in the folder."""
        yield
        try:
            self._check_hold()
        except OSError as error:
            raise failed(self.folder, error) from error

    def publish(self) -> None:
        """Record that the outputs are put in place from now on; raises OutputError."""
        try:
            self._check_hold()
            (self.folder / "publishing").touch()
        except OSError as error:
            raise failed(self.folder, error) from error
