"""The sheet of marks: which file has which mark of which cell type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mfdvep.enrichment.sets.tables import Table
from mfdvep.errors import InputError
from mfdvep.expression.bins import MARKS

_COLUMNS = ("cell", "mark", "path")


@dataclass(frozen=True)
class Sheet:
    """A file for each of c cell types and m marks.

    Attributes
    ----------
    cells
        c names, in the sheet's order.
    marks
        m names: those of `MARKS` in its order, then others in the sheet's.
    files
        (cell, mark) -> path.
    """

    cells: tuple[str, ...]
    marks: tuple[str, ...]
    files: dict[tuple[str, str], Path]


def read_sheet(path: str | Path) -> Sheet:
    """Return the files that a tab-separated table names: columns cell, mark, path.

    Paths are relative to the sheet.

    Raises
    ------
    InputError
        Missing, no such column; with its line: a field is empty, a cell type has a mark twice, or
        a file is not there; a cell type lacks a mark that another has.
    """
    files: dict[tuple[str, str], Path] = {}
    with Table(path, _COLUMNS) as table:
        for number, line in table:
            if not line.strip() or line.startswith("#"):
                continue
            fields = table.fields(number, line)
            cell, mark, name = (fields[table.place[column]].strip() for column in _COLUMNS)
            where = f"{table.name}:{number}"
            if not (cell and mark and name):
                raise InputError(f"{where}: cell, mark or path is empty; give all three")
            if (cell, mark) in files:
                raise InputError(f"{where}: {cell} has {mark} a second time; merge the files first")
            file = Path(path).parent / name
            if not file.is_file():
                raise InputError(f"{where}: no file {file}; paths are relative to the sheet")
            files[cell, mark] = file
    if not files:
        raise InputError(f"{path}: no line below the header; give a file for each cell and mark")
    cells = tuple(dict.fromkeys(cell for cell, _ in files))
    found = dict.fromkeys(mark for _, mark in files)
    marks = tuple(mark for mark in MARKS if mark in found)
    marks += tuple(mark for mark in found if mark not in MARKS)
    for cell in cells:
        if lacking := [mark for mark in marks if (cell, mark) not in files]:
            raise InputError(
                f"{path}: no {', '.join(lacking)} of {cell}, which other cells have; add the "
                "files, or leave the cell or the marks out of the sheet"
            )
    return Sheet(cells, marks, files)
