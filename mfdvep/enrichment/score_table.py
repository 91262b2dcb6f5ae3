"""Scores of variants from any tool as a flat Parquet table, one column a score, read by column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.genomics.parquet_variants import COLUMNS
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effect_file import EffectFile, check_part
from mfdvep.scoring.tables import RUN_KEY, STORE_KEY
from mfdvep.scoring.variant_file import VariantColumns, reading, texts_of

_VARIANT = ("chrom", "pos", "ref", "alt")
_NO_SCORES = {*COLUMNS, "tss_dist", "ld_score"}
"""What variants have besides scores, in any case: in tables of `mfdvep variants` and TraitGym."""


class ScoreTable:
    """The n rows of a flat table, of which every column of numbers is a score.

    It has the members of `EffectFile`, with one kind, "score"; every row has status "OK".

    Parameters
    ----------
    path
        A Parquet file with chrom (with "chr" or without), pos (1-based), ref and alt.
    exclude
        Further columns of numbers that are no scores, besides pos and `_NO_SCORES`; a name that
        is no column is none.

    Attributes
    ----------
    path
        As given.
    tracks
        The scores, in the order of the file: a table of one column, "track", their names.
    provenance
        Empty: nothing is known of how the scores were made.
    kinds
        "score".
    extra
        Names of all columns that are neither a score nor of the variant.

    Raises
    ------
    InputError
        No such file; not Parquet; a column of the variant is missing, or of another type; a column
        is there twice; no scores. From the methods also:
        it is damaged; a value of the variant's columns is missing.

    Source: the layout of TraitGym's data sets.
    """

    kinds: tuple[str, ...] = ("score",)

    def __init__(self, path: str | Path, *, exclude: Sequence[str] = ()) -> None:
        self.path = str(path)
        schema = _schema(path)
        names = schema.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"{path}: columns that are there twice: {', '.join(twice)}")
        has = f"it has {', '.join(names) or 'none'}"
        if missing := [name for name in _VARIANT if name not in names]:
            raise InputError(
                f"{path}: no column {', '.join(missing)}; {has}; expected a matrix of mfdvep score "
                f"--matrix, or a table with {', '.join(_VARIANT)} and a column a score"
            )
        if not pa.types.is_integer(schema.field("pos").type):
            raise InputError(
                f"{path}: column pos is {schema.field('pos').type}; expected integers, 1-based"
            )
        other = {*_VARIANT, *exclude}
        scores = [
            f.name
            for f in schema
            if _is_number(f.type) and f.name not in other and f.name.lower() not in _NO_SCORES
        ]
        if not scores:
            raise InputError(f"{path}: no column of numbers that would be a score; {has}")
        self.tracks = TrackTable({"track": tuple(scores)})
        self.extra = tuple(name for name in names if name not in (*_VARIANT, *scores))
        self.provenance: dict[str, Any] = {}
        with reading(self.path):
            self._n = int(pq.read_metadata(path).num_rows)

    def __len__(self) -> int:
        return self._n

    def variants(self) -> VariantColumns:
        """Return the variant of each row."""
        columns = {name: self._column(name) for name in _VARIANT}
        for name, column in columns.items():
            if column.null_count:
                raise InputError(f"{self.path}: {column.null_count} rows have no {name}")
        pos = columns.pop("pos").to_numpy().astype(np.int64)
        texts: dict[str, Any] = {name: self._texts(name) for name in columns}
        return VariantColumns(pos=pos, status=["OK"] * self._n, **texts)

    def text(self, column: str) -> list[str | None]:
        """Return a column that is no score as n texts: "1" and "0" for true and false.

        Raises
        ------
        InputError
            None of `extra`; or its values are lists or records.
        """
        if column not in self.extra:
            has = f"they are {', '.join(self.extra)}" if self.extra else "there is none"
            raise InputError(
                f"{self.path}: no column {column!r} among those that are no scores; {has}"
            )
        return self._texts(column)

    def effects(self, kind: str, columns: slice, rows: np.ndarray) -> np.ndarray:
        """Return some scores of some rows; held in memory: what is returned and one column.

        Parameters
        ----------
        kind
            "score".
        columns
            Of the tracks.
        rows
            bool (n,), which rows.

        Returns
        -------
        numpy.ndarray
            float32 (k, m), C-contiguous: a row a score; NaN for null.

        Raises
        ------
        InputError
            Another kind; rows of another length or type; the file is damaged.
        """
        check_part(self.path, kind, self.kinds, rows, self._n)
        names = self.tracks["track"][columns]
        out = np.empty((len(names), np.count_nonzero(rows)), dtype=np.float32)  # (k, m)
        with np.errstate(over="ignore"):  # beyond 3e38 is infinite
            for row, name in zip(out, names, strict=True):
                row[:] = self._column(name).to_numpy()[rows]
        return out

    def finite(self, tracks: Sequence[int]) -> np.ndarray:
        """Return which rows have a finite number in each of these scores, bool (n,)."""
        out = np.ones(self._n, dtype=bool)
        rows = np.ones(self._n, dtype=bool)
        for i in tracks:
            out &= np.isfinite(self.effects("score", slice(i, i + 1), rows)[0])
        return out

    def _texts(self, name: str) -> list[Any]:
        column = self._column(name)
        try:
            return texts_of(column)
        except pa.ArrowNotImplementedError as error:
            raise InputError(
                f"{self.path}: column {name} is {column.type}; expected text, numbers or booleans"
            ) from error

    def _column(self, name: str) -> pa.ChunkedArray:
        with reading(self.path), pq.ParquetFile(self.path, memory_map=True) as file:
            return file.read(columns=[name]).column(name)  # "A" would also read "A.B"


def open_scores(path: str | Path, *, exclude: Sequence[str] = ()) -> EffectFile | ScoreTable:
    """Return the scores in a Parquet file: a matrix of this tool, told by its metadata, or a table.

    Parameters
    ----------
    exclude
        See `ScoreTable`; nothing for a matrix.

    Raises
    ------
    InputError
        See `EffectFile`, `ScoreTable`.
    """
    if {RUN_KEY, STORE_KEY} & set(_schema(path).metadata or {}):
        return EffectFile(path)
    return ScoreTable(path, exclude=exclude)


def _schema(path: str | Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{path}: no Parquet file ({error}); give a matrix of mfdvep score --matrix, or a "
            f"table with {', '.join(_VARIANT)} and a column a score"
        ) from error


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
