"""One kind of effect on the tested variants, read a block of tracks at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mfdvep.enrichment.score_table import ScoreTable
from mfdvep.errors import InputError
from mfdvep.scoring.effect_file import EffectFile

BLOCK_BYTES = 1 << 31
"""Bytes of effects that are held at once, as float32."""


@dataclass(frozen=True)
class View:
    """One kind of effect of a file, for some tracks, of the n tested variants in their order.

    Attributes
    ----------
    name
        What the kind is called in results: that of the file, or "baseline".
    kind
        What the file calls it.
    rows
        bool: which rows of the file are tested.
    order
        int64 (n,): which of these rows each tested variant is.
    tracks
        Columns of the file, rising.
    """

    name: str
    scores: EffectFile | ScoreTable
    kind: str
    rows: np.ndarray
    order: np.ndarray
    tracks: Sequence[int]

    @property
    def track_names(self) -> list[str]:
        """Names of the tracks."""
        names = self.scores.tracks.names
        return [names[i] for i in self.tracks]

    def blocks(self, *, n_bytes: int = BLOCK_BYTES) -> Iterator[np.ndarray]:
        """Yield the effects of all tracks in order, some tracks at a time, float32 (k, n).

        Raises
        ------
        InputError
            An effect that is no finite number, or what the file raises.
        """
        width = max(1, n_bytes // max(1, 4 * len(self.order)))
        wanted = np.asarray(self.tracks)
        for start in range(0, len(self.scores.tracks), width):
            chosen = wanted[(wanted >= start) & (wanted < start + width)]
            if not len(chosen):
                continue
            first = int(chosen[0])
            values = self.scores.effects(self.kind, slice(first, int(chosen[-1]) + 1), self.rows)
            if len(chosen) < len(values):
                values = values[chosen - first]
            if not np.array_equal(self.order, np.arange(values.shape[1])):
                values = values[:, self.order]
            if not np.isfinite(values).all():
                track = int(chosen[int(np.argmin(np.isfinite(values).all(1)))])
                raise InputError(
                    f"{self.scores.path}: {self.name} effects on {self.scores.tracks.names[track]} "
                    "are not all finite numbers though their rows have the status OK; score the "
                    "variants again"
                )
            yield values
