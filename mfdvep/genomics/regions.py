"""Stretches of contigs that a user selects: as regions, or as a BED file. Pure Python."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.genomics.contigs import spellings
from mfdvep.genomics.text import TextStream

_REGION = re.compile(r"(?:\{([^{}]+)\}|([^:{}]+))(?::(\d+)(?:(-)(\d*))?)?")
_CUT_NUMBER = re.compile(r"\d{3}(-\d*)?")  # what a comma in a number leaves on its right
_END = (1 << 31) - 1  # beyond every contig, and what htslib takes

Stretch = tuple[int, int]


class Regions:
    """Stretches of contigs, merged where they overlap or touch.

    Parameters
    ----------
    stretches
        Contig -> (start, end) pairs, 0-based and half-open, in any order.
    """

    def __init__(self, stretches: Mapping[str, Iterable[Stretch]]) -> None:
        self._stretches = {chrom: _merged(found) for chrom, found in stretches.items()}
        self._named: dict[str, list[Stretch]] = {}  # under a name that was asked for

    @classmethod
    def parse(cls, regions: Sequence[str] = (), beds: Sequence[str | Path] = ()) -> Regions:
        """Return the stretches that regions and BED files name.

        Parameters
        ----------
        regions
            1-based and closed, as `bcftools -r` takes them: "chr1", "chr1:1000" (one base),
            "chr1:1000-2000", "chr1:1000-" (to the end), several with commas between them, so
            numbers have none. A name with a colon stands in braces: "{HLA-A*01:01}:1-9".
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
            named += _bed(bed)
        for chrom, start, end in named:
            if start < end:
                found.setdefault(chrom, []).append((start, end))
        if not found:
            raise InputError(
                f"no region selected by {', '.join(map(str, [*regions, *beds]))}; give one such "
                "as chr1:1000-2000, or a BED file with a line"
            )
        return cls(found)

    def stretches(self, chrom: str) -> list[Stretch]:
        """Return the stretches of a contig, by any of its names, 0-based half-open, in order."""
        if chrom not in self._named:
            names = dict.fromkeys(spellings(chrom))
            self._named[chrom] = _merged(s for name in names for s in self._stretches.get(name, ()))
        return self._named[chrom]

    def overlaps(self, chrom: str, start: int, end: int) -> bool:
        """Return whether a stretch, 0-based and half-open, has a base in one of these."""
        found = self.stretches(chrom)
        at = bisect_right(found, (start, _END)) - 1  # the last that starts at or before `start`
        return (at >= 0 and found[at][1] > start) or (
            at + 1 < len(found) and found[at + 1][0] < end
        )

    def describe(self) -> dict[str, list[list[int]]]:
        """Return contig -> stretches, sorted, as JSON has it: alike if they select alike."""
        return {
            chrom: [list(stretch) for stretch in self._stretches[chrom]]
            for chrom in sorted(self._stretches)
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
        return chrom, 0, _END
    start = int(first)
    end = start if dash is None else int(last) if last else _END
    if start < 1 or end < start:
        raise InputError(
            f"region {part!r}: positions start at 1, and the end is not before the start"
        )
    return chrom, start - 1, min(end, _END)


def _bed(path: str | Path) -> Iterator[tuple[str, int, int]]:
    """Yield contig, start and end of each line of a BED file."""
    with closing(TextStream(path)) as text:
        for number, line in enumerate(text, start=1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            fields = line.rstrip("\r").split("\t")
            digits = [field for field in fields[1:3] if field.isascii() and field.isdigit()]
            if len(digits) < 2 or int(fields[1]) > int(fields[2]):
                raise InputError(
                    f"{text.name}:{number}: expected BED, CHROM START END with tabs and START not "
                    f"beyond END, found {line[:60]!r}"
                )
            yield fields[0], int(fields[1]), min(int(fields[2]), _END)
