"""Expression of genes in cell types, of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.enrichment.sets.tables import MISSING, Table
from mfdvep.errors import InputError
from mfdvep.expression.genes import Tss
from mfdvep.genomics.genes import without_version

CELL = "{cell}"
"""What stands for the cell type in the name of a column."""


@dataclass(frozen=True)
class ExpressionTable:
    """What a table says of the expression of n genes in c cell types.

    Attributes
    ----------
    values
        float32 (c, n), as in the table; NaN where it has none.
    n_rows
        Of the table.
    duplicates
        Rows whose id came before: the first counts.
    other_genes
        Ids of the table that none of the genes has.
    """

    values: np.ndarray
    n_rows: int
    duplicates: int
    other_genes: int


def read_expression(
    path: str | Path, genes: Sequence[Tss], cells: Sequence[str], *, column: str = CELL
) -> ExpressionTable:
    """Return the expression of genes in cell types.

    Parameters
    ----------
    path
        Tab-separated with a header, or Parquet: gene_id (a version is not looked at) and a column
        a cell type; an empty field, NA and the like say that the value is not known.
    column
        Name of a cell type's column, "{cell}" standing for the cell type.

    Raises
    ------
    InputError
        One column for several cell types; a table missing or damaged; no gene_id, or no column of a
        cell type; no row is of a gene (three ids of each are shown); with its line: a value that is
        no number, negative or not finite.
    """
    if len(cells) > 1 and CELL not in column:
        raise InputError(
            f"expression column {column!r} for {len(cells)} cells; expected {CELL} in it, such as "
            f"rpkm_{CELL}"
        )
    row_of = {gene.id: i for i, gene in enumerate(genes)}
    values = np.full((len(cells), len(genes)), np.nan, dtype=np.float32)
    seen: dict[str, None] = {}
    n_rows = 0
    with Table(path, ("gene_id",), None) as table:
        at = [_place(table, cell, column.replace(CELL, cell), path) for cell in cells]
        for number, line in table:
            if not line.strip():
                continue
            n_rows += 1
            fields = table.fields(number, line)
            gene = without_version(fields[table.place["gene_id"]].strip())
            row = row_of.get(gene)
            if gene not in seen and row is not None:
                for i, place in enumerate(at):
                    values[i, row] = _value(table, number, fields[place].strip(), cells[i])
            seen[gene] = None
    other = [gene for gene in seen if gene not in row_of]
    if len(other) == len(seen):
        raise InputError(
            f"{path}: none of {len(seen):,} ids is of a gene: it has {', '.join(other[:3])}, the "
            f"genes have {', '.join([gene.id for gene in genes][:3])}; give a table of the same ids"
        )
    return ExpressionTable(values, n_rows, n_rows - len(seen), len(other))


def _place(table: Table, cell: str, name: str, path: str | Path) -> int:
    """Return the place of a cell type's column."""
    if name not in table.place:
        near = [known for known in table.place if cell in known]
        found = ", ".join((near or [*table.place])[:8])
        with_it = f"; e.g. --expression-column '{near[0].replace(cell, CELL)}'" if near else ""
        raise InputError(f"{path}: no column {name!r} for cell {cell}; it has {found}{with_it}")
    return table.place[name]


def _value(table: Table, number: int, text: str, cell: str) -> float:
    if text in MISSING:
        return math.nan
    value = table.number(number, text, f"expression in {cell}")
    if not 0 <= value < math.inf:
        raise InputError(
            f"{table.name}:{number}: expression {text[:30]!r} in {cell}; expected a number from 0, "
            "such as RPKM or TPM, not its logarithm"
        )
    return value
