"""All tracks at once against a loop over tracks with scipy, scikit-learn and statsmodels.

As a script it makes a matrix of any size and measures time and memory of the whole analysis:

    python tests/benchmarks/bench_enrichment.py big.parquet 1000000 2106
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import fisher_exact
from scipy.stats.contingency import odds_ratio
from sklearn.metrics import average_precision_score, roc_auc_score

from mfdvep.enrichment.engine import enrich
from mfdvep.enrichment.measures.cuts import cuts_of
from mfdvep.enrichment.preparing import EnrichOptions
from mfdvep.enrichment.sample import Sample
from mfdvep.enrichment.tracks import measure
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import EffectWriter

QUANTILES = (0.9, 0.95, 0.99)
N_CONTIGS = 22


def simulated_sample(n: int, *, n_bootstrap: int = 0) -> Sample:
    """Return n variants on 22 contigs, half of them positive."""
    rng = np.random.default_rng(0)
    contig, place = np.divmod(np.arange(n), -(-n // N_CONTIGS))
    chrom = [f"chr{i + 1}" for i in contig.tolist()]
    return Sample.build(
        chrom,
        place * 2500,
        rng.random(n) < 0.5,
        np.full(n, -1),
        block=1_000_000,
        n_bootstrap=n_bootstrap,
        n_permutations=0,
        rng=rng,
    )


def loop(effects: np.ndarray, sample: Sample) -> None:
    """Do for one track what `measure` does and the tables need, with the libraries' functions."""
    score, y = np.abs(effects).astype(np.float64), sample.positive
    for q in QUANTILES:
        tagged = score > np.quantile(score, q)
        a, b = int((tagged & y).sum()), int((tagged & ~y).sum())
        table = np.array([[a, b], [int(y.sum()) - a, int((~y).sum()) - b]])
        fisher_exact(table)
        odds_ratio(table).confidence_interval(0.95)
    roc_auc_score(y, score)
    average_precision_score(y, score)
    for where in sample.contigs.values():
        roc_auc_score(y[where], score[where])
        average_precision_score(y[where], score[where])
    sm.Logit(y.astype(float), sm.add_constant(score / score.std())).fit(disp=0)


@pytest.mark.bench
@pytest.mark.parametrize("n", [20_000, 200_000])
def test_tracks_per_second(n, tmp_path):
    sample = simulated_sample(n)
    cuts, _ = cuts_of(QUANTILES, "absolute", n)
    effects = np.random.default_rng(1).standard_normal((9, n), dtype=np.float32)
    measure(effects[0], sample, cuts)
    start = time.perf_counter()
    for row in effects[1:]:
        measure(row, sample, cuts)
    ours = (time.perf_counter() - start) / 8
    start = time.perf_counter()
    loop(effects[0], sample)
    theirs = time.perf_counter() - start
    # the odds ratios' intervals of all tracks, which `measure` leaves for later
    path = write_matrix(tmp_path / "m.parquet", n=n, n_tracks=16)
    start = time.perf_counter()
    enrich(path, options=EnrichOptions(threads=1))
    whole = (time.perf_counter() - start) / 48
    print(
        f"\n{n:,} variants, a track: loop {theirs:.2f} s; measured {ours * 1e3:.1f} ms "
        f"({theirs / ours:.0f} x); whole analysis with 1,000 bootstrap samples and reading "
        f"{whole * 1e3:.1f} ms ({theirs / whole:.0f} x)"
    )


def write_matrix(path: Path, *, n: int, n_tracks: int, rows: int = 4096) -> Path:
    """Write a matrix of normal effects with LABEL and return its path."""
    names = tuple(f"t{i}" for i in range(n_tracks))
    groups = {"assay": tuple(f"a{i % 5}" for i in range(n_tracks)),
              "target": tuple(f"g{i % 60}" for i in range(n_tracks))}  # fmt: skip
    tracks = TrackTable({"track": names, **groups})
    rng = np.random.default_rng(2)
    per_contig = -(-n // N_CONTIGS)
    with EffectWriter(path, tracks, {"model": {"name": "none"}}, extra=["LABEL"]) as writer:
        for start in range(0, n, rows):
            at = range(start, min(start + rows, n))
            variants = tuple(
                Variant(f"chr{i // per_contig + 1}", i % per_contig * 2500 + 1, "A", "C", i, 1)
                for i in at
            )
            effects = [rng.standard_normal((len(at), n_tracks), dtype=np.float32) for _ in range(3)]
            status = (VariantStatus.OK,) * len(at)
            labels = [str(x) for x in (rng.random(len(at)) < 0.5).astype(int).tolist()]
            writer.write(EffectBatch(variants, status, *effects, tracks), [labels])
    return path


def main() -> None:
    """Make the matrix if it is not there, analyse it, print time and the most memory held."""
    path, n, n_tracks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if not path.exists():
        write_matrix(path, n=n, n_tracks=n_tracks)
    start = time.perf_counter()
    seen = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal seen
        if time.perf_counter() - seen > 30:
            seen = time.perf_counter()
            print(f"{done}/{total} tracks, {seen - start:.0f} s", flush=True)

    found = enrich(path, progress=progress)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{time.perf_counter() - start:.0f} s, at most {peak:.2f} GiB; {found.overall['kind']}")


if __name__ == "__main__":
    main()
