"""What can be told of runs on a cluster without one: refusals, checks, what is begun at once."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import pysam
import pytest
from conftest import make_model, write_fasta
from scoring.clustered import (
    BASES,
    HEADER,
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
from mfdvep.files import sampled
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sections import WHOLE
from mfdvep.genomics.vcf import Part, open_vcf
from mfdvep.scoring import pipeline
from mfdvep.scoring.chunk_store import ChunkStore
from mfdvep.scoring.chunks import Place
from mfdvep.scoring.cluster import Cluster
from mfdvep.scoring.cluster_scorer import ClusterScorer, _common, _unfinished
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.provenance import digest
from mfdvep.scoring.reading import read_chunks


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "in")


def test_ray_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r"needs Ray: pip install 'mfdvep\[ray\]'"):
        Cluster()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "no.such.host.invalid:1"])
def test_nothing_answers_at_the_address(address):
    pytest.importorskip("ray")
    with pytest.raises(ClusterError, match=f"--ray {address}: .*`ray start` told") as caught:
        Cluster(address)
    assert len(str(caught.value).splitlines()) == 1


def fake(*nodes: tuple[float, float], wanted=None, threads=1, share=0.0) -> Cluster:
    """Return a cluster of nodes (CPUs, GPUs) whose tasks are numbers, which end as they began."""
    cluster = Cluster.__new__(Cluster)
    cluster.ray = SimpleNamespace(
        nodes=lambda: [
            {"NodeID": str(i), "Alive": cpus > 0, "Resources": {"CPU": abs(cpus), "GPU": gpus}}
            for i, (cpus, gpus) in enumerate(nodes)
        ],
        wait=lambda refs, num_returns: (refs[:1], refs[1:]),
        get=lambda ref: ref,
        cancel=lambda ref: None,
        exceptions=SimpleNamespace(RayTaskError=KeyError, RayError=LookupError),
    )
    cluster._wanted, cluster.threads, cluster.gpus, cluster._is_own = wanted, threads, share, False
    return cluster


@pytest.fixture
def here(monkeypatch):
    """Return a cluster of this process alone: what goes to a task is pickled as Ray does it."""
    cloudpickle = pytest.importorskip("ray").cloudpickle
    worker = pytest.importorskip("mfdvep.scoring.worker")
    monkeypatch.setattr(pipeline, "CHUNK_ALLELES", {"cpu": PER_CHUNK})
    monkeypatch.setattr(pipeline, "SECTION_CHUNKS", 2)

    @dataclass(frozen=True, eq=False)
    class Ref:
        value: bytes

    get = lambda ref: cloudpickle.loads(ref.value)  # noqa: E731
    put = lambda value: Ref(cloudpickle.dumps(value))  # noqa: E731
    monkeypatch.setattr(worker, "ray", SimpleNamespace(get=get))
    yield SimpleNamespace(
        gpus=0.0,
        threads=1,
        n_workers=2,
        ray=SimpleNamespace(put=put),
        everywhere=lambda function, *args: [function(*args)],
        task=lambda function: SimpleNamespace(remote=lambda *args: partial(function, *args)),
        each=lambda tasks: (task() for task, _ in tasks),
    )
    for made in (worker._scorer, worker._assignment):
        made.cache_clear()


def test_all_kinds_of_output_are_those_of_a_local_run(folder, here):
    """Twice on one scorer, which tells of each run alone."""
    more = {"group_by": ["target"], "info": []}
    names = ("o.vcf.gz", "s.parquet", "g.parquet", *TABLES)
    with Genome(folder / "g.fa") as genome:
        remote = ClusterScorer(here, make_model(), genome, **OPTIONS)
        for scorer, where in ((local(genome), "a"), (remote, "b"), (remote, "c")):
            asked = outputs(folder / where)
            asked["store_features"] = folder / where / "s.parquet"
            asked["groups"] = folder / where / "g.parquet"
            summary = score_vcf(folder / "in.vcf.gz", scorer, **asked, **more)
    for name in names:
        expected = (folder / "a" / name).read_bytes()
        assert (folder / "b" / name).read_bytes() == expected
        assert (folder / "c" / name).read_bytes() == expected
    (worker,) = summary.record["timing"]["workers"]
    assert worker["records"] == summary.records == N_CHUNKS * PER_CHUNK


def test_a_text_out_of_order_is_refused_as_by_a_local_run(folder, here):
    """Before it is scored; each chunk by itself is in order."""
    body = list(map(line, positions()))
    middle = len(body) // 2
    text = HEADER + "".join([*body[middle:], *body[:middle]])
    (folder / "in.vcf").write_text(text)
    said = []
    with Genome(folder / "g.fa") as genome:
        remote = ClusterScorer(here, make_model(), genome, **OPTIONS)
        for scorer, where in ((local(genome), "a"), (remote, "b")):
            with pytest.raises(InputError, match=r"record 81 .* are not sorted") as one:
                score_vcf(folder / "in.vcf", scorer, **outputs(folder / where))
            said.append(str(one.value))
    assert said[0] == said[1]


def test_a_link_to_the_genome_with_its_index_beside_the_link(folder, here, tmp_path):
    """As workflows lay out their inputs."""
    (tmp_path / "stored").mkdir()
    (folder / "g.fa").rename(tmp_path / "stored" / "5f3a")
    (folder / "g.fa").symlink_to(tmp_path / "stored" / "5f3a")
    with Genome(folder / "g.fa") as genome:
        scorer = ClusterScorer(here, make_model(), genome, **OPTIONS)
        summary = score_vcf(folder / "in.vcf.gz", scorer, **outputs(folder / "b"))
    assert summary.records == N_CHUNKS * PER_CHUNK


def test_an_input_that_is_changed_while_it_is_read(folder, here):
    """One line fewer, and every other where it was."""
    body = list(map(line, positions()))
    gone, longer = body[40], body[41].split("\t")
    longer[2] += "x" * len(gone)
    changed = [*body[:40], "\t".join(longer), *body[42:]]
    task, seen = here.task, []

    def after_counting(function):
        seen.append(function.__name__)
        if function.__name__ == "do_section":
            (folder / "in.vcf").write_text(HEADER + "".join(changed))
            pysam.tabix_compress(str(folder / "in.vcf"), str(folder / "in.vcf.gz"), force=True)
        return task(function)

    here.task = after_counting
    with Genome(folder / "g.fa") as genome:
        scorer = ClusterScorer(here, make_model(), genome, **OPTIONS)
        with pytest.raises(InputError, match=r"159 records were scored.* had 160: .*changed"):
            score_vcf(folder / "in.vcf.gz", scorer, **outputs(folder / "b"))
    assert seen == ["count", "do_section"]
    assert [path.name for path in (folder / "b").iterdir()] == ["o.vcf.gz.parts"]


def test_a_worker_that_comes_later_and_would_compute_in_another_way(folder, here):
    with Genome(folder / "g.fa") as genome:
        scorer = ClusterScorer(here, make_model(), genome, **OPTIONS)
        scorer.provenance = {**scorer.provenance, "precision": "bfloat16"}
        with pytest.raises(ClusterError, match=r"worker on \S+: precision would be float32"):
            score_vcf(folder / "in.vcf.gz", scorer, **outputs(folder / "b"))


@pytest.mark.parametrize(
    ("cluster", "n"),
    [
        (fake((8, 0)), 8),
        (fake((8, 0), threads=3), 2),
        (fake((4, 0), (4, 0), threads=3), 2),
        (fake((2, 0), (2, 0), threads=3), 0),
        (fake((8, 0), (-8, 0)), 8),  # one is gone
        (fake((8, 0), wanted=3), 3),
        (fake((2, 0), wanted=3), 2),
        (fake((8, 2), share=1), 2),
        (fake((8, 2), share=0.5), 4),
        (fake((8, 2), share=0.6), 2),
        (fake((16, 1), share=0.1), 10),
        (fake((16, 0), (2, 4), share=1), 2),
    ],
)
def test_how_many_workers_there_are(cluster, n):
    """A worker's CPUs and its share of a GPU are of one machine."""
    assert cluster.n_workers == n


