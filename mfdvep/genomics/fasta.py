"""Sequences of a FASTA file one after another, plain or compressed, without an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.sequences import encode
from mfdvep.genomics.text import TextStream

_LETTERS = re.compile(r"[A-Za-z*-]*")


@dataclass(frozen=True)
class FastaRecord:
    """One sequence.

    Attributes
    ----------
    name
        The first word of the header.
    header
        All of it, without ">".
    codes
        (n,) uint8 base codes A0 C1 G2 T3, 4 for all else.
    """

    name: str
    header: str
    codes: np.ndarray


def read_fasta(path: str | Path) -> Iterator[FastaRecord]:
    """Yield the sequences of a FASTA file; lines of white space are nothing.

    A reference genome is read by coordinate, see `mfdvep.genomics.genome.Genome`.

    Raises
    ------
    InputError
        Missing or damaged; no ">" first; a header without a name; a line that is no sequence
        (line named); a sequence without a base; no sequence at all.
    """
    with closing(TextStream(path)) as text:
        header, parts = None, list[str]()
        at = 0
        for number, raw in enumerate(text, start=1):
            line = raw.strip()
            if line.startswith(">"):
                if header is not None:
                    yield _record(header, parts, where=f"{text.name}:{at}")
                header, parts, at = line[1:].strip(), [], number
                if not header:
                    raise InputError(f"{text.name}:{number}: '>' without a name; name the sequence")
            elif line:
                if header is None or not _LETTERS.fullmatch(line):
                    what = "'>' and a name" if header is None else "letters of a sequence"
                    raise InputError(
                        f"{text.name}:{number}: expected FASTA, {what}, found {line[:60]!r}"
                    )
                parts.append(line)
        if header is None:
            raise InputError(f"{text.name}: no sequence; give a FASTA file")
        yield _record(header, parts, where=f"{text.name}:{at}")


def _record(header: str, parts: list[str], *, where: str) -> FastaRecord:
    name = header.split()[0]
    codes = encode("".join(parts))
    if not len(codes):
        raise InputError(f"{where}: {name!r} has no base; remove it or add its sequence")
    return FastaRecord(name, header, codes)
