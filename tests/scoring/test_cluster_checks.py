"""What can be told of runs on a cluster without one: refusals, checks, what is begun at once."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import make_model, write_fasta
from scoring.clustered import BASES, HEADER, OPTIONS, fill, local, outputs

from mfdvep.errors import ClusterError, OutputError
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


def fake(cpus: float, gpus: float = 0.0, *, wanted=None, threads=1, share=0.0) -> Cluster:
    """Return a cluster whose tasks are numbers, which end in the order in which they began."""
    cluster = Cluster.__new__(Cluster)
    cluster.ray = SimpleNamespace(
        cluster_resources=lambda: {"CPU": cpus, "GPU": gpus},
        wait=lambda refs, num_returns: (refs[:1], refs[1:]),
        get=lambda ref: ref,
        cancel=lambda ref: None,
        exceptions=SimpleNamespace(RayTaskError=KeyError, RayError=LookupError),
    )
    cluster._wanted, cluster.threads, cluster.gpus, cluster._is_own = wanted, threads, share, False
    return cluster


@pytest.mark.parametrize(
    ("cluster", "n"),
    [
        (fake(8), 8),
        (fake(8, threads=3), 2),
        (fake(8, wanted=3), 3),
        (fake(2, wanted=3), 2),
        (fake(8, 2, share=1), 2),
        (fake(8, 2, share=0.5), 4),
    ],
)
def test_how_many_workers_there_are(cluster, n):
    assert cluster.n_workers == n


@pytest.mark.parametrize(("cluster", "most"), [(fake(4), 8), (fake(4, wanted=3), 3), (fake(0), 2)])
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
            n_bytes=(folder / "g.fa").stat().st_size,
            options={**OPTIONS, "device": "cpu"},
            n_threads=1,
        )
    assert recipe.make().provenance["batch_size"] == 8
    other = write_fasta(tmp_path / "other.fa", {"chr1": BASES[:-1]})
    with pytest.raises(ClusterError, match=r"contigs and lengths differ.*the same FASTA"):
        replace(recipe, fasta=other).make()
    wider = write_fasta(tmp_path / "wider.fa", {"chr1": BASES}, line=80)
    with pytest.raises(ClusterError, match=r"contigs and lengths agree.*the same FASTA"):
        replace(recipe, fasta=wider).make()


def test_a_worker_has_to_have_the_folder_and_the_input(folder, tmp_path):
    worker = pytest.importorskip("mfdvep.scoring.worker")
    vcf = folder / "in.vcf.gz"
    work = SimpleNamespace(vcf=vcf)
    with ChunkStore(tmp_path / "o.parts", {"command": ""}) as store:
        assignment = worker.Assignment(
            work=work,
            folder=store.folder,
            session=store.session,
            n_bytes=vcf.stat().st_size,
            header_digest=digest(HEADER.splitlines()),
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
