"""The table of the ALTs in regions: what became of each, a line an ALT, as they are met."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from io import BufferedWriter
from pathlib import Path
from types import TracebackType

from mfdvep.cohort.counting import Seen
from mfdvep.cohort.weighting import Weighting

COLUMNS = (
    "chrom", "pos", "id", "ref", "alt", "status", "frequency", "n_missing", "n_half_calls",
    "imputed", "regions",
)  # fmt: skip
_BUFFER = 1 << 16  # bytes


class VariantTable:
    """Writes a tab-separated table, gzip; a context manager, which closes it.

    Columns: those of `COLUMNS` and a weighting each. `imputed` is the dosage that missing
    genotypes of an ALT that counts have. Empty is what was not looked at.

    Parameters
    ----------
    path
        The file; raises OSError when it cannot be written.
    regions
        Names, by number.
    weightings
        In the order of an ALT's weights.
    """

    def __init__(self, path: Path, regions: Sequence[str], weightings: Sequence[Weighting]) -> None:
        self._regions = regions
        self._n_weightings = len(weightings)
        self._raw = path.open("wb")
        # without name and time, so that equal tables are equal files
        packed = gzip.GzipFile("", "wb", compresslevel=4, fileobj=self._raw, mtime=0)
        self._file = BufferedWriter(packed, _BUFFER)  # type: ignore[arg-type]
        self._line([*COLUMNS, *(one.name for one in weightings)])

    def __enter__(self) -> VariantTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        finally:
            self._raw.close()

    def add(self, seen: Seen) -> None:
        """Append a line."""
        record, dosages = seen.record, seen.dosages
        called: list[str] = ["", "", ""]
        if dosages is not None:
            imputed = f"{dosages.mean:.7g}" if dosages.n_missing and dosages.mean >= 0 else ""
            called = [str(dosages.n_missing), str(dosages.n_half), imputed]
        no_frequency = seen.frequency is None or seen.frequency != seen.frequency
        weights = [""] * self._n_weightings
        if seen.weights is not None:
            weights = [f"{weight:.9g}" for weight in seen.weights.tolist()]
        self._line(
            [
                record.chrom,
                str(record.pos),
                record.id or ".",
                record.ref,
                record.alts[seen.allele - 1],
                seen.status,
                "" if no_frequency else f"{seen.frequency:.9g}",
                *called,
                ",".join(self._regions[i] for i in seen.regions),
                *weights,
            ]
        )

    def _line(self, cells: Sequence[str]) -> None:
        self._file.write(("\t".join(cells) + "\n").encode(errors="surrogateescape"))
