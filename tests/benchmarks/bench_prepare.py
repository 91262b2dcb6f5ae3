"""Time and memory of `prepare` at a tenth of the paper's size; run it by name, with -m bench -s.

The paper: 2,106 experiments on 3.1 Gb, about 100,000 peaks each. Here: 210 experiments on 310 Mb
in 24 contigs, 100,000 peaks each, so a tenth of the experiments, of the peaks and of the genome,
and as many positive labels a bin. All that grows with the size of the input is a tenth of what it
will be; the interpreter with its libraries is not.
"""

from __future__ import annotations

import gzip
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pysam
import pytest

SCALE = 10
N_EXPERIMENTS = 2106 // SCALE
N_PEAKS = 100_000
CONTIG_BASES = [int(b * 1e6 / SCALE) for b in [248, 242, 198, 190, 181, 170, 159, 145, 138, 133]]
CONTIG_BASES += [int(b * 1e6 / SCALE) for b in [135, 133, 114, 107, 102, 90, 83, 80, 58, 64, 46]]
CONTIG_BASES += [int(b * 1e6 / SCALE) for b in [50, 156, 57]]
N_FILES = 30
LIMIT_GB = 16


def simulate(folder: Path) -> None:
    rng = np.random.default_rng(0)
    with open(folder / "genome.fa", "wb") as fasta:
        for k, length in enumerate(CONTIG_BASES):
            bases = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, length)]
            whole = bases[: length // 60 * 60].reshape(-1, 60)
            lines = np.concatenate([whole, np.full((len(whole), 1), 10, np.uint8)], axis=1)
            fasta.write(f">chr{k + 1}\n".encode() + lines.tobytes())
    pysam.faidx(str(folder / "genome.fa"))
    index = (folder / "genome.fa.fai").read_text().splitlines()
    lengths = [int(line.split("\t")[1]) for line in index]
    share = np.array(lengths) / sum(lengths)
    # Sites that experiments share, as promoters and enhancers are, so that bins have many labels.
    sites = rng.random(1_000_000)
    rows = ["experiment\tpeaks"]
    for i in range(N_FILES):
        contig = rng.choice(len(lengths), N_PEAKS, p=share)
        place = np.where(rng.random(N_PEAKS) < 0.7, rng.choice(sites, N_PEAKS), rng.random(N_PEAKS))
        width = np.clip(rng.lognormal(6, 0.8, N_PEAKS), 100, 20_000).astype(np.int64)
        start = (place * (np.array(lengths)[contig] - width)).astype(np.int64)
        text = "".join(
            f"chr{c + 1}\t{s}\t{s + w}\tpeak{n}\t500\t.\t7.1234\t-1\t3.21\t{w // 2}\n"
            for n, (c, s, w) in enumerate(zip(contig, start, width, strict=True))
        )
        (folder / f"{i}.narrowPeak.gz").write_bytes(gzip.compress(text.encode(), 1))
    rows += [f"E{i}\t{i % N_FILES}.narrowPeak.gz" for i in range(N_EXPERIMENTS)]
    (folder / "experiments.tsv").write_text("\n".join(rows) + "\n")


def measure(folder: Path, results: multiprocessing.Queue) -> None:
    from mfdvep.training.prepare import prepare

    def peak_gb() -> float:
        # Not getrusage: on Linux its peak is inherited from the process that started this one.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9

    before, began, read = peak_gb(), time.perf_counter(), {}

    def progress(done: int, total: int) -> None:
        if done == N_EXPERIMENTS:
            read.update(seconds=time.perf_counter() - began, gb=peak_gb())

    made = prepare(
        folder / "experiments.tsv", folder / "genome.fa", folder / "s", progress=progress
    )
    results.put((before, read, time.perf_counter() - began, peak_gb(), made))


@pytest.mark.bench
def test_memory_of_the_paper_sized_set_is_below_16_gb(tmp_path, capsys):
    simulate(tmp_path)
    context = multiprocessing.get_context("spawn")  # a process of its own has a peak of its own
    results = context.Queue()
    process = context.Process(target=measure, args=(tmp_path, results))
    process.start()
    before, read, seconds, peak, made = results.get()
    process.join()
    full = before + SCALE * (peak - before)
    with capsys.disabled():
        print(
            f"\n{N_EXPERIMENTS} experiments x {N_PEAKS:,} peaks, {sum(CONTIG_BASES) / 1e6:.0f} Mb: "
            f"{sum(made.bins.values()):,} bins, {sum(made.positive_labels.values()):,} labels\n"
            f"peaks read in {read['seconds']:.0f} s (peak {read['gb']:.2f} GB), "
            f"all in {seconds:.0f} s (peak {peak:.2f} GB, of which {before:.2f} at the start)\n"
            f"at the paper's size: {SCALE * seconds / 60:.0f} min, at most {full:.1f} GB"
        )
    assert full < LIMIT_GB
