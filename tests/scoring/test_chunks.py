from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys

import pytest

from mfdvep.errors import OutputError
from mfdvep.scoring.chunk_store import ChunkStore
from mfdvep.scoring.chunks import ChunkFolder, Finished, Place

RUN = {"command": "mfdvep score", "shifts": [0, 1], "model": {"name": "m"}}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out.vcf.parts"


def fill(store: ChunkStore, numbers) -> None:
    for number in numbers:
        with store.writing(Place(0, number), "vcf") as part:
            part.write_text(f"lines {number}")
        store.finish(Place(0, number), f"digest {number}", ["vcf"], {"n": number})


def interrupted(folder, numbers=(0, 1), run=RUN) -> ChunkFolder:
    """Leave a run with finished chunks; return the folder as a worker of it sees it."""
    seen = []

    def work() -> None:
        with ChunkStore(folder, run) as store:
            seen.append(ChunkFolder(folder, store.session, store.run_id))
            fill(store, numbers)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    return seen[0]


def test_finished_chunks_are_found_again(folder):
    interrupted(folder)
    with ChunkStore(folder, {**RUN, "command": "again"}, resume=True) as store:
        assert store.command == "mfdvep score"
        assert store.finished(Place(0, 0), "digest 0") == Finished({"n": 0}, resumed=True)
        assert store.finished(Place(0, 1), "digest 1") == Finished({"n": 1}, resumed=True)
        assert store.finished(Place(0, 2), "digest 2") is None
        assert [p.read_text() for p in store.parts([Place(0, 0), Place(0, 1)], "vcf")] == [
            "lines 0",
            "lines 1",
        ]
    assert not folder.exists()


def test_a_run_that_ends_well_or_finished_nothing_leaves_nothing(folder):
    with ChunkStore(folder, RUN) as store:
        fill(store, [0])
    assert not folder.exists()
    interrupted(folder, [])
    assert not folder.exists()
    with ChunkStore(folder, RUN, resume=True):  # nothing to resume is no error
        pass


@pytest.mark.parametrize("damage", ["lines", "lines 0 and more", "LINES 0", None])
def test_a_part_that_is_not_whole_is_made_again(folder, damage):
    part = interrupted(folder).part(Place(0, 0), "vcf")
    part.write_text(damage) if damage is not None else part.unlink()
    with ChunkStore(folder, RUN, resume=True) as store:
        assert store.finished(Place(0, 0), "digest 0") is None
        assert store.finished(Place(0, 1), "digest 1") == Finished({"n": 1}, resumed=True)


def test_a_record_of_a_chunk_that_is_not_whole(folder):
    interrupted(folder).part(Place(0, 1), "json").write_text('{"digest": "dig')
    with ChunkStore(folder, RUN, resume=True) as store:
        assert store.finished(Place(0, 1), "digest 1") is None


def test_other_records_are_refused(folder):
    interrupted(folder)
    with (
        pytest.raises(
            OutputError, match=r"records of its chunk 000000-000001 were others; .* begin anew"
        ),
        ChunkStore(folder, RUN, resume=True) as store,
    ):
        store.finished(Place(0, 1), "another")
    assert folder.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shifts": [0]}, r"another shifts \(\[0, 1\], here \[0\]\)"),
        ({"model": {"name": "n"}}, "another model"),
        ({"min_abs": 0.5}, r"another min_abs \(null, here 0.5\)"),
    ],
)
def test_another_run_is_not_gone_on_with(folder, change, says):
    left = interrupted(folder)
    with pytest.raises(OutputError, match=says):
        ChunkStore(folder, {**RUN, **change}, resume=True)
    assert left.part(Place(0, 1), "json").exists()


def test_what_was_begun_is_neither_gone_on_with_nor_lost_unasked(folder):
    interrupted(folder)
    with pytest.raises(OutputError, match="interrupted; go on with it: --resume, or begin"):
        ChunkStore(folder, RUN)
    with ChunkStore(folder, {**RUN, "shifts": [0]}, force=True) as store:
        assert store.finished(Place(0, 0), "digest 0") is None


