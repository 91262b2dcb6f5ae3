"""Motifs of binding sites: MEME and JASPAR files, and IUPAC patterns, as base probabilities.

Biopython has readers of both formats, which are not used: they name no line, take what is cut off
for a shorter motif, and round a MEME file's probabilities to counts of `nsites`.

Source: meme-suite.org "MEME Motif Format"; jaspar.elixir.no "Documentation" (PFM formats).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.text import TextStream

MAX_BASES = 200
N_SITES = 20.0  # of a motif that says only probabilities; what the MEME format has as default
IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT",
    "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
_PATTERN = re.compile(f"[{''.join(IUPAC)}]+", re.IGNORECASE)
_JASPAR_ROW = re.compile(r"(?:([ACGTacgt])\s*\|?\s*)?(?:\[(.*)\]|([^\[\]]*))")
_WIDTH = re.compile(r"\bw=\s*(\S+)")
_NSITES = re.compile(r"\bnsites=\s*(\S+)")
_SUM_ERROR = 0.02  # of a row of probabilities, which files round


@dataclass(frozen=True, eq=False)
class Motif:
    """How often each base stands at each of L positions.

    Attributes
    ----------
    name
        "MA0139.1 CTCF"; of a pattern, the pattern.
    probabilities
        (L, 4) float64, columns A, C, G, T; rows sum to 1.
    n_sites
        How many sites the probabilities are of, which says how far to trust a 0.
    is_pattern
        Whether it is an IUPAC pattern, which a sequence matches or does not.
    """

    name: str
    probabilities: np.ndarray
    n_sites: float = N_SITES
    is_pattern: bool = False

    def __len__(self) -> int:
        return len(self.probabilities)

    def information(self) -> np.ndarray:
        """Return the bits of each base at each position, (L, 4): the heights of a logo."""
        p = self.probabilities
        entropy = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1, keepdims=True)
        return p * (2 - entropy)


def iupac_motif(pattern: str) -> Motif:
    """Return the motif of an IUPAC pattern such as "CCANYAGRKGGCRS"; U is no letter of DNA.

    Raises
    ------
    InputError
        Another letter; nothing but N; too long.
    """
    if not _PATTERN.fullmatch(pattern):
        raise InputError(f"motif {pattern!r}: expected a file, or letters of {''.join(IUPAC)}")
    if len(pattern) > MAX_BASES or not pattern.upper().strip("N"):
        raise InputError(f"motif {pattern[:60]!r}: expected 1 to {MAX_BASES} letters, not all N")
    rows = [[float(base in IUPAC[letter]) for base in "ACGT"] for letter in pattern.upper()]
    matrix = np.array(rows)
    return Motif(pattern.upper(), matrix / matrix.sum(axis=1, keepdims=True), is_pattern=True)


def read_motif(source: str | Path, *, name: str | None = None) -> Motif:
    """Return the motif in a file, or of an IUPAC pattern where there is no such file.

    Parameters
    ----------
    name
        Which of a file's motifs: its id ("MA0139.1"), its other name ("CTCF"), or both.

    Raises
    ------
    InputError
        As for `read_motifs` and `iupac_motif`; the file has several motifs and none, or not
        exactly one, is named.
    """
    if _PATTERN.fullmatch(str(source)) and not Path(source).exists():
        return iupac_motif(str(source))
    motifs = read_motifs(source)
    known = ", ".join(motif.name for motif in motifs[:8]) + (" ..." if len(motifs) > 8 else "")
    if name is not None:
        motifs = [m for m in motifs if name == m.name or name in m.name.split()]
        if not motifs:
            raise InputError(f"{source}: no motif {name!r}; it has {known}")
    if len(motifs) > 1:
        raise InputError(f"{source}: {len(motifs)} motifs, {known}; name one of them")
    return motifs[0]


def read_motifs(path: str | Path) -> list[Motif]:
    """Return the motifs in a file, in its order: MEME, or JASPAR with or without letters.

    MEME: text of `MEME version` and each `letter-probability matrix:`; its background is not read.
    JASPAR: ">ID NAME" and four rows A, C, G, T of counts or probabilities, with or without the
    letter and brackets; one matrix may stand without ">". Plain or compressed.

    Raises
    ------
    InputError
        It cannot be read; it is none of these; or a matrix is none (line named): not four numbers
        a position, negative or not finite, a position without any, probabilities that do not sum
        to 1, cut off, or longer than `MAX_BASES`.
    """
    with closing(TextStream(path)) as text:
        lines = [line.strip() for line in text]
        where = text.name
    filled = [line for line in lines if line]
    if not filled:
        raise InputError(f"{where}: nothing in it; give a motif in MEME or JASPAR format")
    if filled[0].startswith("MEME version"):
        return _meme(lines, where)
    return _jaspar(lines, where, Path(where).name.partition(".")[0])


def _meme(lines: Sequence[str], where: str) -> list[Motif]:
    found: list[Motif] = []
    name, at = None, 0  # of the motif whose matrix has not come, and its line
    i = 0
    while i < len(lines):
        line, number = lines[i], i + 1
        i += 1
        if line.startswith("ALPHABET") and re.sub(r"ALPHABET\s*=?\s*", "", line) != "ACGT":
            raise InputError(f"{where}:{number}: expected ALPHABET= ACGT (DNA), found {line!r}")
        if line.startswith("MOTIF") and line.split()[0] == "MOTIF":
            if name is not None:
                raise _no_matrix(name, f"{where}:{at}")
            words = line.split()[1:]
            if not words:
                raise InputError(f"{where}:{number}: MOTIF without a name; name it")
            # MEME's own output has "MOTIF ACGT MEME-1 width = 4 ..."
            name, at = " ".join(words[: 2 if len(words) < 3 or "=" not in words[2] else 1]), number
        elif line.startswith("letter-probability matrix:"):
            if name is None:
                raise InputError(f"{where}:{number}: a matrix without a MOTIF line before it")
            width = _number_of(_WIDTH, line, f"{where}:{number}")
            rows: list[np.ndarray] = []
            while i < len(lines) and not lines[i]:  # blank lines before the matrix
                i += 1
            while i < len(lines) and (len(rows) < width if width else _is_numbers(lines[i])):
                rows.append(_numbers(lines[i].split(), f"{where}:{i + 1}", 4))
                if abs(rows[-1].sum() - 1) > _SUM_ERROR:
                    raise InputError(
                        f"{where}:{i + 1}: probabilities of {name} sum to {rows[-1].sum():g}; "
                        "expected 1"
                    )
                i += 1
            if len(rows) < max(width, 1):
                raise InputError(
                    f"{where}:{number}: {name} has {len(rows)} positions; expected "
                    f"{int(width) or 'some'}; the file is cut off"
                )
            n_sites = _number_of(_NSITES, line, f"{where}:{number}") or N_SITES
            found.append(_motif(name, np.stack(rows), n_sites, f"{where}:{number}"))
            name = None
    if name is not None:
        raise _no_matrix(name, f"{where}:{at}")
    if not found:
        raise InputError(f"{where}: no MOTIF in it; give a MEME file with one")
    return found


def _no_matrix(name: str, where: str) -> InputError:
    return InputError(f"{where}: MOTIF {name} has no letter-probability matrix; write one")


def _number_of(pattern: re.Pattern[str], line: str, where: str) -> float:
    """Return the number of a key of the matrix' line; 0 where it has none."""
    found = pattern.search(line)
    return float(_numbers([found[1]], where, 1)[0]) if found else 0.0


