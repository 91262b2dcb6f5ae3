"""Runs whose outputs are on object storage: the bytes of a run to files, whatever stops them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from conftest import make_model
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem
from scoring.clustered import PER_CHUNK, fill, line, local, positions

from mfdvep.errors import OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.scoring import pipeline
from mfdvep.scoring.chunk_store import ChunkStore
from mfdvep.scoring.chunks import ChunkFolder, Finished, Place
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.work import _BEHIND
from mfdvep.storage import Remote

N_RECORDS = 32
RUN = {"command": "mfdvep score", "shifts": [0]}
NAMES = {
    "output": "o.vcf.gz",
    "matrix": "m.parquet",
    "long": "l.parquet",
    "store_features": "f.parquet",
    "groups": "g.parquet",
    "stats": "o.stats.json",
}
FILES = {*NAMES.values(), "o.vcf.gz.tbi", "o.skipped.tsv", "o_mqc.json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The inputs, which are scored in chunks of a few records."""
    at = positions()[::5]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "CHUNK_ALLELES", {"cpu": PER_CHUNK})
        patch.setattr(pipeline, "SECTION_CHUNKS", 2)
        lines = [line(pos, "*" if pos % 9 == 0 else None) for pos in at]
        yield fill(tmp_path_factory.mktemp("inputs") / "in", lines)


@pytest.fixture(scope="module")
def genome(folder):
    with Genome(folder / "g.fa") as genome:
        yield genome


def asked(place) -> dict:
    """Return the options of `score_vcf` for all outputs; `place` gives the place of a name."""
    places = {use: place(name) for use, name in NAMES.items()}
    return {**places, "index": True, "group_by": ["target"]}


def same(found: dict[str, bytes], expected: dict[str, bytes]) -> bool:
    """Return whether two runs wrote the same, but for the time that they took."""
    assert set(found) == set(expected)

    def timeless(files: dict[str, bytes]) -> dict:
        record = json.loads(files["o.stats.json"])
        record.pop("timing")
        return {**files, "o.stats.json": record}

    return timeless(found) == timeless(expected)


@pytest.fixture(scope="module")
def expected(folder, genome, tmp_path_factory) -> dict[str, bytes]:
    """What a run to files writes."""
    here = tmp_path_factory.mktemp("here")
    score_vcf(folder / "in.vcf.gz", local(genome), **asked(lambda name: here / name))
    found = {path.name: path.read_bytes() for path in here.iterdir()}
    assert set(found) == FILES
    return found


def stop_after(n_chunks: int):
    def progress(n: int, *_: object) -> None:
        if n >= n_chunks * PER_CHUNK:
            raise KeyboardInterrupt

    return progress


def test_the_bytes_of_a_run_to_files(folder, genome, expected, bucket):
    summary = score_vcf(folder / "in.vcf.gz", local(genome), **asked(bucket.uri))
    assert same(bucket.contents(), expected)
    assert summary.records == N_RECORDS


def test_the_bytes_of_a_run_to_files_where_files_are_moved(folder, genome, expected, tmp_path):
    """As in HDFS."""
    (tmp_path / "there").mkdir()
    filesystem = SubTreeFileSystem(str(tmp_path / "there"), LocalFileSystem())
    place = lambda name: Remote(filesystem, name, f"tree://there/{name}")  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        score_vcf(folder / "in.vcf.gz", local(genome), **asked(place), progress=stop_after(2))
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["o.vcf.gz.parts"]
    score_vcf(folder / "in.vcf.gz", local(genome), **asked(place), resume=True)
    found = {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()}
    assert same(found, expected)


@pytest.mark.parametrize("ending", [".vcf", ".bcf"])
def test_other_forms(folder, genome, bucket, tmp_path, ending):
    scorer = local(genome)
    score_vcf(folder / "in.vcf", scorer, tmp_path / f"o{ending}")
    score_vcf(folder / "in.vcf", scorer, bucket.uri(f"o{ending}"))
    assert bucket.contents() == {f"o{ending}": (tmp_path / f"o{ending}").read_bytes()}


def test_a_file_uri_is_a_path(folder, genome, tmp_path):
    vcf = folder / "in.vcf"
    score_vcf(vcf, local(genome), f"file://{tmp_path}/o.vcf")
    score_vcf(vcf, local(genome), tmp_path / "p.vcf")
    assert (tmp_path / "o.vcf").read_bytes() == (tmp_path / "p.vcf").read_bytes()
    with pytest.raises(OutputError, match="is an input of this run"):
        score_vcf(vcf, local(genome), f"file://{vcf}", force=True)


