"""The only VCF writer: annotated records in parts, and the parts as one file with its index."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pysam

from mfdvep.errors import OutputError
from mfdvep.genomics.bcf_encoder import BcfEncoder, Info
from mfdvep.genomics.bgzf import END_BLOCK, has_end
from mfdvep.genomics.header import annotated_header
from mfdvep.genomics.info import append_info
from mfdvep.genomics.own import ALLELES, Annotation
from mfdvep.genomics.text import CODEC
from mfdvep.genomics.vcf import Record
from mfdvep.storage import AnyPath, Remote

ENDINGS = (".vcf.gz", ".vcf", ".bcf")
_TBI_MAX = 1 << 29  # bases that a .tbi can address

Annotated = Iterable[tuple[Record, Info]]


def output_form(path: str | AnyPath) -> str:
    """Return the form of an output by its name: one of `ENDINGS`; ".vcf" for "-".

    Raises
    ------
    OutputError
        Another ending.
    """
    if str(path) == "-":
        return ".vcf"
    name = path.name if isinstance(path, Remote) else Path(path).name
    for ending in ENDINGS:
        if name.endswith(ending):
            return ending
    raise OutputError(f"{path}: expected a name that ends in .vcf.gz, .vcf or .bcf, or -")


class VcfOutput:
    """An annotated VCF that is written in parts: text, bgzip or BCF by its name.

    Parameters
    ----------
    path
        NAME.vcf.gz, NAME.vcf, NAME.bcf, or "-" for text; for its form, and for messages.
    header_lines
        As `VcfReader.header_lines`.
    added_header_lines
        Written after the existing ones, just before "#CHROM".
    folder
        For what is written on the way to a BCF.
    own
        The annotation that is added; one of another kind stays.
    replace
        Whether an earlier one of the same kind is taken out.

    Raises
    ------
    OutputError
        The name has another ending.
    InputError
        See `annotated_header`; or a header that htslib cannot read, for BCF.
    """

    def __init__(
        self,
        path: str | AnyPath,
        header_lines: Sequence[str],
        added_header_lines: Sequence[str],
        *,
        folder: Path = Path(),
        own: Annotation = ALLELES,
        replace: bool = False,
    ) -> None:
        self.form = output_form(path)
        self._path, self._own, self._replace = path, own, replace
        self.header_lines = annotated_header(
            header_lines, added_header_lines, own=own, replace=replace
        )
        self._bcf = None
        if self.form == ".bcf":
            self._bcf = BcfEncoder(path, self.header_lines, folder, own=own)

    @property
    def header(self) -> bytes:
        """What the file has before its first record, not compressed."""
        return _joined(self.header_lines) if self._bcf is None else self._bcf.header

    def text(self, annotated: Annotated) -> bytes:
        """Return the lines of records, with keys and values appended to their INFO.

        Raises
        ------
        InputError
            INFO has a key of the annotation already, and they are not replaced.
        """
        return _joined(line for line, *_ in self._lines(annotated))

    def write(self, part: Path, annotated: Annotated) -> None:
        """Write records as a part of the output.

        Raises
        ------
        InputError
            As for `text`; or a record that htslib cannot make BCF of.
        OutputError
            A record that cannot be in a BCF; it cannot be written, e.g. the disk is full.
        """
        if self._bcf is None:
            self._put(part, self.text(annotated))
        else:
            self._put(part, self._bcf.records(self._lines(annotated)))

    def _lines(self, annotated: Annotated) -> Iterator[tuple[str, Any, Info]]:
        for record, info in annotated:
            line = append_info(record.line, info, own=self._own, replace=self._replace)
            yield line, record.native, info

    def join(self, parts: Iterable[Path], path: Path) -> None:
        """Write the header and the parts, in order, as one file; raises OutputError."""
        self._put(path, self.header)
        try:
            with path.open("r+b") as file:
                self._to_end(file)
                for part in parts:
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, file, 1 << 20)
                    self._to_end(file)
                if self.form != ".vcf":
                    file.write(END_BLOCK)
        except OSError as error:
            raise self._failed(error) from error

    def _put(self, path: Path, data: bytes) -> None:
        """Write bytes to a file, compressed if the output is; it is whole, or OutputError."""
        try:
            with path.open("wb") as file:
                if self.form == ".vcf":
                    file.write(data)
                    return
            # opened before: pysam 0.24 crashes on a path that it cannot open
            # the stub forgets that the index may be left out
            with pysam.BGZFile(str(path), "wb") as bgzip:  # type: ignore[call-arg]
                bgzip.write(data)
            with path.open("rb") as file:
                if not has_end(file):
                    raise OSError("its end is missing; is the disk full?")
        except OSError as error:
            raise self._failed(error) from error

    def _to_end(self, file: BinaryIO) -> None:
        """Go to where the next part begins: over the end block of a bgzip part."""
        file.seek(0, 2)
        if self.form != ".vcf":
            file.seek(-len(END_BLOCK), 1)

    def _failed(self, error: OSError) -> OutputError:
        # pysam knows no reason
        reason = error.strerror or f"{error}; is the disk full?"
        return OutputError(f"{self._path}: cannot be written: {reason}")


def index_ending(path: str | AnyPath, contigs: Mapping[str, int | None]) -> str:
    """Return the ending of the index of an output: .tbi, or .csi for a BCF or a long contig.

    Parameters
    ----------
    contigs
        That the header declares, with their lengths in bases, None where none is declared.

    Raises
    ------
    OutputError
        The output is neither bgzip nor BCF.
    """
    form = output_form(path)
    if str(path) == "-" or form == ".vcf":
        raise OutputError(f"{path}: only bgzip and BCF have an index; give -o NAME.vcf.gz")
    longest = max((length or 0 for length in contigs.values()), default=0)
    return ".csi" if form == ".bcf" or longest >= _TBI_MAX else ".tbi"


def write_index(path: Path, index: Path, *, ending: str, bcf: bool) -> None:
    """Write the index of a sorted bgzip or BCF file.

    Parameters
    ----------
    path
        The file, which need not be named by its form.
    index
        Where the index goes.
    ending
        Its kind, as `index_ending` says.
    bcf
        Whether the file is BCF.

    Raises
    ------
    OutputError
        The records are not sorted, or the index cannot be written.
    """
    shift = 14 if ending == ".csi" else 0  # smallest interval of a .csi: 2^14 bases, the usual
    preset: Any = "bcf" if bcf else "vcf"  # the stub does not know the first
    try:
        pysam.tabix_index(str(path), preset=preset, force=True, index=str(index), min_shift=shift)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{index}: cannot be written: {error}; are the records sorted, and is there room? "
            "Or leave out --write-index"
        ) from error


def _joined(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode(**CODEC)
