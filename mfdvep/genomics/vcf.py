"""The only VCF reader and writer. Text is passed through byte for byte, so it is split here."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pysam
from cyvcf2 import VCF

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.info import append_info, is_mfd
from mfdvep.genomics.text import CODEC, TextStream

_FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_INFO_ID = re.compile(r'##INFO=<(?:[^"]*,)?ID=([^,>]+)')


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a VCF.

    Attributes
    ----------
    index
        0-based, among the records of the input.
    line
        The line without its final newline; a carriage return stays.
    chrom, pos, ref
        As written; `pos` 1-based.
    alts
        ALT alleles as written; none for ".".
    """

    index: int
    line: str
    chrom: str
    pos: int
    ref: str
    alts: tuple[str, ...]


class VcfReader:
    """The header and, iterated once, the records of a VCF; see `open_vcf`.

    Attributes
    ----------
    header_lines
        Without newlines, "#CHROM..." last.
    contigs
        Declared contigs, in order -> length, None where none is declared.
    """

    def __init__(self, name: str, lines: Iterator[str], files: Sequence[Any]) -> None:
        self.name = name
        self._lines, self._files = lines, files
        self.header_lines: list[str] = []
        for line in lines:
            self.header_lines.append(line)
            if not line.startswith("##"):
                break
        columns = self.header_lines[-1].rstrip("\r") if self.header_lines else ""
        if not f"{columns}\t".startswith(f"{_FIXED}\t"):
            raise InputError(
                f"{name}:{len(self.header_lines)}: expected the line '#CHROM POS ID REF ALT QUAL "
                f"FILTER INFO ...' with tabs, found {columns[:60]!r}; give a whole VCF"
            )
        self._n_columns = columns.count("\t") + 1
        self.contigs = dict(_contig(at) for at in self.header_lines if at.startswith("##contig=<"))

    def __iter__(self) -> Iterator[Record]:
        empty = ""  # where the first empty line is; some editors leave them at the end
        for index, line in enumerate(self._lines):
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
            chrom, pos, _, ref, alt, _ = line.split("\t", 5)
            if not (pos.isascii() and pos.isdigit()):
                raise InputError(f"{self._at(index)}: POS {pos!r} is no number; repair the line")
            alts = () if alt in ("", ".") else tuple(alt.split(","))
            yield Record(index, line, chrom, int(pos), ref, alts)

    def _at(self, index: int) -> str:
        return f"{self.name}:{len(self.header_lines) + index + 1}"

    def close(self) -> None:
        """Close the file."""
        for file in self._files:
            file.close()

    def __enter__(self) -> VcfReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_vcf(path: str | Path) -> VcfReader:
    """Return a reader of a VCF: text, gzip, bgzip or BCF, told by content; "-" is standard input.

    Raises
    ------
    InputError
        Missing; not a VCF; no #CHROM line; bgzip without its end block. From the iteration, with
        file and line: damaged compression, columns missing, POS no number, an empty line inside.
    """
    text = TextStream(path)
    try:
        if text.head.startswith(b"BCF\x02"):
            if not text.is_file:
                raise InputError(
                    f"{text.name}: BCF can be read from a file only; pipe it through bcftools view"
                )
            return _bcf_reader(text)
        if not text.head.startswith(b"##fileformat=VCF"):
            raise InputError(
                f"{text.name}: not a VCF: expected ##fileformat=VCFv4.x first, found "
                f"{text.head!r}; give a VCF"
            )
        return VcfReader(text.name, iter(text), [text])
    except BaseException:
        text.close()
        raise


def _bcf_reader(text: TextStream) -> VcfReader:
    """Return a reader of a BCF, whose lines are those that htslib writes for it."""
    try:
        bcf = VCF(text.name)
    except Exception as error:  # cyvcf2 raises plain Exception for what is damaged
        raise InputError(f"{text.name}: damaged BCF: {error}; get the file again") from error

    def lines() -> Iterator[str]:
        yield from bcf.raw_header.rstrip("\n").split("\n")
        try:
            for record in bcf:
                yield str(record).rstrip("\n")
        except Exception as error:
            raise InputError(f"{text.name}: damaged BCF: {error}; get the file again") from error

    return VcfReader(text.name, lines(), [bcf, text])