def test_some_here_and_some_there(folder, genome, expected, bucket, tmp_path):
    """The parts lie beside the first."""
    options = {"long": tmp_path / "l.parquet", "index": True}
    score_vcf(folder / "in.vcf.gz", local(genome), bucket.uri("o.vcf.gz"), **options)
    matrix = bucket.uri("m.parquet")
    score_vcf(folder / "in.vcf.gz", local(genome), tmp_path / "o.vcf.gz", matrix=matrix)
    for name in ("o.vcf.gz", "m.parquet"):
        assert bucket.read(name) == expected[name]
    for name in ("o.vcf.gz", "l.parquet"):
        assert (tmp_path / name).read_bytes() == expected[name]
    assert bucket.names() == {"o.vcf.gz", "o.vcf.gz.tbi", "m.parquet"}


def test_interrupted_and_resumed(folder, genome, expected, bucket):
    with pytest.raises(KeyboardInterrupt) as caught:
        score_vcf(folder / "in.vcf.gz", local(genome), **asked(bucket.uri), progress=stop_after(2))
    parts = bucket.uri("o.vcf.gz.parts")
    assert f"kept in {parts}; --resume goes on with it" in caught.value.__notes__[0]
    finished = [name for name in bucket.names() if name.endswith(".json") and "-" in name]
    assert len(finished) >= 2
    assert all(name.startswith("o.vcf.gz.parts/") for name in bucket.names())
    with pytest.raises(OutputError, match="was interrupted or is at work; go on with it"):
        score_vcf(folder / "in.vcf.gz", local(genome), **asked(bucket.uri))
    figures = [json.loads(bucket.read(name))["figures"]["n_records"] for name in sorted(finished)]
    torn = sorted(finished)[0].replace(".json", ".matrix")
    assert torn in bucket.names()
    bucket.at(torn).write_text("torn", "utf-8")
    summary = score_vcf(folder / "in.vcf.gz", local(genome), **asked(bucket.uri), resume=True)
    assert summary.resumed == sum(figures[1:]) > 0
    assert same(bucket.contents(), expected)


