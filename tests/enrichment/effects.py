"""Matrices of simulated effects, with three kinds and a table of tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import EffectWriter

ASSAYS = ("DNase", "ATAC", "ChIP", "ChIP")


def write_effects(
    path: Path,
    label: np.ndarray,
    *,
    n_tracks: int = 8,
    strength: tuple[float, float, float] = (1.0, 1.0, 0.0),
    match: list[str] | None = None,
    unscored: int = 0,
    seed: int = 0,
) -> Path:
    """Write normal effects, wider for positives; the first variants may be without a score."""
    rng = np.random.default_rng(seed)
    n = len(label)
    tracks = TrackTable(
        {
            "track": tuple(f"t{i}" for i in range(n_tracks)),
            "assay": tuple(ASSAYS[i % 4] for i in range(n_tracks)),
            "target": tuple(f"g{i % 3}" for i in range(n_tracks)),
        }
    )
    kinds = [
        ((1 + s * label)[:, None] * rng.standard_normal((n, n_tracks))).astype(np.float32)
        for s in strength
    ]
    for effects in kinds:
        effects[:unscored] = np.nan
    contig, place = np.divmod(np.arange(n), 40)
    variants = tuple(
        Variant(f"chr{c + 1}", int(p) * 10_000 + 1, "A", "C", i, 1)
        for i, (c, p) in enumerate(zip(contig, place, strict=True))
    )
    status = [VariantStatus.N_RICH] * unscored + [VariantStatus.OK] * (n - unscored)
    extra = {"LABEL": [str(int(x)) for x in label]}
    if match is not None:
        extra["MATCH"] = match
    with EffectWriter(path, tracks, {"model": {"name": "none"}}, extra=list(extra)) as writer:
        writer.write(EffectBatch(variants, tuple(status), *kinds, tracks), list(extra.values()))
    return path


def labels(n: int, *, seed: int = 0) -> np.ndarray:
    """Return labels of which two in five are positive."""
    return (np.random.default_rng(seed).random(n) < 0.4).astype(float)
