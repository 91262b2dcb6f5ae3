"""Which of the published layouts a file has."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from pathlib import Path

from mfdvep.genomics.text import TextStream
from mfdvep.interpret.label_sets.fantom5 import is_matrix
from mfdvep.interpret.label_sets.vista import is_vista


def layout_of(path: str | Path) -> str:
    """Return "vista", "fantom5", or "bed" for all else, told by the first lines.

    Raises
    ------
    InputError
        Missing or damaged.
    """
    with closing(TextStream(path)) as text:
        lines = [line for line in islice(text, 20) if line.strip() and not line.startswith("<")]
    if lines and is_vista(lines[0].strip()):
        return "vista"
    return "fantom5" if any(map(is_matrix, lines[:2])) else "bed"
