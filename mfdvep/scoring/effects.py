"""Effects of variants as an array and as a Parquet matrix.

The file: one row an ALT with its variant, status, and three fixed-size lists of float32, one value
a track, null where the ALT was not scored; the track table and the run's provenance are in the
file's metadata, under "mfdvep".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable

KINDS = ("combined", "biological", "technical")
_KEY = b"mfdvep"
_ROW_GROUP = 4096  # rows; 22 MB of effects for 442 tracks


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
            *(pa.field(kind, effects) for kind in KINDS),  # null where not scored
        ],
        metadata={_KEY: json.dumps(metadata).encode()},
    )


class EffectWriter:
    """Writes effect batches to a Parquet file, in row groups of some thousand rows.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.
    tracks, provenance
        Kept in the file's metadata.

    Raises
    ------
    OutputError
        On opening, writing or closing: the file cannot be written, e.g. the disk is full.
    """

    def __init__(self, path: str | Path, tracks: TrackTable, provenance: dict[str, Any]) -> None:
        metadata = {
            "tracks": {name: list(values) for name, values in tracks.columns.items()},
            "provenance": provenance,
        }
        self._path, self._pending = path, list[pa.Table]()
        with self._writing():
            schema = _schema(len(tracks), metadata)
            self._file = pq.ParquetWriter(path, schema, compression="zstd")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error}") from error

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
        missing = pa.array(~batch.scored)
        for kind in KINDS:
            values = pa.array(np.ascontiguousarray(getattr(batch, kind)).reshape(-1))
            columns.append(
                pa.FixedSizeListArray.from_arrays(
                    values, type=schema.field(kind).type, mask=missing
                )
            )
        self._pending.append(pa.Table.from_arrays(columns, schema=schema))
        if sum(map(len, self._pending)) >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            with self._writing():
                self._file.write_table(pa.concat_tables(self._pending).combine_chunks())
            self._pending = []

    def close(self) -> None:
        """Write what is left, and the file's footer."""
        self._flush()
        with self._writing():
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
    effects = {kind: _dense(table[kind], len(tracks)) for kind in KINDS}
    return EffectBatch(
        variants=tuple(Variant(*row) for row in rows),
        status=tuple(VariantStatus(name) for name in table["status"].to_pylist()),
        **effects,
        tracks=tracks,
        provenance=metadata["provenance"],
    )


def _dense(column: pa.ChunkedArray, n_tracks: int) -> np.ndarray:
    """Return a column of lists as float32 (n, O), NaN where a list is null."""
    out = np.full((len(column), n_tracks), np.nan, dtype=np.float32)
    known = column.is_valid().to_numpy()
    values = [chunk.flatten().to_numpy() for chunk in column.chunks]  # leaves out null lists
    out[known] = np.concatenate(values).reshape(-1, n_tracks) if values else 0
    return out
