"""Tracks rolled up: one effect a group of tracks that have metadata in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from mfdvep.errors import InputError
from mfdvep.model.tracks import ROLL_UP, TrackTable
from mfdvep.scoring.effects import KINDS
from mfdvep.wording import MISSING

LARGEST = tuple(f"{kind}_largest" for kind in KINDS)
N_TRACKS = "n_tracks"


@dataclass(frozen=True, eq=False)
class TrackGroups:
    """The groups of O tracks, in the order of their first tracks.

    Attributes
    ----------
    by
        Columns whose values are equal within a group; '' is a value as any other.
    tracks
        The G groups as a table of tracks: their names, the columns of `by`, and the number of
        tracks.
    order
        int64 (O,): the tracks, those of a group together and in the order of the table.
    starts
        int64 (G,): where each group begins in `order`.
    """

    by: tuple[str, ...]
    tracks: TrackTable
    order: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, tracks: TrackTable, by: Sequence[str]) -> TrackGroups:
        """Return the groups of tracks by some columns.

        Raises
        ------
        InputError
            No column, one that the table lacks (the nearest are named), or one of a name that the
            table of groups needs for itself.
        """
        by = tuple(dict.fromkeys(by))
        if not by:
            raise InputError("--group-by: no column; the track table has: " + _listed(tracks))
        for column in by:
            if column not in tracks.columns:
                near = ", ".join(get_close_matches(column, tracks.columns, n=3))
                hint = f"nearest: {near}" if near else f"it has: {_listed(tracks)}"
                raise InputError(f"--group-by: no column {column!r} in the track table; {hint}")
            if column in (ROLL_UP, N_TRACKS):
                raise InputError(
                    f"--group-by: {column} is what a table of groups calls a column of its own; "
                    "group by others"
                )
        members: dict[tuple[str, ...], list[int]] = {}
        for row, values in enumerate(zip(*(tracks[column] for column in by), strict=True)):
            members.setdefault(values, []).append(row)
        sizes = [len(rows) for rows in members.values()]
        columns = dict(zip(by, zip(*members, strict=True), strict=True))
        table = {
            ROLL_UP: _names(by, list(members)),
            **columns,
            N_TRACKS: tuple(map(str, sizes)),
        }
        order = np.array([row for rows in members.values() for row in rows], dtype=np.int64)
        starts = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        return cls(by, TrackTable(table), order, starts)

    def rolled_up(self, effects: np.ndarray, *, scale: str) -> np.ndarray:
        """Return the effects of groups: means over their tracks, then the largest of the tracks.

        On the logit scale effects are sums over features, so that a mean over tracks is what one
        track with the mean of their weights would show, and combined = biological + technical. On
        the probability scale it is the mean of the tracks' changes of probability, no more.

        Parameters
        ----------
        effects
            float32 (3, n, O), NaN where a variant was not scored.
        scale
            "probability" or "logit".

        Returns
        -------
        numpy.ndarray
            float32 (6, n, G): the means of `KINDS`, and of each kind the effect of largest size
            with its sign, the first of equals.
        """
        sorted_ = effects[:, :, self.order]  # (3, n, O)
        sizes = np.diff([*self.starts, len(self.order)])
        means = np.add.reduceat(sorted_, self.starts, axis=2, dtype=np.float64) / sizes
        means = means.astype(np.float32)
        if scale == "logit":
            means[0] = means[1] + means[2]
        return np.concatenate([means, self._largest(sorted_)])

    def _largest(self, effects: np.ndarray) -> np.ndarray:
        """Return of each group the effect of largest size, of effects (3, n, O) in its order."""
        high = np.maximum.reduceat(effects, self.starts, axis=2)
        low = np.minimum.reduceat(effects, self.starts, axis=2)
        found = np.where(high >= -low, high, low)
        for kind, row, group in np.argwhere((high == -low) & (high > 0)):
            members = effects[kind, row, self.starts[group] :]
            found[kind, row, group] = members[np.argmax(np.abs(members) == high[kind, row, group])]
        return found


def _names(by: Sequence[str], members: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return a name for each group, "CTCF/K562", with "." for a value that is not known.

    If values with "/" in them make two names equal, all are as "target=CTCF/biosample=K562".
    """
    shown = [tuple(value or MISSING for value in values) for values in members]
    names = tuple("/".join(values) for values in shown)
    if len(set(names)) == len(names):
        return names
    pairs = [zip(by, values, strict=True) for values in shown]
    return tuple("/".join(f"{column}={value}" for column, value in each) for each in pairs)


def _listed(tracks: TrackTable) -> str:
    return ", ".join(tracks.columns)
