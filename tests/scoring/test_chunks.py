from __future__ import annotations

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


def interrupted(folder, numbers=(0, 1), run=RUN) -> None:
    def work() -> None:
        with ChunkStore(folder, run) as store:
            fill(store, numbers)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()


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
    interrupted(folder)
    part = folder / "000000-000000.vcf"
    part.write_text(damage) if damage is not None else part.unlink()
    with ChunkStore(folder, RUN, resume=True) as store:
        assert store.finished(Place(0, 0), "digest 0") is None
        assert store.finished(Place(0, 1), "digest 1") == Finished({"n": 1}, resumed=True)


def test_a_record_of_a_chunk_that_is_not_whole(folder):
    interrupted(folder)
    (folder / "000000-000001.json").write_text('{"digest": "dig')
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
    interrupted(folder)
    with pytest.raises(OutputError, match=says):
        ChunkStore(folder, {**RUN, **change}, resume=True)
    assert (folder / "000000-000001.json").exists()


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
        worker = ChunkFolder(folder, store.session)
        assert not worker.is_at_work()
        store.announce()
        assert worker.is_at_work()
        assert not ChunkFolder(folder, "another").is_at_work()
        assert not ChunkFolder(folder / "elsewhere", store.session).is_at_work()
        assert worker.finished(Place(0, 0), "digest 0") == Finished({"n": 0}, resumed=False)
    assert not folder.exists()


def test_two_attempts_at_a_chunk_do_no_harm(folder):
    """One is behind, and writes while the other has finished."""
    with ChunkStore(folder, RUN) as store:
        late = ChunkFolder(folder, store.session)
        with late.writing(Place(0, 0), "vcf") as torn:
            torn.write_text("li")
            fill(store, [0])
            assert store.finished(Place(0, 0), "digest 0") is not None
            torn.write_text("lines 0")
        assert store.finished(Place(0, 0), "digest 0") is not None
        fill(late, [0])
        assert sorted(path.name for path in folder.iterdir()) == [
            "000000-000000.json", "000000-000000.vcf", "run.json"
        ]  # fmt: skip


def test_what_an_attempt_left_when_it_was_killed_does_not_bar_the_way(folder):
    interrupted(folder, [0])
    (folder / "000003-000001.matrix.0123456789ab.tmp").write_text("torn")
    with ChunkStore(folder, RUN, resume=True) as store:
        assert store.finished(Place(0, 0), "digest 0") is not None
    assert not folder.exists()
