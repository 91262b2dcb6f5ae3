from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from mfdvep.errors import OutputError
from mfdvep.scoring.chunks import ChunkStore

RUN = {"command": "mfdvep score", "shifts": [0, 1], "model": {"name": "m"}}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out.vcf.parts"


def fill(store: ChunkStore, numbers) -> None:
    for number in numbers:
        store.part(number, "vcf").write_text(f"lines {number}")
        store.finish(number, f"digest {number}", ["vcf"], {"n": number})


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
        assert store.finished(0, "digest 0") == {"n": 0}
        assert store.finished(1, "digest 1") == {"n": 1}
        assert store.finished(2, "digest 2") is None
        assert [p.read_text() for p in store.parts(2, "vcf")] == ["lines 0", "lines 1"]
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
    part = folder / "00000000.vcf"
    part.write_text(damage) if damage is not None else part.unlink()
    with ChunkStore(folder, RUN, resume=True) as store:
        assert store.finished(0, "digest 0") is None
        assert store.finished(1, "digest 1") == {"n": 1}


def test_a_record_of_a_chunk_that_is_not_whole(folder):
    interrupted(folder)
    (folder / "00000001.json").write_text('{"digest": "dig')
    with ChunkStore(folder, RUN, resume=True) as store:
        assert store.finished(1, "digest 1") is None


def test_other_records_are_refused(folder):
    interrupted(folder)
    with (
        pytest.raises(OutputError, match=r"records of its chunk 1 were others; .* begin anew"),
        ChunkStore(folder, RUN, resume=True) as store,
    ):
        store.finished(1, "another")
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
    assert (folder / "00000001.json").exists()


def test_what_was_begun_is_neither_gone_on_with_nor_lost_unasked(folder):
    interrupted(folder)
    with pytest.raises(OutputError, match="interrupted; go on with it: --resume, or begin"):
        ChunkStore(folder, RUN)
    with ChunkStore(folder, {**RUN, "shifts": [0]}, force=True) as store:
        assert store.finished(0, "digest 0") is None


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
        "from mfdvep.scoring.chunks import ChunkStore\n"
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
        assert store.finished(0, "digest 0") == {"n": 0}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_made(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        ChunkStore(tmp_path / "parts", RUN)
