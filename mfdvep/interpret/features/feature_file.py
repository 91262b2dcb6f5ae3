"""The Parquet file of latent features: a row a region, sequence or allele; written and read.

Columns: name; chrom, start, end (0-based, half-open; null for a sequence); allele (REF or ALT of a
variant, else null); status; n_windows; gc; and two fixed-size lists of float32, null where the
status is not OK: `biological` (2 Cb) and `technical` (2 Ct), each the features of the forward
windows, then those of their reverse complements. The file's metadata has under "mfdvep.features",
as JSON, the model, the reference, tiling and pooling.

Source: science.md "Enhancers" (MFD section 3.2).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.interpret.features.items import Item
from mfdvep.scoring.tables import TableWriter, text_column

FEATURES_KEY = b"mfdvep.features"
HALVES = ("biological", "technical")
_ROW_GROUP = 4096  # rows; 4 MB of features for 64 + 64 of both strands
_FIELDS = (
    pa.field("name", pa.string(), nullable=False),
    pa.field("chrom", pa.string()),
    pa.field("start", pa.int64()),
    pa.field("end", pa.int64()),
    pa.field("allele", pa.string()),
    pa.field("status", pa.string(), nullable=False),
    pa.field("n_windows", pa.int32(), nullable=False),
    pa.field("gc", pa.float32()),
)


class FeatureWriter(TableWriter):
    """Writes features in batches; a context manager.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.
    sizes
        2 Cb and 2 Ct.
    about
        What the metadata say.

    Raises
    ------
    OutputError
        On opening, writing or closing: the file cannot be written, e.g. the disk is full.
    """

    def __init__(self, path: str | Path, sizes: Sequence[int], about: dict[str, Any]) -> None:
        element = pa.field("element", pa.float32(), nullable=False)
        self._types = {half: pa.list_(element, n) for half, n in zip(HALVES, sizes, strict=True)}
        lists = [pa.field(half, kind) for half, kind in self._types.items()]
        schema = pa.schema([*_FIELDS, *lists], {FEATURES_KEY: json.dumps(about).encode()})
        split = [f"{half}.list.element" for half in HALVES]
        super().__init__(path, schema, row_group=_ROW_GROUP, split=[*split, "gc"])

    def write(self, items: Sequence[Item], biological: np.ndarray, technical: np.ndarray) -> None:
        """Append items with their features, float32 (n, 2 Cb) and (n, 2 Ct); those not OK: null."""
        missing = pa.array([len(item.windows) == 0 for item in items])
        texts = [(item.name, item.chrom, item.allele, str(item.status)) for item in items]
        name, chrom, allele, status = (text_column(t) for t in zip(*texts, strict=True))
        columns = [
            name,
            chrom,
            pa.array([item.start for item in items], pa.int64()),
            pa.array([item.end for item in items], pa.int64()),
            allele,
            status,
            pa.array([len(item.windows) for item in items], pa.int32()),
            pa.array(np.array([item.gc for item in items], np.float32), from_pandas=True),
        ]
        for half, values in zip(HALVES, (biological, technical), strict=True):
            flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
            columns.append(
                pa.FixedSizeListArray.from_arrays(flat, type=self._types[half], mask=missing)
            )
        self.add(pa.Table.from_arrays(columns, schema=self.schema))


@dataclass(frozen=True)
class FeatureTable:
    """The n rows of a file of features, held whole.

    Attributes
    ----------
    path
        As given.
    name, chrom, allele, status
        n texts each; None where a column is null.
    start, end
        int64 (n,), 0-based half-open; -1 for a sequence.
    gc
        float32 (n,); NaN where there is none.
    biological, technical
        float32 (n, 2 Cb) and (n, 2 Ct); NaN where there is none.
    about
        What the metadata say: "model", "reference", "has_halves", "stride", "pooling" ...
    """

    path: str
    name: list[str]
    chrom: list[str | None]
    start: np.ndarray
    end: np.ndarray
    allele: list[str | None]
    status: list[str]
    gc: np.ndarray
    biological: np.ndarray
    technical: np.ndarray
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.name)


def read_features(path: str | Path) -> FeatureTable:
    """Return the features in a file that `mfdvep features` wrote.

    Raises
    ------
    InputError
        No such file, not Parquet, damaged, or not such a file.
    """
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            if FEATURES_KEY not in metadata:
                raise ValueError("no metadata of mfdvep features")
            about = json.loads(metadata[FEATURES_KEY])
            table = file.read()
        halves = [_dense(table[half].combine_chunks()) for half in HALVES]
        texts = [table[name].to_pylist() for name in ("name", "chrom", "allele", "status")]
        places = [table[name].fill_null(-1).to_numpy() for name in ("start", "end")]
        gc = table["gc"].to_numpy().astype(np.float32)
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a file of features ({error}); make one with mfdvep features"
        ) from error
    name, chrom, allele, status = texts
    return FeatureTable(
        path=str(path),
        name=name,
        chrom=chrom,
        start=places[0],
        end=places[1],
        allele=allele,
        status=status,
        gc=gc,
        biological=halves[0],
        technical=halves[1],
        about=about,
    )


def _dense(column: Any) -> np.ndarray:
    """Return lists as float32 (n, k), NaN where one is null."""
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    known = lists.is_valid().to_numpy(zero_copy_only=False)
    out = np.full((len(lists), lists.type.list_size), np.nan, dtype=np.float32)
    out[known] = lists.flatten().to_numpy().reshape(-1, lists.type.list_size)
    return out
