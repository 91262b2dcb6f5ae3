"""Effects of variants as an array and as a Parquet matrix.

The file: one row an ALT with its variant, status, and three fixed-size lists of float32, one value
a track; the track table and the run's provenance are in the file's metadata, under "mfdvep".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable

KINDS = ("combined", "biological", "technical")
_KEY = b"mfdvep"


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
    """

    variants: tuple[Variant, ...]
    status: tuple[VariantStatus, ...]
    combined: np.ndarray
    biological: np.ndarray
    technical: np.ndarray
    tracks: TrackTable
    provenance: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.variants)

    @property
    def scored(self) -> np.ndarray:
        """Which variants have effects, (n,) bool."""
        return np.array([status is VariantStatus.OK for status in self.status], dtype=bool)


def _schema(n_tracks: int, metadata: dict[str, Any]) -> pa.Schema:
    effects = pa.list_(pa.field("element", pa.float32(), nullable=False), n_tracks)
    return pa.schema(
        [
            pa.field("record", pa.int64(), nullable=False),
            pa.field("allele", pa.int32(), nullable=False),
            pa.field("chrom", pa.string(), nullable=False),
            pa.field("pos", pa.int64(), nullable=False),
            pa.field("ref", pa.string(), nullable=False),
            pa.field("alt", pa.string(), nullable=False),
            pa.field("status", pa.string(), nullable=False),
            *(pa.field(kind, effects, nullable=False) for kind in KINDS),
        ],
        metadata={_KEY: json.dumps(metadata).encode()},
    )


class EffectWriter:
    """Writes effect batches to a Parquet file, one row group a batch.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.
    tracks, provenance
        Kept in the file's metadata.
    """

    def __init__(self, path: str | Path, tracks: TrackTable, provenance: dict[str, Any]) -> None:
        metadata = {
            "tracks": {name: list(values) for name, values in tracks.columns.items()},
            "provenance": provenance,
        }
        self._file = pq.ParquetWriter(path, _schema(len(tracks), metadata), compression="zstd")

    def write(self, batch: EffectBatch) -> None:
        """Append the rows of a batch."""
        if not len(batch):
            return
        schema = self._file.schema
        variants = batch.variants
        columns = [
            pa.array([getattr(v, name) for v in variants], schema.field(name).type)
            for name in ("record", "allele", "chrom", "pos", "ref", "alt")
        ]
        columns.append(pa.array([str(status) for status in batch.status]))
        for kind in KINDS:
            values = pa.array(np.ascontiguousarray(getattr(batch, kind)).reshape(-1))
            columns.append(pa.FixedSizeListArray.from_arrays(values, type=schema.field(kind).type))
        self._file.write_table(pa.Table.from_arrays(columns, schema=schema))

    def close(self) -> None:
        """Write the file's footer."""
        self._file.close()


def read_effects(path: str | Path) -> EffectBatch:
    """Return the effects in a matrix written by `mfdvep score --matrix`.

    Raises
    ------
    InputError
        No such file, not Parquet, or not such a matrix.
    """
    try:
        table = pq.read_table(path)
        metadata = json.loads(table.schema.metadata[_KEY])
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a matrix of effects ({error}); make one with mfdvep score --matrix"
        ) from error
    tracks = TrackTable({name: tuple(v) for name, v in metadata["tracks"].items()})
    names: Sequence[str] = ("chrom", "pos", "ref", "alt", "record", "allele")
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    effects = {
        kind: table[kind].combine_chunks().flatten().to_numpy().reshape(-1, len(tracks))
        for kind in KINDS
    }
    return EffectBatch(
        variants=tuple(Variant(*row) for row in rows),
        status=tuple(VariantStatus(name) for name in table["status"].to_pylist()),
        **effects,
        tracks=tracks,
        provenance=metadata["provenance"],
    )
