"""The tracks that are listed for an allele, and the Parquet table that has a row for each of them.

The file: one row an ALT and listed track with the ALT's variant, its status, the name of the track,
the three effects, the technical share of them, and the signed quantile of the combined one, null
where no background has it; the rows of an ALT lie together, the largest effect first. An ALT with
nothing listed has one row, which ends with its status. The file's metadata is that of the matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.calibration import TrackQuantiles
from mfdvep.scoring.effects import KINDS, EffectBatch, technical_share
from mfdvep.scoring.tables import VARIANT_FIELDS, TableWriter, file_metadata, variant_columns

_ROW_GROUP = 1 << 14  # rows; of eight times as many, a join held 60 MiB more
_TRACK = pa.dictionary(pa.int32(), pa.string())
_NUMBERS = (*KINDS, "technical_share", "quantile")
_FIELDS = (
    *VARIANT_FIELDS,
    pa.field("track", _TRACK),
    *(pa.field(name, pa.float32()) for name in _NUMBERS),
)


def select_tracks(batch: EffectBatch, *, top_k: int, min_abs: float) -> list[np.ndarray]:
    """Return for each allele the columns of the tracks that are listed.

    These are, of the tracks whose combined effect is not 0 and has at least the size `min_abs`, the
    `top_k` of largest size, the largest first and ties in the order of the columns; none for an
    allele that was not scored.

    Parameters
    ----------
    batch
        n alleles.
    top_k
        At least 0.
    min_abs
        At least 0, on the scale of the effects; compared as float32.

    Returns
    -------
    list of int64 (at most top_k,)
        n of them.

    Raises
    ------
    InputError
        `top_k` or `min_abs` is negative or NaN.
    """
    if not (top_k >= 0 and min_abs >= 0):
        raise InputError(f"top_k {top_k}, min_abs {min_abs}; expected numbers of at least 0")
    n_tracks = batch.combined.shape[1]
    top_k = min(top_k, n_tracks)
    size = np.abs(batch.combined)  # (n, O)
    # One number a track, in the order of listing: the bits of a float that is not negative sort as
    # it does. Its smallest are found in 6 ms for 512 alleles and 2,106 tracks; a sort takes 48 ms.
    order = (~size.view(np.uint32)).astype(np.uint64) << 32 | np.arange(n_tracks, dtype=np.uint64)
    if 0 < top_k < n_tracks:
        order = np.partition(order, top_k - 1, axis=1)
    order = np.sort(order[:, :top_k], axis=1)
    columns = (order & 0xFFFFFFFF).astype(np.int64)  # (n, top_k)
    sizes = np.take_along_axis(size, columns, axis=1)
    listed = (sizes >= np.float32(min_abs)) & (sizes > 0)
    n_listed = np.where(batch.scored, listed.sum(axis=1), 0)
    return [row[:n] for row, n in zip(columns, n_listed, strict=True)]


class LongWriter(TableWriter):
    """Writes the listed effects of batches as a long table.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.
    tracks, provenance
        Kept in the file's metadata; the provenance says what was listed: "top_k" and "min_abs". A
        provenance of None makes a part, which keeps neither.

    Raises
    ------
    OutputError
        On opening, writing or closing: the file cannot be written, e.g. the disk is full.
    """

    def __init__(
        self, path: str | Path, tracks: TrackTable, provenance: dict[str, Any] | None
    ) -> None:
        self._names = pa.array(tracks.names, pa.string()).dictionary_encode()
        schema = pa.schema(_FIELDS, file_metadata(tracks, provenance))
        super().__init__(path, schema, row_group=_ROW_GROUP, split=_NUMBERS)

    def write(
        self,
        batch: EffectBatch,
        selected: Sequence[np.ndarray],
        quantiles: TrackQuantiles | None = None,
    ) -> None:
        """Append the rows of a batch.

        Parameters
        ----------
        batch
            n alleles.
        selected
            For each, the columns of the tracks that are listed; see `select_tracks`.
        quantiles
            What gives those of the effects; None leaves them out.
        """
        n_listed = np.array([len(columns) for columns in selected], dtype=np.int64)
        rows = np.repeat(np.arange(len(batch)), np.maximum(n_listed, 1))  # (R,)
        missing = (n_listed == 0)[rows]
        columns = np.zeros(len(rows), dtype=np.int64)
        columns[~missing] = np.concatenate([*selected, columns[:0]])
        effects = {kind: getattr(batch, kind)[rows, columns] for kind in KINDS}
        share = technical_share(effects["biological"], effects["technical"])
        signed = np.full(len(rows), np.nan, dtype=np.float32)
        if quantiles is not None:
            signed[~missing] = np.concatenate([*quantiles.listed(batch, selected), signed[:0]])
        self.add(
            pa.Table.from_arrays(
                [
                    *(values.take(pa.array(rows)) for values in variant_columns(batch)),
                    self._names.take(pa.array(columns, mask=missing)),
                    *(pa.array(values, mask=missing) for values in effects.values()),
                    pa.array(share, mask=missing | np.isnan(share)),
                    pa.array(signed, mask=np.isnan(signed)),
                ],
                schema=self.schema,
            )
        )


def join_long(
    parts: Iterable[Path], path: Path, *, tracks: TrackTable, provenance: dict[str, Any]
) -> None:
    """Write the rows of the parts, in order, as one long table, even if there are none.

    Held in memory: some row groups.

    Parameters
    ----------
    parts
        Written by `LongWriter`.
    path, tracks, provenance
        As for `LongWriter`.

    Raises
    ------
    OutputError
        A part that cannot be read or has other columns; the file cannot be written.
    """
    with LongWriter(path, tracks, provenance) as writer:
        for part in parts:
            writer.append(part)
