"""Runs on a Ray cluster: the bytes of a local run, whatever dies on the way."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import torch
from conftest import make_model
from scoring.clustered import (
    BASES,
    N_CHUNKS,
    OPTIONS,
    PER_CHUNK,
    TABLES,
    fill,
    line,
    local,
    outputs,
    positions,
)

import mfdvep
from mfdvep.errors import ClusterError, InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import CENTRE
from mfdvep.model.checkpoint import save_model
from mfdvep.scoring import pipeline
from mfdvep.scoring.cluster import Cluster
from mfdvep.scoring.cluster_scorer import ClusterScorer
from mfdvep.scoring.pipeline import score_vcf

ray = pytest.importorskip("ray")
# Ray leaves sockets and files to the collector
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
STORE = 80 << 20  # bytes, about the least that Ray takes


@pytest.fixture(scope="module")
def nodes():
    """Two machines, as Ray's own tests make them on one, of a CPU each."""
    from ray.cluster_utils import Cluster as Nodes

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": STORE}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Nodes(initialize_head=True, head_node_args=head)
        found.add_node(num_cpus=1, object_store_memory=STORE)
        ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
        yield found
        ray.shutdown()
        found.shutdown()
        gc.collect()


@pytest.fixture
def small(monkeypatch):
    """Chunks of a few records, two in a section."""
    monkeypatch.setattr(pipeline, "CHUNK_ALLELES", {"cpu": PER_CHUNK})
    monkeypatch.setattr(pipeline, "SECTION_CHUNKS", 2)


@pytest.fixture
def folder(tmp_path, small):
    return fill(tmp_path / "in")


def slow_model(seconds: float = 0.0, poison: int | None = None, error: bool = False):
    """Return a model that takes its time, and ends its process at a sequence that begins so."""
    model = make_model()
    start = None if poison is None else BASES[poison : poison + 40]

    def before(trunk, inputs):
        time.sleep(seconds)
        codes = inputs[0]
        if start is not None:
            wanted = torch.tensor(["ACGT".index(base) for base in start])
            if any(wanted.equal(row[:40].long()) for row in codes):
                if error:
                    raise InputError("this one cannot be scored")
                os.kill(os.getpid(), 9)

    model.trunk.register_forward_pre_hook(before)
    return model


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in (*TABLES, "o.vcf.gz", "o.vcf.gz.tbi")}


def record(folder: Path) -> dict:
    found = json.loads((folder / "o.stats.json").read_text())
    found.pop("timing")
    return found


def test_a_worker_killed_and_a_machine_removed(folder, nodes):
    """20 chunks: what the two had begun is done again, what they had finished is not."""
    machine = nodes.add_node(num_cpus=1, object_store_memory=STORE)
    with Genome(folder / "g.fa") as genome:
        expected = score_vcf(folder / "in.vcf.gz", local(genome), **outputs(folder / "a"))
        seen = []
        with Cluster() as cluster:
            assert cluster.n_workers == 3
            scorer = ClusterScorer(cluster, slow_model(0.1), genome, **OPTIONS)

            def progress(n: int, total: int | None, figures: dict) -> None:
                seen.append((n, total, figures["workers"]))
                if len(seen) == 2:
                    os.kill(scorer.rates()[0]["process"], signal.SIGKILL)
                if len(seen) == 4:
                    nodes.remove_node(machine)

            options = outputs(folder / "b")
            summary = score_vcf(folder / "in.vcf.gz", scorer, **options, progress=progress)
    assert files(folder / "b") == files(folder / "a")
    assert record(folder / "b") == record(folder / "a")
    assert (summary.records, summary.status) == (expected.records, expected.status)
    assert summary.records == N_CHUNKS * PER_CHUNK
    assert summary.resumed == 0
    assert [total for _, total, _ in seen] == [summary.records] * len(seen)
    assert len(seen) >= 9
    assert seen[-1][0] == summary.records
    assert seen[0][2] == 3
    assert seen[-1][2] == 2
    workers = summary.record["timing"]["workers"]
    assert sum(worker["records"] for worker in workers) == summary.records
    assert set(workers[0]) == {"host", "process", "records", "seconds", "records_per_second"}
    assert not (folder / "b" / "o.vcf.gz.parts").exists()