def _contig(line: str) -> tuple[str, int | None]:
    """Return name and length of a ##contig line."""
    found = re.search(r"[<,]ID=([^,>]+)", line)
    length = re.search(r"[<,]length=(\d+)", line)
    return found[1] if found else "", int(length[1]) if length else None


class VcfWriter:
    """Writes records with INFO keys added, and leaves no half-written file.

    A context manager: the file appears under its name on a clean exit, and not at all on an error.

    Parameters
    ----------
    path
        NAME.vcf.gz (bgzip), NAME.vcf, or "-" for text on standard output.
    header_lines
        As `VcfReader.header_lines`.
    added_header_lines
        Written after the existing ones, just before "#CHROM".

    Raises
    ------
    OutputError
        The output exists and `force` is not set, has another ending, or cannot be written.
    InputError
        The header declares an MFD key: the VCF has been annotated before.
    """

    def __init__(
        self,
        path: str | Path,
        header_lines: Sequence[str],
        added_header_lines: Sequence[str],
        *,
        force: bool = False,
    ) -> None:
        self._path = None if str(path) == "-" else Path(path)
        if self._path is not None:
            if not self._path.name.endswith((".vcf", ".vcf.gz")):
                raise OutputError(f"{path}: expected a name that ends in .vcf.gz or .vcf, or -")
            if self._path.exists() and not force:
                raise OutputError(f"{path} exists; choose another output or use --force")
        for match in filter(None, map(_INFO_ID.match, header_lines)):
            if is_mfd(match[1]):
                raise InputError(
                    f"the VCF declares INFO {match[1]}: it is annotated already; score the "
                    "original, or remove the keys: bcftools annotate -x INFO/" + match[1]
                )
        # new lines end as the old ones do
        cr = "\r" if header_lines[-1].endswith("\r") else ""
        self._header = [*header_lines[:-1], *(x + cr for x in added_header_lines), header_lines[-1]]

    def __enter__(self) -> VcfWriter:
        self._file: BinaryIO | pysam.BGZFile
        self._part: Path | None
        if self._path is None:
            self._file, self._part = sys.stdout.buffer, None
        else:
            self._part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
            try:
                self._file = self._part.open("wb")
                if self._path.name.endswith(".gz"):
                    # opened first: pysam 0.24 crashes on a path that it cannot open
                    self._file.close()
                    # the stub forgets that the index may be left out
                    self._file = pysam.BGZFile(str(self._part), "wb")  # type: ignore[call-arg]
            except OSError as error:
                raise self._failed(error) from error
        try:
            self._put(self._header)
        except OutputError as error:
            self.__exit__(type(error))
            raise
        return self

    def write(self, line: str, info: Iterable[tuple[str, str]]) -> None:
        """Write a record's line with keys and values appended to its INFO.

        Parameters
        ----------
        line
            As `Record.line`; every other byte of it stays.
        info
            Keys and values, escaped where needed (see `info.escape_info`).

        Raises
        ------
        InputError
            Its INFO has an MFD key already.
        OutputError
            It cannot be written, e.g. the disk is full.
        """
        self._put([append_info(line, info)])

    def _put(self, lines: Sequence[str]) -> None:
        try:
            self._file.write("".join(f"{line}\n" for line in lines).encode(**CODEC))
        except BrokenPipeError:  # the reader of standard output has had enough
            raise
        except OSError as error:
            raise self._failed(error) from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._part is None or self._path is None:  # standard output has neither
                self._file.flush()
                return
            self._file.close()
            if kind is None:
                os.replace(self._part, self._path)
        except BrokenPipeError:
            raise
        except OSError as error:
            if kind is None:
                raise self._failed(error) from error
        finally:
            if self._part is not None:
                self._part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> OutputError:
        target = "standard output" if self._path is None else self._path
        return OutputError(f"{target}: cannot be written: {error.strerror or error}; nothing kept")


def write_index(path: str | Path) -> Path:
    """Write the tabix index of a sorted VCF.gz and return its path.

    Raises
    ------
    OutputError
        The records are not sorted, or the index cannot be written.
    """
    verbosity = pysam.set_verbosity(0)  # htslib would print the reason on its own
    try:
        pysam.tabix_index(str(path), preset="vcf", force=True)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be indexed; sort it if it is not sorted: bcftools sort -Oz {path}"
        ) from error
    finally:
        pysam.set_verbosity(verbosity)
    return Path(f"{path}.tbi")
