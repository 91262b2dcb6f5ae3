"""Effects that a query found as tab-separated text: a row an ALT and track."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfdvep.genomics.text import CODEC
from mfdvep.scoring.query import Query, QueryBlock
from mfdvep.scoring.tables import VARIANT_FIELDS

_LINES = 20_000  # made at once, as a number of 32 characters takes 128 bytes
_SHOWN = slice(2, None)  # not the numbers of record and allele


def query_text(query: Query) -> Iterator[tuple[int, bytes]]:
    """Yield the lines, the header first, each time with the number of ALTs that are done.

    A line has the variant, the INFO keys that the store keeps, track and effects. Effects have as
    many digits as float32 needs, and none where an ALT was not scored.

    Raises
    ------
    InputError
        The store is damaged.
    """
    columns = [*(f.name for f in VARIANT_FIELDS), *query.extra][_SHOWN]
    yield 0, ("\t".join([*columns, "track", *query.lists]) + "\n").encode()
    names, n = query.tracks.names, 0
    step = max(1, _LINES // len(names))
    for block in query.blocks():
        for first in range(0, len(block.scored), step):
            rows = slice(first, min(first + step, len(block.scored)))
            n += rows.stop - first
            yield n, _lines(block, rows, names).encode(**CODEC)


def _lines(block: QueryBlock, rows: slice, names: tuple[str, ...]) -> str:
    """Return the lines of some rows of a block."""
    columns = (column[rows].to_pylist() for column in block.columns[_SHOWN])
    alleles = [
        "\t".join("" if value is None else str(value) for value in row)
        for row in zip(*columns, strict=True)
    ]
    numbers = (block.effects[:, rows] + np.float32(0)).astype(str)  # no minus zero
    lines = []
    for row, (allele, scored) in enumerate(zip(alleles, block.scored[rows], strict=True)):
        for track, name in enumerate(names):
            found = numbers[:, row, track] if scored else [""] * len(numbers)
            lines.append("\t".join([allele, name, *found]) + "\n")
    return "".join(lines)
