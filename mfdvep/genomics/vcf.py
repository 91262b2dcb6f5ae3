"""The only VCF reader: records as text, byte for byte, from VCF or BCF, file or stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pysam

from mfdvep.errors import InputError
from mfdvep.genomics.bcf import BCF_DAMAGE, BcfSource
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.text import CODEC, PARQUET, TextStream

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
    """

    index: int
    line: str
    chrom: str
    pos: int
    ref: str
    alts: tuple[str, ...]
    native: Any = field(default=None, compare=False, repr=False)


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
    """

    def __init__(
        self,
        name: str,
        header_lines: list[str],
        lines: Lines,
        *,
        files: Sequence[Any],
        regions: Regions | None = None,
        numbered: bool = True,
    ) -> None:
        self.name, self.header_lines = name, header_lines
        self._lines, self._files, self._regions = lines, files, regions
        self._numbered = numbered  # whether the lines are all those of the file, in order
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
        index = 0
        for number, (line, native) in enumerate(self._lines):
            if line in ("", "\r"):
                empty = empty or self._at(number)
                continue
            if empty:
                raise InputError(f"{empty}: empty line before the last record; get the file again")
            n_columns = line.count("\t") + 1
            if n_columns != self._n_columns:
                raise InputError(
                    f"{self._at(number)}: {n_columns} tab-separated columns, expected "
                    f"{self._n_columns} as in the #CHROM line; repair it or get the file again"
                )
            chrom, digits, _, ref, alt, _ = line.split("\t", 5)
            if not (digits.isascii() and digits.isdigit() and len(digits) <= _POS_DIGITS):
                raise InputError(
                    f"{self._at(number)}: POS {digits[:30]!r} is no number of at most "
                    f"{_POS_DIGITS} digits; repair it"
                )
            pos = int(digits)
            if self._regions is None or self._regions.overlaps(chrom, pos - 1, pos - 1 + len(ref)):
                alts = () if alt in ("", ".") else tuple(alt.split(","))
                yield Record(index, line, chrom, pos, ref, alts, native)
                index += 1

    def _at(self, number: int) -> str:
        if not self._numbered:
            return f"{self.name}: record {number + 1} of the regions"
        return f"{self.name}:{len(self.header_lines) + number + 1}"

    def close(self) -> None:
        """Close the file."""
        for file in self._files:
            file.close()

    def __enter__(self) -> VcfReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_vcf(path: str | Path, *, regions: Regions | None = None) -> VcfReader:
    """Return a reader of a VCF: text, gzip, bgzip or BCF, told by content; "-" is standard input.

    A Parquet file of variants is read as the VCF that `parquet_variants` makes of it.

    Parameters
    ----------
    regions
        Only records whose REF overlaps one of them; through the index of the file, if there is
        one that is not older than the file and its header has no carriage returns, which an index
        loses.

    Raises
    ------
    InputError
        Missing; not a VCF; no #CHROM line; bgzip without its end block; it declares contigs, and
        none of the regions is on one. From the iteration, with file and line: damaged compression,
        columns missing, POS no number, an empty line inside; an index that does not fit.
    """
    text = TextStream(path)
    try:
        if text.head.startswith((b"BCF\x02", b"BCF\x04")):
            return _open_bcf(text, regions)
        if text.head.startswith(PARQUET):
            return _open_parquet(text, regions)
        # inflated, a head may be shorter, and the rest of the line is looked at later
        if not text.head or not text.head.startswith(_MAGIC[: len(text.head)]):
            raise InputError(
                f"{text.name}: not a VCF: expected ##fileformat=VCFv4.x first, found "
                f"{text.head!r}; give a VCF"
            )
        return _open_text(text, regions)
    except BaseException:
        text.close()
        raise


def _open_text(text: TextStream, regions: Regions | None) -> VcfReader:
    lines = iter(text)
    header: list[str] = []
    for line in lines:
        header.append(line)
        if not line.startswith("##"):
            break
    # htslib drops carriage returns
    if regions is not None and _has_index(text) and not header[-1].endswith("\r"):
        with _through(text):
            index = pysam.TabixFile(text.name, encoding="latin-1")

        def fetch(chrom: str, start: int, end: int) -> Lines:
            with _through(text):
                for line in index.fetch(chrom, start, end):
                    yield line.encode("latin-1").decode(**CODEC), None

        found = _through_index(fetch, regions, index.contigs)
        files: list[Any] = [text, index]
        return VcfReader(text.name, header, found, files=files, regions=regions, numbered=False)
    whole = ((line, None) for line in lines)
    return VcfReader(text.name, header, whole, files=[text], regions=regions)


def _open_bcf(text: TextStream, regions: Regions | None) -> VcfReader:
    bcf = BcfSource(text)
    files = [bcf, text]
    if regions is None or not _has_index(text):
        return VcfReader(text.name, bcf.header_lines, bcf.lines(), files=files, regions=regions)
    found = _through_index(bcf.fetch, regions, bcf.contigs)
    return VcfReader(
        text.name, bcf.header_lines, found, files=files, regions=regions, numbered=False
    )


def _open_parquet(text: TextStream, regions: Regions | None) -> VcfReader:
    from mfdvep.genomics.parquet_variants import open_parquet  # pyarrow is loaded for these alone

    if not text.is_file:
        raise InputError(f"{text.name}: Parquet cannot be read as a stream; give the file's name")
    header, lines = open_parquet(text.name)
    return VcfReader(text.name, header, lines, files=[text], regions=regions)


@contextmanager
def _through(text: TextStream) -> Iterator[None]:
    """Turn what pysam raises for a file that its index does not fit into an InputError."""
    try:
        yield
    except BCF_DAMAGE as error:
        raise InputError(
            f"{text.name}: cannot be read through its index ({error}); check the file, then make "
            f"the index again: bcftools index -f {text.name}"
        ) from error


def _has_index(text: TextStream) -> bool:
    """Return whether an index lies beside a file that is not older than the file."""
    if not (text.is_file and text.is_bgzip):
        return False
    changed = Path(text.name).stat().st_mtime
    indexes = [Path(f"{text.name}{ending}") for ending in (".tbi", ".csi")]
    return any(path.is_file() and path.stat().st_mtime >= changed for path in indexes)


def _through_index(
    fetch: Callable[[str, int, int], Lines], regions: Regions, contigs: Iterable[str]
) -> Lines:
    """Yield what an index finds in regions, each record once, in the order of the file."""
    for chrom in contigs:
        before = 0  # end of the last stretch; what starts before it was found there
        for start, end in regions.stretches(chrom):
            for line, native in fetch(chrom, start, end):
                if int(line.split("\t", 2)[1]) - 1 >= before:
                    yield line, native
            before = end


def _contig(line: str) -> tuple[str, int | None]:
    """Return name and length of a ##contig line."""
    found = re.search(r"[<,]ID=([^,>]+)", line)
    length = re.search(r"[<,]length=(\d+)", line)
    return found[1] if found else "", int(length[1]) if length else None
