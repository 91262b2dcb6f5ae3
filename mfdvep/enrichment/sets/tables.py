"""Tables with a header, as lines of text whose columns are found by name: TSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.genomics.text import PARQUET, TextStream

MISSING = frozenset(("", "NA", "NaN", "nan", "None", "null", "."))
"""How tables say that a value is not known."""


class Table:
    """Lines of a table; iterated once. A context manager, which closes the file.

    Parameters
    ----------
    path
        Tab-separated, plain, gzip or bgzip; or Parquet: told by content.
    needed, optional
        Names of columns that must and that may be there, in any order among others; `optional`
        None for every one.

    Attributes
    ----------
    name
        For messages.
    place
        Name of a column -> its number among the tab-separated columns of a line.
    n_columns
        Of a line.

    Raises
    ------
    InputError
        No such file, damaged, no header; a needed column is missing.
    """

    def __init__(
        self, path: str | Path, needed: Sequence[str], optional: Sequence[str] | None = ()
    ) -> None:
        self._stack = ExitStack()
        text = TextStream(path)
        self._stack.callback(text.close)
        self.name = text.name
        try:
            if text.head.startswith(PARQUET):
                wanted = None if optional is None else [*dict.fromkeys((*needed, *optional))]
                self._lines = self._of_parquet(Path(path), wanted)
            else:
                self._lines = iter(text)
            header = next(self._lines, "").lstrip("\ufeff#").rstrip("\r").split("\t")
            found = {name.strip(): i for i, name in reversed([*enumerate(header)])}
            if lacking := [name for name in needed if name not in found]:
                raise InputError(
                    f"{self.name}: no column {', '.join(lacking)}; expected a first line that "
                    f"names tab-separated columns, found {', '.join(header)[:200]!r}"
                )
        except BaseException:
            self.close()
            raise
        names = reversed(found) if optional is None else (*needed, *optional)  # of equals the first
        self.place = {name: found[name] for name in names if name in found}
        self.n_columns = len(header)

    def _of_parquet(self, path: Path, wanted: Sequence[str] | None) -> Iterator[str]:
        """Yield the header and the rows as the lines of a tab-separated table."""
        try:
            with pq.ParquetFile(path) as file:
                names = file.schema_arrow.names
                columns = [name for name in (names if wanted is None else wanted) if name in names]
                yield "\t".join(columns or names)
                for batch in file.iter_batches(columns=columns):
                    values = [map(_as_text, column.to_pylist()) for column in batch.columns]
                    yield from map("\t".join, zip(*values, strict=True))
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: damaged Parquet: {error}; get the file again") from error

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Yield number and text of each line below the header; the header is line 1."""
        return enumerate(self._lines, start=2)

    def fields(self, number: int, line: str) -> list[str]:
        """Return the columns of a line; raises InputError if there are more or fewer of them."""
        fields = line.rstrip("\r").split("\t")
        if len(fields) != self.n_columns:
            raise InputError(
                f"{self.name}:{number}: {len(fields)} tab-separated columns, expected "
                f"{self.n_columns} as in the header; get the file again"
            )
        return fields

    def number(self, number: int, text: str, column: str) -> float:
        """Return a column's text as a number; raises InputError if it is none."""
        try:
            return float(text)
        except ValueError:
            raise InputError(
                f"{self.name}:{number}: {column} {text[:30]!r} is no number; get the file again"
            ) from None

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)
