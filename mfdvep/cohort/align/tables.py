"""Numbers of people in a file: Parquet, a tab-separated table, or an array with a list of names.

A table has a column `iid` (or `IID`, `#IID`) and columns of numbers; `fid` (or `FID`, `#FID`), if
there, is the family. An array is NAME.npy, a row a person, with NAME.iid.txt beside it, a name a
line. A value that is empty, NA or not finite is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.genomics.text import PARQUET

PERSON, FAMILY = "iid", "fid"
_UNKNOWN = ["", "NA", "NaN", "nan", "null", "."]
_NO_FAMILY = {"", "0", "NA", "."}
_MOST = 5  # names in a message


@dataclass(frozen=True)
class PersonTable:
    """Numbers of n people.

    Attributes
    ----------
    name
        Of what they are, for messages and results.
    path
        As given.
    iids
        n names, each once.
    columns
        d names; of an array numbers from 0. None of an array of images.
    values
        float32 (n, d), or of images (n, c, h, w).
    families
        n names, "" where not known; None without such a column.
    """

    name: str
    path: str
    iids: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    families: tuple[str, ...] | None = None

    @property
    def known(self) -> np.ndarray:
        """Of whom all numbers are known, bool (n,)."""
        return np.isfinite(self.values).reshape(len(self.values), -1).all(axis=1)

    def select(self, columns: Sequence[str]) -> PersonTable:
        """Return the table with these columns, in this order.

        Raises
        ------
        InputError
            A column that it does not have; the nearest are named.
        """
        _check_columns(columns, self.columns, self.path)
        place = {name: i for i, name in enumerate(self.columns)}
        values = self.values[:, [place[name] for name in columns]]
        return PersonTable(self.name, self.path, self.iids, tuple(columns), values, self.families)


def read_people(path: str | Path, *, name: str = "", columns: Sequence[str] = ()) -> PersonTable:
    """Return the numbers of people in a file.

    Parameters
    ----------
    name
        By default the file's, without its ending.
    columns
        Those to read, in this order; by default all but names, which then must all be numbers.

    Raises
    ------
    InputError
        Missing, damaged or empty; no column of names, or a name that is empty or there twice; a
        column that is missing, is there twice or is not of numbers; an array of another shape or
        type, or without its list of names.
    """
    path = Path(path)
    name = name or path.name.partition(".")[0]
    if path.suffix == ".npy":
        found = _of_array(path, name)
        return found.select(columns) if columns else found
    table = _read(path)
    if repeated := [c for c, n in Counter(table.column_names).items() if n > 1]:
        raise InputError(f"{path}: column {repeated[0]!r} twice; give each its own name")
    kinds = {c: c.removeprefix("#").lower() for c in table.column_names}
    names = {kind: c for c, kind in kinds.items() if kind in (PERSON, FAMILY)}
    if PERSON not in names:
        raise InputError(
            f"{path}: no column {PERSON!r}; it has {_few(table.column_names)}; name the column of "
            "people so"
        )
    numbers = list(columns) or [c for c in table.column_names if c not in names.values()]
    if not numbers:
        raise InputError(f"{path}: no column beside the names; expected columns of numbers")
    _check_columns(numbers, [c for c in table.column_names if c not in names.values()], path)
    families = None
    if FAMILY in names:
        texts = _texts(table[names[FAMILY]])
        families = tuple("" if fid in _NO_FAMILY else fid for fid in texts)
    return PersonTable(
        name,
        str(path),
        _check_names(_texts(table[names[PERSON]]), path),
        tuple(numbers),
        np.stack([_numbers(table[c], c, path) for c in numbers], axis=1),
        families,
    )


def digests_of(path: str | Path) -> dict[str, str]:
    """Return the sha256 of a file of people, and iid_sha256 of the names beside an array.

    Raises
    ------
    OSError
        One cannot be read.
    """
    path = Path(path)
    found = {"sha256": sha256(path)}
    return {**found, "iid_sha256": sha256(_names_file(path))} if path.suffix == ".npy" else found


def _names_file(array: Path) -> Path:
    return array.with_suffix(".iid.txt")


def _read(path: Path) -> pa.Table:
    try:
        with open(path, "rb") as handle:
            is_parquet = handle.read(len(PARQUET)) == PARQUET
        if is_parquet:
            return pq.read_table(path)
        heads = {c: pa.string() for c in _header(path) if c.removeprefix("#").lower()
                 in (PERSON, FAMILY)}  # fmt: skip
        return pc.read_csv(
            path,
            parse_options=pc.ParseOptions(delimiter="\t"),
            convert_options=pc.ConvertOptions(column_types=heads, null_values=_UNKNOWN),
        )
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(f"{path}: cannot read the table of people: {reason}") from error


def _header(path: Path) -> list[str]:
    with pa.input_stream(str(path)) as stream:  # inflates .gz
        head = stream.read(1 << 24)
    return head.partition(b"\n")[0].decode("utf-8-sig").rstrip("\r").split("\t")


def _of_array(path: Path, name: str) -> PersonTable:
    """Return the rows of an array; of a dimension less, images get one channel."""
    beside = _names_file(path)
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot read the array: {error}") from error
    try:
        names = beside.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{beside}: cannot read the names of the rows of {path}: {error}; write one a line"
        ) from error
    if values.ndim not in (2, 3, 4) or values.dtype.kind not in "fiub" or not values.size:
        raise InputError(
            f"{path}: {values.dtype} {values.shape}; expected numbers (people, columns), "
            "(people, height, width) or (people, channels, height, width)"
        )
    if len(names) != len(values):
        raise InputError(
            f"{path}: {len(values)} rows, but {beside} has {len(names)} names; expected one a row"
        )
    values = values.astype(np.float32)
    columns = tuple(map(str, range(values.shape[1]))) if values.ndim == 2 else ()
    if values.ndim == 3:
        values = values[:, None]
    return PersonTable(name, str(path), _check_names(names, path), columns, values)


def _texts(column: pa.ChunkedArray) -> list[str]:
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _check_names(names: Sequence[str], path: Path) -> tuple[str, ...]:
    if not names:
        raise InputError(f"{path}: no people below the header")
    if "" in names:
        raise InputError(f"{path}: person {names.index('') + 1} has no name; each needs one")
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise InputError(
            f"{path}: {len(twice)} people are there more than once: {_few(twice)}; keep one row of "
            "each"
        )
    return tuple(names)


def _numbers(column: pa.ChunkedArray, name: str, path: Path) -> np.ndarray:
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan, np.float32)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise InputError(
            f"{path}: column {name!r} is {kind}; expected numbers: leave it out, or code it as such"
        )
    values = np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _check_columns(columns: Sequence[str], held: Sequence[str], path: str | Path) -> None:
    if missing := [name for name in columns if name not in held]:
        near = get_close_matches(missing[0], held, n=3)
        hint = f"nearest: {', '.join(near)}" if near else f"it has {_few(held)}"
        raise InputError(
            f"{path}: no column of numbers {missing[0]!r} ({len(missing)} of {len(columns)} "
            f"expected ones are missing); {hint}"
        )


def _few(names: Sequence[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > _MOST else ""
    return ", ".join(map(repr, names[:_MOST])) + more