@pytest.mark.parametrize("name", ["in.vcf", "in.bcf", "regions"])
def test_other_inputs_give_the_same(folder, nodes, name):
    """A text is sent chunk by chunk; a BCF and regions are read through their index."""
    from mfdvep.genomics.regions import Regions

    options, ending = {}, ".vcf.gz"
    vcf = folder / "in.vcf.gz"
    if name == "in.vcf":
        vcf = folder / name
    elif name == "regions":
        at = positions()
        options["regions"] = Regions.parse([f"chr1:1-{at[31]},chr1:{at[90]}-{at[140]}"])
    else:
        import pysam

        vcf, ending = folder / name, ".bcf"
        with (
            pysam.VariantFile(str(folder / "in.vcf")) as source,
            pysam.VariantFile(str(vcf), "wb", header=source.header) as file,
        ):
            for each in source:
                file.write(each)
        pysam.tabix_index(str(vcf), preset="bcf", force=True)
    with Genome(folder / "g.fa") as genome, Cluster() as cluster:
        found = []
        for scorer, where in (
            (local(genome), "a"),
            (ClusterScorer(cluster, make_model(), genome, **OPTIONS), "b"),
        ):
            asked = {**outputs(folder / where), "output": folder / where / f"o{ending}"}
            score_vcf(vcf, scorer, **asked, **options)
            names = {*TABLES, f"o{ending}"}
            found.append({each: (folder / where / each).read_bytes() for each in names})
    assert found[0] == found[1]
    assert record(folder / "a") == record(folder / "b")


def test_a_chunk_that_ends_its_worker_three_times_ends_the_run(folder, nodes):
    """The rest is kept, and done no more when the run goes on."""
    poison = positions()[101]
    model = slow_model(poison=poison - 1 - CENTRE)
    with Genome(folder / "g.fa") as genome, Cluster() as cluster:
        scorer = ClusterScorer(cluster, model, genome, **OPTIONS)
        options = outputs(folder / "b")
        with pytest.raises(ClusterError, match="ended the worker 3 times") as caught:
            score_vcf(folder / "in.vcf.gz", scorer, **options)
        first, last = map(int, str(caught.value).split()[4:7:2])
        assert first <= 102 <= last
        assert last - first < 5 * PER_CHUNK
        assert "--resume goes on with it" in caught.value.__notes__[0]
        finished = list((folder / "b" / "o.vcf.gz.parts").glob("*-*.json"))
        assert finished
        well = ClusterScorer(cluster, make_model(), genome, **OPTIONS)
        summary = score_vcf(folder / "in.vcf.gz", well, **options, resume=True)
        score_vcf(folder / "in.vcf.gz", local(genome), **outputs(folder / "a"))
    assert 0 < summary.resumed <= summary.records - PER_CHUNK
    assert files(folder / "b") == files(folder / "a")


def test_a_worker_of_a_gpu_makes_its_scorer_once(folder, nodes):
    """Ray by itself ends the process of a task that has a GPU; here the GPU is one in name."""
    machine = nodes.add_node(num_cpus=1, num_gpus=1, object_store_memory=STORE)
    with Genome(folder / "g.fa") as genome, Cluster() as cluster:
        assert (cluster.gpus, cluster.n_workers) == (1, 1)
        scorer = ClusterScorer(cluster, make_model(), genome, **OPTIONS, device="cpu")
        summary = score_vcf(folder / "in.vcf.gz", scorer, **outputs(folder / "b"))
    nodes.remove_node(machine)
    (worker,) = summary.record["timing"]["workers"]
    assert worker["records"] == N_CHUNKS * PER_CHUNK


def test_an_error_of_a_worker_is_the_error_of_the_run(folder, nodes):
    body = (folder / "in.vcf").read_text().splitlines(keepends=True)[3:]
    body[77] = body[77].replace("\t.\tPASS", "\tPASS")
    broken = fill(folder / "broken", body)
    with Genome(folder / "g.fa") as genome, Cluster() as cluster:
        scorer = ClusterScorer(cluster, make_model(), genome, **OPTIONS)
        with pytest.raises(InputError, match=r"in\.vcf\.gz:81: 7 tab-separated columns") as caught:
            score_vcf(broken / "in.vcf.gz", scorer, **outputs(folder / "b"))
        assert len(str(caught.value).splitlines()) == 1
        model = slow_model(poison=positions()[101] - 1 - CENTRE, error=True)
        scorer = ClusterScorer(cluster, model, genome, **OPTIONS)
        with pytest.raises(InputError, match="this one cannot be scored"):
            score_vcf(folder / "in.vcf.gz", scorer, **outputs(folder / "c"))