def _is_numbers(line: str) -> bool:
    return re.fullmatch(r"[0-9][0-9.eE+\-\s]*", line) is not None


def _jaspar(lines: Sequence[str], where: str, file_name: str) -> list[Motif]:
    found: list[Motif] = []
    name: str | None = None
    at, rows = 0, list[np.ndarray]()
    for number, line in enumerate([*lines, ">"], start=1):
        if not line or line.startswith("#"):
            continue
        if line.startswith(">"):
            if name is not None or rows:
                if len(rows) < 4:
                    raise InputError(
                        f"{where}:{at}: {name or file_name} has {len(rows)} rows; expected 4, "
                        "of A, C, G and T"
                    )
                matrix = np.stack(rows, axis=1)  # (L, 4)
                found.append(_motif(name or file_name, matrix, 0.0, f"{where}:{at}"))
            name, at, rows = " ".join(line[1:].split()), number, []
            if not name and number <= len(lines):
                raise InputError(f"{where}:{number}: '>' without a name; name the motif")
            continue
        at = at or number
        row = _JASPAR_ROW.fullmatch(line)
        letter = row and row[1] and row[1].upper()
        if row is None or len(rows) == 4 or (letter and letter != "ACGT"[len(rows)]):
            expected = "'>' and a name" if len(rows) == 4 else f"the row of {'ACGT'[len(rows)]}"
            raise InputError(
                f"{where}:{number}: expected a motif in JASPAR format, {expected}, found "
                f"{line[:60]!r}; MEME files begin with 'MEME version'"
            )
        words = (row[2] if row[2] is not None else row[3]).split()
        rows.append(_numbers(words, f"{where}:{number}", len(rows[0]) if rows else None))
    return found


def _numbers(words: Sequence[str], where: str, n: int | None) -> np.ndarray:
    """Return n numbers (any count but 0 for None), none of them negative."""
    try:
        values = np.array([float(word) for word in words])
        if 0 < len(values) == (n or len(values)) and ((values >= 0) & (values < np.inf)).all():
            return values
    except ValueError:
        pass
    raise InputError(
        f"{where}: expected {n or 'some'} number{'' if n == 1 else 's'}, finite and not negative, "
        f"of a motif, found {' '.join(words)[:60]!r}"
    )


def _motif(name: str, matrix: np.ndarray, n_sites: float, where: str) -> Motif:
    """Return the motif of counts or probabilities (L, 4); `n_sites` 0 is told by the counts."""
    sums = matrix.sum(axis=1, keepdims=True)
    if (sums <= 0).any():
        raise InputError(f"{where}: {name} has only 0 at position {int(sums.argmin()) + 1}")
    if len(matrix) > MAX_BASES:
        raise InputError(f"{where}: {name} has {len(matrix)} positions; expected {MAX_BASES}")
    if not n_sites:
        n_sites = N_SITES if np.abs(sums - 1).max() <= _SUM_ERROR else float(sums.mean())
    return Motif(name, matrix / sums, n_sites)
