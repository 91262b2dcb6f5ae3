"""The table of a background's sizes as Parquet: one row a kind and track, and one a kind for all.

Columns: `track`, a name, null in the row of the largest effects over the tracks; `kind`; `sizes`,
a fixed-size list. In the file's metadata, "mfdvep.calibration" says as JSON how they were made and
under "ranks" which of the n sorted sizes they are, 0-based.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.scoring.calibration import Calibration
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.tables import TableWriter

CALIBRATION = "calibration.parquet"
"""Name of a model's own table, in its folder."""
_KEY = b"mfdvep.calibration"
_ROW_GROUP = 1 << 14  # rows; 16 MB
_OF_RUN = ("model", "reference", "scale", "strand", "shifts", "background")


def write_calibration(calibration: Calibration, path: str | Path) -> None:
    """Write a table, which `read_calibration` gives back.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.

    Raises
    ------
    OutputError
        It cannot be written, e.g. the disk is full.
    """
    n_rows, n_knots = len(calibration.names) + 1, len(calibration.ranks)
    about = {
        **calibration.about,
        "n": calibration.n,
        "cap": calibration.cap,
        "ranks": calibration.ranks.tolist(),
    }
    sizes = pa.list_(pa.field("element", pa.float32(), nullable=False), n_knots)
    fields = [
        pa.field("track", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("sizes", sizes, nullable=False),
    ]
    schema = pa.schema(fields, {_KEY: json.dumps(about).encode()})
    with TableWriter(path, schema, row_group=_ROW_GROUP, split=["sizes.list.element"]) as writer:
        for kind in KINDS:
            values = pa.array(calibration.sizes[kind].ravel())
            columns = [
                pa.array([*calibration.names, None], pa.string()),
                pa.array([kind] * n_rows),
                pa.FixedSizeListArray.from_arrays(values, type=sizes),
            ]
            writer.add(pa.Table.from_arrays(columns, schema=schema))


def read_calibration(path: str | Path) -> Calibration:
    """Return the table in a file of `mfdvep calibrate`.

    Raises
    ------
    InputError
        No such file, not such a table, or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        about: dict[str, Any] = json.loads(table.schema.metadata[_KEY])
        ranks = np.array(about.pop("ranks"), dtype=np.int64)
        n = about.pop("n")
        del about["cap"]
        missing = [key for key in _OF_RUN if key not in about]
        whole = table.column("sizes").combine_chunks().flatten().to_numpy()
        sizes = whole.reshape(len(KINDS), -1, len(ranks))  # (3, O + 1, K)
        names = table.column("track").to_pylist()[: sizes.shape[1]]
        kinds = table.column("kind").to_pylist()[:: sizes.shape[1]]
        if missing or tuple(kinds) != KINDS or None in names[:-1] or names[-1] is not None:
            raise ValueError(f"it lacks {missing}" if missing else "other rows")
        if ranks[0] != 0 or ranks[-1] != n - 1 or (np.diff(ranks) < 1).any():
            raise ValueError("ranks that do not rise from 0 to n - 1")
        if not ((np.diff(sizes, axis=2) >= 0).all() and (sizes[:, :, 0] >= 0).all()):
            raise ValueError("sizes that are not sorted")
        digest = sha256(path)
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a whole table of quantiles ({error}); make one with mfdvep calibrate, "
            "or give --calibration none"
        ) from error
    return Calibration(
        tuple(names[:-1]), dict(zip(KINDS, sizes, strict=True)), ranks, about, str(path), digest
    )
