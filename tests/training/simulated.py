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
BIOLOGY = {"X": "TGACTCA" * 3, "Y": "CCACCAG" * 3, "Z": "GATAAGC" * 3}
BIAS = {"a": "GGGCGGA" * 3, "b": "TTTATTC" * 3, "c": "ACACAGT" * 3}
RECIPE = """
[model]
width = 8
predictor_hidden = 8
[[metadata]]
column = "target"
group = "biological"
[[metadata]]
column = "assay"
group = "technical"
[training]
steps = 4
sequences = 4
bins_per_sequence = 4
validation_bins = 20
validate_every = 4
precision = "float32"
"""

SLOT = 21  # bases of a bin that each motif has for itself, so that two never overlap
MARGIN = 16  # bins at a contig's ends that are not in the set

_PAIRS = [(target, assay) for target in BIOLOGY for assay in BIAS]
TRACKS = TrackTable(
    {
        "experiment": tuple(f"S{i}" for i in range(len(_PAIRS))),
        "target": tuple(target for target, _ in _PAIRS),
        "assay": tuple(assay for _, assay in _PAIRS),
    }
)


def simulate(folder: Path, *, n_bins: int = 6000, seed: int = 0) -> tuple[TrainingSet, np.ndarray]:
    """Write a set of two contigs; return it, and which motif each of its bins holds.

    Returns
    -------
    TrainingSet
        Contig "one" for training, "two" (a quarter as long) for validation.
    ndarray
        (N, 6) bool: motif of target X, Y, Z, assay a, b, c.
    """
    rng = np.random.default_rng(seed)
    motifs = [encode(m) for m in (*BIOLOGY.values(), *BIAS.values())]
    names = [*BIOLOGY, *BIAS]
    uses = np.array([[name in pair for name in names] for pair in _PAIRS])
    contigs = [SetContig("one", n_bins * 128, "train"), SetContig("two", n_bins * 32, "validation")]
    planted = []
    with TrainingSetWriter(
        folder,
        tracks=TRACKS,
        contigs=contigs,
        labelled=np.ones((len(TRACKS), 2), dtype=bool),
        bin_size=128,
        min_overlap=64,
        options={},
        provenance={},
    ) as writer:
        for contig in contigs:
            n = contig.length // 128
            codes = rng.integers(0, 4, contig.length).astype(np.uint8)
            holds = rng.random((n, 6)) < 0.15
            for bin_, motif in np.argwhere(holds):
                start = bin_ * 128 + SLOT * motif
                codes[start : start + SLOT] = motifs[motif]
            inner = np.arange(MARGIN, n - MARGIN)
            labels = holds[inner] @ uses.T  # (n, 9) bool: either motif gives a peak
            writer.add_contig(codes)
            offsets = np.concatenate([[0], np.cumsum(labels.sum(1))])
            writer.add_bins(inner * 128, offsets, np.nonzero(labels)[1])
            planted.append(holds[inner])
    return TrainingSet.open(folder), np.concatenate(planted)
