"""Files from the web: in parallel, gone on with after an interruption, and checked."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import threading
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import mfdvep
from mfdvep.errors import InputError, OutputError
from mfdvep.files import Parts, md5

SUMS = "md5sums.txt"
"""Beside files whose MD5 nobody publishes: the one that was found; `md5sum -c` reads it."""
TRIES = 3
GIVE_UP_AFTER = 20
"""Failures in a row after which the rest is not tried: the server or the network is away."""
TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 1 << 16
_TRANSIENT_STATUS = (408, 425, 429)  # and 500 to 599


@dataclass(frozen=True)
class Download:
    """A file to fetch: its http or https address, its place, MD5 in hexadecimal, size in bytes.

    An MD5 of None is not published.
    """

    url: str
    path: Path
    md5: str | None
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

    A file without a published MD5 is right if it has the length that the server announces and, if
    it is named .gz, inflates to its end; its MD5 is kept in `SUMS` beside it, for the next call.
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
        A file cannot be written, such as on a full disk; nothing more is fetched. `SUMS` cannot be
        read.

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
    unpublished = [i for i, file in enumerate(files) if file.md5 is None]
    sums = {files[i].path.parent: _read_sums(files[i].path.parent) for i in unpublished}
    known = [file.md5 or sums[file.path.parent].get(file.path.name) for file in files]
    stop = threading.Event()
    failed: dict[int, str] = {}
    received, done, in_a_row = [], 0, 0
    with ThreadPoolExecutor(jobs) as pool:
        futures: dict[Future[tuple[int | None, str]], int] = {
            pool.submit(_fetch, file, known[i], pause, stop): i for i, file in enumerate(files)
        }
        try:
            for future in as_completed(futures):
                try:
                    n_bytes, digest = future.result()
                    received.append(n_bytes)
                    file, in_a_row = files[futures[future]], 0
                    if file.md5 is None:
                        _keep_sum(sums[file.path.parent], file.path, digest)
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


def _fetch(
    file: Download, known: str | None, pause: float, stop: threading.Event
) -> tuple[int | None, str]:
    """Return the bytes received for this file, None where it was there already, and its MD5.

    Raises InputError with the address, what was found and what was expected.
    """
    there = _md5(file.path)
    # one of unknown MD5 was finished by a process that was killed before it kept the MD5
    if there is not None and (there == known or (known is None and not _damage(file.path))):
        return None, there
    part = file.path.with_name(f"{file.path.name}.part")
    total, found = 0, ""
    for attempt in range(TRIES):
        if attempt and stop.wait(pause * 2 ** (attempt - 1)):
            break
        # a process killed between the last byte and the rename leaves a whole .part
        if known is None or _md5(part) != known:
            try:
                total += _receive(file.url, part, stop)
            except _PassingError as error:
                found = str(error)
                continue
        size, digest = part.stat().st_size, _md5(part) or ""
        if file.size is not None and size != file.size:
            found = f"{size} bytes, expected {file.size}"
        elif file.md5 is not None and digest != file.md5:
            found = f"MD5 {digest}, expected {file.md5}"
        elif file.md5 is None and (found := _damage(file.path, part)):
            pass
        else:
            try:
                os.replace(part, file.path)
            except OSError as error:
                raise OutputError(f"{file.path}: cannot be written: {error.strerror}") from error
            return total, digest
        # wrong bytes are not gone on with; the beginning may have been of an older file
        part.unlink()
    raise InputError(f"{file.url}: {found or 'stopped'}")


def _damage(path: Path, part: Path | None = None) -> str:
    """Return what is wrong with the gzip stream of a file named .gz; "" for nothing."""
    if path.suffix not in (".gz", ".bgz"):
        return ""
    try:
        with gzip.open(part or path) as stream:
            while stream.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        return f"damaged gzip ({error}), expected one that inflates to its end"
    return ""


def _read_sums(folder: Path) -> dict[str, str]:
    """Return name -> MD5 of the files that `SUMS` of a folder lists; none where there is none."""
    path = folder / SUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path}: cannot be read: {error}") from error
    found = [re.fullmatch(r"([0-9a-f]{32}) [ *](.+)", line) for line in lines]
    return {match[2]: match[1] for match in found if match}


def _keep_sum(sums: dict[str, str], path: Path, digest: str) -> None:
    """Add a file's MD5 to `SUMS` beside it."""
    if sums.get(path.name) == digest:
        return
    sums[path.name] = digest
    out = path.with_name(SUMS)
    with Parts(out) as parts:
        text = "".join(f"{known}  {name}\n" for name, known in sorted(sums.items()))
        parts.write_text(out, text)


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
