"""`mfdvep` as processes that can be cut off anywhere: `python slow_score.py` forks one a request.

What takes a second, the imports, is done once. A child is a process of its own, which runs the
command's `main` and ends as Python ends; its chunks are small, and its model is one that costs
nothing. A request is a line of JSON on standard input, with the fields of `Request`; the answers
are "began" with the child's process id, and when it has ended "ended" with its `waitpid` status.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import torch
from conftest import SMALL_TRACKS
from oracles.free_scorer import FreeScorer

import mfdvep.cli.score
from mfdvep.cli.main import main
from mfdvep.scoring import check, pipeline  # noqa: F401  # so that no child has to import them

pa.array([0]).to_numpy()  # here, so that no child does: it imports pandas where there is one
_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
_WRITING = os.O_WRONLY | os.O_RDWR


@dataclass
class Request:
    """What a child is to do.

    Attributes
    ----------
    args
        Of `mfdvep`.
    folder
        Where it runs.
    stdin, stdout, stderr
        Files.
    count
        A file that gets the number of changes that the child made to files.
    die
        Die of SIGKILL just before this change, 1-based; None for never.
    tear
        Before dying, cut the part that was written last in half, as if it were being written.
    pause
        Seconds that a chunk takes.
    limit
        Size in bytes that no file can pass.
    """

    args: list[str]
    folder: str
    stdin: str
    stdout: str
    stderr: str
    count: str | None = None
    die: int | None = None
    tear: bool = False
    pause: float = 0.0
    limit: int | None = None


class SlowScorer(FreeScorer):
    """A scorer that costs nothing but time."""

    def __init__(self, genome: Any, *, shifts: str, pause: float) -> None:
        super().__init__(genome, SMALL_TRACKS, shifts=int(shifts))
        self.provenance = {**self.provenance, "shifts": list(self.windows.shifts)}
        self._pause = pause

    def score_prepared(self, prepared: Any, *, features: bool = False) -> Any:
        time.sleep(self._pause)
        return super().score_prepared(prepared, features=features)


def serve() -> Request | None:
    """Fork a child for each request; return in a child with its request, at the end with None."""
    for line in sys.stdin:
        request = Request(**json.loads(line))
        if (child := os.fork()) == 0:
            return request
        print("began", child, flush=True)
        print("ended", os.waitpid(child, 0)[1], flush=True)
    return None


def become(request: Request) -> None:
    """Make this process the one that a request asks for."""
    os.chdir(request.folder)
    for handle, path, flags in (
        (0, request.stdin, os.O_RDONLY),
        (1, request.stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, request.stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, handle)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # for all its life
    sys.argv = ["mfdvep", *request.args]
    if request.limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request.limit, request.limit))
    mfdvep.cli.score._scorer = lambda genome, options: SlowScorer(
        genome, shifts=options["shifts"], pause=request.pause
    )
    pipeline.CHUNK_ALLELES = {"cpu": 4}
    if request.die is not None or request.count is not None:
        _watch(request)


def _watch(request: Request) -> None:
    """Count the changes that this process makes to files, and die at the one that is asked for."""
    n = 0

    def seen(event: str, args: tuple[Any, ...]) -> None:
        nonlocal n
        if event == "open":
            if not isinstance(args[2], int) or not args[2] & _WRITING or args[0] == request.count:
                return
        elif event not in _CHANGES:
            return
        n += 1
        if request.count is not None:
            Path(request.count).write_text(str(n))
        if n == request.die:
            if request.tear:
                _tear(Path(request.folder))
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(seen)


def _tear(folder: Path) -> None:
    parts = [*folder.glob("*.parts/*"), *folder.glob(".*.part")]
    if parts:
        last = max(parts, key=lambda path: path.stat().st_mtime_ns)
        os.truncate(last, last.stat().st_size // 2)


if __name__ == "__main__":
    torch.set_num_threads(1)
    asked = serve()
    if asked is not None:
        become(asked)
        try:
            main()
        except SystemExit as stop:
            sys.stdout.flush()
            os._exit(int(stop.code or 0))  # the modules take Python 0.4 s to end
