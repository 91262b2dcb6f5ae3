"""The Parquet matrix of all effects, and how a Parquet file is written in parts and joined.

The file: one row an ALT with its variant, status, the INFO keys of the input that are kept, as
text, and three fixed-size lists, one value a track, null where the ALT was not scored; and three
more of signed quantiles, if they were asked for, NaN on a track without. In the file's metadata,
"mfdvep" has the track table and the run's provenance, and "mfdvep.tracks" the names of the tracks
in the order of the lists, both as JSON. So DuckDB finds an effect by the name of its track, null
where the ALT was not scored or no track has this name:

    SELECT chrom, pos, ref, alt,
           combined[list_position(decode(value)::JSON::VARCHAR[], 'CTCF/K562/X0001')] AS effect
    FROM 'm.parquet', parquet_kv_metadata('m.parquet') WHERE key = 'mfdvep.tracks' AND pos = 1000

and polars:

    tracks = json.loads(polars.read_parquet_metadata("m.parquet")["mfdvep.tracks"])
    effect = polars.col("combined").arr.get(tracks.index("CTCF/K562/X0001"))
    polars.scan_parquet("m.parquet").select("chrom", "pos", "ref", "alt", effect).collect()
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mfdvep.errors import InputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.groups import LARGEST
from mfdvep.scoring.tables import (
    VARIANT_FIELDS,
    TableWriter,
    file_metadata,
    list_column,
    text_column,
    variant_columns,
)

STORAGE = {"float32": pa.float32(), "float16": pa.float16()}
QUANTILES = tuple(f"{kind}_quantile" for kind in KINDS)
"""Names of the lists of quantiles."""
_ROW_GROUP = 4096  # rows; 22 MB of effects for 442 tracks as float32


class EffectWriter(TableWriter):
    """Writes effect batches as a matrix.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.
    tracks, provenance
        Kept in the file's metadata, the provenance with the storage; a provenance of None makes a
        part, which keeps neither.
    storage
        Type of the effects in the file, "float32" or "float16"; float16 has three digits, and steps
        of 6e-8 below 6e-5.
    extra
        Names of further columns, of text, which come after the status.
    lists
        Names of further lists, one float32 a track, which come last.

    Raises
    ------
    InputError
        Another storage; see `check_extra`.
    OutputError
        On opening, writing or closing: the file cannot be written, e.g. the disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        tracks: TrackTable,
        provenance: dict[str, Any] | None,
        *,
        storage: str = "float32",
        extra: Sequence[str] = (),
        lists: Sequence[str] = (),
    ) -> None:
        check_extra(extra)
        if storage not in STORAGE:
            raise InputError(f"storage {storage!r}; expected {' or '.join(STORAGE)}")
        element = pa.field("element", STORAGE[storage], nullable=False)
        kind = pa.list_(element, len(tracks))
        further = pa.list_(pa.field("element", pa.float32(), nullable=False), len(tracks))
        self._types = [*[kind] * len(KINDS), *[further] * len(lists)]
        names = [*KINDS, *lists]
        columns = [pa.field(*pair) for pair in zip(names, self._types, strict=True)]
        texts = [pa.field(name, pa.string()) for name in extra]
        split = names if storage == "float32" else lists
        about = None if provenance is None else {**provenance, "storage": storage}
        metadata = file_metadata(tracks, about)
        super().__init__(
            path,
            pa.schema([*VARIANT_FIELDS, *texts, *columns], metadata),
            row_group=_ROW_GROUP,
            # float16 would shrink by a fifth, but DuckDB 2.0 does not read it split
            split=[f"{name}.list.element" for name in split],
        )

    def write(
        self,
        batch: EffectBatch,
        extra: Sequence[Sequence[str | None]] = (),
        lists: Sequence[np.ndarray] = (),
    ) -> None:
        """Append the rows of a batch.

        Parameters
        ----------
        batch
            n alleles on O tracks.
        extra
            For each further column n texts, or None.
        lists
            For each further list float32 (n, O); null where an allele was not scored.
        """
        columns = [*variant_columns(batch), *map(text_column, extra)]
        kinds = [getattr(batch, kind) for kind in KINDS]
        self.write_rows(columns, [*kinds, *lists], batch.scored)

    def write_rows(
        self, columns: Sequence[pa.Array], lists: Sequence[np.ndarray], scored: np.ndarray
    ) -> None:
        """Append n rows.

        Parameters
        ----------
        columns
            Those of the variants, and the further ones.
        lists
            float32 (n, O): of each of `KINDS`, then the further ones.
        scored
            bool (n,): which rows have effects.
        """
        found = [
            list_column(values.astype(kind.value_type.to_pandas_dtype()), kind, scored)
            for values, kind in zip(lists, self._types, strict=True)
        ]
        self.add(pa.Table.from_arrays([*columns, *found], schema=self.schema))


def check_extra(
    names: Sequence[str], lists: Sequence[str] = (*KINDS, *LARGEST, *QUANTILES)
) -> None:
    """Raise InputError for a further column that would be another, or part of one of the lists."""
    own = {*(f.name for f in VARIANT_FIELDS), *lists}
    for name in names:
        if name in own or name.partition(".")[0] in lists:
            raise InputError(
                f"INFO {name}: the matrix has a column of its own named {name.partition('.')[0]}; "
                "rename the key: bcftools annotate --rename-annots"
            )


def join_matrices(
    parts: Iterable[Path],
    path: Path,
    *,
    tracks: TrackTable,
    provenance: dict[str, Any],
    storage: str = "float32",
    extra: Sequence[str] = (),
    lists: Sequence[str] = (),
) -> None:
    """Write the rows of the parts, in order, as one matrix, even if there are none.

    The bytes of the file do not depend on how the rows are cut into parts. Held in memory: some
    row groups.

    Parameters
    ----------
    parts
        Written by `EffectWriter` with as many tracks, the same storage, further columns and lists.
    path, tracks, provenance, storage, extra, lists
        As for `EffectWriter`.

    Raises
    ------
    InputError
        Another storage; see `check_extra`.
    OutputError
        A part that cannot be read or has other columns; the file cannot be written.
    """
    options: dict[str, Any] = {"storage": storage, "extra": extra, "lists": lists}
    with EffectWriter(path, tracks, provenance, **options) as writer:
        for part in parts:
            writer.append(part)


def read_effects(path: str | Path) -> EffectBatch:
    """Return the effects in a matrix written by `mfdvep score --matrix`, as float32.

    Raises
    ------
    InputError
        No such file, not Parquet, or not such a matrix.
    """
    file = EffectFile(path)
    names = ("chrom", "pos", "ref", "alt", "record", "allele")
    rows = zip(*(file.column(name).to_pylist() for name in names), strict=True)
    every = np.ones(len(file), dtype=bool)
    effects: dict[str, Any] = {
        kind: np.ascontiguousarray(file.effects(kind, slice(None), every).T) for kind in KINDS
    }
    return EffectBatch(
        variants=tuple(Variant(*row) for row in rows),
        status=tuple(VariantStatus(name) for name in file.column("status").to_pylist()),
        **effects,
        tracks=file.tracks,
        provenance=file.provenance,
    )
