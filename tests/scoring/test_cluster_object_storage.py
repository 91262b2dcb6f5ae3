"""Runs on a Ray cluster whose workers and outputs share object storage and no folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import make_model
from scoring.clustered import OPTIONS, PER_CHUNK, fill, line, local, positions

import mfdvep
from mfdvep.errors import ClusterError
from mfdvep.genomics.genome import Genome
from mfdvep.model.checkpoint import load_model, save_model
from mfdvep.scoring import pipeline
from mfdvep.scoring.cluster import Cluster
from mfdvep.scoring.cluster_scorer import ClusterScorer
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

pytest.importorskip("ray")
# Ray leaves sockets and files to the collector
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
FILES = ("o.vcf.gz", "o.vcf.gz.tbi", "m.parquet", "o.skipped.tsv", "o_mqc.json")


@pytest.fixture(scope="module")
def cluster(s3_address):
    """Two workers on this machine, who know the credentials from their environment."""
    with Cluster("local", workers=2) as found:
        yield found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "CHUNK_ALLELES", {"cpu": PER_CHUNK})
    monkeypatch.setattr(pipeline, "SECTION_CHUNKS", 1)
    return fill(tmp_path / "in", [line(pos) for pos in positions()[::3]])


def asked(place) -> dict:
    names = {"output": "o.vcf.gz", "matrix": "m.parquet", "stats": "o.stats.json"}
    return {**{use: place(name) for use, name in names.items()}, "index": True}


def without_time(text: bytes) -> dict:
    found = json.loads(text)
    found.pop("timing")
    return found


def test_two_workers_interrupted_and_killed(folder, bucket, cluster, tmp_path):
    """What they had finished is not done again, and the bytes are those of a run to files."""

    def stop(n: int, *_: object) -> None:
        if n >= 2 * PER_CHUNK:
            raise KeyboardInterrupt

    def kill(*_: object) -> None:
        if not killed:
            killed.append(next(iter(scorer.rates()))["process"])
            os.kill(killed[0], signal.SIGKILL)

    killed: list[int] = []
    with Genome(folder / "g.fa") as genome:
        score_vcf(folder / "in.vcf.gz", local(genome), **asked(lambda name: tmp_path / name))
        scorer = ClusterScorer(cluster, make_model(), genome, **OPTIONS)
        with pytest.raises(KeyboardInterrupt):
            score_vcf(folder / "in.vcf.gz", scorer, **asked(bucket.uri), progress=stop)
        assert all(name.startswith("o.vcf.gz.parts/") for name in bucket.names())
        options = {**asked(bucket.uri), "resume": True, "progress": kill}
        summary = score_vcf(folder / "in.vcf.gz", scorer, **options)
    assert killed
    assert 0 < summary.resumed < summary.records == len(positions()[::3])
    assert bucket.names() == {*FILES, "o.stats.json"}
    for name in FILES:
        assert bucket.read(name) == (tmp_path / name).read_bytes()
    here = (tmp_path / "o.stats.json").read_bytes()
    assert without_time(bucket.read("o.stats.json")) == without_time(here)


def test_a_run_that_another_took_over(folder, bucket, cluster):
    """Its workers see it, and end it."""
    session = bucket.at("o.vcf.parts") / "session"

    def take(*_: object) -> None:
        session.write_text("another's", "utf-8")

    with Genome(folder / "g.fa") as genome:
        scorer = ClusterScorer(cluster, make_model(), genome, **OPTIONS)
        with pytest.raises(Exception, match="another process has begun to work") as caught:
            score_vcf(folder / "in.vcf.gz", scorer, bucket.uri("o.vcf"), progress=take)
    assert isinstance(caught.value, mfdvep.MfdvepError)
    assert not isinstance(caught.value, ClusterError)
    assert session.read_text("utf-8") == "another's"


def test_the_command_is_killed_and_resumed(folder, bucket, monkeypatch):
    """With a Ray of its own, and gone on with by one process without."""
    save_model(make_model(), folder / "model", about={"name": "small"})
    script = (
        "import sys; from mfdvep.cli.main import main; from mfdvep.scoring import pipeline\n"
        f"pipeline.CHUNK_ALLELES = {{'cpu': {PER_CHUNK}}}; pipeline.SECTION_CHUNKS = 1\n"
        "main()"
    )
    args = [
        "score", "in.vcf.gz", "-o", bucket.uri("o.vcf.gz"), "--matrix", bucket.uri("m.parquet"),
        "-f", "g.fa", "-m", "model", "--shifts", "3", "--engine", "plain", "--batch-size", "2",
        "--no-version", "-q", "--threads", "1", "--stats",
    ]  # fmt: skip
    environment = {
        **os.environ, "PYTHONPATH": str(Path(mfdvep.__file__).parents[1]), "OMP_NUM_THREADS": "1",
    }  # fmt: skip

    def start(*more: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", script, *args, bucket.uri("o.stats.json"), *more],
            cwd=folder, env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def finished() -> set[str]:
        return {name for name in bucket.names() if "-" in name and name.endswith(".json")}

    process = start("--ray", "local", "--workers", "1")
    end = time.monotonic() + 60
    while len(finished()) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    said = process.communicate()[1]
    assert said == ""
    assert 2 <= len(finished()) < len(positions()[::3]) // PER_CHUNK
    process = start("--resume")
    assert process.communicate(timeout=100)[1] == ""
    assert process.returncode == 0
    monkeypatch.chdir(folder)
    options = {"shifts": 3, "engine": "plain", "batch_size": 2, "device": "cpu"}
    with Genome("g.fa") as genome:
        scorer = Scorer(load_model("model"), genome, **options)
        here = {**asked(lambda name: name), "index": False}
        score_vcf("in.vcf.gz", scorer, **here, versions=False)
    names = {*FILES, "o.stats.json"} - {"o.vcf.gz.tbi"}
    assert bucket.names() == names
    for name in names:
        assert bucket.read(name) == (folder / name).read_bytes()
