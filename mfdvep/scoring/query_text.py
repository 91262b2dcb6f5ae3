"""Effects that a query found as tab-separated text: a row an ALT and track."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfdvep.genomics.text import CODEC
from mfdvep.scoring.query import Query, QueryBlock

_VARIANT = ("chrom", "pos", "ref", "alt", "status")
_AT = (2, 3, 4, 5, 6)  # where a block has them


def query_text(query: Query) -> Iterator[tuple[int, bytes]]:
    """Yield the lines, the header first, each time with the number of ALTs that are done.

    Effects have as many digits as float32 needs, and none where an ALT was not scored.

    Raises
    ------
    InputError
        The store is damaged.
    """
    yield 0, ("\t".join([*_VARIANT, "track", *query.lists]) + "\n").encode()
    names, n = query.tracks.names, 0
    for block in query.blocks():
        n += len(block.scored)
        yield n, _lines(block, names).encode(**CODEC)


def _lines(block: QueryBlock, names: tuple[str, ...]) -> str:
    columns = (block.columns[i].to_pylist() for i in _AT)
    alleles = ["\t".join(map(str, row)) for row in zip(*columns, strict=True)]
    numbers = np.where(block.scored[None, :, None], block.effects + np.float32(0), 0).astype(str)
    lines = []
    for row, (allele, scored) in enumerate(zip(alleles, block.scored, strict=True)):
        for track, name in enumerate(names):
            found = numbers[:, row, track] if scored else [""] * len(numbers)
            lines.append("\t".join([allele, name, *found]) + "\n")
    return "".join(lines)
