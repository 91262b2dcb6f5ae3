"""Profiles with a planted rule: high if H3K4me3 is at the start site and H3K27me3 is not."""

from __future__ import annotations

import numpy as np

from mfdvep.expression.bins import MARKS, N_BINS
from mfdvep.expression.genes import Tss
from mfdvep.expression.profiles import Profiles

SPLIT_OF = {"chr1": "train", "chr7": "validation", "chr8": "test"}


def planted(
    *, train: int = 400, validation: int = 80, test: int = 200, cells: int = 2, seed: int = 1
) -> Profiles:
    """Return profiles of 5 marks: two matter, as peaks near the start site; three are noise."""
    rng = np.random.default_rng(seed)
    counts = dict(zip(SPLIT_OF, (train, validation, test), strict=True))
    genes = [
        Tss(f"ENSG{chrom[3:]}{i:05}", "", chrom, 10_000 + 20_000 * i, "+-"[i % 2])
        for chrom, n in counts.items()
        for i in range(n)
    ]
    n = len(genes)
    split = np.array([SPLIT_OF[gene.chrom] for gene in genes])
    on = rng.random((cells, n, len(MARKS))) < 0.5
    signal = np.zeros((cells, n, len(MARKS), N_BINS), dtype=np.float32)
    for cell in range(cells):
        for gene in range(n):
            for mark in np.flatnonzero(on[cell, gene]):
                middle, half = 50 + rng.integers(-4, 5), rng.integers(5, 12)
                signal[cell, gene, mark, middle - half : middle + half] = rng.uniform(4, 12)
    active = on[..., MARKS.index("H3K4me3")] & ~on[..., MARKS.index("H3K27me3")]
    expression = np.where(active, 8, 1) * rng.lognormal(0, 0.5, (cells, n))
    train_rows = split == "train"
    return Profiles(
        genes=tuple(genes),
        split=split,
        cells=tuple("AB"[:cells]),
        marks=MARKS,
        signal=signal,
        expression=expression.astype(np.float32),
        thresholds=np.full(cells, 3, dtype=np.float32),
        provenance={"rule": "H3K4me3 and not H3K27me3", "train": int(train_rows.sum())},
    )
