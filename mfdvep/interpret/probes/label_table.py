"""The table of labels: a row a region, a column a task; tab-separated or Parquet.

Columns `name`, or `chrom`, `start`, `end` (0-based, half-open), or both, tell the region; any other
is a task: 1, 0, true, false, or nothing where the label is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.genomics.text import PARQUET, TextStream

PLACE = ("name", "chrom", "start", "end")
UNKNOWN = -1
_VALUES = {
    **dict.fromkeys(("1", "1.0", "true", "True", "TRUE"), 1),
    **dict.fromkeys(("0", "0.0", "false", "False", "FALSE"), 0),
    **dict.fromkeys(("", "NA", "NaN", "nan", "None", "null", "."), UNKNOWN),
}


@dataclass(frozen=True)
class LabelTable:
    """n regions, T tasks.

    Attributes
    ----------
    path
        As given.
    name, chrom
        n texts each; None if there is no such column.
    start, end
        int64 (n,), 0-based half-open; None if there is no such column.
    tasks
        T names.
    labels
        int8 (n, T): 1, 0, or -1 where not known.
    """

    path: str
    name: list[str] | None
    chrom: list[str] | None
    start: np.ndarray | None
    end: np.ndarray | None
    tasks: tuple[str, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_places(self) -> bool:
        """Whether chrom, start and end are there."""
        return self.chrom is not None and self.start is not None and self.end is not None


def read_labels(path: str | Path, tasks: Sequence[str] = ()) -> LabelTable:
    """Return the labels in a file.

    Parameters
    ----------
    tasks
        Those to read; by default every column that does not tell the region.

    Raises
    ------
    InputError
        Missing, damaged, no header, a repeated column, a row of another length; no column that
        tells the region; no task, or one that is not there (the nearest are named); a label that
        is not 0, 1 or nothing, or a start or end that is no number (line named); no row.
    """
    with closing(TextStream(path)) as text:
        is_parquet = text.head.startswith(PARQUET)
        columns = _of_parquet(path, tasks) if is_parquet else _of_text(text, tasks)
    names = tuple(name for name in columns if name not in PLACE)
    n = len(next(iter(columns.values())))
    if not n:
        raise InputError(f"{path}: no row below the header; give labels of regions")
    labels = np.full((n, len(names)), UNKNOWN, dtype=np.int8)
    for i, name in enumerate(names):
        labels[:, i] = _binary(columns[name], name, path)
    places: dict[str, Any] = {key: columns.get(key) for key in PLACE}
    for key in ("start", "end"):
        if places[key] is not None:
            places[key] = _whole(places[key], key, path)
    return LabelTable(str(path), **places, tasks=names, labels=labels)


def _choose(header: Sequence[str], tasks: Sequence[str], path: str | Path) -> list[str]:
    """Return the columns to read: those that tell the region, then the tasks."""
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise InputError(f"{path}: columns repeated: {', '.join(repeated[:5])}; rename them")
    if "name" not in header and not {"chrom", "start", "end"} <= set(header):
        raise InputError(
            f"{path}: no column name, nor chrom, start and end, among {', '.join(header)[:200]!r}; "
            "name the columns that tell the region"
        )
    known = [name for name in header if name not in PLACE]
    for name in tasks:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
            raise InputError(f"{path}: no task {name!r}; nearest: {', '.join(near) or 'none'}")
    if not known:
        raise InputError(f"{path}: no task: every column tells the region; add a column a task")
    chosen = set(tasks or known)
    return [name for name in header if name in PLACE] + [name for name in known if name in chosen]


def _of_text(text: TextStream, tasks: Sequence[str]) -> dict[str, list]:
    """Return the columns of a tab-separated table as texts."""
    lines = iter(text)
    header = [name.strip() for name in next(lines, "").lstrip("\ufeff#").rstrip("\r").split("\t")]
    chosen = _choose(header, tasks, text.name)
    at = [header.index(name) for name in chosen]
    columns: list[list[str]] = [[] for _ in chosen]
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("\t")
        if len(fields) != len(header):
            raise InputError(
                f"{text.name}:{number}: {len(fields)} tab-separated columns, expected "
                f"{len(header)} as in the header; repair it"
            )
        for column, i in zip(columns, at, strict=True):
            column.append(fields[i].strip())
    return dict(zip(chosen, columns, strict=True))


def _of_parquet(path: str | Path, tasks: Sequence[str]) -> dict[str, Any]:
    """Return the columns of a Parquet file, as texts or as int8 labels."""
    try:
        with pq.ParquetFile(path) as file:
            chosen = _choose(file.schema_arrow.names, tasks, path)
            table = file.read(columns=chosen)
        return {name: _arrow_column(table[name], name in PLACE) for name in chosen}
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: damaged Parquet: {error}; get the file again") from error


def _arrow_column(column: pa.ChunkedArray, is_place: bool) -> Any:
    if not is_place and (pa.types.is_boolean(column.type) or pa.types.is_integer(column.type)):
        column = column.cast(pa.int64()).fill_null(UNKNOWN)
        return column.to_numpy()
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _binary(values: Any, task: str, path: str | Path) -> np.ndarray:
    """Return a task's labels, int8 (n,)."""
    if isinstance(values, np.ndarray):
        wrong = np.flatnonzero(~np.isin(values, (0, 1, UNKNOWN)))
        found: Iterable[Any] = values
    else:
        coded = [_VALUES.get(value, 2) for value in values]
        found, values = values, np.array(coded, dtype=np.int8)
        wrong = np.flatnonzero(values == 2)
    if len(wrong):
        example = list(found)[wrong[0]]
        raise InputError(
            f"{path}: row {wrong[0] + 1}, task {task!r}: label {str(example)[:30]!r} is not 0, 1 "
            "or empty; choose the columns with --task, or make labels with mfdvep probe-labels"
        )
    return values.astype(np.int8)


def _whole(values: Sequence[str], column: str, path: str | Path) -> np.ndarray:
    """Return a column's texts as int64 (n,)."""
    try:
        return np.array([int(value) for value in values], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: column {column}: {error}; expected whole numbers") from error
