"""Effects on any tracks from a feature store: without the genome, and without the network.

On the logit scale an effect is the change of a half's features, averaged over shifts and strands,
times the track's output weights. On the probability scale it depends on the features at each
shift, so that a store has no such effects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mfdvep import __version__
from mfdvep.errors import InputError, OutputError
from mfdvep.files import Parts, check_outputs
from mfdvep.model.mfd import MFDModel
from mfdvep.overlap import ahead
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.groups import LARGEST, TrackGroups
from mfdvep.scoring.matrix import EffectWriter
from mfdvep.scoring.store_file import FeatureStore

_OF_RUN = ("mfdvep", "command", "type")
_CHANGES = ("change_biological", "change_technical")


@dataclass(frozen=True)
class QueryBlock:
    """Effects of some rows of a store.

    Attributes
    ----------
    columns
        Those of `VARIANT_FIELDS` and the further ones, as Arrow has them.
    scored
        bool (n,): which rows have effects.
    effects
        float32 (k, n, O), NaN where a row has none: k lists as `Query.lists` names them.
    """

    columns: list[pa.Array]
    scored: np.ndarray
    effects: np.ndarray


class Query:
    """What is asked of a store: effects on the logit scale, ALT minus REF.

    Parameters
    ----------
    store
        The store.
    model
        The one that made it, in evaluation mode; virtual tracks may have been added.
    tracks
        Rows of its track table, all by default.
    group_by
        Columns of it: effects of groups of tracks, see `TrackGroups`. None by default.

    Attributes
    ----------
    tracks
        The O tracks, or groups.
    lists
        Names of the k lists of effects: `KINDS`, for groups with `LARGEST` after them.

    Raises
    ------
    InputError
        A store of another model, or of one that was not saved; no tracks; see `TrackGroups.of`.
    """

    def __init__(
        self,
        store: FeatureStore,
        model: MFDModel,
        *,
        tracks: Sequence[int] | None = None,
        group_by: Sequence[str] = (),
    ) -> None:
        _check_model(store, model)
        rows = list(range(len(model.tracks)) if tracks is None else tracks)
        if not rows:
            raise InputError("no tracks chosen; give one or more rows of the model's tracks")
        self._store = store
        # each (C / 2, O)
        self._psi = [p[rows].detach().float().cpu().numpy().T for p in model.output_weights()]
        self.tracks = model.tracks.take(rows)
        self.lists: tuple[str, ...] = KINDS
        self._about: dict[str, Any] = {"n_tracks": len(rows)}
        self._groups = None
        if group_by:
            self._groups = TrackGroups.of(self.tracks, group_by)
            self.tracks, self.lists = self._groups.tracks, (*KINDS, *LARGEST)
            self._about["group_by"] = list(self._groups.by)

    def __len__(self) -> int:
        return len(self._store)

    @property
    def extra(self) -> tuple[str, ...]:
        """Names of further columns: INFO keys that the store keeps."""
        return self._store.extra

    @property
    def provenance(self) -> dict[str, Any]:
        """What makes the numbers what they are, and the store that they are from."""
        run = self._store.provenance
        return {
            "mfdvep": __version__,
            **{key: value for key, value in run.items() if key not in _OF_RUN},
            **self._about,
            "scale": "logit",
            "averaging": "effects averaged over shifts and strands",
            "store": {
                "file": Path(self._store.path).name,
                **{key: run[key] for key in _OF_RUN if key in run},
            },
        }

    def blocks(self) -> Iterator[QueryBlock]:
        """Yield the effects of all rows of the store, some at a time, in order.

        Raises
        ------
        InputError
            The store is damaged.
        """
        for block in self._store.blocks(_CHANGES):
            some = block.scored
            effects = np.full((3, len(some), len(self._psi[0].T)), np.nan, dtype=np.float32)
            for kind, name in enumerate(_CHANGES, start=1):
                effects[kind, some] = block.features[name][some] @ self._psi[kind - 1]
            effects[0] = effects[1] + effects[2]
            if self._groups is not None:
                effects = self._groups.rolled_up(effects, scale="logit")
            yield QueryBlock(block.columns, some, effects)


def query_store(
    store: str | Path,
    model: MFDModel,
    output: str | Path,
    *,
    tracks: Sequence[int] | None = None,
    group_by: Sequence[str] = (),
    inputs: Sequence[str | Path] = (),
    command: str = "",
    force: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> EffectFile:
    """Write the effects of a store's alleles on any tracks as a matrix, and return it.

    It is as `mfdvep score --matrix --scale logit` writes it, float32. Held in memory: some row
    groups.

    Parameters
    ----------
    store
        As `mfdvep score --store-features` writes it.
    model, tracks, group_by
        See `Query`.
    output
        The matrix.
    inputs
        Other files that were read, which it may not overwrite.
    command
        For the provenance; "" from Python.
    force
        Overwrite the output.
    progress
        Called with the number of alleles done, and of all.

    Raises
    ------
    InputError
        See `FeatureStore`, `Query`.
    OutputError
        See `check_outputs`; the output has another ending, or cannot be written.
    """
    if Path(output).suffix != ".parquet":
        raise OutputError(f"output {output}: a matrix is NAME.parquet; for text give -")
    check_outputs({"output": output}, [store, *inputs], force=force)
    file = FeatureStore(store)
    query = Query(file, model, tracks=tracks, group_by=group_by)
    n = 0
    provenance = {**query.provenance, "command": command}
    options: dict[str, Any] = {"extra": file.extra, "lists": query.lists[len(KINDS) :]}
    with (
        Parts(output) as parts,
        EffectWriter(parts[output], query.tracks, provenance, **options) as writer,
        closing(ahead(query.blocks())) as blocks,
    ):
        for block in blocks:
            writer.write_rows(block.columns, list(block.effects), block.scored)
            n += len(block.scored)
            if progress is not None:
                progress(n, len(query))
    return EffectFile(output)


def _check_model(store: FeatureStore, model: MFDModel) -> None:
    there, own = store.provenance.get("model", {}), model.provenance
    if there.get("sha256") != own["sha256"]:
        raise InputError(
            f"{store.path}: features of the model {there.get('name')}, sha256 "
            f"{str(there.get('sha256'))[:12]}; this is {own['name']}, sha256 {own['sha256'][:12]}: "
            "give the model that scored them (-m)"
        )
    if own["sha256"] == ".":
        raise InputError(
            f"{store.path}: features of a model that was never saved, so that nothing tells "
            "whether this is it; save it, load it and score again"
        )
