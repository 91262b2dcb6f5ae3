"""The only VCF reader: records as text, byte for byte, from VCF or BCF, file or stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from mfdvep.errors import InputError
from mfdvep.genomics.bcf import BcfSource
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.sections import WHOLE, Section, cut
from mfdvep.genomics.text import PARQUET, TextStream
from mfdvep.genomics.vcf_index import index_of

_FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_MAGIC = b"##fileformat=VCF"
_POS_DIGITS = 18  # fewer than 64 bits hold, as the tables of effects have them

Lines = Iterable[tuple[str, Any]]
"""Lines of records without their newline, each with the record of a BCF or None."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a VCF.

    Attributes
    ----------
    index
        0-based, among the records that are read.
    line
        The line without its final newline; a carriage return stays.
    chrom, pos, ref
        As written; `pos` 1-based.
    alts
        ALT alleles as written; none for ".".
    native
        The record of a BCF, as pysam has it; None for one of a text.
    section
        Number of the section of the file that it is in, 0 where there is but one.
    """

    index: int
    line: str
    chrom: str
    pos: int
    ref: str
    alts: tuple[str, ...]
    native: Any = field(default=None, compare=False, repr=False)
    section: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Part:
    """A section of a file to be read without the others.

    Attributes
    ----------
    number
        Of the section, 0-based.
    section
        Where it is.
    n_lines, n_records
        How many come before it, as `VcfReader.count` has them.
    """

    number: int
    section: Section
    n_lines: int = 0
    n_records: int = 0


class VcfReader:
    """The header and, iterated once, the records of a VCF; see `open_vcf`.

    Attributes
    ----------
    name
        For messages.
    header_lines
        Without newlines, "#CHROM..." last.
    contigs
        Declared contigs, in order -> length, None where none is declared.
    sections
        Those that it is cut into; none if it has to be read as a whole.
    """

    def __init__(
        self,
        name: str,
        header_lines: list[str],
        parts: Iterable[tuple[Part, Lines]],
        *,
        files: Sequence[Any],
        regions: Regions | None = None,
        through_index: bool = False,
    ) -> None:
        self.name, self.header_lines = name, header_lines
        self._files, self._regions = files, regions
        self._parts = list(parts)
        self.sections = [part.section for part, _ in self._parts] if through_index else []
        # whether the lines are all those of the file, in order
        self._numbered = regions is None or not through_index
        self._n_lines = self._parts[0][0].n_lines if self._parts else 0
        self._lines = self._each_line()
        columns = header_lines[-1].rstrip("\r") if header_lines else ""
        if not f"{columns}\t".startswith(f"{_FIXED}\t"):
            raise InputError(
                f"{name}:{len(header_lines)}: expected the line '#CHROM POS ID REF ALT QUAL "
                f"FILTER INFO ...' with tabs, found {columns[:60]!r}; give a whole VCF"
            )
        self._n_columns = columns.count("\t") + 1
        declared = [at for at in header_lines if at.startswith("##contig=<")]
        self.contigs = dict(_contig(at) for at in declared)
        if regions is not None and self.contigs and not any(map(regions.stretches, self.contigs)):
            raise InputError(
                f"{name}: has no contig of the regions ({', '.join(regions.contigs[:5])}); those "
                f"that it declares begin with {', '.join(list(self.contigs)[:5])}"
            )

    def __iter__(self) -> Iterator[Record]:
        empty = ""  # where the first empty line is; some editors leave them at the end
        index = self._parts[0][0].n_records if self._parts else 0
        for section, line, native in self._lines:
            if line in ("", "\r"):
                empty = empty or self._at(index)
                continue
            if empty:
                raise InputError(f"{empty}: empty line before the last record; get the file again")
            n_columns = line.count("\t") + 1
            if n_columns != self._n_columns:
                raise InputError(
                    f"{self._at(index)}: {n_columns} tab-separated columns, expected "
                    f"{self._n_columns} as in the #CHROM line; repair it or get the file again"
                )
            chrom, digits, _, ref, alt, _ = line.split("\t", 5)
            if not (digits.isascii() and digits.isdigit() and len(digits) <= _POS_DIGITS):
                raise InputError(
                    f"{self._at(index)}: POS {digits[:30]!r} is no number of at most "
                    f"{_POS_DIGITS} digits; repair it"
                )
            pos = int(digits)
            if self._regions is None or self._regions.overlaps(chrom, pos - 1, pos - 1 + len(ref)):
                alts = () if alt in ("", ".") else tuple(alt.split(","))
                yield Record(index, line, chrom, pos, ref, alts, native, section)
                index += 1

    def count(self) -> tuple[int, int]:
        """Return how many lines and records there are; read once, instead of the iteration.

        A line that is not a record's ends the count of records, and is refused by who reads them.
        """
        n_lines, n_records = self._n_lines, 0
        try:
            for _ in self:
                n_records += 1
        except InputError:
            for _ in self._lines:
                pass
        return self._n_lines - n_lines, n_records

    def _each_line(self) -> Iterator[tuple[int, str, Any]]:
        for part, lines in self._parts:
            for line, native in lines:
                self._n_lines += 1
                yield part.number, line, native

    def _at(self, index: int) -> str:
        if not self._numbered:
            return f"{self.name}: record {index + 1} of the regions"
        return f"{self.name}:{len(self.header_lines) + self._n_lines}"

    def close(self) -> None:
        """Close the file."""
        for file in self._files:
            file.close()

    def __enter__(self) -> VcfReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_vcf(
    path: str | Path,
    *,
    regions: Regions | None = None,
    section_size: int | None = None,
    part: Part | None = None,
) -> VcfReader:
    """Return a reader of a VCF: text, gzip, bgzip or BCF, told by content; "-" is standard input.

    A Parquet file of variants is read as the VCF that `parquet_variants` makes of it.

    Parameters
    ----------
    regions
        Only records whose REF overlaps one of them; through the index of the file, if there is
        one that is not older than the file.
    section_size
        About how many records a section is to hold, of a file with such an index; None: it is
        not cut.
    part
        Only this section of it.

    Raises
    ------
    InputError
        Missing; not a VCF; no #CHROM line; bgzip without its end block; an index that is damaged
        or of another file; it declares contigs, and none of the regions is on one. From the
        iteration, with file and line: damaged compression, columns missing, POS no number, an
        empty line inside; an index that does not fit.
    """
    text = TextStream(path)
    try:
        if text.head.startswith((b"BCF\x02", b"BCF\x04")):
            bcf = BcfSource(text)
            source = _Source(text, bcf.header_lines, bcf.lines, bcf.between, [bcf, text])
            return _reader(source, regions, section_size, part, bcf.contigs)
        if text.head.startswith(PARQUET):
            return _open_parquet(text, regions)
        # inflated, a head may be shorter, and the rest of the line is looked at later
        if not text.head or not text.head.startswith(_MAGIC[: len(text.head)]):
            raise InputError(
                f"{text.name}: not a VCF: expected ##fileformat=VCFv4.x first, found "
                f"{text.head!r}; give a VCF"
            )
        return _reader(_text_source(text), regions, section_size, part)
    except BaseException:
        text.close()
        raise


@dataclass(frozen=True)
class _Source:
    """A file whose header is read.

    Attributes
    ----------
    lines
        Gives all lines of its records.
    between
        Gives those between two virtual offsets, of a bgzip file.
    files
        To be closed.
    """

    text: TextStream
    header_lines: list[str]
    lines: Callable[[], Lines]
    between: Callable[[int, int | None], Lines]
    files: list[Any]


def _text_source(text: TextStream) -> _Source:
    lines = iter(text)
    header: list[str] = []
    for line in lines:
        header.append(line)
        if not line.startswith("##"):
            break

    def between(start: int, end: int | None) -> Lines:
        n_header = 0 if start else len(header)
        return ((line, None) for line in islice(text.between(start, end), n_header, None))

    return _Source(text, header, lambda: ((line, None) for line in lines), between, [text])


def _reader(
    source: _Source,
    regions: Regions | None,
    section_size: int | None,
    part: Part | None,
    contigs: Sequence[str] = (),
) -> VcfReader:
    """Return a reader of a file: through its index, if there is one and a use for it."""
    text = source.text
    index = index_of(text.name) if text.is_file and text.is_bgzip else None
    through = part is not None
    parts = [Part(0, WHOLE)] if part is None else [part]
    if part is None and index is not None and (regions is not None or section_size is not None):
        found = cut(text.name, index, n_records=section_size, regions=regions, contigs=contigs)
        parts = [Part(number, section) for number, section in enumerate(found)]
        through = True

    def lines_of(section: Section) -> Lines:
        for start, end in section.spans:
            yield from source.between(start, end)

    return VcfReader(
        text.name,
        source.header_lines,
        [(each, lines_of(each.section) if through else source.lines()) for each in parts],
        files=source.files,
        regions=regions,
        through_index=through,
    )


def _open_parquet(text: TextStream, regions: Regions | None) -> VcfReader:
    from mfdvep.genomics.parquet_variants import open_parquet  # pyarrow is loaded for these alone

    if not text.is_file:
        raise InputError(f"{text.name}: Parquet cannot be read as a stream; give the file's name")
    header, lines = open_parquet(text.name)
    return VcfReader(text.name, header, [(Part(0, WHOLE), lines)], files=[text], regions=regions)


def _contig(line: str) -> tuple[str, int | None]:
    """Return name and length of a ##contig line."""
    found = re.search(r"[<,]ID=([^,>]+)", line)
    length = re.search(r"[<,]length=(\d+)", line)
    return found[1] if found else "", int(length[1]) if length else None