@pytest.mark.parametrize(
    ("cluster", "most"), [(fake((4, 0)), 8), (fake((4, 0), wanted=3), 3), (fake(), 2)]
)
def test_no_more_is_begun_than_is_needed(cluster, most):
    """However many tasks there are, so that memory does not grow with them."""
    n_begun = n_ended = largest = 0

    def tasks():
        nonlocal n_begun, largest
        for number in range(100):
            n_begun += 1
            largest = max(largest, n_begun - n_ended)
            yield number, str

    for number in cluster.each(tasks()):
        assert number == n_ended
        n_ended += 1
    assert n_ended == 100
    assert largest <= most + 1  # one is made, and waits until there is room


@pytest.mark.filterwarnings("ignore")
def test_what_is_said_of_an_error_on_a_worker():
    """Only what ended workers is told so, and an error that is not one of ours names its chunk."""
    lost = pytest.importorskip("ray").exceptions
    cluster = fake((1, 0))

    def fails(error: Exception):
        def get(_):
            raise error

        cluster.ray.get, cluster.ray.exceptions = get, lost
        with pytest.raises(Exception, match=r"chunk of records 1 to 8") as caught:
            cluster.get(None, lambda: "a chunk of records 1 to 8")
        return caught.value

    of_task = lost.RayTaskError("do_section", "Traceback\n...\n", OSError(5, "I/O error"))
    found = [
        fails(lost.WorkerCrashedError()),
        fails(lost.ObjectLostError("a1b2", None, "")),
        fails(of_task.as_instanceof_cause()),
    ]
    assert [type(error) for error in found] == [ClusterError] * 3
    assert "ended the worker 3 times" in str(found[0])
    assert "ended" not in str(found[1])
    assert str(found[2]) == "a chunk of records 1 to 8: OSError: [Errno 5] I/O error"


