"""Profiles of marks round genes, with their expression: what the models learn from; as Parquet.

The file has a row a cell type and gene: gene_id, gene_name, chrom, tss (0-based), strand, split,
cell, expression (null where not known), label (1, 0, null) and `profile`, a fixed-size list of
float32, marks x 100 bins in the gene's direction. Its metadata have under "mfdvep.expression", as
JSON, the cell types, marks, thresholds and how the file was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.expression.bins import BIN, N_BINS, REACH
from mfdvep.expression.genes import Tss
from mfdvep.scoring.tables import TableWriter, text_column

SPLITS = ("train", "validation", "test", "left_out")
PROFILES_KEY = b"mfdvep.expression"
_ROW_GROUP = 4096  # rows; 8 MB of profiles of 5 marks
_TEXTS = ("gene_id", "gene_name", "chrom", "strand", "split", "cell")
_FIELDS = (
    pa.field("gene_id", pa.string(), nullable=False),
    pa.field("gene_name", pa.string(), nullable=False),
    pa.field("chrom", pa.string(), nullable=False),
    pa.field("tss", pa.int64(), nullable=False),
    pa.field("strand", pa.string(), nullable=False),
    pa.field("split", pa.string(), nullable=False),
    pa.field("cell", pa.string(), nullable=False),
    pa.field("expression", pa.float32()),
    pa.field("label", pa.int8()),
)


@dataclass(frozen=True)
class Profiles:
    """Marks round n genes in c cell types, m marks.

    Attributes
    ----------
    genes
        n, in order of contig and place.
    split
        str (n,), each of `SPLITS`.
    cells, marks
        c and m names.
    signal
        float32 (c, n, m, 100), in the gene's direction, bin 50 beginning with the first transcribed
        base: the mean over a bin's bases of the mark's signal, 0 where there is none.
    expression
        float32 (c, n), as the table has it, such as RPKM; NaN where not known.
    thresholds
        float32 (c,): a gene's label is whether its expression is above.
    provenance
        Counts, options, digests of the inputs.
    """

    genes: tuple[Tss, ...]
    split: np.ndarray
    cells: tuple[str, ...]
    marks: tuple[str, ...]
    signal: np.ndarray
    expression: np.ndarray
    thresholds: np.ndarray
    provenance: dict[str, Any]

    def __len__(self) -> int:
        return len(self.genes)

    def labels(self, cell: int) -> np.ndarray:
        """Return whether expression is above the cell's threshold: float32 (n,), 1, 0 or NaN."""
        values = self.expression[cell]
        above = (values > self.thresholds[cell]).astype(np.float32)
        return np.where(np.isnan(values), np.float32(np.nan), above)

    def log_expression(self, cell: int) -> np.ndarray:
        """Return log2(expression + 1): float32 (n,), NaN where not known."""
        return np.log2(self.expression[cell] + np.float32(1))

    def rows(self, split: str) -> np.ndarray:
        """Return which genes are of a split: int64, rising; raises ValueError for another word."""
        if split not in SPLITS:
            raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
        return np.flatnonzero(self.split == split)


def write_profiles(path: str | Path, profiles: Profiles) -> None:
    """Write profiles as Parquet; the caller takes care of renaming the file into place.

    Raises
    ------
    OutputError
        It cannot be written, e.g. the disk is full.
    """
    element = pa.field("element", pa.float32(), nullable=False)
    kind = pa.list_(element, len(profiles.marks) * N_BINS)
    about = {
        "cells": profiles.cells,
        "marks": profiles.marks,
        "bins": {"n": N_BINS, "bases": BIN, "upstream": REACH},
        "thresholds": [float(value) for value in profiles.thresholds],
        "provenance": profiles.provenance,
    }
    schema = pa.schema(
        [*_FIELDS, pa.field("profile", kind, nullable=False)],
        {PROFILES_KEY: json.dumps(about).encode()},
    )
    genes, n = profiles.genes, len(profiles)
    of_genes = [
        text_column([gene.id for gene in genes]),
        text_column([gene.name for gene in genes]),
        text_column([gene.chrom for gene in genes]),
        pa.array([gene.tss for gene in genes], pa.int64()),
        text_column([gene.strand for gene in genes]),
        text_column(profiles.split.tolist()),
    ]
    split = ["profile.list.element", "expression"]
    with TableWriter(path, schema, row_group=_ROW_GROUP, split=split) as writer:
        for i, cell in enumerate(profiles.cells):
            flat = pa.array(np.ascontiguousarray(profiles.signal[i]).reshape(-1))
            columns = [
                *of_genes,
                text_column([cell] * n),
                pa.array(profiles.expression[i], from_pandas=True),
                pa.array(profiles.labels(i), from_pandas=True).cast(pa.int8()),
                pa.FixedSizeListArray.from_arrays(flat, type=kind),
            ]
            writer.add(pa.Table.from_arrays(columns, schema=schema))


def read_profiles(path: str | Path) -> Profiles:
    """Return the profiles in a file that `mfdvep expression prepare` wrote.

    Raises
    ------
    InputError
        No such file, not Parquet, damaged, or not such a file.
    """
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            if PROFILES_KEY not in metadata:
                raise ValueError("no metadata of mfdvep expression prepare")
            about = json.loads(metadata[PROFILES_KEY])
            cells, marks = tuple(about["cells"]), tuple(about["marks"])
            n = file.metadata.num_rows // len(cells)
            if n * len(cells) != file.metadata.num_rows:
                raise ValueError("not as many rows of each cell")
            signal = _signal(file, (len(cells) * n, len(marks), N_BINS))
            table = file.read(columns=[field.name for field in _FIELDS])
        ids, names, chroms, strands, split, of = (table[key].to_pylist() for key in _TEXTS)
        if of != [cell for cell in cells for _ in range(n)] or ids != ids[:n] * len(cells):
            raise ValueError("rows are not in the order of cells and genes; they were rewritten")
        columns = zip(ids[:n], names, chroms, table["tss"].to_pylist(), strands, strict=False)
        return Profiles(
            genes=tuple(Tss(*row) for row in columns),
            split=np.array(split[:n]),
            cells=cells,
            marks=marks,
            signal=signal.reshape(len(cells), n, len(marks), N_BINS),
            expression=table["expression"].to_numpy().astype(np.float32).reshape(len(cells), n),
            thresholds=np.array(about["thresholds"], dtype=np.float32),
            provenance=about["provenance"],
        )
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a file of profiles ({error}); make one with mfdvep expression prepare"
        ) from error


def _signal(file: pq.ParquetFile, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the column of profiles, float32, read a row group at a time: once in memory."""
    signal = np.empty(shape, dtype=np.float32)
    first = 0
    for group in range(file.num_row_groups):
        lists = file.read_row_group(group, columns=["profile"])["profile"].combine_chunks()
        array = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
        values = array.flatten().to_numpy()
        signal[first : first + len(array)] = values.reshape(len(array), *shape[1:])
        first += len(array)
    return signal
