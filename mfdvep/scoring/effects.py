"""Effects of variants as an array."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable

KINDS = ("combined", "biological", "technical")


def at_largest(effects: np.ndarray) -> np.ndarray:
    """Return for each row of effects (n, O) where that of largest size is, the first of equals."""
    return np.abs(effects).argmax(axis=1)


@dataclass(frozen=True)
class AlleleFeatures:
    """Latent features of n variants: means over shifts and strands, NaN where not scored.

    Each has C / 2 biological features, then as many technical ones, in standard deviations over
    the training set.

    Attributes
    ----------
    reference
        float32 (n, C), with REF.
    change
        float32 (n, C): with ALT minus with REF. From it follow all effects on the logit scale.
    """

    reference: np.ndarray
    change: np.ndarray


@dataclass(frozen=True)
class EffectBatch:
    """Effects of n variants on O tracks, ALT minus REF, NaN where a variant was not scored.

    Attributes
    ----------
    variants, status
        n each.
    combined, biological, technical
        float32 (n, O): differences of probability, or of log-odds if the scale is "logit".
    tracks
        The O tracks, in column order.
    provenance
        How the effects were made (model, reference, shifts, scale ...); empty if not recorded.
    features
        Of the same variants; None unless they were asked for.
    """

    variants: tuple[Variant, ...]
    status: tuple[VariantStatus, ...]
    combined: np.ndarray
    biological: np.ndarray
    technical: np.ndarray
    tracks: TrackTable
    provenance: dict[str, Any] = field(default_factory=dict)
    features: AlleleFeatures | None = None

    def __len__(self) -> int:
        return len(self.variants)

    @property
    def scored(self) -> np.ndarray:
        """Which variants have effects, (n,) bool."""
        return np.array([status is VariantStatus.OK for status in self.status], dtype=bool)

    def effect_of(self, track: str, kind: str = "combined") -> np.ndarray:
        """Return the effects on one track, float32 (n,), NaN where a variant was not scored.

        Parameters
        ----------
        track
            Its full name, as in `TrackTable.names`.
        kind
            "combined", "biological" or "technical".

        Raises
        ------
        InputError
            No track of this name, several of them, or another kind.
        """
        if kind not in KINDS:
            raise InputError(f"kind {kind!r}; expected {', '.join(KINDS)}")
        names = self.tracks.names
        columns = [column for column, name in enumerate(names) if name == track]
        if not columns:
            near = get_close_matches(track, names, n=3)
            hint = f"nearest: {', '.join(near)}" if near else f"a name is as {names[0]}"
            raise InputError(f"no track {track!r} among the {len(names)} of these effects; {hint}")
        if len(columns) > 1:
            raise InputError(
                f"{len(columns)} tracks are named {track!r}, columns {columns}; "
                f"index .{kind} with the one wanted"
            )
        values: np.ndarray = getattr(self, kind)
        return values[:, columns[0]]
