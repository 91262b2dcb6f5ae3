"""Downloads are whole or refused, whatever the server does."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mfdvep import downloads
from mfdvep.downloads import SUMS, Download, DownloadSummary, download
from mfdvep.errors import InputError, OutputError

DATA = bytes(range(256)) * 2000
HALF = len(DATA) // 2


class Server(ThreadingHTTPServer):
    """Serves `files`; `faults` says what goes wrong with a path's next requests, one each."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str | int]] = {}
        self.requests: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, path = self.server, self.path
        server.requests[path] += 1
        faults = server.faults.get(path, [])
        fault = faults.pop(0) if faults else ""
        body = server.files.get(path)
        if isinstance(fault, int) or body is None:
            self.send_error(fault or 404)
            return
        asked = self.headers.get("Range")
        start = 0
        if asked and fault != "no ranges":
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_error(416)
                return
            shown = 0 if fault == "another range" else start
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {shown}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        rest = body[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        rest = rest[: len(rest) // 2] if fault == "cut" else rest
        server.sent[path] += len(rest)
        self.wfile.write(rest)

    def log_message(self, *_):
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """Give a server that runs in a thread."""
    with pytest.MonkeyPatch.context() as patch, Server() as server:
        patch.setenv("no_proxy", "127.0.0.1")
        # a short poll, for shutdown waits as long
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server():
    with serving() as server:
        server.files["/a"] = DATA
        yield server


@pytest.fixture
def fetch(server, tmp_path):
    """Download the named files of the server; return the summary."""

    def call(*names, md5=None, size=None, **options) -> DownloadSummary:
        files = [
            Download(
                f"{server.url}/{name}",
                tmp_path / name,
                md5 or hashlib.md5(server.files.get(f"/{name}", b"")).hexdigest(),
                size,
            )
            for name in names
        ]
        return download(files, pause=0.001, **options)

    return call


def test_files_are_fetched_once(server, fetch, tmp_path):
    names = [f"f{i}" for i in range(9)]
    server.files |= {f"/{name}": name.encode() * 100 for name in names}
    seen = []
    progress = lambda *now: seen.append(now)  # noqa: E731
    assert fetch(*names, progress=progress) == DownloadSummary(9, 0, 1800)
    assert seen == [(i, 9) for i in range(1, 10)]
    assert all((tmp_path / name).read_bytes() == server.files[f"/{name}"] for name in names)
    (tmp_path / "f3").write_bytes(b"damaged")
    assert fetch(*names) == DownloadSummary(1, 8, 200)
    assert server.requests["/f3"] == 2
    assert sum(server.requests.values()) == 10
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_part_is_gone_on_with(server, fetch, tmp_path):
    (tmp_path / "a.part").write_bytes(DATA[: HALF + 7])
    assert fetch("a", size=len(DATA)).n_bytes == len(DATA) - HALF - 7
    assert server.sent["/a"] == len(DATA) - HALF - 7
    assert (tmp_path / "a").read_bytes() == DATA


def test_a_whole_part_needs_no_request(server, fetch, tmp_path):
    (tmp_path / "a.part").write_bytes(DATA)
    assert fetch("a").n_bytes == 0
    assert not server.requests
    assert (tmp_path / "a").read_bytes() == DATA


def test_a_broken_connection_is_gone_on_with(server, fetch, tmp_path):
    server.faults["/a"] = ["cut", "cut"]
    fetch("a")
    assert (tmp_path / "a").read_bytes() == DATA
    assert (server.requests["/a"], server.sent["/a"]) == (3, len(DATA))


@pytest.mark.parametrize(
    ("part", "faults", "sent"),
    [
        (DATA[:HALF], ["no ranges"], len(DATA)),
        (DATA + b"more", [], len(DATA)),  # 416
        (DATA[:HALF], ["another range"], None),
        (b"older" * 9, [], 2 * len(DATA) - 45),
    ],
    ids=["200", "416", "another range", "older"],
)
def test_a_part_that_does_not_serve_is_begun_anew(server, fetch, tmp_path, part, faults, sent):
    (tmp_path / "a.part").write_bytes(part)
    server.faults["/a"] = faults
    fetch("a")
    assert (tmp_path / "a").read_bytes() == DATA
    assert sent in (None, server.sent["/a"])


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_passing_fault_is_tried_again(server, fetch, status):
    server.faults["/a"] = [status]
    assert fetch("a").fetched == 1
    assert server.requests["/a"] == 2


@pytest.mark.parametrize(
    ("faults", "requests", "says"),
    [
        ([500] * 9, 3, "HTTP 500 Internal Server Error, expected a file"),
        ([403] * 9, 1, "HTTP 403 Forbidden, expected a file"),
        (["cut"] * 9, 3, f"the connection ended after {len(DATA) // 8} of {len(DATA) // 4} bytes"),
    ],
)
def test_faults_that_stay(server, fetch, tmp_path, faults, requests, says):
    server.faults["/a"] = faults
    server.files |= {"/b": b"b", "/c": b"c"}
    with pytest.raises(InputError, match="1 of 3 files could not be downloaded; first ") as error:
        fetch("b", "a", "c")
    assert f"{server.url}/a: {says}" in str(error.value)
    assert server.requests["/a"] == requests
    assert (tmp_path / "b").read_bytes() == b"b"


def test_wrong_bytes(server, fetch, tmp_path):
    with pytest.raises(InputError, match=f"MD5 {hashlib.md5(DATA).hexdigest()}, expected 00"):
        fetch("a", md5="0" * 32)
    with pytest.raises(InputError, match=f"{len(DATA)} bytes, expected 5"):
        fetch("a", md5="0" * 32, size=5)
    assert not list(tmp_path.iterdir())


def test_the_first_of_several_is_named_in_their_order(fetch):
    with pytest.raises(InputError, match=r"2 of 3 files .* first http://[^ ]*/gone1: HTTP 404"):
        fetch("a", "gone1", "gone2")


def test_a_server_that_is_away_is_given_up(server, fetch, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "GIVE_UP_AFTER", 5)
    with pytest.raises(InputError, match=r"5 of 40 files .* and 35 were not tried"):
        fetch(*(f"gone{i}" for i in range(40)), jobs=1)
    port = server.server_port
    server.server_close()
    with pytest.raises(InputError, match=r"1 of 1 .*no connection, or a broken one"):
        download([Download(f"http://127.0.0.1:{port}/a", tmp_path / "a", "0" * 32)], pause=0)


def test_a_place_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"no/a.part: cannot be written: No such file"):
        download([Download(f"{server.url}/a", tmp_path / "no" / "a", "0" * 32)])
    with pytest.raises(OutputError, match="cannot be read: Not a directory"):
        download([Download(f"{server.url}/a", tmp_path / "file" / "a", "0" * 32)])


def test_an_interruption_keeps_what_is_there(server, fetch, tmp_path):
    server.files |= {f"/{name}": b"x" for name in "bcdefgh"}

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stop:
        fetch("a", *"bcdefgh", jobs=1, progress=interrupt)
    assert "the same command goes on" in stop.value.__notes__[0]
    assert (tmp_path / "a").read_bytes() == DATA
    assert sum(server.requests.values()) < 8


@pytest.mark.parametrize(
    "url",
    ["file:///tmp/a", "/a", "http:///a", "http://h:x/a", "http://[/a", "http://h/é", "http://h/ "],
)
def test_addresses_that_are_none(tmp_path, url):
    with pytest.raises(InputError, match="expected an address that begins http"):
        download([Download(url, tmp_path / "a", "0" * 32)])


def test_no_jobs():
    with pytest.raises(InputError, match="--jobs is 0; expected at least 1"):
        download([], jobs=0)


class TestWithoutPublishedMd5:
    """What the eQTL Catalogue serves: a length and gzip, but no MD5."""

    @pytest.fixture
    def one(self, server, tmp_path):
        """Download /b.tsv.gz, of which no MD5 is known."""
        server.files["/b.tsv.gz"] = gzip.compress(DATA, mtime=0)

        def call() -> DownloadSummary:
            return download(
                [Download(f"{server.url}/b.tsv.gz", tmp_path / "b.tsv.gz", None)], pause=0.001
            )

        return call

    def test_the_md5_found_is_kept_and_checked_later(self, server, one, tmp_path):
        body = server.files["/b.tsv.gz"]
        assert one() == DownloadSummary(1, 0, len(body))
        kept = f"{hashlib.md5(body).hexdigest()}  b.tsv.gz\n"
        assert (tmp_path / SUMS).read_text() == kept
        assert one() == DownloadSummary(0, 1, 0)
        (tmp_path / "b.tsv.gz").write_bytes(gzip.compress(b"other"))  # whole, but changed
        assert one().fetched == 1
        assert (tmp_path / "b.tsv.gz").read_bytes() == body
        assert {path.name for path in tmp_path.iterdir()} == {"b.tsv.gz", SUMS}

    def test_gone_on_with(self, server, one, tmp_path):
        body = server.files["/b.tsv.gz"]
        server.faults["/b.tsv.gz"] = ["cut"]
        assert one().n_bytes == len(body) - len(body) // 2
        assert (tmp_path / "b.tsv.gz").read_bytes() == body
        assert server.sent["/b.tsv.gz"] == len(body)

    def test_an_older_part_is_seen_by_its_checksum_and_begun_anew(self, server, one, tmp_path):
        body = server.files["/b.tsv.gz"]
        (tmp_path / "b.tsv.gz.part").write_bytes(body[:30] + b"older" + body[35:60])
        one()
        assert (tmp_path / "b.tsv.gz").read_bytes() == body

    def test_a_file_that_was_finished_before_its_md5_was_kept(self, server, one, tmp_path):
        body = server.files["/b.tsv.gz"]
        (tmp_path / "b.tsv.gz").write_bytes(body)
        assert one() == DownloadSummary(0, 1, 0)
        assert not server.requests
        assert hashlib.md5(body).hexdigest() in (tmp_path / SUMS).read_text()

    def test_a_file_cut_on_the_server_is_refused(self, server, one, tmp_path):
        server.files["/b.tsv.gz"] = server.files["/b.tsv.gz"][:-9]
        with pytest.raises(InputError, match=r"damaged gzip .* inflates to its end"):
            one()
        assert not list(tmp_path.iterdir())

    def test_sums_that_cannot_be_read(self, one, tmp_path):
        (tmp_path / SUMS).write_bytes(b"\xff")
        with pytest.raises(OutputError, match="cannot be read"):
            one()
