"""Groups of tracks that share metadata, and whether they move together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mfdvep.model.tracks import TrackTable

COLUMNS = ("assay", "target", "biosample")


@dataclass(frozen=True)
class Group:
    """What an allele changes in the tracks that share a value.

    Attributes
    ----------
    column, value
        Of the track table; "" is a value that is not known.
    rows
        Of the track table.
    mean
        Scale -> kind -> mean effect over the tracks.
    others
        Scale -> mean combined effect over all other tracks; NaN where there are none.
    raised, lowered
        How many tracks have a combined effect above, and below, 0.
    low, high
        Scale -> lowest and highest combined effect.
    largest
        Row of the track with the largest combined effect in size.
    """

    column: str
    value: str
    rows: tuple[int, ...]
    mean: dict[str, dict[str, float]]
    others: dict[str, float]
    raised: int
    lowered: int
    low: dict[str, float]
    high: dict[str, float]
    largest: int

    @property
    def n_tracks(self) -> int:
        """How many tracks."""
        return len(self.rows)


def groups_of(
    tracks: TrackTable,
    effects: Mapping[str, Mapping[str, np.ndarray]],
    columns: Sequence[str],
    *,
    scale: str,
) -> tuple[Group, ...]:
    """Return the groups of each column, in this order, that of the largest mean in size first.

    Parameters
    ----------
    effects
        Scale -> kind -> (O,).
    scale
        Which ranks the groups, by their mean combined effect, and the tracks within them.
    """
    found = []
    for column in columns:
        members: dict[str, list[int]] = {}
        for row, value in enumerate(tracks[column]):
            members.setdefault(value, []).append(row)
        groups = [_group(column, value, rows, effects, scale) for value, rows in members.items()]
        found += sorted(groups, key=lambda group: -abs(group.mean[scale]["combined"]))
    return tuple(found)


def _group(
    column: str,
    value: str,
    rows: list[int],
    effects: Mapping[str, Mapping[str, np.ndarray]],
    scale: str,
) -> Group:
    exact = {
        name: {kind: np.asarray(values, dtype=np.float64) for kind, values in kinds.items()}
        for name, kinds in effects.items()
    }
    combined = {name: kinds["combined"] for name, kinds in exact.items()}
    own = {name: values[rows] for name, values in combined.items()}
    others = {name: _mean(np.delete(values, rows)) for name, values in combined.items()}
    mean = {
        name: {kind: _mean(values[rows]) for kind, values in kinds.items()}
        for name, kinds in exact.items()
    }
    return Group(
        column,
        value,
        tuple(rows),
        mean,
        others,
        int((own[scale] > 0).sum()),
        int((own[scale] < 0).sum()),
        {name: float(values.min()) for name, values in own.items()},
        {name: float(values.max()) for name, values in own.items()},
        rows[int(np.abs(own[scale]).argmax())],
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
