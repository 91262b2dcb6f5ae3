"""Files from the web: in parallel, gone on with after an interruption, checked by their MD5."""

from __future__ import annotations

import http.client
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import mfdvep
from mfdvep.errors import InputError, OutputError
from mfdvep.files import md5

TRIES = 3
GIVE_UP_AFTER = 20
"""Failures in a row after which the rest is not tried: the server or the network is away."""
TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 1 << 16
_TRANSIENT_STATUS = (408, 425, 429)  # and 500 to 599


@dataclass(frozen=True)
class Download:
    """A file to fetch: its http or https address, its place, MD5 in hexadecimal, size in bytes."""

    url: str
    path: Path
    md5: str
    size: int | None = None


@dataclass(frozen=True)
class DownloadSummary:
    """Files fetched and files that were there already; bytes received in this run."""

    fetched: int
    present: int
    n_bytes: int


def download(
    files: Sequence[Download],
    *,
    jobs: int = 4,
    pause: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> DownloadSummary:
    """Fetch the files that are not there with the right MD5, and return how many those were.

    A file grows as `NAME.part` and is renamed once size and MD5 are right. A `.part` that is there
    is gone on with, or begun anew where the server does not send ranges. A passing fault (5xx,
    408, 425, 429, a connection that breaks) is tried again, `TRIES` times in all.

    Parameters
    ----------
    files
        Their paths must differ, and their folders be there.
    jobs
        Files fetched at once, at least 1.
    pause
        Seconds before the second try; twice as many before the third.
    progress
        Called with files done and their number, from the calling thread.

    Raises
    ------
    InputError
        Files could not be fetched: how many, and for the first what was found and expected. Those
        that are finished stay, so that the same call does the rest. `jobs` below 1; an address
        that is not http.
    OutputError
        A file cannot be written, such as on a full disk; nothing more is fetched.

    Source: RFC 9110, section 14 (ranges).
    """
    if jobs < 1:
        raise InputError(f"--jobs is {jobs}; expected at least 1")
    for file in files:
        if not re.fullmatch(r"https?://[\w.-]+(:\d+)?/[!-~]*", file.url, re.ASCII):
            raise InputError(
                f"{file.url!r}: expected an address that begins http:// or https:// and a server, "
                "without spaces; mend it, or the option that gives the server"
            )
    stop = threading.Event()
    failed: dict[int, str] = {}
    received, done, in_a_row = [], 0, 0
    with ThreadPoolExecutor(jobs) as pool:
        futures: dict[Future[int | None], int] = {
            pool.submit(_fetch, file, pause, stop): i for i, file in enumerate(files)
        }
        try:
            for future in as_completed(futures):
                try:
                    received.append(future.result())
                    in_a_row = 0
                except InputError as error:
                    failed[futures[future]] = str(error)
                    in_a_row += 1
                done += 1
                if progress is not None:
                    progress(done, len(files))
                if in_a_row >= GIVE_UP_AFTER:
                    break
        except BaseException as error:
            if not isinstance(error, Exception):
                error.add_note("the files fetched so far stay; the same command goes on from them")
            raise
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    if failed:
        untried = f" and {len(files) - done} were not tried" if done < len(files) else ""
        raise InputError(
            f"{len(failed)} of {len(files)} files could not be downloaded{untried}; "
            f"first {failed[min(failed)]}; run the same command again for those that are missing"
        )
    fetched = [n for n in received if n is not None]
    return DownloadSummary(len(fetched), len(files) - len(fetched), sum(fetched))


class _PassingError(Exception):
    """A fault that another try may not meet."""


def _fetch(file: Download, pause: float, stop: threading.Event) -> int | None:
    """Return the bytes received for this file, None where it was there already.

    Raises InputError with the address, what was found and what was expected.
    """
    if _md5(file.path) == file.md5:
        return None
    part = file.path.with_name(f"{file.path.name}.part")
    total, found = 0, ""
    for attempt in range(TRIES):
        if attempt and stop.wait(pause * 2 ** (attempt - 1)):
            break
        # a process killed between the last byte and the rename leaves a whole .part
        if _md5(part) != file.md5:
            try:
                total += _receive(file.url, part, stop)
            except _PassingError as error:
                found = str(error)
                continue
        size = part.stat().st_size
        if file.size is not None and size != file.size:
            found = f"{size} bytes, expected {file.size}"
        elif (digest := _md5(part)) != file.md5:
            found = f"MD5 {digest}, expected {file.md5}"
        else:
            try:
                os.replace(part, file.path)
            except OSError as error:
                raise OutputError(f"{file.path}: cannot be written: {error.strerror}") from error
            return total
        # wrong bytes are not gone on with; the beginning may have been of an older file
        part.unlink()
    raise InputError(f"{file.url}: {found or 'stopped'}")


def _receive(url: str, part: Path, stop: threading.Event) -> int:
    """Append what is missing to `part`, or begin it anew; return the bytes received.

    Raises InputError for a fault that stays, and _PassingError.
    """
    offset = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": f"mfdvep/{mfdvep.__version__}"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if answer.status == 206:
                start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
                if start is None or int(start[1]) != offset:
                    part.unlink(missing_ok=True)
                    raise _PassingError(f"another range than asked for, from byte {offset}")
            else:
                offset = 0
            length = answer.headers.get("Content-Length")
            received = _save(answer, part, offset, stop)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            part.unlink(missing_ok=True)
        elif error.code < 500 and error.code not in _TRANSIENT_STATUS:
            raise InputError(f"{url}: HTTP {error.code} {error.reason}, expected a file") from error
        raise _PassingError(f"HTTP {error.code} {error.reason}, expected a file") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _PassingError(f"no connection, or a broken one ({reason!r})") from error
    if length is not None and received < int(length):
        raise _PassingError(f"the connection ended after {received} of {length} bytes")
    return received


def _save(answer: http.client.HTTPResponse, part: Path, offset: int, stop: threading.Event) -> int:
    """Write what comes to `part` from byte `offset` on; return its size in bytes."""
    received = 0
    try:
        handle = open(part, "ab" if offset else "wb")  # noqa: SIM115
    except OSError as error:
        raise OutputError(f"{part}: cannot be written: {error.strerror}") from error
    with handle:
        while chunk := answer.read(_CHUNK):
            if stop.is_set():
                raise InputError("stopped")
            try:
                handle.write(chunk)
                handle.flush()
            except OSError as error:
                raise OutputError(f"{part}: cannot be written: {error.strerror}") from error
            received += len(chunk)
    return received


def _md5(path: Path) -> str | None:
    """Return the MD5 of a file in hexadecimal, None where there is none."""
    try:
        return md5(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error
