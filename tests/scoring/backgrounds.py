"""Backgrounds of random effects, and quantiles among them counted one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from conftest import SMALL_TRACKS

from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.calibrating import calibrate
from mfdvep.scoring.calibration import Calibration
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import EffectWriter

MADE = {
    "model": {"name": "small", "sha256": "5" * 64},
    "reference": {"file": "g.fa", "fingerprint": "f"},
    "scale": "probability",
    "strand": "both",
    "shifts": [-1, 0, 1],
}


def effects_of(n: int, *, tracks: TrackTable = SMALL_TRACKS, seed: int = 0) -> EffectBatch:
    """Random effects of n alleles, with a few sizes that are alike; every tenth was not scored."""
    rng = np.random.default_rng(seed)
    effects = rng.laplace(size=(3, n, len(tracks))).astype(np.float32)
    effects[:, ::7] = np.round(effects[:, ::7], 1)
    status = np.where(np.arange(n) % 10 == 9, VariantStatus.STAR, VariantStatus.OK)
    effects[:, 9::10] = np.nan
    variants = tuple(Variant("chr1", 10 + i, "A", "C", i, 1) for i in range(n))
    return EffectBatch(variants, tuple(map(VariantStatus, status)), *effects, tracks=tracks)


def matrix_of(batch: EffectBatch, path: Path, *, af=None, **made) -> Path:
    """Write effects as a matrix, with a column AF or not."""
    extra = () if af is None else ("AF",)
    with EffectWriter(path, batch.tracks, {**MADE, **made}, extra=extra) as writer:
        writer.write(batch, () if af is None else [af])
    return path


def table_of(batch: EffectBatch, folder: Path, **made) -> Calibration:
    """Return the table of a background."""
    return calibrate(matrix_of(batch, folder / "background.parquet", **made))


def counted(background: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Return signed quantiles of effects (m,) among a background (n,), by comparing all pairs."""
    sizes, n = np.abs(background), len(background)
    smaller = (sizes[None] < np.abs(effects)[:, None]).sum(axis=1)
    return np.sign(effects) * np.minimum(smaller / n, 1 - 1 / n)
