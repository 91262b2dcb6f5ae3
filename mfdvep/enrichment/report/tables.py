"""Tables as rows, as tab-separated text that rounds nothing, and as Parquet."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.enrichment.results import Columns
from mfdvep.model.tracks import TrackTable

_ROWS = 100_000  # written at a time: text of millions of tagged variants is not held whole


def defined(value: Any) -> Any:
    """Return a value of a table as Python has it; None for NaN."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and value != value else value


def rows(columns: Columns) -> list[dict[str, Any]]:
    """Return a table row by row, with None for what is not defined."""
    values = zip(*columns.values(), strict=True)
    return [dict(zip(columns, map(defined, row), strict=True)) for row in values]


def with_metadata(tracks: Columns, table: TrackTable) -> Columns:
    """Return a table with a column "track", and the metadata of its tracks after that column.

    A metadata column that has the name of another gets "metadata_" before it. Of tracks with the
    same name the first row of a kind (and element) has the first one's metadata, the second the
    second's.
    """
    if "track" not in tracks:
        return tracks
    places: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(table.names if table.columns else ()):
        places[name].append(i)
    seen: dict[tuple[str, ...], int] = defaultdict(int)
    found: list[int | None] = []
    apart = [tracks[column] for column in ("track", "kind", "element") if column in tracks]
    for key in zip(*apart, strict=True):
        of_name, nth = places.get(key[0], []), seen[key]
        found.append(of_name[min(nth, len(of_name) - 1)] if of_name else None)
        seen[key] += 1
    metadata: Columns = {
        f"metadata_{column}" if column in tracks else column: [
            None if i is None else values[i] for i in found
        ]
        for column, values in table.columns.items()
    }
    rest = {name: values for name, values in tracks.items() if name != "track"}
    return {"track": tracks["track"], **metadata, **rest}


def write_tsv(path: Path, columns: Columns) -> None:
    """Write a table, tab-separated with a header line; an empty cell is a value not defined.

    A number is the shortest text that reads back as the same number of the column's type.
    """
    n = len(next(iter(columns.values()), ()))
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        for start in range(0, n, _ROWS):
            part = (map(_text, values[start : start + _ROWS]) for values in columns.values())
            writer.writerows(zip(*part, strict=True))


def write_parquet(path: Path, columns: Columns) -> None:
    """Write a table as Parquet, with null for what is not defined."""
    arrays = {name: _arrow(values) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path, compression="zstd")


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, bool | np.bool_) else str(value)


def _arrow(values: np.ndarray | list) -> pa.Array:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return pa.array(values, from_pandas=True)  # NaN: null
    return pa.array([defined(value) for value in values])