def test_a_folder_of_somebody_else_is_left_alone(folder):
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    for how in ({"force": True}, {"resume": True}):
        with pytest.raises(OutputError, match=r"holds thesis\.txt, which no run made"):
            ChunkStore(folder, RUN, **how)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_one_process_at_a_time(folder):
    code = (
        "import sys, json; from pathlib import Path\n"
        "from mfdvep.scoring.chunk_store import ChunkStore\n"
        "ChunkStore(Path(sys.argv[1]), json.loads(sys.argv[2]), resume=True)"
    )
    with ChunkStore(folder, RUN) as store:
        fill(store, [0])
        other = subprocess.run(
            [sys.executable, "-c", code, str(folder), json.dumps(RUN)],
            capture_output=True,
            text=True,
        )
        assert "another process is at work on this output" in other.stderr
        assert store.finished(Place(0, 0), "digest 0") == Finished({"n": 0}, resumed=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_made(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        ChunkStore(tmp_path / "parts", RUN)


def test_another_process_of_the_same_session_shares_the_folder(folder):
    with ChunkStore(folder, RUN) as store:
        fill(store, [0])
        worker = ChunkFolder(folder, store.session, store.run_id)
        assert not worker.is_at_work()
        store.announce()
        assert worker.is_at_work()
        assert not ChunkFolder(folder, "another", store.run_id).is_at_work()
        assert not ChunkFolder(folder / "elsewhere", store.session, store.run_id).is_at_work()
        assert worker.finished(Place(0, 0), "digest 0") == Finished({"n": 0}, resumed=False)
    assert not folder.exists()


def test_two_attempts_at_a_chunk_do_no_harm(folder):
    """One is behind, and writes while the other has finished."""
    with ChunkStore(folder, RUN) as store:
        late = ChunkFolder(folder, store.session, store.run_id)
        with late.writing(Place(0, 0), "vcf") as torn:
            torn.write_text("li")
            fill(store, [0])
            assert store.finished(Place(0, 0), "digest 0") is not None
            torn.write_text("lines 0")
        assert store.finished(Place(0, 0), "digest 0") is not None
        fill(late, [0])
        assert {path.name for path in folder.iterdir()} == {
            store.part(Place(0, 0), "json").name, store.part(Place(0, 0), "vcf").name,
            "run.json", "lock",
        }  # fmt: skip


def test_what_an_attempt_left_when_it_was_killed_does_not_bar_the_way(folder):
    interrupted(folder, [0])
    (folder / "000003-000001.matrix.0123456789ab.tmp").write_text("torn")
    with ChunkStore(folder, RUN, resume=True) as store:
        assert store.finished(Place(0, 0), "digest 0") is not None
    assert not folder.exists()


@pytest.mark.parametrize("change", [{"shifts": [0]}, {}])
def test_what_a_worker_of_an_abandoned_run_writes_late_is_not_taken(folder, change):
    """Another run has begun anew in the folder, and has finished the same chunk."""
    late = interrupted(folder, [0])
    place = Place(0, 0)
    with ChunkStore(folder, {**RUN, **change}, force=True) as store:
        fill(store, [0])
        with late.writing(place, "vcf") as part:
            part.write_text("of the abandoned run")
        late.finish(place, "digest 0", ["vcf"], {"n": 7})
        assert [part.read_text() for part in store.parts([place], "vcf")] == ["lines 0"]
        assert store.figures(place) == {"n": 0}
        assert store.finished(place, "digest 0") == Finished({"n": 0}, resumed=False)
        with late.writing(Place(0, 1), "vcf") as part:
            part.write_text("of the abandoned run")
        late.finish(Place(0, 1), "digest 1", ["vcf"], {"n": 7})
        assert store.finished(Place(0, 1), "digest 1") is None
    assert not folder.exists()


def test_a_run_that_goes_on_is_the_same_run(folder):
    """So that its workers of before may finish what they were at."""
    late = interrupted(folder, [0])
    with ChunkStore(folder, RUN, resume=True) as store:
        fill(late, [1])
        assert store.finished(Place(0, 1), "digest 1") == Finished({"n": 1}, resumed=True)


@pytest.mark.parametrize("damage", ["LINES 1", "lines", None])
def test_a_part_that_is_not_as_it_was_recorded_is_not_joined(folder, damage):
    places = [Place(0, 0), Place(0, 1)]
    with ChunkStore(folder, RUN) as store:
        fill(store, [0, 1])
        part = store.part(places[1], "vcf")
        part.write_text(damage) if damage is not None else part.unlink()
        parts = store.parts(places, "vcf")
        assert next(parts).read_text() == "lines 0"
        with pytest.raises(OutputError, match=r"001\..*vcf is not what was written; --resume"):
            next(parts)


def test_what_was_left_without_a_run_is_in_nobodys_way(folder):
    """As when a worker writes while the folder is removed."""
    folder.mkdir()
    (folder / "000000-000000.0123456789ab.vcf").write_text("lines")
    (folder / "lock").touch()
    with ChunkStore(folder, RUN) as store:
        assert not store._has_chunks()
        fill(store, [0])
    assert not folder.exists()


def test_one_process_at_a_time_over_nfs(folder, monkeypatch):
    """There an exclusive lock needs a file that is open for writing: flock(2)."""
    flock = fcntl.flock

    def over_nfs(handle: int, how: int) -> None:
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", over_nfs)
    with ChunkStore(folder, RUN) as store:
        fill(store, [0])
        with pytest.raises(OutputError, match="another process is at work on this output"):
            ChunkStore(folder, RUN, resume=True)
    assert not folder.exists()


@pytest.mark.parametrize(("number", "holds"), [(errno.ENOSYS, True), (errno.EIO, False)])
def test_a_file_system_without_locks(folder, monkeypatch, number, holds):
    def fails(handle: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fails)
    if holds:
        with ChunkStore(folder, RUN):
            pass
    else:
        with pytest.raises(OutputError, match="cannot be written: Input/output error"):
            ChunkStore(folder, RUN)


def test_a_lock_that_its_holder_removed_meanwhile_holds_nothing(folder, monkeypatch):
    flock = fcntl.flock

    def late(handle: int, how: int) -> None:
        (folder / "lock").unlink()
        (folder / "lock").touch()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(OutputError, match="another process is at work on this output"):
        ChunkStore(folder, RUN)
