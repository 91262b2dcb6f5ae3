"""Effects of groups of tracks as an output of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.genomics.info_columns import InfoColumns
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.groups import LARGEST, TrackGroups
from mfdvep.scoring.matrix import EffectWriter, join_matrices
from mfdvep.scoring.outputs import Scored
from mfdvep.scoring.tables import text_column, variant_columns


class GroupSink:
    """A matrix whose tracks are groups, float32, with the INFO keys that are kept.

    After the lists of a matrix, which are means over a group's tracks, it has those of `LARGEST`.

    Parameters
    ----------
    groups
        Of the run's tracks.
    provenance
        Of the run.
    info
        The INFO keys.
    """

    def __init__(self, groups: TrackGroups, provenance: dict[str, Any], info: InfoColumns) -> None:
        self._groups, self._info = groups, info
        self._provenance = {**provenance, "group_by": list(groups.by)}
        self._options: dict[str, Any] = {"extra": info.keys, "lists": LARGEST}

    def write(self, part: Path, scored: Scored) -> None:
        """See `EffectWriter`, `TrackGroups.rolled_up`, `InfoColumns.values`."""
        batch = scored.batch
        extra = self._info.values(scored.chunk.records)
        effects = np.stack([getattr(batch, kind) for kind in KINDS])
        found = self._groups.rolled_up(effects, scale=self._provenance["scale"])
        columns = [*variant_columns(batch), *map(text_column, extra)]
        with EffectWriter(part, self._groups.tracks, None, **self._options) as writer:
            writer.write_rows(columns, list(found), batch.scored)

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """See `join_matrices`."""
        about: dict[str, Any] = {"tracks": self._groups.tracks, "provenance": self._provenance}
        join_matrices(parts, path, **about, **self._options)
