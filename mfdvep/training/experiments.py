"""The table of experiments that `prepare` reads: peak files, missing labels, splits; checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.model.tracks import ROLL_UP, TrackTable
from mfdvep.model.virtual import IN_TRAINING, VIRTUAL

ID_COLUMN = "experiment"
"""Where the table has this column, its values must differ."""
DEFAULT_UNLABELLED_COLUMN = "unlabelled_contigs"


def peak_files(table: TrackTable, path: Path, column: str) -> list[Path]:
    """Return the peak file of each row; the cells are relative to the table's folder.

    Raises
    ------
    InputError
        No rows, no such column, one of a name that is reserved, an experiment named twice, or a
        file that is not there.
    """
    if len(table) == 0:
        raise InputError(f"{path}: no experiments; expected one row each below the header")
    for name in (VIRTUAL, IN_TRAINING, ROLL_UP):
        if name in table.columns:
            raise InputError(
                f"{path}: column {name!r} has a meaning of its own in tables of tracks; rename it"
            )
    _check_column(table, path, column)
    seen: dict[str, int] = {}
    for row, value in enumerate(table.columns.get(ID_COLUMN, ())):
        if value and seen.setdefault(value, row) != row:
            raise InputError(
                f"{path}: row {row + 1}: experiment {value!r} again, as in row {seen[value] + 1}"
            )
    files = []
    for row, value in enumerate(table[column]):
        file = path.parent / value
        if not value or not file.is_file():
            raise InputError(
                f"{path}: row {row + 1}: no peak file {str(file) if value else '(empty cell)'}; "
                f"paths in column {column!r} are relative to the table"
            )
        files.append(file)
    return files


def labelled_contigs(table: TrackTable, path: Path, column: str, genome: Genome) -> np.ndarray:
    """Return (rows, contigs) bool, False where the table says that an experiment has no labels.

    Parameters
    ----------
    column
        Comma lists of contigs. A table without the default column has labels everywhere.

    Raises
    ------
    InputError
        No such column, or a contig that the genome lacks.
    """
    labelled = np.ones((len(table), len(genome.contigs)), dtype=bool)
    if column == DEFAULT_UNLABELLED_COLUMN and column not in table.columns:
        return labelled
    _check_column(table, path, column)
    rank = {name: k for k, name in enumerate(genome.contigs)}
    for row, value in enumerate(table[column]):
        for contig in filter(None, (part.strip() for part in value.split(","))):
            name = genome.resolve(contig)
            if name is None:
                raise InputError(
                    f"{path}: row {row + 1}: {column} names {contig!r}, which is not a contig of "
                    f"{genome.path} (it has {few(genome.contigs)})"
                )
            labelled[row, rank[name]] = False
    return labelled


def split_contigs(genome: Genome, **chosen: Sequence[str]) -> dict[str, str | None]:
    """Return contig -> split, in the genome's order: train unless chosen, None when excluded.

    Parameters
    ----------
    chosen
        `test`, `validation` and `exclude`, each contigs.

    Raises
    ------
    InputError
        A contig that the genome lacks, or that is chosen for two splits; none is left.
    """
    split_of: dict[str, str | None] = {}
    for split, contigs in chosen.items():
        for contig in contigs:
            name = genome.resolve(contig)
            if name is None:
                raise InputError(
                    f"--{split} {contig}: not a contig of {genome.path} "
                    f"(it has {few(genome.contigs)})"
                )
            value = None if split == "exclude" else split
            if split_of.setdefault(name, value) != value:
                other = split_of[name] or "exclude"
                raise InputError(f"--{split} {contig}: the contig is in --{other} too; choose one")
    every = {name: split_of.get(name, "train") for name in genome.contigs}
    if all(split is None for split in every.values()):
        raise InputError(f"--exclude: leaves no contig of {genome.path}; exclude fewer")
    return every


def few(names: Iterable[str]) -> str:
    """Return the first five names, and how many more there are, for a message."""
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _check_column(table: TrackTable, path: Path, column: str) -> None:
    if column not in table.columns:
        raise InputError(f"{path}: no column {column!r}; it has: {', '.join(table.columns)}")
