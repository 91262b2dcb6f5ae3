"""What goes on around the model: records a second against bcftools, and memory over records.

The model is replaced by zeros; all else is as in `mfdvep score`. Run with -m bench -s.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import random_bases, write_fasta

TESTS = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.bench

# a process of its own, whose largest memory is that of the run
RUN = """
import json, re, sys
sys.path[:0] = sys.argv[1:3]
from oracles.free_scorer import FreeScorer
from mfdvep.genomics.genome import Genome
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring.pipeline import score_vcf
vcf, fasta, out, options = sys.argv[3], sys.argv[4], sys.argv[5], json.loads(sys.argv[6])
n_tracks = options.pop("tracks", None)
tracks = load_model().tracks
tracks = tracks.take(range(n_tracks or len(tracks)))
with Genome(fasta) as genome:
    scorer = FreeScorer(genome, tracks, shifts=options.pop("shifts", 1), zeros=True)
    summary = score_vcf(vcf, scorer, out, force=True, **options)
# not ru_maxrss, which begins with that of the process that started this one
memory = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps([summary.records, summary.seconds, memory]))
"""


def run(vcf: Path, fasta: Path, out: Path, **options) -> tuple[int, float, float]:
    """Return records, seconds and the largest memory in MiB of a run of the pipeline."""
    command = [sys.executable, "-c", RUN, str(TESTS), str(TESTS.parent), str(vcf), str(fasta)]
    done = subprocess.run(
        [*command, str(out), json.dumps(options)], capture_output=True, text=True, check=True
    )
    return tuple(json.loads(done.stdout))


def bcftools(vcf: Path, out: Path) -> float:
    """Return the seconds that bcftools takes to read a VCF and write it compressed."""
    program = shutil.which("bcftools")
    if program is None:
        pytest.skip("no bcftools")
    began = time.monotonic()
    subprocess.run([program, "view", "-Oz", "-o", str(out), str(vcf)], check=True)
    return time.monotonic() - began


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["1000g.chr1.sites", "1000g.chr1.1092samples"])
def test_records_a_second(real_data, tmp_path, name, capsys):
    vcf = real_data / "variants" / f"{name}.vcf.gz"
    fasta = real_data / "regulome45" / "genome.fa.gz"
    times = []
    for _ in range(3):
        theirs = bcftools(vcf, tmp_path / "b.vcf.gz")
        n, seconds, _ = run(vcf, fasta, tmp_path / "o.vcf.gz")
        times.append((seconds / theirs, n / seconds, n / theirs))
    n, matrix, _ = run(vcf, fasta, tmp_path / "o.vcf.gz", matrix=str(tmp_path / "m.parquet"))
    ratio, ours, theirs = sorted(times)[1]
    with capsys.disabled():
        print(
            f"\n{name}, {n} records: {ours:,.0f} records/s ({n / matrix:,.0f} with the matrix of "
            f"442 tracks); bcftools view {theirs:,.0f}; {ratio:.1f} times its time"
        )


@pytest.mark.parametrize("n_tracks", [442, 5])
def test_memory_does_not_grow_with_records(tmp_path, n_tracks, capsys):
    bases = random_bases(3_000_000, seed=1)
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": bases})
    memory = {}
    for n in (1_000, 10_000, 100_000, 1_000_000):
        vcf = tmp_path / "in.vcf"
        with vcf.open("w") as file:
            file.write("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
            for i in range(n):
                at = 1000 + i * 2_900_000 // n
                alt = "ACGT"["ACGT".index(bases[at]) - 1]
                file.write(f"chr1\t{at + 1}\t.\t{bases[at]}\t{alt}\t.\tPASS\tAC=1;AF=0.5\n")
        options = {"tracks": n_tracks, "long": str(tmp_path / "l.parquet")}
        if n_tracks < 442:  # which would be 4 GB for the largest
            options["matrix"] = str(tmp_path / "m.parquet")
        found, seconds, memory[n] = run(vcf, fasta, tmp_path / "o.vcf.gz", **options)
        assert found == n
        with capsys.disabled():
            print(f"\n{n_tracks} tracks, {n:,} records: {memory[n]:.0f} MiB, {seconds:.0f} s")
    assert memory[1_000_000] < 1.05 * memory[1_000]
