"""What the Parquet files of a run share: variant columns, metadata, and being joined of parts.

A file's metadata has under "mfdvep" the track table and the run's provenance, and under
"mfdvep.tracks" the names of the tracks in their order, both as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import OutputError
from mfdvep.genomics.text import CODEC
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch

RUN_KEY, TRACKS_KEY = b"mfdvep", b"mfdvep.tracks"
STORE_KEY = b"mfdvep.store"
"""Of a feature store, which has no tracks; see `feature_store`."""
VARIANT_FIELDS = (
    pa.field("record", pa.int64(), nullable=False),
    pa.field("allele", pa.int32(), nullable=False),
    pa.field("chrom", pa.string(), nullable=False),
    pa.field("pos", pa.int64(), nullable=False),
    pa.field("ref", pa.string(), nullable=False),
    pa.field("alt", pa.string(), nullable=False),
    pa.field("status", pa.string(), nullable=False),
)
"""The columns that say which ALT a row is of, in every table."""


def file_metadata(
    tracks: TrackTable, provenance: dict[str, Any] | None
) -> dict[bytes, bytes] | None:
    """Return what a file's metadata says of its tracks and of the run; nothing for a part."""
    if provenance is None:
        return None
    columns = {name: list(values) for name, values in tracks.columns.items()}
    about = {"tracks": columns, "provenance": provenance}
    return {RUN_KEY: json.dumps(about).encode(), TRACKS_KEY: json.dumps(tracks.names).encode()}


def variant_columns(batch: EffectBatch) -> list[pa.Array]:
    """Return the columns of `VARIANT_FIELDS`, one row an ALT.

    Bytes of the VCF that are no UTF-8 become U+FFFD, since Parquet has no other text.
    """
    columns = []
    for f in VARIANT_FIELDS[:-1]:
        values = [getattr(variant, f.name) for variant in batch.variants]
        is_text = pa.types.is_string(f.type)
        columns.append(text_column(values) if is_text else pa.array(values, f.type))
    return [*columns, pa.array([str(status) for status in batch.status], pa.string())]


def text_column(texts: Iterable[str | None]) -> pa.Array:
    """Return texts of a VCF as a column; bytes that are no UTF-8 become U+FFFD, None null."""
    return pa.array(
        [t if t is None else t.encode(**CODEC).decode(errors="replace") for t in texts],
        pa.string(),
    )


def list_column(values: np.ndarray, kind: pa.DataType, scored: np.ndarray) -> pa.Array:
    """Return values (n, k) as a column of lists of k, null but where `scored`, bool (n,)."""
    flat = pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=pa.array(~scored))


class TableWriter:
    """Writes tables as one Parquet file, in row groups of one size however the tables are cut.

    A context manager, which closes the file.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.
    schema
        Of every table.
    row_group
        Rows of a group.
    split
        Leaves of float32 whose values are stored byte by byte: all first bytes, all second ones ...

    Raises
    ------
    OutputError
        On opening, writing or closing: the file cannot be written, e.g. the disk is full.
    """

    def __init__(
        self, path: str | Path, schema: pa.Schema, *, row_group: int, split: Sequence[str]
    ) -> None:
        self.schema = schema
        self._path, self._row_group = path, row_group
        self._pending, self._n_pending = list[pa.Table](), 0
        coded = [
            f.name
            for f in schema
            if not (pa.types.is_fixed_size_list(f.type) or pa.types.is_floating(f.type))
        ]
        with self._writing():
            # 4,370 bytes an allele of 442 tracks as float32 (one in 50 null); 4,893 not split,
            # 5,213 not compressed; level 1: 3 bytes more, level 9: 28 fewer in twice the time
            self._file = pq.ParquetWriter(
                path,
                schema,
                compression="zstd",
                compression_level=3,
                use_dictionary=coded,
                use_byte_stream_split=list(split),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._abandon()

    def add(self, table: pa.Table) -> None:
        """Append the rows of a table."""
        self._pending.append(table)
        self._n_pending += len(table)
        while self._n_pending >= self._row_group:
            self._flush()

    def append(self, part: Path) -> None:
        """Append the rows of a file that was written with the same schema.

        Raises
        ------
        OutputError
            It cannot be read or has other columns; or this file cannot be written.
        """
        for table in _tables(part, self.schema, rows=self._row_group):
            self.add(table)

    def close(self) -> None:
        """Write what is left, and the file's footer; a second time does nothing."""
        if self._n_pending:
            self._flush()
        with self._writing():
            self._file.close()

    def _flush(self) -> None:
        """Write one row group."""
        table = pa.concat_tables(self._pending)
        group, rest = table[: self._row_group], table[self._row_group :]
        self._pending, self._n_pending = [rest], len(rest)
        with self._writing():
            self._file.write_table(_canonical(group), row_group_size=self._row_group)

    def _abandon(self) -> None:
        """Close the file, whether or not its footer can be written."""
        with suppress(OSError):
            self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error}") from error


def _tables(part: Path, schema: pa.Schema, *, rows: int) -> Iterator[pa.Table]:
    """Return the rows of a file, some at a time."""
    try:
        with pq.ParquetFile(part) as file:
            if not file.schema_arrow.equals(schema):
                raise pa.ArrowInvalid("other columns")
            for batch in file.iter_batches(rows):
                yield pa.Table.from_arrays(batch.columns, schema=schema)
    except (OSError, pa.ArrowInvalid) as error:
        raise OutputError(
            f"{part}: no part of this output ({error}); begin anew: --force without --resume"
        ) from error


def _canonical(table: pa.Table) -> pa.Table:
    """Return the table in one piece, with dictionaries of the values it has, in their order."""
    columns = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type).combine_chunks().dictionary_encode()
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=table.schema).combine_chunks()