def test_another_version_on_a_worker(folder, nodes, monkeypatch):
    monkeypatch.setattr("mfdvep.scoring.cluster_scorer.__version__", "99.0")
    with (
        Genome(folder / "g.fa") as genome,
        Cluster() as cluster,
        pytest.raises(ClusterError, match=rf"worker on \S+: mfdvep {mfdvep.__version__}, .*99\.0"),
    ):
        ClusterScorer(cluster, make_model(), genome, **OPTIONS)


def test_a_worker_without_the_genome(folder, nodes):
    """Every worker looks for it by its path."""
    with Genome(folder / "g.fa") as genome, Cluster() as cluster:
        (folder / "g.fa").rename(folder / "elsewhere.fa")
        (folder / "g.fa").write_text(">chr1\nACGT\n")
        with pytest.raises(ClusterError, match=r"worker on \S+: .*g\.fa"):
            ClusterScorer(cluster, make_model(), genome, **OPTIONS)


def test_no_room_for_a_worker(nodes):
    with pytest.raises(ClusterError, match="room for a worker with 64 and 0"):
        Cluster(threads=64)
    with pytest.raises(ClusterError, match="room for a worker with 1 and 1"):
        Cluster(gpus=1)
    with pytest.raises(
        ClusterError, match=r"with 2 and 0.*: 1 and 0; 1 and 0; give"
    ):  # there are 1 and 1
        Cluster(threads=2)


def test_a_stream_cannot_be_written(folder, nodes):
    with Genome(folder / "g.fa") as genome, Cluster() as cluster:
        scorer = ClusterScorer(cluster, make_model(), genome, **OPTIONS)
        with pytest.raises(OutputError, match="write to files; give -o"):
            score_vcf(folder / "in.vcf.gz", scorer, "-")


def test_the_command_is_ended_killed_and_resumed(folder):
    """As it is typed, with a Ray of its own, which ends with it; at last without."""
    save_model(make_model(), folder / "model", about={"name": "small"})
    script = (
        "import sys; from mfdvep.cli.main import main; from mfdvep.scoring import pipeline\n"
        f"pipeline.CHUNK_ALLELES = {{'cpu': {PER_CHUNK}}}; pipeline.SECTION_CHUNKS = 2\n"
        "main()"
    )
    options = [
        "-f", "g.fa", "-m", "model", "--shifts", "3", "--engine", "plain", "--batch-size", "2",
        "--no-version", "-q", "--threads", "1",
    ]  # fmt: skip
    environment = {
        **os.environ, "PYTHONPATH": str(Path(mfdvep.__file__).parents[1]), "OMP_NUM_THREADS": "1",
    }  # fmt: skip

    def start(where: str, *more: str) -> subprocess.Popen:
        (folder / where).mkdir(exist_ok=True)
        args = ["score", "in.vcf.gz", "-o", f"{where}/o.vcf.gz", "--matrix", f"{where}/m.parquet"]
        return subprocess.Popen(
            [sys.executable, "-c", script, *args, *options, *more],
            cwd=folder, env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    once = start("once")
    assert once.communicate(timeout=100)[1] == ""
    parts = folder / "again" / "o.vcf.gz.parts"

    def finished() -> int:
        return len(list(parts.glob("*-*.json")))

    def begun(more: int) -> subprocess.Popen:
        """Return a run that goes on, on Ray, when some more chunks are finished."""
        wanted, end = finished() + more, time.monotonic() + 60
        process = start("again", "--resume", "--ray", "local", "--workers", "1")
        while finished() < wanted and time.monotonic() < end:
            time.sleep(0.02)
        return process

    process = begun(1)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said.splitlines()) == (143, [
        "mfdvep: terminated",
        "mfdvep: what is finished is kept in again/o.vcf.gz.parts; --resume goes on with it",
    ])  # fmt: skip
    n_finished = finished()
    process = begun(3)
    process.kill()
    process.communicate()
    assert 1 <= n_finished <= finished() - 3 < N_CHUNKS - 3
    process = start("again", "--resume")
    assert process.communicate(timeout=100)[1] == ""
    assert process.returncode == 0
    for name in ("o.vcf.gz", "m.parquet"):
        assert (folder / "again" / name).read_bytes() == (folder / "once" / name).read_bytes()


def test_positions_and_lines_are_what_they_seem():
    assert len(positions()) == N_CHUNKS * PER_CHUNK
    assert line(1000).split("\t")[3] == BASES[999]
