"""A scorer whose model costs nothing, for what goes on around the model."""

from __future__ import annotations

import numpy as np
import torch

from mfdvep.genomics.genome import Genome
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.windows import AlleleWindows, Prepared


class FreeScorer:
    """As `Scorer`, but every effect is a number that is quickly had.

    Parameters
    ----------
    tracks
        O of them.
    zeros
        Whether every effect is 0; else it depends on the variant and the track alone.
    """

    def __init__(
        self, genome: Genome, tracks: TrackTable, *, shifts: int = 1, zeros: bool = False
    ) -> None:
        self.windows = AlleleWindows(genome, shifts=shifts, strand="forward")
        self.tracks, self.device, self._zeros = tracks, torch.device("cpu"), zeros
        self.provenance = {"scale": "probability", "strand": "forward", "shifts": [0]}
        self.model_provenance = {"name": "free", "sha256": "."}

    def score_prepared(self, prepared: Prepared) -> EffectBatch:
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
        return EffectBatch(
            prepared.variants, prepared.status, *effects, self.tracks, self.provenance
        )