def test_an_output_has_to_be_a_file():
    scorer = ClusterScorer.__new__(ClusterScorer)
    for output in ("o.vcf.gz", "s3://bucket/o.vcf.gz"):
        scorer.check_output(output)
    with pytest.raises(OutputError, match=r"write to files; give -o NAME\.vcf\.gz"):
        scorer.check_output("-")


def test_workers_that_would_compute_in_different_ways():
    one = {"precision": "float32", "torch": "2.13.0"}
    assert _common([("a", one), ("b", one)]) == one
    with pytest.raises(ClusterError, match="precision is bfloat16 on b and float32 on a"):
        _common([("a", one), ("b", {**one, "precision": "bfloat16"})])
    with pytest.warns(UserWarning, match=r"torch is 2\.9 on b and 2\.13\.0 on a"):
        assert _common([("a", one), ("b", {**one, "torch": "2.9"})]) == one


def test_a_worker_has_to_have_the_genome(folder, tmp_path):
    worker = pytest.importorskip("mfdvep.scoring.worker")
    with Genome(folder / "g.fa") as genome:
        recipe = worker.ScorerRecipe(
            model=make_model(),
            fasta=folder / "g.fa",
            fingerprint=genome.fingerprint,
            sample=sampled(folder / "g.fa"),
            version=mfdvep.__version__,
            options={**OPTIONS, "device": "cpu"},
            n_threads=1,
        )
    assert recipe.make().provenance["batch_size"] == 8
    other = write_fasta(tmp_path / "other.fa", {"chr1": BASES[:-1]})
    with pytest.raises(ClusterError, match=r"their lengths differ.*the same FASTA"):
        replace(recipe, fasta=other).make()
    wider = write_fasta(tmp_path / "wider.fa", {"chr1": BASES}, line=80)
    with pytest.raises(ClusterError, match=r"their lengths agree.*the same FASTA"):
        replace(recipe, fasta=wider).make()
    masked = f"{BASES[:200_000]}{'N' * 50_000}{BASES[250_000:]}"
    masked = write_fasta(tmp_path / "masked.fa", {"chr1": masked})
    with pytest.raises(ClusterError, match=r"their lengths agree.*the same FASTA"):
        replace(recipe, fasta=masked).make()
    with pytest.raises(ClusterError, match=rf"mfdvep {mfdvep.__version__}, expected mfdvep 99\.0"):
        replace(recipe, version="99.0").make()


