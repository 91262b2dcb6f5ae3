"""The feature store as an output of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mfdvep.genomics.info_columns import InfoColumns
from mfdvep.scoring.feature_store import (
    STORE_LISTS,
    StoreWriter,
    check_store_type,
    join_stores,
    store_provenance,
)
from mfdvep.scoring.matrix import check_extra
from mfdvep.scoring.outputs import Scored


class StoreSink:
    """The store, with the INFO keys that are kept.

    Parameters
    ----------
    n_latent
        C of the model.
    provenance
        Of the run.
    store_type
        See `StoreWriter`.
    info
        The INFO keys.

    Raises
    ------
    InputError
        See `StoreWriter`.
    """

    def __init__(
        self, n_latent: int, provenance: dict[str, Any], store_type: str, info: InfoColumns
    ) -> None:
        check_store_type(store_type)
        check_extra(info.keys, STORE_LISTS)
        self._n_latent, self._info = n_latent, info
        self._provenance = store_provenance(provenance, store_type)
        self._options: dict[str, Any] = {"store_type": store_type, "extra": info.keys}

    def write(self, part: Path, scored: Scored) -> None:
        """See `StoreWriter`, `InfoColumns.values`."""
        extra = self._info.values(scored.chunk.records)
        with StoreWriter(part, self._n_latent, None, **self._options) as writer:
            writer.write(scored.batch, extra)

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """See `join_stores`."""
        about: dict[str, Any] = {"n_latent": self._n_latent, "provenance": self._provenance}
        join_stores(parts, path, **about, **self._options)
