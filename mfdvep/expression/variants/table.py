"""Effects on genes as Parquet: one row an ALT, gene in its reach, and cell.

An ALT that is in reach of no gene, or is not OK, has one row, without a gene. The file's metadata
has the run's provenance under "mfdvep", as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mfdvep.expression.variants.batches import GeneBatch
from mfdvep.expression.variants.pairs import NUMBERS
from mfdvep.scoring.tables import RUN_KEY, TableWriter, text_column

ROW_GROUP = 1 << 16
_FIELDS = (
    pa.field("chrom", pa.string(), nullable=False),
    pa.field("pos", pa.int64(), nullable=False),
    pa.field("id", pa.string()),
    pa.field("ref", pa.string(), nullable=False),
    pa.field("alt", pa.string(), nullable=False),
    pa.field("record", pa.int64(), nullable=False),
    pa.field("allele", pa.int32(), nullable=False),
    pa.field("status", pa.string(), nullable=False),
    pa.field("gene_id", pa.string()),
    pa.field("gene_name", pa.string()),
    pa.field("gene_status", pa.string()),
    pa.field("strand", pa.string()),
    pa.field("distance", pa.int64()),
    pa.field("cell", pa.string()),
    *(pa.field(name, pa.float32()) for name in NUMBERS),
)


def table_writer(path: Path, provenance: dict[str, Any]) -> TableWriter:
    """Return what writes the file, which takes the tables of `rows_of`; raises OutputError."""
    about = {RUN_KEY: json.dumps({"provenance": provenance}).encode()}
    schema = pa.schema(_FIELDS, about)
    return TableWriter(path, schema, row_group=ROW_GROUP, split=list(NUMBERS))


def rows_of(batch: GeneBatch, schema: pa.Schema) -> pa.Table:
    """Return the rows of a batch, in the order of its alleles, genes and cells."""
    n_cells = len(batch.cells)
    alleles: list[int] = []
    pairs: list[int] = []
    cells: list[int] = []
    for allele, rows in enumerate(batch.pairs_of):
        n = max(1, len(rows) * n_cells)
        alleles += [allele] * n
        pairs += np.repeat(rows, n_cells).tolist() if rows else [-1]
        cells += [*range(n_cells)] * len(rows) if rows else [-1]
    variants = [batch.variants[i] for i in alleles]
    found = [None if i < 0 else batch.pairs[i] for i in pairs]
    first = batch.records[0].index
    ids = [batch.records[v.record - first].line.split("\t", 3)[2] for v in variants]
    columns = [
        text_column([v.chrom for v in variants]),
        pa.array([v.pos for v in variants], pa.int64()),
        text_column([None if name == "." else name for name in ids]),
        text_column([v.ref for v in variants]),
        text_column([v.alt for v in variants]),
        pa.array([v.record for v in variants], pa.int64()),
        pa.array([v.allele for v in variants], pa.int32()),
        pa.array([str(batch.status[i]) for i in alleles], pa.string()),
        text_column([None if pair is None else pair.gene.id for pair in found]),
        text_column([None if pair is None else pair.gene.name or None for pair in found]),
        pa.array([None if i < 0 else str(batch.effects.status[i]) for i in pairs], pa.string()),
        pa.array([None if pair is None else pair.gene.strand for pair in found], pa.string()),
        pa.array([None if pair is None else pair.distance for pair in found], pa.int64()),
        text_column([None if i < 0 else batch.cells[i] for i in cells]),
    ]
    at = np.array(pairs), np.array(cells)
    is_pair = at[0] >= 0
    for name in NUMBERS:
        values = np.full(len(pairs), np.nan, dtype=np.float32)
        values[is_pair] = getattr(batch.effects, name)[at[0][is_pair], at[1][is_pair]]
        columns.append(pa.array(values, mask=np.isnan(values)))
    return pa.Table.from_arrays(columns, schema=schema)
