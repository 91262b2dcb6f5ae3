"""A Parquet table with a row an ALT, of which only the footer is held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError


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


class VariantFile:
    """The n rows of a table that `mfdvep score` has written.

    Attributes
    ----------
    path
        As given; the file must stay as it is while it is read.
    extra
        Names of further columns, in the order of the file: INFO keys that were kept.
    """

    path: str
    extra: tuple[str, ...]
    _footer: pq.FileMetaData

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


def dense(lists: pa.FixedSizeListArray, columns: slice, rows: np.ndarray) -> np.ndarray:
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
