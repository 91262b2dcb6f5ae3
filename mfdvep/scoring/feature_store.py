"""The Parquet file of latent features of alleles, from which the effects on any track follow.

The file: one row an ALT with its variant, status, the INFO keys of the input that are kept, as
text, and four fixed-size lists, null where the ALT was not scored: `reference_biological` and
`reference_technical`, the C / 2 features with REF, and `change_biological` and `change_technical`,
those with ALT minus those with REF; means over shifts and strands, in standard deviations over the
training set. In the file's metadata, "mfdvep.store" has as JSON how they were made. It has no
tracks: on the logit scale the effects on a track are its output weights times the change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mfdvep.errors import InputError, ModelError
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import STORAGE, check_extra
from mfdvep.scoring.tables import (
    STORE_KEY,
    VARIANT_FIELDS,
    TableWriter,
    list_column,
    text_column,
    variant_columns,
)

HALVES = ("biological", "technical")
STORE_LISTS = tuple(f"{what}_{half}" for what in ("reference", "change") for half in HALVES)
_ROW_GROUP = 4096  # rows; 4 MB of features for C = 128 as float32, 50 MB for 1536
_OF_RUN = (
    "mfdvep", "command", "model", "reference", "strand", "shifts", "sign", "device", "engine",
    "precision", "batch_size", "torch", "regions",
)  # fmt: skip


def store_provenance(run: Mapping[str, Any], store_type: str) -> dict[str, Any]:
    """Return what a store says of itself: of a run's provenance what is not of tracks."""
    kept = {key: run[key] for key in _OF_RUN if key in run}
    return {**kept, "averaging": "features averaged over shifts and strands", "type": store_type}


class StoreWriter(TableWriter):
    """Writes the features of effect batches as a store.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.
    n_latent
        C.
    provenance
        Kept in the file's metadata; None makes a part, which keeps nothing.
    store_type
        Type of the features in the file, "float32" or "float16". float16 halves the file; effects
        are then off by 3e-4 of their size (root mean square) and by at most 2e-3 of an ALT's
        largest combined effect, as measured; one in which features cancel may be wrong altogether.
    extra
        Names of further columns, of text, which come after the status.

    Raises
    ------
    InputError
        Another type; see `check_extra`.
    OutputError
        On opening, writing or closing: the file cannot be written, e.g. the disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        n_latent: int,
        provenance: Mapping[str, Any] | None,
        *,
        store_type: str = "float32",
        extra: Sequence[str] = (),
    ) -> None:
        check_store_type(store_type)
        check_extra(extra, STORE_LISTS)
        element = pa.field("element", STORAGE[store_type], nullable=False)
        self._type, self._store_type = pa.list_(element, n_latent // 2), store_type
        texts = [pa.field(name, pa.string()) for name in extra]
        lists = [pa.field(name, self._type) for name in STORE_LISTS]  # null where not scored
        about = {"provenance": dict(provenance)} if provenance is not None else None
        metadata = None if about is None else {STORE_KEY: json.dumps(about).encode()}
        super().__init__(
            path,
            pa.schema([*VARIANT_FIELDS, *texts, *lists], metadata),
            row_group=_ROW_GROUP,
            split=[f"{name}.list.element" for name in STORE_LISTS]
            if store_type == "float32"
            else [],  # as in a matrix
        )

    def write(self, batch: EffectBatch, extra: Sequence[Sequence[str | None]] = ()) -> None:
        """Append the rows of a batch that has features, with a text a row for each extra column.

        Raises
        ------
        ModelError
            A feature that is beyond what float16 holds, 65504.
        """
        assert batch.features is not None
        columns = [*variant_columns(batch), *map(text_column, extra)]
        for both in (batch.features.reference, batch.features.change):
            with np.errstate(over="ignore"):
                stored = both.astype(self._store_type)
            if np.isinf(stored).any():
                raise ModelError(
                    f"a latent feature of {np.nanmax(np.abs(both)):.3g} standard deviations is no "
                    "float16; use --store-type float32"
                )
            halves = np.split(stored, 2, axis=1)
            columns += [list_column(half, self._type, batch.scored) for half in halves]
        self.add(pa.Table.from_arrays(columns, schema=self.schema))


def check_store_type(store_type: str) -> None:
    """Raise InputError for a type that a store cannot have."""
    if store_type not in STORAGE:
        raise InputError(f"store type {store_type!r}; expected {' or '.join(STORAGE)}")


def join_stores(
    parts: Iterable[Path],
    path: Path,
    *,
    n_latent: int,
    provenance: Mapping[str, Any],
    store_type: str = "float32",
    extra: Sequence[str] = (),
) -> None:
    """Write the rows of the parts, in order, as one store, even if there are none.

    The bytes of the file do not depend on how the rows are cut into parts. Held in memory: some
    row groups.

    Parameters
    ----------
    parts
        Written by `StoreWriter` with the same options.
    path, n_latent, provenance, store_type, extra
        As for `StoreWriter`.

    Raises
    ------
    InputError
        Another type; see `check_extra`.
    OutputError
        A part that cannot be read or has other columns; the file cannot be written.
    """
    with StoreWriter(path, n_latent, provenance, store_type=store_type, extra=extra) as writer:
        for part in parts:
            writer.append(part)
