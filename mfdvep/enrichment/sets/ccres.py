"""ENCODE's candidate cis-regulatory elements: a BED with their classes.

Version 3 (SCREEN): chrom, start, end, rDHS, accession, class such as "pELS,CTCF-bound"; version 4
the same with classes such as "CA-CTCF"; UCSC's and others' tables have more columns or fewer. The
class is in the last column whose text is the name of one.

Source: ENCODE Project Consortium 2020 (version 3: PLS, pELS, dELS, DNase-H3K4me3, CTCF-only, each
with or without CTCF-bound); Moore 2024 (version 4: PLS, pELS, dELS, CA-H3K4me3, CA-CTCF, CA-TF, CA,
TF).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.genomics.contigs import spellings
from mfdvep.genomics.text import TextStream

ALL = "all"
_CLASS = re.compile(
    "(PLS|[pd]?ELS|CTCF-only|CTCF|DNase-H3K4me3|DNase-only|CA|CA-H3K4me3|CA-CTCF|CA-TF|TF)"
    "(,CTCF-bound)?|Low-DNase"
)
_NUMBER = re.compile("[0-9]{1,10}")


class Ccres:
    """Elements by contig.

    Parameters
    ----------
    elements
        (contig, start, end, class), 0-based and half-open, in any order.

    Attributes
    ----------
    contigs
        Names of contigs with an element, as given.
    """

    def __init__(self, elements: Sequence[tuple[str, int, int, str]]) -> None:
        self._starts: dict[str, list[int]] = {}
        self._ends: dict[str, list[int]] = {}
        self._classes: dict[str, list[str]] = {}
        self._longest: dict[str, int] = {}
        for chrom, start, end, name in sorted(elements):
            self._starts.setdefault(chrom, []).append(start)
            self._ends.setdefault(chrom, []).append(end)
            self._classes.setdefault(chrom, []).append(name)
            self._longest[chrom] = max(self._longest.get(chrom, 0), end - start)
        self.contigs = tuple(self._starts)

    def __len__(self) -> int:
        return sum(map(len, self._starts.values()))

    def has_contig(self, chrom: str) -> bool:
        """Return whether there is an element on a contig, by any of its names."""
        return self._name(chrom) in self._starts

    def classes(self, chrom: str, start: int, end: int) -> tuple[str, ...]:
        """Return the class of each element that has a base of a stretch, 0-based and half-open."""
        name = self._name(chrom)
        if name not in self._starts:
            return ()
        starts, ends = self._starts[name], self._ends[name]
        found = []
        for at in range(bisect_left(starts, start - self._longest[name]), bisect_left(starts, end)):
            if ends[at] > start:
                found.append(self._classes[name][at])
        return tuple(found)

    def _name(self, chrom: str) -> str:
        if chrom in self._starts:
            return chrom
        return next((name for name in spellings(chrom) if name in self._starts), chrom)


def is_chosen(name: str, wanted: Sequence[str]) -> bool:
    """Return whether a class has one of the texts in it; ELS is in pELS and in dELS."""
    return ALL in wanted or any(text in name for text in wanted)


def read_ccres(path: str | Path, wanted: Sequence[str] = (ALL,)) -> Ccres:
    """Return the elements of a BED.

    Parameters
    ----------
    wanted
        Texts of classes that must be there, or "all", for which no class needs to be known.

    Raises
    ------
    InputError
        Missing, damaged, no BED, with its line; no element; no class, or none of those wanted.
    """
    elements = []
    with closing(TextStream(path)) as text:
        for number, line in enumerate(text, start=1):
            fields = line.rstrip("\r").split("\t")
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            if len(fields) < 3 or not all(map(_NUMBER.fullmatch, fields[1:3])):
                raise InputError(
                    f"{text.name}:{number}: expected BED, CHROM START END with tabs, found "
                    f"{line[:60]!r}; give ENCODE's cCREs as BED"
                )
            classes = [field for field in fields[3:] if _CLASS.fullmatch(field)]
            elements.append((fields[0], int(fields[1]), int(fields[2]), (classes or [""])[-1]))
    if not elements:
        raise InputError(f"{path}: no element; give ENCODE's cCREs as BED")
    names = sorted({name for *_, name in elements} - {""})
    if not names and ALL not in wanted:
        raise InputError(
            f"{path}: no column has classes such as PLS, dELS or CA-CTCF; give a BED that has, or "
            "--class all"
        )
    if not any(is_chosen(name, wanted) for name in [*names, ""]):
        raise InputError(
            f"{path}: no element of a class with {' or '.join(wanted)} in its name; the classes "
            f"are {', '.join(names[:20])}; choose with --class"
        )
    return Ccres(elements)
