"""Which tracks: those that meet conditions, and those that are named."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable
from mfdvep.model.where import select_where, shown


def select(table: TrackTable, *, where: Sequence[str] = (), names: Sequence[str] = ()) -> list[int]:
    """Return the rows that meet every expression and, where names are given, are named.

    Parameters
    ----------
    table
        The table of tracks.
    where
        Expressions of `select_where`.
    names
        Names, ids or files of `select_names`; none means any track.

    Raises
    ------
    InputError
        What `select_where` and `select_names` refuse, or no row is left.
    """
    chosen = {f"--where {shown(text)}": select_where(table, text) for text in where}
    if names:
        chosen["--tracks"] = select_names(table, names)
    rows = set(range(len(table))).intersection(*chosen.values())
    if not rows:
        counts = ", ".join(f"{option} ({len(found)})" for option, found in chosen.items())
        raise InputError(
            f"no track meets {counts or 'the choice'}, of {len(table)} tracks in the table; "
            "drop or widen a condition"
        )
    return sorted(rows)


def select_names(table: TrackTable, names: Iterable[str], *, option: str = "--tracks") -> list[int]:
    """Return the rows, in the table's order and without duplicates, of the tracks that are named.

    Parameters
    ----------
    table
        The table of tracks.
    names
        Each a track's full name (`TrackTable.names`), its id (the first column), or else the path
        of a UTF-8 file with one such name a line; empty lines and lines that start with '#' are
        skipped. A name that several tracks share stands for all of them.
    option
        What gave the names, for messages.

    Raises
    ------
    InputError
        A name that no track has (in a file, the line is named), or a file that cannot be read or
        names no track.
    """
    rows_of: dict[str, set[int]] = {}
    for column in (table.names, next(iter(table.columns.values()))):
        for row, name in enumerate(column):
            rows_of.setdefault(name, set()).add(row)
    keep: set[int] = set()
    for given in names:
        is_file = given not in rows_of and os.path.exists(given)
        for place, name in _names_in(given, option) if is_file else [(option, given)]:
            if name not in rows_of:
                near = ", ".join(get_close_matches(name, rows_of, n=3))
                hint = f"nearest: {near}" if near else f"a name is as {', '.join(table.names[:1])}"
                what = "track" if is_file else "track or file"
                raise InputError(f"{place}: no {what} {shown(name)}; {hint}")
            keep |= rows_of[name]
    return sorted(keep)


def _names_in(path: str, option: str) -> list[tuple[str, str]]:
    """Return FILE:LINE and the name of each line that is neither empty nor a comment."""
    try:
        with open(path, encoding="utf-8-sig") as handle:
            lines = [(f"{path}:{n}", line.strip()) for n, line in enumerate(handle, start=1)]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{option} {path}: cannot read the names: {error}") from error
    found = [(place, name) for place, name in lines if name and not name.startswith("#")]
    if not found:
        raise InputError(f"{option} {path}: no name in it; expected one track a line")
    return found
