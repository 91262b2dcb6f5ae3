"""Burdens beside cyvcf2 alone reading the same genotypes; -m bench -s.

Both read the same file in turns; rates are of CPU time, of one core, so that other work on the
machine weighs little. All variants lie in a region and have scores, so that no genotype is skipped.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import cyvcf2
import numpy as np
import pytest
from cohort.small import HEADER, random_effects, write_scores
from conftest import SMALL_TRACKS

from mfdvep.cohort.options import BurdenOptions
from mfdvep.cohort.running import burden
from mfdvep.model.tracks import TrackTable

pytestmark = pytest.mark.bench
DATA = Path(os.environ.get("MFDVEP_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
TIMES = 3


def simulated(path: Path, n_people: int, n_records: int) -> Path:
    """Write a cohort of GT; half of the records are rare."""
    rng = np.random.default_rng(0)
    calls = np.array(["0|0", "0|1", "1|1", "./."])
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    with gzip.open(path, "wt", compresslevel=1) as out:
        out.write(HEADER + "\t".join([*columns, *(f"p{i}" for i in range(n_people))]) + "\n")
        for i in range(n_records):
            f = 0.002 if i % 2 else 0.2
            which = rng.choice(4, n_people, p=[0.999 * (1 - f), 0.999 * f * 0.9, 0.999 * f * 0.1,
                                               0.001])  # fmt: skip
            out.write(f"chr1\t{10 * i + 1}\t.\tA\tC\t.\t.\t.\tGT\t" + "\t".join(calls[which]))
            out.write("\n")
    return path


def cyvcf2_alone(path: Path) -> int:
    n = 0
    for record in cyvcf2.VCF(str(path)):
        n += len(record.genotype.array()) > 0
    return n


def compare(name: str, path: Path, folder: Path) -> float:
    """Print the rates; return how fast the whole command is, of cyvcf2 alone."""
    variants = [f"{r.CHROM}:{r.POS}:{r.REF}:{r.ALT[0]}" for r in cyvcf2.VCF(str(path))]
    scores = write_scores(folder / "m.parquet", variants, random_effects(len(variants)))
    last = max(int(text.split(":")[1]) for text in variants)
    regions = folder / "r.bed"
    regions.write_text("".join(f"chr1\t{s}\t{s + 20000}\tr{s}\n" for s in range(0, last, 10000)))
    options = BurdenOptions(maf_max=0.05)
    alone, whole = [], []
    for _ in range(TIMES):
        start = time.process_time()
        assert cyvcf2_alone(path) == len(variants)
        alone.append(time.process_time() - start)
        start = time.process_time()
        stats = burden(path, scores, regions, folder / "b.parquet", options=options, force=True)
        whole.append(time.process_time() - start)
    counts, n = stats["counts"], len(variants)
    ratios = sorted(a / w for a, w in zip(alone, whole, strict=True))
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    print(
        f"\n{name}: {n:,} ALTs x {counts['people']['used']:,} people, {counts['columns']} columns, "
        f"{counts['cohort_alts']['used']:,} count: cyvcf2 alone {n / median(alone):,.0f} "
        f"records/s, burden {n / median(whole):,.0f}, ratio {median(ratios):.2f} ({spread})"
    )
    return median(ratios)


def test_1000_genomes(tmp_path):
    path = DATA / "variants" / "1000g.chr1.1092samples.vcf.gz"
    if not path.is_file():
        pytest.skip("no real data")
    assert compare("1000 Genomes (GT:DS:GL)", path, tmp_path) > 0.5


def test_simulated(tmp_path):
    """GT alone, which is the quickest to read; the fewer the people, the more the rest weighs."""
    path = simulated(tmp_path / "small.vcf.gz", 1_000, 5_000)
    compare("simulated (GT)", path, tmp_path)
    path = simulated(tmp_path / "large.vcf.gz", 20_000, 1_000)
    assert compare("simulated (GT)", path, tmp_path) > 0.5


MEASURED = """
import re, sys, time
from pathlib import Path
from mfdvep.cohort.region_set import Part, RegionSet
from mfdvep.cohort.score_index import ScoreIndex
from mfdvep.cohort.spelling import Speller
from mfdvep.cohort.weighting import parse_weightings
from mfdvep.scoring.effect_file import EffectFile

def megabytes(what):  # not ru_maxrss, in which the process that started this one counts
    return int(re.search(what + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

before, start = megabytes("VmRSS"), time.process_time()
index = ScoreIndex(EffectFile(sys.argv[1]), tracks=[0], weightings=parse_weightings(
    ["biological", "unweighted"]), over="mean", regions=RegionSet([Part("A", "chr1", 0, 10**9)]),
    speller=Speller())
print(f"{index.counts['events']:,} events: {megabytes('VmRSS') - before:.0f} MB held, "
      f"{megabytes('VmHWM') - before:.0f} MB at the peak, {time.process_time() - start:.1f} s")
"""


def test_memory_of_the_scores(tmp_path):
    """A million alleles in a region, two weightings, in a process of its own."""
    n = 1_000_000
    variants = [f"chr1:{10 * i + 1}:{'ACGT'[i % 4]}:{'CGTA'[i % 4]}" for i in range(n)]
    tracks = TrackTable({name: values[:1] for name, values in SMALL_TRACKS.columns.items()})
    effects = np.ones((3, n, 1), np.float32)
    path = write_scores(tmp_path / "m.parquet", variants, effects, tracks=tracks)
    command = [sys.executable, "-c", MEASURED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"\n{done.stdout}")
    assert done.stdout.startswith("1,000,000 events")
