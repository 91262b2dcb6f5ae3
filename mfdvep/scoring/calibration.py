"""How large an effect is among those of a background: signed quantiles from a table of sizes.

With n scored ALTs in the background, the quantile of an effect is the share of them whose effect of
that kind on that track is smaller in size, at most 1 - 1/n, with the sign of the effect; 0 for 0.
So it flips its sign where the effect does: where REF and ALT are swapped, the combined one always,
those of the halves on the logit scale. That none of n is larger says no more than the cap does:
finer quantiles take a larger background.

The largest effect of an ALT over many tracks is large by chance alone, so it has a distribution of
its own: that of the largest effects of the background over the same tracks.

The table keeps some of the n sorted sizes of each track, see `knot_ranks`, and between two of them
the number of smaller ones is interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import Any

import numpy as np

from mfdvep.model.tracks import TrackTable
from mfdvep.model.virtual import VIRTUAL
from mfdvep.scoring.effects import KINDS, EffectBatch, at_largest

_ALONG, _ABOVE = 128, 32  # see `knot_ranks`
_MOST_PLACES = 6  # of a quantile as text; float32 has no more


def knot_ranks(n: int) -> np.ndarray:
    """Return which of n sorted sizes a table keeps, 0-based and ascending, int64 (K,).

    Of n < 256 all, and always the smallest and the 64 largest. The steps in between are at most
    n / 128, and at most 1/32 of the number of sizes that are larger, so that a quantile q is off
    by less than 1/128 and by less than (1 - q) / 32. K is 258 for 3,758 and 438 for a million.
    """
    larger = [0]
    while larger[-1] < n - 1:
        step = max(1, min(larger[-1] // _ABOVE, n // _ALONG))
        larger.append(min(larger[-1] + step, n - 1))
    return n - 1 - np.array(larger[::-1], dtype=np.int64)


@dataclass(frozen=True)
class Quantiles:
    """Signed quantiles of the effects of n variants on O tracks.

    Attributes
    ----------
    combined, biological, technical
        float32 (n, O); NaN where a variant was not scored, and for a track that the table lacks.
    largest
        Kind -> float32 (n,): of the effect of largest size over the tracks, among the largest
        effects of the background; NaN where a variant was not scored, and everywhere unless the
        tracks are those of the table.
    """

    combined: np.ndarray
    biological: np.ndarray
    technical: np.ndarray
    largest: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Calibration:
    """The sizes of the effects of a background of n variants, on O tracks.

    Attributes
    ----------
    names
        Of the tracks.
    sizes
        Kind -> float32 (O + 1, K), ascending: those of `ranks`, a row a track, and at last those
        of the largest |effect| over the tracks.
    ranks
        int64 (K,), 0-based and ascending, from 0 to n - 1; see `knot_ranks`.
    about
        How the effects were made (model, scale, strand, shifts, reference ...), the background
        (file, sha256), which of it were taken, and what is said of virtual tracks.
    path, sha256
        Of its file; "" for none.
    """

    names: tuple[str, ...]
    sizes: Mapping[str, np.ndarray]
    ranks: np.ndarray
    about: Mapping[str, Any]
    path: str = ""
    sha256: str = ""

    @property
    def n(self) -> int:
        """Variants of the background."""
        return int(self.ranks[-1]) + 1

    @property
    def cap(self) -> float:
        """The highest quantile that n variants can show."""
        return 1 - 1 / self.n

    def differences(self, provenance: Mapping[str, Any]) -> list[str]:
        """Return how effects of a provenance were made otherwise than the table, in words.

        Of the weights, the scale, the strand and the shifts: quantiles of effects that differ in
        one of them mean nothing. What the provenance does not say is not compared.
        """
        said = []
        own, other = self.about["model"], provenance["model"]
        if own["sha256"] != other["sha256"]:
            said.append(f"model {_model(own)}, not {_model(other)}")
        for key in ("scale", "strand", "shifts"):
            if key not in provenance:
                continue
            there, here = _shown(self.about[key]), _shown(provenance[key])
            if there != here:
                said.append(f"{key} {there}, not {here}")
        return said

    def of(self, tracks: TrackTable) -> TrackQuantiles:
        """Return what gives quantiles of effects on these tracks."""
        return TrackQuantiles(self, tracks)

    def quantiles(self, batch: EffectBatch) -> Quantiles:
        """Return the signed quantiles of effects; see `differences` for whether they have any."""
        return self.of(batch.tracks).quantiles(batch)

    def look_up(self, kind: str, effects: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the signed quantiles of effects, float32, NaN for NaN.

        Parameters
        ----------
        effects
            float32 (n,) or (n, k).
        rows
            int64 of the shape of `effects`, or of one that fits it: of `sizes`.
        """
        knots, ranks, n_knots = self.sizes[kind].ravel(), self.ranks, len(self.ranks)
        sizes = np.abs(effects)
        first = np.broadcast_to(rows, sizes.shape) * n_knots  # where the row of each begins
        smaller = np.searchsorted(self._keys[kind], _keys(rows, sizes)) - first  # knots, 0 to K
        below, above = np.maximum(smaller - 1, 0), np.minimum(smaller, n_knots - 1)
        low = knots[first + below].astype(np.float64)
        span = knots[first + above] - low  # 0 where no knot is smaller, or all are
        along = np.divide(sizes - low, span, where=span > 0, out=np.zeros(sizes.shape))
        # what lies above a knot has at least that one below it, and at most what the next one has
        least = ranks[below] + 1
        count = np.where(smaller > 0, least + (ranks[above] - least) * along, 0)
        found = np.sign(effects) * np.minimum(count / self.n, self.cap)
        return np.asarray(found, dtype=np.float32)

    @cached_property
    def _keys(self) -> dict[str, np.ndarray]:
        """Kind -> uint64 ((O + 1) * K,), ascending: the rows of `sizes` one after another."""
        rows = np.arange(len(self.names) + 1)[:, None]
        return {kind: _keys(rows, sizes).ravel() for kind, sizes in self.sizes.items()}


