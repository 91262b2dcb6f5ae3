"""A run on Ray: two workers against one, and what it costs the process that started it.

Run with -m bench -s. Chunks are of the size that they have on a CPU, the model is the bundled one.
"""

from __future__ import annotations

import time
from pathlib import Path

import pysam
import pytest
import torch
from conftest import random_bases, write_fasta

from mfdvep.genomics.genome import Genome
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring import pipeline
from mfdvep.scoring.pipeline import score_vcf

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore")]
N, EVERY = 3072, 1500  # SNVs, and bases between them
SHIFTS = 11  # as is usual


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    bases = random_bases(N * EVERY + 4000, seed=3)
    write_fasta(folder / "g.fa", {"chr1": bases})
    with (folder / "in.vcf").open("w") as file:
        file.write(
            f"##fileformat=VCFv4.3\n##contig=<ID=chr1,length={len(bases)}>\n"
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        )
        for i in range(N):
            at = 2000 + i * EVERY
            alt = "ACGT"["ACGT".index(bases[at]) - 1]
            file.write(f"chr1\t{at + 1}\trs{i}\t{bases[at]}\t{alt}\t.\tPASS\tAC=1;AF=0.5\n")
    pysam.tabix_compress(str(folder / "in.vcf"), str(folder / "in.vcf.gz"), force=True)
    pysam.tabix_index(str(folder / "in.vcf.gz"), preset="vcf", force=True)
    return folder


def run(folder: Path, vcf: str, scorer) -> dict[str, float]:
    """Return what a run takes: all of it, and this process's CPU until all is scored, and after."""
    marks = []

    def progress(n: int, total: int | None, figures: dict | None = None) -> None:
        marks.append((time.monotonic(), time.process_time()))

    out = {"matrix": folder / "m.parquet", "long": folder / "l.parquet", "index": True}
    began, cpu = time.monotonic(), time.process_time()
    summary = score_vcf(
        folder / vcf, scorer, folder / "o.vcf.gz", **out, force=True, progress=progress
    )
    seconds, end = time.monotonic() - began, time.process_time()
    assert summary.status["OK"] == N
    return {
        "seconds": seconds,
        "reports": len(marks),
        "collecting": marks[-1][1] - cpu,
        "publishing": end - marks[-1][1],
        "publishing_wall": began + seconds - marks[-1][0],
        "working": sum(w["seconds"] for w in summary.record["timing"].get("workers", [])),
        "bytes": sum((folder / name).stat().st_size for name in ("o.vcf.gz", "m.parquet")),
    }


def test_two_workers_against_one(inputs, capsys, monkeypatch):
    from mfdvep.scoring.cluster import Cluster
    from mfdvep.scoring.cluster_scorer import ClusterScorer

    monkeypatch.setattr(pipeline, "SECTION_CHUNKS", 2)  # several for each worker of so short a run
    model = load_model()
    found: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    with Genome(inputs / "g.fa") as genome:
        for n in (1, 2, 2, 1):
            with Cluster("local", workers=n) as cluster:
                scorer = ClusterScorer(cluster, model, genome, shifts=SHIFTS)
                found[n].append(run(inputs, "in.vcf.gz", scorer))
        for vcf in ("in.vcf.gz", "in.vcf"):
            with Cluster("local", workers=2) as cluster:
                scorer = ClusterScorer(cluster, model, genome, shifts=SHIFTS)
                one = run(inputs, vcf, scorer)
                kind = "sections" if vcf.endswith("gz") else "chunks sent"
                share = (one["collecting"] + one["publishing"]) / (
                    one["collecting"] + one["publishing"] + one["working"]
                )
                with capsys.disabled():
                    print(
                        f"\n{kind}: {one['reports']:.0f} tasks in {one['seconds']:.1f} s; CPU of "
                        f"the driver {1000 * one['collecting'] / one['reports']:.1f} ms a task, "
                        f"{1e6 * one['publishing'] / N:.0f} us an allele to publish "
                        f"({one['publishing_wall']:.2f} s in all), {share:.1%} of all; "
                        f"{one['bytes'] / N:.0f} bytes an allele"
                    )
        torch.set_num_threads(2)
        from mfdvep.scoring.scorer import Scorer

        here = run(inputs, "in.vcf.gz", Scorer(model, genome, shifts=SHIFTS, device="cpu"))
        torch.set_num_threads(1)
    one, two = (min(r["seconds"] for r in found[n]) for n in (1, 2))
    with capsys.disabled():
        print(
            f"1 worker {N / one:.1f} alleles/s, 2 workers {N / two:.1f}: {one / two:.2f} times; "
            f"one process of 2 threads {N / here['seconds']:.1f}"
        )
    assert one / two > 1.7
