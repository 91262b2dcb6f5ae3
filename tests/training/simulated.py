"""A training set with known biology and a known technical bias, small enough to learn in seconds.

Every target has a motif of its own, and so has every assay: an experiment has a peak where its
target's motif is (biology), and where its assay's motif is (bias).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mfdvep.genomics.sequences import encode
from mfdvep.model.tracks import TrackTable
from mfdvep.training.dataset import SetContig, TrainingSet
from mfdvep.training.set_writer import TrainingSetWriter

# clusters of a motif: a single one takes a network of this size minutes to find
BIOLOGY = {"X": "TGACTCA" * 4, "Y": "CCACCAG" * 4}
BIAS = {"a": "GGGCGGA" * 4, "b": "TTTATTC" * 4}
MARGIN = 16  # bins at a contig's ends that are not in the set

TRACKS = TrackTable(
    {
        "experiment": tuple(f"S{i}" for i in range(8)),
        "target": ("X", "X", "X", "X", "Y", "Y", "Y", "Y"),
        "assay": ("a", "a", "b", "b", "a", "a", "b", "b"),
    }
)


def simulate(folder: Path, *, n_bins: int = 6000, seed: int = 0) -> tuple[TrainingSet, np.ndarray]:
    """Write a set of two contigs; return it, and which motif each of its bins holds.

    Returns
    -------
    TrainingSet
        Contig "one" for training, "two" (a quarter as long) for validation.
    ndarray
        (N, 4) bool: motif of target X, target Y, assay a, assay b.
    """
    rng = np.random.default_rng(seed)
    motifs = [encode(m) for m in (*BIOLOGY.values(), *BIAS.values())]
    uses = np.array(
        [
            [t == "X", t == "Y", a == "a", a == "b"]
            for t, a in zip(TRACKS["target"], TRACKS["assay"], strict=True)
        ]
    )
    contigs = [SetContig("one", n_bins * 128, "train"), SetContig("two", n_bins * 32, "validation")]
    planted = []
    with TrainingSetWriter(
        folder,
        tracks=TRACKS,
        contigs=contigs,
        labelled=np.ones((8, 2), dtype=bool),
        bin_size=128,
        min_overlap=64,
        options={},
        provenance={},
    ) as writer:
        for contig in contigs:
            n = contig.length // 128
            codes = rng.integers(0, 4, contig.length).astype(np.uint8)
            holds = rng.random((n, 4)) < 0.15
            for bin_, motif in np.argwhere(holds):
                # each motif in a stretch of its own, so that two never overlap
                start = bin_ * 128 + 32 * motif + rng.integers(0, 32 - 28)
                codes[start : start + 28] = motifs[motif]
            inner = np.arange(MARGIN, n - MARGIN)
            labels = holds[inner] @ uses.T  # (n, 8) bool: either motif gives a peak
            writer.add_contig(codes)
            offsets = np.concatenate([[0], np.cumsum(labels.sum(1))])
            writer.add_bins(inner * 128, offsets, np.nonzero(labels)[1])
            planted.append(holds[inner])
    return TrainingSet.open(folder), np.concatenate(planted)
