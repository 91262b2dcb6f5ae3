"""The files of a run: each is written in parts, one a chunk, and joined at the end."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mfdvep.errors import OutputError
from mfdvep.genomics.info import escape_info
from mfdvep.genomics.info_columns import InfoColumns
from mfdvep.genomics.reasons import REASONS
from mfdvep.genomics.text import CODEC
from mfdvep.genomics.variants import VariantStatus
from mfdvep.genomics.vcf_output import Annotated, VcfOutput
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.annotation import info_values
from mfdvep.scoring.calibration import TrackQuantiles
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import QUANTILES, EffectWriter, check_extra, join_matrices
from mfdvep.scoring.reading import Chunk
from mfdvep.scoring.sparse import LongWriter, join_long

_COLUMNS = ["chrom", "pos", "id", "ref", "alt", "record", "allele", "status", "reason"]
_BESIDE_LABELS = ("MATCH", "ELEMENT")
"""What a labelled VCF may say besides: ids of groups of matched variants, and of elements."""


@dataclass(frozen=True)
class Scored:
    """A chunk of records with the effects of their ALTs.

    Attributes
    ----------
    chunk
        The records.
    batch
        One row an ALT.
    selected
        For each row, the tracks that are listed.
    quantiles
        What gives those of the effects; None where no background is known.
    """

    chunk: Chunk
    batch: EffectBatch
    selected: Sequence[np.ndarray]
    quantiles: TrackQuantiles | None = None


class Sink(Protocol):
    """One output."""

    def write(self, part: Path, scored: Scored) -> None:
        """Write what it holds of a chunk as a file of its own; raises OutputError."""

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """Write the parts, in order, as the whole file; raises OutputError."""


class VcfSink:
    """The annotated VCF, as a file or on standard output."""

    def __init__(self, output: VcfOutput, tracks: TrackTable) -> None:
        self._output = output
        self._names = [escape_info(name) for name in tracks.names]

    def write(self, part: Path, scored: Scored) -> None:
        """See `VcfOutput.write`."""
        self._output.write(part, self._annotated(scored))

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """See `VcfOutput.join`."""
        self._output.join(parts, path)

    @property
    def header(self) -> bytes:
        """The header's text."""
        return self._output.header

    def text(self, scored: Scored) -> bytes:
        """See `VcfOutput.text`."""
        return self._output.text(self._annotated(scored))

    def _annotated(self, scored: Scored) -> Annotated:
        values = info_values(scored.batch, scored.selected, self._names, scored.quantiles)
        return zip(scored.chunk.records, values, strict=True)


class MatrixSink:
    """The Parquet matrix of all effects, with the INFO keys that are kept, and quantiles or not."""

    def __init__(
        self,
        tracks: TrackTable,
        provenance: dict[str, Any],
        storage: str,
        info: InfoColumns,
        *,
        quantiles: bool,
    ) -> None:
        self._tracks, self._provenance, self._info = tracks, provenance, info
        lists = QUANTILES if quantiles else ()
        self._options: dict[str, Any] = {"storage": storage, "extra": info.keys, "lists": lists}

    def write(self, part: Path, scored: Scored) -> None:
        """See `EffectWriter`, `InfoColumns.values`."""
        extra = self._info.values(scored.chunk.records)
        lists: list[np.ndarray] = []
        if self._options["lists"] and scored.quantiles is not None:
            lists = scored.quantiles.every(scored.batch)
        with EffectWriter(part, self._tracks, None, **self._options) as writer:
            writer.write(scored.batch, extra, lists)

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """See `join_matrices`."""
        about: dict[str, Any] = {"tracks": self._tracks, "provenance": self._provenance}
        join_matrices(parts, path, **about, **self._options)


class LongSink:
    """The Parquet table of listed effects."""

    def __init__(self, tracks: TrackTable, provenance: dict[str, Any]) -> None:
        self._tracks, self._provenance = tracks, provenance

    def write(self, part: Path, scored: Scored) -> None:
        """See `LongWriter`."""
        with LongWriter(part, self._tracks, None) as writer:
            writer.write(scored.batch, scored.selected, scored.quantiles)

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """See `join_long`."""
        join_long(parts, path, tracks=self._tracks, provenance=self._provenance)


class SkippedSink:
    """The list of alleles that have no score, each with the reason, as tab-separated text."""

    def write(self, part: Path, scored: Scored) -> None:
        """Write a chunk's lines."""
        lines = "".join(f"{line}\n" for line in self._lines(scored))
        with _writing(part):
            part.write_bytes(lines.encode(**CODEC))

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """Write the header and the lines of the parts."""
        with _writing(path), path.open("wb") as file:
            file.write(("\t".join(_COLUMNS) + "\n").encode())
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file)

    def _lines(self, scored: Scored) -> Iterator[str]:
        records = scored.chunk.records
        first = records[0].index
        for v, status in zip(scored.batch.variants, scored.batch.status, strict=True):
            if status is not VariantStatus.OK:
                name = records[v.record - first].line.split("\t", 3)[2]
                where = [v.chrom, str(v.pos), name, v.ref, v.alt or "."]
                yield "\t".join([*where, str(v.record), str(v.allele), status, REASONS[status]])


def to_standard_output(data: bytes) -> None:
    """Write bytes to standard output, at once.

    Raises
    ------
    OutputError
        It cannot be written.
    BrokenPipeError
        Nobody reads it any more.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed; give -o NAME.vcf.gz")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"standard output: cannot be written: {error.strerror or error}"
        ) from error


def kept_info(
    header: Iterable[str], info: Sequence[str], *, labels: str | None, name: str
) -> InfoColumns:
    """Return the INFO keys that the matrix keeps.

    Parameters
    ----------
    header, name
        Of the input.
    info, labels
        See `score_vcf`.

    Raises
    ------
    InputError
        See `InfoColumns.of`, `check_extra`.
    """
    keys = info if labels is None else [labels, *info]
    columns = InfoColumns.of(header, keys, also=() if labels is None else _BESIDE_LABELS, name=name)
    check_extra(columns.keys)
    return columns


def tables_of(
    kinds: Iterable[str],
    tracks: TrackTable,
    provenance: dict[str, Any],
    *,
    storage: str,
    info: InfoColumns,
    quantiles: bool,
) -> dict[str, Sink]:
    """Return the sinks of the kinds that are tables: "matrix", "long", "skipped"."""
    sinks: dict[str, Sink] = {
        "matrix": MatrixSink(tracks, provenance, storage, info, quantiles=quantiles),
        "long": LongSink(tracks, provenance),
        "skipped": SkippedSink(),
    }
    return {kind: sink for kind, sink in sinks.items() if kind in kinds}


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
