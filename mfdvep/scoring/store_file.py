"""A feature store that is read some rows at a time, never the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.scoring.feature_store import STORE_LISTS
from mfdvep.scoring.tables import STORE_KEY, VARIANT_FIELDS
from mfdvep.scoring.variant_file import VariantFile, dense, reading

_ROWS = 1024  # of a block


@dataclass(frozen=True)
class StoreBlock:
    """Some rows of a store.

    Attributes
    ----------
    columns
        Those of `VARIANT_FIELDS` and the further ones, as Arrow has them.
    scored
        bool (n,): which rows have features.
    features
        Name of a list -> float32 (n, C / 2), NaN where a row has none.
    """

    columns: list[pa.Array]
    scored: np.ndarray
    features: dict[str, np.ndarray]


class FeatureStore(VariantFile):
    """The n rows of a file written by `mfdvep score --store-features`; only its footer is held.

    Parameters
    ----------
    path
        The file; it must stay as it is while it is read.

    Attributes
    ----------
    path
        As given.
    provenance
        How the features were made: "model" (name and sha256), "reference", "shifts", "strand" ...
    n_features
        C / 2, of each half.
    extra
        Names of further columns, in the order of the file: INFO keys that were kept.

    Raises
    ------
    InputError
        No such file, not Parquet, or not such a store. From the methods also: it is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            with pq.ParquetFile(path) as file:
                self._footer, schema = file.metadata, file.schema_arrow
            if STORE_KEY not in (schema.metadata or {}):
                raise ValueError("no metadata of one")
            self.provenance: dict[str, Any] = json.loads(schema.metadata[STORE_KEY])["provenance"]
            kinds = [schema.field(name).type for name in STORE_LISTS]
            if not all(pa.types.is_fixed_size_list(kind) for kind in kinds):
                raise ValueError("its features are no lists of one size")
            sizes = {kind.list_size for kind in kinds}
            if len(sizes) > 1:
                raise ValueError(f"lists of {sorted(sizes)} features")
            self.n_features = int(sizes.pop())
            own = [*(schema.field(f.name).name for f in VARIANT_FIELDS), *STORE_LISTS]
        except (OSError, pa.ArrowInvalid, LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: not a feature store ({error}); make one with mfdvep score "
                "--store-features"
            ) from error
        self.extra = tuple(name for name in schema.names if name not in own)

    def blocks(
        self, lists: Sequence[str] = STORE_LISTS, *, n_rows: int = _ROWS
    ) -> Iterator[StoreBlock]:
        """Yield all rows in order, at most `n_rows` at a time, with some of `STORE_LISTS`.

        Held in memory: what is yielded, and one row group as it is in the file.

        Raises
        ------
        InputError
            The file is damaged, or has a feature that is no finite number.
        """
        names = [*(f.name for f in VARIANT_FIELDS), *self.extra]
        with reading(self.path), self._opened() as file:
            for group in range(self._footer.num_row_groups):
                wanted = [*names, *lists]
                for rows in file.iter_batches(n_rows, row_groups=[group], columns=wanted):
                    yield self._block(rows, names, lists)

    def _block(
        self, rows: pa.RecordBatch, names: Sequence[str], lists: Sequence[str]
    ) -> StoreBlock:
        every = np.ones(len(rows), dtype=bool)
        scored = pc.equal(rows.column("status"), "OK").to_numpy(zero_copy_only=False)
        features = {name: dense(rows.column(name), slice(None), every) for name in lists}
        for name, values in features.items():
            if not np.isfinite(values[scored]).all():
                raise InputError(
                    f"{self.path}: {name} is not finite in rows of status OK; score them again"
                )
        return StoreBlock([rows.column(name) for name in names], scored, features)