def _keys(rows: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return row and size as one number each, which sorts by row and then by size.

    The bits of a float that is not negative sort as it does.
    """
    return np.asarray(rows).astype(np.uint64) << 32 | sizes.view(np.uint32)


class TrackQuantiles:
    """Quantiles of effects on some tracks.

    Parameters
    ----------
    calibration
        The table.
    tracks
        The O tracks that effects are on. One of a table is known by its name; a virtual one also by
        what it is made of.

    Attributes
    ----------
    calibration
        As given.
    known
        bool (O,): which tracks the table has.
    is_whole
        Whether the tracks are those of the table, in any order: otherwise the largest effect over
        them is not to be held against the largest of the background.
    """

    def __init__(self, calibration: Calibration, tracks: TrackTable) -> None:
        self.calibration = calibration
        made = calibration.about.get(VIRTUAL, {})
        row_of = {(name, made.get(name, "")): i for i, name in enumerate(calibration.names)}
        names = tracks.names
        virtual = tracks.columns.get(VIRTUAL, ("",) * len(names))
        rows = [row_of.get(key, -1) for key in zip(names, virtual, strict=True)]
        self._rows = np.array(rows, dtype=np.int64)
        self.known = self._rows >= 0
        self.is_whole = sorted(rows) == list(range(len(calibration.names)))

    @property
    def record(self) -> dict[str, Any]:
        """What is written of the table and its use."""
        table = self.calibration
        return {
            "file": table.path.rpartition("/")[2],
            "sha256": table.sha256,
            "n": table.n,
            "cap": table.cap,
            "background": table.about["background"]["file"],
            "of_largest": self.is_whole,
        }

    def on_tracks(self, kind: str, effects: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the signed quantiles of effects, float32; NaN for a track that the table lacks.

        Parameters
        ----------
        effects
            float32 (n,) or (n, k).
        columns
            Of the tracks that they are on, of the shape of `effects` or of one that fits it.
        """
        found = self.calibration.look_up(kind, effects, np.maximum(self._rows, 0)[columns])
        return np.where(self.known[columns], found, np.float32(np.nan))

    def of_largest(self, kind: str, largest: np.ndarray) -> np.ndarray:
        """Return the signed quantiles of the largest effects over the tracks.

        Parameters
        ----------
        largest
            float32 (n,), with their signs.

        Returns
        -------
        np.ndarray
            float32 (n,); all NaN unless `is_whole`.
        """
        if not self.is_whole:
            return np.full(len(largest), np.nan, dtype=np.float32)
        last = np.array(len(self.calibration.names))
        return self.calibration.look_up(kind, largest, last)

    def listed(self, batch: EffectBatch, selected: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return for each variant the signed quantiles of its combined effects on some tracks.

        Parameters
        ----------
        selected
            For each of the n variants of the batch, columns of tracks.

        Returns
        -------
        list of float32 arrays
            n of them, each as long as its columns.
        """
        lengths = [len(columns) for columns in selected]
        columns = np.concatenate([*selected, np.zeros(0, dtype=np.int64)])
        rows = np.repeat(np.arange(len(batch)), lengths)
        found = self.on_tracks("combined", batch.combined[rows, columns], columns)
        return np.split(found, np.cumsum(lengths)[:-1]) if lengths else []

    def every(self, batch: EffectBatch) -> list[np.ndarray]:
        """Return the signed quantiles of all effects of each kind, float32 (n, O) each."""
        columns = np.arange(len(batch.tracks))
        return [self.on_tracks(kind, getattr(batch, kind), columns) for kind in KINDS]

    def quantiles(self, batch: EffectBatch) -> Quantiles:
        """Return the signed quantiles of the effects of a batch on these tracks."""
        rows = np.arange(len(batch))
        largest = {}
        for kind in KINDS:
            effects = getattr(batch, kind)
            largest[kind] = self.of_largest(kind, effects[rows, at_largest(effects)])
        combined, biological, technical = self.every(batch)
        return Quantiles(combined, biological, technical, largest)


def quantile_text(value: float, n: int) -> str:
    """Return a signed quantile among n with the places that n can show, "." for NaN.

    It is rounded towards 0, so that it says no more than 1 - 1/n.
    """
    if value != value:
        return "."
    scale = 10 ** min(len(str(n)), _MOST_PLACES)
    exact = abs(value) * scale
    steps = floor(exact + exact * 2**-23)  # what float32 may lack
    steps = min(steps, (n - 1) * scale // n)
    return f"{steps / scale if value > 0 else -steps / scale + 0.0:.{_MOST_PLACES}g}"


def _model(about: Mapping[str, Any]) -> str:
    return f"{about['name']} (sha256 {about['sha256'][:12]})"


def _shown(value: str | Sequence[int]) -> str:
    return value if isinstance(value, str) else ",".join(map(str, value))