def test_interrupted_while_outputs_are_put_in_place(folder, genome, expected, bucket, monkeypatch):
    """Those that are in place are its own, and may stay."""
    upload = Remote._upload

    def fail(self: Remote, path: Path) -> None:
        if self.name == "l.parquet":
            raise OSError("the server is gone")
        upload(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(Remote, "_upload", fail)
        with pytest.raises(OutputError, match=r"l\.parquet.*cannot be written: the server is go"):
            score_vcf(folder / "in.vcf.gz", local(genome), **asked(bucket.uri))
    assert "o.vcf.gz" in bucket.names()
    assert "o.stats.json" not in bucket.names()
    with pytest.raises(OutputError, match="exists; choose another output"):
        score_vcf(folder / "in.vcf.gz", local(genome), **asked(bucket.uri))
    score_vcf(folder / "in.vcf.gz", local(genome), **asked(bucket.uri), resume=True)
    assert same(bucket.contents(), expected)


@pytest.mark.parametrize("name", ["o.vcf.gz", "o.skipped.tsv", "o.vcf.gz.csi"])
def test_what_is_there_is_replaced_only_by_force(folder, genome, bucket, name):
    def never(*_: object) -> None:
        raise AssertionError

    bucket.at(name).write_text("old", "utf-8")
    options = {"output": bucket.uri("o.vcf.gz"), "stats": bucket.uri("o.stats.json")}
    with pytest.raises(OutputError, match="exists; choose another output or use --force"):
        score_vcf(folder / "in.vcf.gz", local(genome), **options, progress=never)
    assert bucket.contents() == {name: b"old"}
    score_vcf(folder / "in.vcf.gz", local(genome), **options, force=True)
    assert bucket.names() == {"o.vcf.gz", "o.stats.json", "o.skipped.tsv", "o_mqc.json"}
    assert bucket.read("o.vcf.gz")[:2] == b"\x1f\x8b"


def test_one_place_for_two(folder, genome, bucket):
    same_place = bucket.uri("m.parquet")
    for other, says in (
        ({"matrix": same_place, "long": same_place}, "long table .*m.parquet.* is the matrix too"),
        ({"matrix": bucket.uri("o.vcf.parts")}, "is where this run keeps its parts"),
    ):
        with pytest.raises(OutputError, match=says):
            score_vcf(folder / "in.vcf", local(genome), bucket.uri("o.vcf"), **other)
    assert bucket.names() == set()


def test_no_such_bucket(folder, genome, bucket, tmp_path):
    """Of any output: nothing is scored, and nothing left."""

    def never(*_: object) -> None:
        raise AssertionError

    absent = f"s3://nobody-made-it/m.parquet?scheme=http&endpoint_override={bucket.address}"
    for output in (bucket.uri("o.vcf"), tmp_path / "o.vcf"):
        with pytest.raises(OutputError, match=r"nobody-made-it.*are the bucket") as caught:
            score_vcf(folder / "in.vcf", local(genome), output, matrix=absent, progress=never)
        assert len(str(caught.value).splitlines()) == 1
    assert bucket.names() == set()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_who_begins_later_goes_on_alone(folder, genome, bucket):
    """There are no locks: the first sees that another began, and leaves its files alone."""
    place = bucket.at("o.vcf.parts")

    def progress(*_: object) -> None:
        (place / "session").write_text("another's", "utf-8")

    with pytest.raises(OutputError, match="another process has begun to work on") as caught:
        score_vcf(folder / "in.vcf.gz", local(genome), bucket.uri("o.vcf"), progress=progress)
    assert not hasattr(caught.value, "__notes__")  # nothing of --resume, which would take it back
    assert (place / "session").read_text("utf-8") == "another's"
    assert (place / "run.json").exists()
    assert any(name.startswith("o.vcf.parts/000000-000000.") for name in bucket.names())
    score_vcf(folder / "in.vcf.gz", local(genome), bucket.uri("o.vcf"), force=True)
    assert bucket.names() == {"o.vcf"}


def test_a_run_of_other_options_is_not_disturbed_but_by_force(bucket):
    place = bucket.at("o.vcf.parts")
    with ChunkStore(place, RUN) as store:
        with store.writing(Place(0, 0), "vcf") as part:
            part.write_text("lines")
        store.finish(Place(0, 0), "digest", ["vcf"], {"n": 1})
        with pytest.raises(OutputError, match=r"another shifts \(\[0\], here \[1\]\)"):
            ChunkStore(place, {**RUN, "shifts": [1]}, resume=True)
        assert store.finished(Place(0, 0), "digest") == Finished({"n": 1}, resumed=False)
        with ChunkStore(place, {**RUN, "shifts": [1]}, force=True) as other:
            assert other.finished(Place(0, 0), "digest") is None
            with pytest.raises(OutputError, match="another process has begun"):
                store.finish(Place(0, 0), "digest", ["vcf"], {"n": 1})
            assert other.finished(Place(0, 0), "digest") is None
    assert bucket.names() == set()


def test_two_runs_do_not_cross_while_a_part_is_sent(bucket, monkeypatch):
    """One begins anew after the other, which sends a part, has looked who is at work."""
    place, at = Place(0, 0), bucket.at("o.vcf.parts")
    first = ChunkStore(at, RUN)
    late = ChunkFolder(at, first.session, first.run_id)
    upload, begun = Remote._upload, []

    def fill(store: ChunkFolder, text: str) -> None:
        with store.writing(place, "vcf") as part:
            part.write_text(text)
        store.finish(place, "digest", ["vcf"], {"text": text})

    def slow(self: Remote, path: Path) -> None:
        if self.name.endswith(".vcf") and not begun:
            begun.append(ChunkStore(at, {**RUN, "shifts": [1]}, force=True))
            fill(begun[0], "of the second")
        upload(self, path)

    monkeypatch.setattr(Remote, "_upload", slow)
    with pytest.raises(OutputError, match="another process has begun"):
        fill(late, "of the first")
    with begun[0] as second:
        assert [part.read_text() for part in second.parts([place], "vcf")] == ["of the second"]
        assert second.finished(place, "digest") == Finished({"text": "of the second"}, False)
    assert bucket.names() == set()


def test_outputs_are_put_in_place_by_who_is_at_work(folder, genome, bucket, monkeypatch):
    """Who is told to stop while it sends them sends no further one."""
    upload = Remote._upload

    def taken(self: Remote, path: Path) -> None:
        upload(self, path)
        if self.name == "o.vcf.gz":
            (bucket.at("o.vcf.gz.parts") / "session").write_text("another's", "utf-8")

    monkeypatch.setattr(Remote, "_upload", taken)
    with pytest.raises(OutputError, match="another process has begun to work on"):
        score_vcf(folder / "in.vcf.gz", local(genome), **asked(bucket.uri))
    assert {name for name in bucket.names() if "/" not in name} == {"o.vcf.gz"}


def test_storage_that_goes_out_of_reach(bucket, monkeypatch):
    """The error is one of the run, and what is finished is said to be kept."""

    def gone(self: Remote, mode: str) -> None:
        raise OSError("nobody answers")

    def work() -> None:
        with ChunkStore(bucket.at("o.vcf.parts"), RUN) as store:
            store.finish(Place(0, 0), "digest", [], {"n": 1})
            with monkeypatch.context() as patch:
                patch.setattr(Remote, "open", gone)
                for failing in (store.finished, lambda *_: store.figures(Place(0, 0))):
                    with pytest.raises(OutputError, match=r"\.json.*be read: nobody answers"):
                        failing(Place(0, 0), "digest")
                store.finish(Place(0, 1), "digest", [], {"n": 1})

    with pytest.raises(OutputError, match=r"o\.vcf\.parts.*cannot be written: nobody an") as caught:
        work()
    assert "--resume goes on with it" in caught.value.__notes__[0]


def test_what_no_run_made_is_left_alone(bucket):
    (bucket.at("o.vcf.parts") / "thesis.txt").write_text("mine", "utf-8")
    for how in ({"force": True}, {"resume": True}):
        with pytest.raises(OutputError, match=r"holds thesis\.txt, which no run made"):
            ChunkStore(bucket.at("o.vcf.parts"), RUN, **how)
    assert bucket.contents() == {"o.vcf.parts/thesis.txt": b"mine"}


def test_slow_storage_holds_the_model_back(folder, genome, bucket, monkeypatch):
    """So that what is scored and not written does not grow in memory."""
    n_scored = n_written = most = 0
    upload, score_prepared = Remote._upload, type(local(genome)).score_prepared

    def slow(self: Remote, path: Path) -> None:
        nonlocal n_written
        if self.name.endswith(".vcf") and "-" in self.name:
            time.sleep(0.1)
            n_written += 1
        upload(self, path)

    def counted(self, *args, **options):
        nonlocal n_scored, most
        n_scored += 1
        most = max(most, n_scored - n_written)
        return score_prepared(self, *args, **options)

    monkeypatch.setattr(Remote, "_upload", slow)
    scorer = local(genome)
    monkeypatch.setattr(pipeline, "CHUNK_ALLELES", {"cpu": 4})
    monkeypatch.setattr(type(scorer), "score_prepared", counted)
    score_vcf(folder / "in.vcf", scorer, bucket.uri("o.vcf"))
    assert n_scored == n_written >= 7
    assert most <= _BEHIND + 2  # one is scored, and one written


def test_as_it_is_typed(folder, bucket, monkeypatch, capsys):
    """The default outputs lie beside the VCF there."""
    from mfdvep.cli.main import main
    from mfdvep.cli.score import _show_labels
    from mfdvep.model.checkpoint import save_model

    save_model(make_model(), folder / "model", about={"name": "small"})
    args = [
        "mfdvep", "score", str(folder / "in.vcf.gz"), "-f", str(folder / "g.fa"), "-m",
        str(folder / "model"), "--shifts", "1", "--strand", "forward", "--threads", "1",
        "--write-index", "-o", bucket.uri("d/o.vcf.gz"), "--matrix", bucket.uri("d/m.parquet"),
        "--long", bucket.uri("d/l.parquet"), "--store-features", bucket.uri("d/f.parquet"),
        "--groups", bucket.uri("d/g.parquet"), "--group-by", "target",
    ]  # fmt: skip
    monkeypatch.chdir(folder)
    before = {path.name for path in folder.iterdir()}
    for code, says in ((0, f"{N_RECORDS} records"), (1, "exists; choose another output")):
        monkeypatch.setattr("sys.argv", args)
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == code
        assert says in capsys.readouterr().err
    assert bucket.names() == {f"d/{name}" for name in FILES}
    _show_labels(bucket.uri("d/m.parquet"), "KEY")
    assert "of a copy of the matrix here" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == before
