"""Stretches of contigs that a user selects: as regions, or as a BED file. Pure Python."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.genomics.contigs import spellings
from mfdvep.genomics.text import TextStream

_POSITION = "0|[1-9][0-9]{0,17}"  # 01 is no position, but the end of a name: HLA-A*01:01
_REGION = re.compile(
    rf"(?:\{{([^{{}}\s]+)\}}|([^:{{}}\s]+))(?::({_POSITION})(?:(-)({_POSITION}|))?)?"
)
_BED_NUMBER = re.compile("[0-9]{1,18}")
_CUT_NUMBER = re.compile(r"\d{3}(-\d*)?")  # what a comma in a number leaves on its right
TO_THE_END = (1 << 31) - 1  # beyond every contig, and what htslib takes

Stretch = tuple[int, int]


class Regions:
    """Stretches of contigs, merged where they overlap or touch.

    Names that mean the same contig, such as chr1 and 1, are one contig.

    Parameters
    ----------
    stretches
        Contig -> (start, end) pairs, 0-based and half-open, in any order.
    """

    def __init__(self, stretches: Mapping[str, Iterable[Stretch]]) -> None:
        together: dict[str, list[Stretch]] = {}
        for chrom in sorted(stretches):
            name = next((name for name in spellings(chrom) if name in together), chrom)
            together.setdefault(name, []).extend(stretches[chrom])
        self._stretches = {name: _merged(found) for name, found in together.items()}
        self._named: dict[str, list[Stretch]] = {}  # under a name that was asked for

    @classmethod
    def parse(cls, regions: Sequence[str] = (), beds: Sequence[str | Path] = ()) -> Regions:
        """Return the stretches that regions and BED files name.

        Parameters
        ----------
        regions
            1-based and closed, as `bcftools -r` takes them: "chr1", "chr1:1000" (one base),
            "chr1:1000-2000", "chr1:1000-" (to the end), several with commas between them, so
            numbers have none. A name with a colon stands in braces: "{HLA-A*01:01}:1-9". What
            bcftools 1.16 misreads is refused: "chr1:-9", "chr1:0-9", "chr1:1,000", "chr1:1k".
        beds
            BED files, plain or compressed: 0-based, half-open, tab-separated. An empty stretch
            selects nothing. (`bcftools -R` reads 1-based files unless they are named .bed; this
            reads BED always.)

        Raises
        ------
        InputError
            A region of another form; a BED that cannot be read, with its line; or nothing is
            selected.
        """
        found: dict[str, list[Stretch]] = {}
        named = [_region(part, text) for text in regions for part in _parts(text)]
        for bed in beds:
            named += [(line.chrom, line.start, line.end) for line in bed_lines(bed)]
        for chrom, start, end in named:
            if start < end:
                found.setdefault(chrom, []).append((start, end))
        if not found:
            given = ", ".join(map(str, [*regions, *beds])) or "an empty list"
            raise InputError(
                f"no region selected by {given}; give one such as chr1:1000-2000, or a BED file "
                "with a line"
            )
        return cls(found)

    @property
    def contigs(self) -> tuple[str, ...]:
        """Each contig selected from, by one of the names that it was given, in order of names."""
        return tuple(self._stretches)

    def stretches(self, chrom: str) -> list[Stretch]:
        """Return the stretches of a contig, by any of its names, 0-based half-open, in order."""
        if chrom not in self._named:
            known = (name for name in spellings(chrom) if name in self._stretches)
            self._named[chrom] = self._stretches.get(next(known, chrom), [])
        return self._named[chrom]

    def overlaps(self, chrom: str, start: int, end: int) -> bool:
        """Return whether a stretch, 0-based and half-open, has a base in one of these."""
        found = self.stretches(chrom)
        at = (
            bisect_right(found, (start, TO_THE_END)) - 1
        )  # the last that starts at or before `start`
        return (at >= 0 and found[at][1] > start) or (
            at + 1 < len(found) and found[at + 1][0] < end
        )

    def describe(self) -> dict[str, list[list[int]]]:
        """Return contig -> stretches, sorted, as JSON has it: alike if they select alike."""
        return {
            chrom: [list(stretch) for stretch in found] for chrom, found in self._stretches.items()
        }


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order, with those that overlap or touch made one."""
    merged: list[Stretch] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _parts(text: str) -> list[str]:
    """Return the regions that commas separate."""
    parts = text.split(",")
    for before, part in pairwise(parts):
        if ":" in before and _CUT_NUMBER.fullmatch(part):
            raise InputError(f"region {text!r}: a comma separates regions; write numbers without")
    return parts


def _region(part: str, text: str) -> tuple[str, int, int]:
    """Return contig, 0-based start and end of a region."""
    found = _REGION.fullmatch(part.strip())
    if found is None:
        raise InputError(
            f"region {part!r} in {text!r}: expected chr1, chr1:1000, chr1:1000-2000 or chr1:1000-, "
            "and {NAME}:1-9 for a name with a colon"
        )
    braced, plain, first, dash, last = found.groups()
    chrom = braced or plain
    if first is None:
        return chrom, 0, TO_THE_END
    start = int(first)
    end = start if dash is None else int(last) if last else TO_THE_END
    if not 1 <= start <= TO_THE_END or end < start:
        raise InputError(
            f"region {part!r}: positions start at 1 and reach {TO_THE_END}, and the end is not "
            "before the start"
        )
    return chrom, start - 1, min(end, TO_THE_END)


@dataclass(frozen=True, slots=True)
class BedLine:
    """One stretch of a BED file.

    Attributes
    ----------
    chrom, start, end
        0-based, half-open; the end at most 2^31 - 1.
    rest
        Fields after the third, as written; the first is the name, if there is one.
    number
        Of the line in its file, from 1.
    """

    chrom: str
    start: int
    end: int
    rest: tuple[str, ...]
    number: int


def bed_lines(path: str | Path) -> Iterator[BedLine]:
    """Yield the stretches of a BED file, plain or compressed, in its order.

    Raises
    ------
    InputError
        It cannot be read, or a line is no BED (line named).
    """
    with closing(TextStream(path)) as text:
        for number, line in enumerate(text, start=1):
            words = line.split(maxsplit=1)
            if not words or words[0] in ("track", "browser") or line.startswith("#"):
                continue
            fields = line.rstrip("\r").split("\t")
            start, end = _bed_numbers(fields)
            if start > min(end, TO_THE_END) or not fields[0]:
                raise InputError(
                    f"{text.name}:{number}: expected BED, CHROM START END with tabs and START not "
                    f"beyond END, found {line[:60]!r}"
                )
            yield BedLine(fields[0], start, min(end, TO_THE_END), tuple(fields[3:]), number)


def _bed_numbers(fields: list[str]) -> Stretch:
    """Return start and end of a BED line; an end before the start where they are no numbers."""
    numbers = [int(field) for field in fields[1:3] if _BED_NUMBER.fullmatch(field)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, -1)
