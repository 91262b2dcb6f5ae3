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


def technical_share(biological: np.ndarray, technical: np.ndarray) -> np.ndarray:
    """Return how much of what makes up each effect is technical: |t| / (|b| + |t|).

    From 0 to 1; NaN where both are 0 or NaN. The same for REF and ALT swapped. It is a share of
    what it is given: of effects that are averaged over shifts and strands already.

    On the logit scale combined = biological + technical, so it is the share of what adds up. Halves
    of opposed signs take from each other: the share is of their sizes, and combined may be smaller
    than either. On the probability scale each half changes alone, the other as with REF, and the
    changes do not add up. In one window both start from one probability, and so from one slope: the
    share of a small effect is that of the logit scale, however near 0 or 1 it is. A large effect
    meets other slopes: of .1 of log-odds beside 5 the share is .020; from a probability of .5 it
    is .048, from .0067 .0014. In a mean over windows each counts by its slope, and what cancels on
    one scale need not on the other.

    Measured with the bundled model on 442 tracks: from one window (2,532 variants) the shares on
    both scales have a correlation of .9997, and half of them differ by less than .002; over 3
    shifts and both strands (8,999 variants) it is .89 and .021, of effects of at least .05 of
    probability .94 and .006.

    It says how the model splits what it predicts, not what technique did in the data: where biology
    and technique go together in the metadata, training has decided which half bears what.
    """
    size = np.abs(technical)
    with np.errstate(invalid="ignore"):
        return size / (np.abs(biological) + size)


def overall_technical_share(biological: np.ndarray, technical: np.ndarray) -> np.ndarray:
    """Return the `technical_share` over the last axis, the tracks: sum |t| / sum (|b| + |t|).

    float64; a track counts for as much as it changes.
    """
    # not the sum's own dtype: its buffer would cut rows, and so round, by where they lie
    sizes = (np.abs(half, dtype=np.float64).sum(axis=-1) for half in (biological, technical))
    return technical_share(*sizes)


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

    @property
    def technical_share(self) -> np.ndarray:
        """How much of each effect is technical, float32 (n, O), computed anew at each use.

        See `technical_share`, the function.
        """
        return technical_share(self.biological, self.technical)

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
