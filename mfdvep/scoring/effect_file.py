"""A matrix of effects that is read a part at a time: some tracks, some rows, never the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.tables import RUN_KEY, VARIANT_FIELDS

_BATCH = 1024  # rows; 2 MB of effects of 442 tracks, which a cache holds while they are turned
_MOST_THREADS = 4


@dataclass(frozen=True)
class VariantColumns:
    """The n variants of a file, column by column.

    Attributes
    ----------
    chrom, ref, alt
        n texts each, as the input spells them.
    pos
        int64 (n,), 1-based.
    status
        n names of `VariantStatus`.
    """

    chrom: list[str]
    pos: np.ndarray
    ref: list[str]
    alt: list[str]
    status: list[str]


class EffectFile:
    """The n rows of a matrix written by `mfdvep score --matrix`; only its footer is held.

    Parameters
    ----------
    path
        The file; it must stay as it is while it is read.

    Attributes
    ----------
    path
        As given.
    tracks
        The O tracks, in the order of a row's effects.
    provenance
        How the effects were made (model, reference, scale ...).
    kinds
        "combined", "biological", "technical".
    extra
        Names of further columns of text, in the order of the file: INFO keys that were kept.
    lists
        Names of further lists with a value a track, such as "combined_quantile", which `effects`
        returns as it does a kind.

    Raises
    ------
    InputError
        No such file, not Parquet, or not such a matrix. From the methods also: it is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.kinds: tuple[str, ...] = KINDS
        try:
            with pq.ParquetFile(path) as file:
                self._footer, schema = file.metadata, file.schema_arrow
            about = json.loads(schema.metadata[RUN_KEY])
            self.tracks = TrackTable({name: tuple(v) for name, v in about["tracks"].items()})
            self.provenance: dict[str, Any] = about["provenance"]
            for kind in KINDS:
                column = schema.field(kind).type
                if not pa.types.is_fixed_size_list(column):
                    raise ValueError("a table of listed effects")
                if column.list_size != len(self.tracks):
                    raise ValueError(f"{column.list_size} effects of {len(self.tracks)} tracks")
            own = [*(schema.field(f.name).name for f in VARIANT_FIELDS), *KINDS]
        except (OSError, pa.ArrowInvalid, LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: not a matrix of effects ({error}); make one with mfdvep score --matrix"
            ) from error
        more = [field for field in schema if field.name not in own]
        self.lists = tuple(f.name for f in more if pa.types.is_fixed_size_list(f.type))
        self.extra = tuple(f.name for f in more if f.name not in self.lists)

    def __len__(self) -> int:
        return int(self._footer.num_rows)

    def variants(self) -> VariantColumns:
        """Return the variant of each row."""
        names = ("chrom", "ref", "alt", "status")
        texts: dict[str, Any] = {name: texts_of(self.column(name)) for name in names}
        return VariantColumns(pos=self.column("pos").to_numpy(), **texts)

    def text(self, column: str) -> list[str | None]:
        """Return a further column as n texts, None where it has no value.

        Raises
        ------
        InputError
            None of `extra`.
        """
        if column not in self.extra:
            has = f"it has: {', '.join(self.extra)}" if self.extra else "it has none"
            raise InputError(
                f"{self.path}: no column {column!r} of the input; {has}; mfdvep score --labels or "
                "--info keeps INFO keys"
            )
        return texts_of(self.column(column))

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of the file, whole, as Arrow has it; the name must be there."""
        with reading(self.path), self._opened() as file:
            return file.read(columns=[name]).column(name)  # "A" would also read "A.B"

    def effects(self, kind: str, columns: slice, rows: np.ndarray) -> np.ndarray:
        """Return the effects of one kind on some tracks in some rows.

        Held in memory: what is returned and four row groups at most. Every effect of the kind in a
        row group that has one of the rows is decoded, however few the tracks: 0.6 GB a
        second with two cores.

        Parameters
        ----------
        kind
            One of `kinds` or `lists`.
        columns
            Of the tracks.
        rows
            bool (n,), which rows.

        Returns
        -------
        numpy.ndarray
            float32 (k, m), C-contiguous: a row a track, a column each of the m rows that are true;
            NaN where a variant was not scored.

        Raises
        ------
        InputError
            Another kind; rows of another length or type; the file is damaged.
        """
        check_part(self.path, kind, (*self.kinds, *self.lists), rows, len(self))
        before = np.concatenate([[0], np.cumsum(rows)])  # (n + 1,) rows taken before each
        n_tracks = len(range(len(self.tracks))[columns])
        out = np.empty((n_tracks, before[-1]), dtype=np.float32)  # (k, m)

        def fill(group: int, start: int) -> None:
            with self._opened() as file:
                for batch in file.iter_batches(_BATCH, row_groups=[group], columns=[kind]):
                    stop = start + len(batch)
                    taken = _dense(batch.column(kind), columns, rows[start:stop])  # (b, k)
                    out[:, before[start] : before[stop]] = taken.T
                    start = stop

        sizes = [self._footer.row_group(i).num_rows for i in range(self._footer.num_row_groups)]
        starts = list(accumulate(sizes, initial=0))
        wanted = [i for i, start in enumerate(starts[:-1]) if rows[start : starts[i + 1]].any()]
        # each thread has a reader of its own, and fills columns of its own
        with reading(self.path), ThreadPoolExecutor(min(_MOST_THREADS, pa.cpu_count())) as pool:
            list(pool.map(fill, wanted, [starts[i] for i in wanted]))
        return out

    def _opened(self) -> pq.ParquetFile:
        return pq.ParquetFile(self.path, metadata=self._footer, memory_map=True)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn what Arrow raises for a file that was whole when it was opened into an InputError."""
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); it was changed or is damaged: get it again"
        ) from error


def check_part(path: str, kind: str, kinds: Sequence[str], rows: np.ndarray, n: int) -> None:
    """Raise InputError unless the kind is one of the kinds and rows are bool (n,)."""
    if kind not in kinds:
        raise InputError(f"{path}: kind {kind!r}; expected {', '.join(kinds)}")
    if rows.dtype != bool or rows.shape != (n,):
        raise InputError(f"{path}: rows are {rows.dtype} {rows.shape}; expected bool ({n},)")


def _dense(lists: pa.FixedSizeListArray, columns: slice, rows: np.ndarray) -> np.ndarray:
    """Return some columns of some rows (b of them) as float32 (b, k), NaN where a list is null."""
    known = lists.is_valid().to_numpy(zero_copy_only=False)
    values = lists.flatten().to_numpy().reshape(-1, lists.type.list_size)  # leaves out null lists
    taken = values[rows[known], columns]
    out = np.full((np.count_nonzero(rows), taken.shape[1]), np.nan, dtype=np.float32)
    out[known[rows]] = taken
    return out


def texts_of(column: pa.ChunkedArray) -> list[str | None]:
    """Return a column as texts: "1" and "0" for true and false, None for null."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    texts: list[str | None] = []
    for chunk in column.cast(pa.string()).chunks:
        coded = chunk.dictionary_encode()  # so that equal texts are one object
        names = np.array([*coded.dictionary.to_pylist(), None], dtype=object)
        texts += names[coded.indices.fill_null(len(names) - 1).to_numpy()].tolist()
    return texts