def test_a_worker_has_to_have_the_folder_and_the_input(folder, tmp_path):
    worker = pytest.importorskip("mfdvep.scoring.worker")
    vcf = folder / "in.vcf.gz"
    work = SimpleNamespace(vcf=vcf)
    with ChunkStore(tmp_path / "o.parts", {"command": ""}) as store:
        assignment = worker.Assignment(
            work=work,
            folder=store.folder,
            session=store.session,
            run_id=store.run_id,
            n_bytes=vcf.stat().st_size,
            header_digest=digest(HEADER.splitlines()),
            provenance={},
        )
        with pytest.raises(ClusterError, match="not the folder where the run was started"):
            assignment.check()
        store.announce()
        assignment.check()
        with pytest.raises(ClusterError, match="a file system that all workers share"):
            replace(assignment, folder=tmp_path / "elsewhere").check()
        with pytest.raises(ClusterError, match=r"in\.vcf\.gz is another file .*the same input"):
            replace(assignment, n_bytes=7).check()
        with pytest.raises(ClusterError, match=r"in\.vcf\.gz is another file"):
            replace(assignment, header_digest=digest(["other"])).check()
        with pytest.raises(ClusterError, match="another file"):
            replace(assignment, work=SimpleNamespace(vcf=folder / "in.vcf")).check()


def test_what_a_chunk_is_called_that_cannot_be_done(tmp_path):
    """Those of its section that are finished are known by their figures."""
    with ChunkStore(tmp_path / "o.parts", {"command": ""}) as store:
        part = Part(3, WHOLE, n_records=100)
        assert _unfinished(store, part, 180) == "a chunk of records 101 to 180"
        store.finish(Place(3, 0), "digest", [], {"n_records": 16})
        store.finish(Place(3, 1), "digest", [], {"n_records": 20})
        assert _unfinished(store, part, 180) == "a chunk of records 137 to 180"


def test_chunks_begin_again_where_a_section_begins(folder):
    """So a section has the same chunks when it is read alone."""
    with Genome(folder / "g.fa") as genome:
        windows = local(genome).windows
        with open_vcf(folder / "in.vcf.gz", section_size=30) as reader:
            together = list(read_chunks(reader, windows, None, max_alleles=8))
            sections = reader.sections
        assert len(sections) >= 4
        n_records = 0
        for number, section in enumerate(sections):
            part = Part(number, section, n_records=n_records)
            with open_vcf(folder / "in.vcf.gz", part=part) as reader:
                alone = list(read_chunks(reader, windows, None, max_alleles=8))
            same = [chunk for chunk in together if chunk.place.section == number]
            assert [(c.place, c.records, c.digest) for c in alone] == [
                (c.place, c.records, c.digest) for c in same
            ]
            assert [c.place.number for c in alone] == list(range(len(alone)))
            n_records += sum(len(chunk.records) for chunk in alone)


def test_an_indexed_file_gives_what_the_same_without_index_gives(folder, monkeypatch):
    """But for the last digits, as other alleles share a batch; a new index is another run."""
    monkeypatch.setattr(pipeline, "CHUNK_ALLELES", {"cpu": 8})
    monkeypatch.setattr(pipeline, "SECTION_CHUNKS", 2)
    with Genome(folder / "g.fa") as genome:
        scorer = local(genome)
        score_vcf(folder / "in.vcf.gz", scorer, **outputs(folder / "a"))
        options = outputs(folder / "b")

        def stop(n: int, *_: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            score_vcf(folder / "in.vcf.gz", scorer, **options, progress=stop)
        (folder / "in.vcf.gz.tbi").unlink()
        with pytest.raises(OutputError, match="another cut into sections"):
            score_vcf(folder / "in.vcf.gz", scorer, **options, resume=True)
        score_vcf(folder / "in.vcf.gz", scorer, **options, force=True)
    for name in ("o.skipped.tsv", "o_mqc.json"):
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()
