"""The table of tracks: one row an output of the model, in output order, with its metadata."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from mfdvep.errors import InputError

ROLL_UP = "group"
"""First column of a table whose rows are groups of tracks; it has their whole names."""


def read_rows(path: str | Path, *, is_header: Callable[[Sequence[str]], bool]) -> list[list[str]]:
    """Return the header and the rows below it of a tab-separated file; nothing without a header.

    UTF-8, with or without a byte order mark.

    Parameters
    ----------
    is_header
        Tells whether a line's fields are the header; lines before it are left out.

    Raises
    ------
    InputError
        The file cannot be read; or a row is of another length than the header (line named).
    """
    found: list[list[str]] = []
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle, delimiter="\t")
            for row in reader:
                if found and len(row) != len(found[0]):
                    raise InputError(
                        f"{path}:{reader.line_num}: {len(row)} fields; "
                        f"the header has {len(found[0])}"
                    )
                if found or is_header(row):
                    found.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot read the table: {error}") from error
    return found


def tsv(columns: Mapping[str, Sequence[object]]) -> str:
    """Return columns of one length as tab-separated lines with a header; tabs in values quoted."""
    found = StringIO(newline="")
    writer = csv.writer(found, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return found.getvalue()


@dataclass(frozen=True)
class TrackTable:
    """Metadata of O tracks, column by column; every value is text, '' means not known.

    Attributes
    ----------
    columns
        Column name -> O values. Row i describes output i of the model.
    """

    columns: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, column: str) -> tuple[str, ...]:
        if column not in self.columns:
            near = get_close_matches(column, self.columns, n=3)
            hint = f"nearest: {', '.join(near)}" if near else f"it has: {', '.join(self.columns)}"
            raise InputError(f"no column {column!r} in the track table; {hint}")
        return self.columns[column]

    @classmethod
    def read(cls, path: str | Path) -> TrackTable:
        """Return the table in a tab-separated file with a header line.

        UTF-8, with or without a byte order mark.

        Raises
        ------
        InputError
            No such file, no header, a repeated column, or a row of another length (line named).
        """

        def is_header(fields: Sequence[str]) -> bool:
            if not fields:
                raise InputError(f"{path}: empty; expected a tab-separated table with a header")
            if repeated := {name for name in fields if fields.count(name) > 1}:
                raise InputError(f"{path}:1: column names repeated: {sorted(repeated)}")
            return True

        header, *rows = read_rows(path, is_header=is_header) or [[]]
        is_header(header)  # of a file without a line
        values = zip(*rows, strict=True) if rows else [() for _ in header]
        return cls({name: tuple(column) for name, column in zip(header, values, strict=True)})

    def write(self, path: str | Path) -> None:
        """Write the table, tab-separated with a header line, so that `read` gives it back."""
        with open(path, "w", newline="", encoding="utf-8") as handle:
            handle.write(tsv(self.columns))

    def count(self, columns: Sequence[str]) -> list[tuple[tuple[str, ...], int]]:
        """Return the combinations of values in some columns, each with how many tracks have it.

        The most frequent first, and those as frequent in the order of their values.

        Raises
        ------
        InputError
            No such column.
        """
        found = Counter(zip(*(self[column] for column in columns), strict=True))
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))

    def take(self, rows: Iterable[int]) -> TrackTable:
        """Return the table of these rows, in this order."""
        rows = list(rows)
        return TrackTable({k: tuple(v[i] for i in rows) for k, v in self.columns.items()})

    @property
    def names(self) -> tuple[str, ...]:
        """One readable name a track: target/biosample/first column, of those that the table has.

        Unique when the first column is; of groups of tracks it is the first column alone.
        """
        first = next(iter(self.columns))
        if first == ROLL_UP:
            return self.columns[first]
        parts = [c for c in ("target", "biosample") if c in self.columns and c != first]
        rows = zip(*(self.columns[c] for c in [*parts, first]), strict=True)
        return tuple("/".join(part for part in row if part) for row in rows)
