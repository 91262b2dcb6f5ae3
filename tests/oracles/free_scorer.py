"""A scorer whose model costs nothing, for what goes on around the model."""

from __future__ import annotations

import numpy as np
import torch

from mfdvep.genomics.genome import Genome
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import AlleleFeatures, EffectBatch
from mfdvep.scoring.windows import AlleleWindows, Prepared


class FreeScorer:
    """As `Scorer`, but every effect is a number that is quickly had.

    Parameters
    ----------
    tracks
        O of them.
    zeros
        Whether every effect is 0; else it depends on the variant and the track alone.

    Latent features, 6 of them, depend on the variant alone.
    """

    def __init__(
        self, genome: Genome, tracks: TrackTable, *, shifts: int = 1, zeros: bool = False
    ) -> None:
        self.windows = AlleleWindows(genome, shifts=shifts, strand="forward")
        self.tracks, self.device, self._zeros = tracks, torch.device("cpu"), zeros
        self.provenance = {"scale": "probability", "strand": "forward", "shifts": [0]}
        self.model_provenance = {"name": "free", "sha256": "."}
        self.n_latent = 6

    def score_prepared(self, prepared: Prepared, *, features: bool = False) -> EffectBatch:
        n, n_tracks = len(prepared.variants), len(self.tracks)
        scored = np.array([change is not None for change in prepared.changes], dtype=bool)
        effects = np.full((3, n, n_tracks), np.nan, dtype=np.float32)
        if self._zeros:
            effects[:, scored] = 0
        else:
            pos = np.array([v.pos for v in prepared.variants], dtype=float)
            alt = np.array([len(v.alt) + ord(v.alt[-1:] or ".") for v in prepared.variants])
            waves = np.sin(pos[:, None] * 0.37 + alt[:, None] + np.arange(n_tracks))  # (n, O)
            for kind, values in enumerate((waves / 3, waves / 7, waves / 11)):
                effects[kind, scored] = values[scored]
        latent = None
        if features:
            both = np.full((2, n, self.n_latent), np.nan, dtype=np.float32)
            pos = np.array([v.pos for v in prepared.variants], dtype=float)[:, None]
            for row, step in enumerate((0.7, 1.3)):
                both[row, scored] = np.sin(pos * step + np.arange(self.n_latent))[scored]
            latent = AlleleFeatures(*both)
        return EffectBatch(
            prepared.variants, prepared.status, *effects, self.tracks, self.provenance, latent
        )
