"""A matrix of effects that is read a part at a time: some tracks, some rows, never the whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.tables import RUN_KEY, STORE_KEY, VARIANT_FIELDS
from mfdvep.scoring.variant_file import VariantFile, dense, reading

_BATCH = 1024  # rows; 2 MB of effects of 442 tracks, which a cache holds while they are turned
_MOST_THREADS = 4


class EffectFile(VariantFile):
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
        Names of further lists with a value a track, such as "combined_largest", which `effects`
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
            if STORE_KEY in (schema.metadata or {}):
                raise ValueError("a feature store, of which mfdvep query makes one")
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
                    taken = dense(batch.column(kind), columns, rows[start:stop])  # (b, k)
                    out[:, before[start] : before[stop]] = taken.T
                    start = stop

        sizes = [self._footer.row_group(i).num_rows for i in range(self._footer.num_row_groups)]
        starts = list(accumulate(sizes, initial=0))
        wanted = [i for i, start in enumerate(starts[:-1]) if rows[start : starts[i + 1]].any()]
        # each thread has a reader of its own, and fills columns of its own
        with reading(self.path), ThreadPoolExecutor(min(_MOST_THREADS, pa.cpu_count())) as pool:
            list(pool.map(fill, wanted, [starts[i] for i in wanted]))
        return out


def check_part(path: str, kind: str, kinds: Sequence[str], rows: np.ndarray, n: int) -> None:
    """Raise InputError unless the kind is one of the kinds and rows are bool (n,)."""
    if kind not in kinds:
        raise InputError(f"{path}: kind {kind!r}; expected {', '.join(kinds)}")
    if rows.dtype != bool or rows.shape != (n,):
        raise InputError(f"{path}: rows are {rows.dtype} {rows.shape}; expected bool ({n},)")
