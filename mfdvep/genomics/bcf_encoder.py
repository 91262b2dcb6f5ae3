"""Annotated records to BCF, through htslib."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pysam

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.bcf import BCF_DAMAGE
from mfdvep.genomics.bcf_end import with_end
from mfdvep.genomics.bgzf import has_end
from mfdvep.genomics.header import Declared
from mfdvep.genomics.own import Annotation
from mfdvep.genomics.text import CODEC
from mfdvep.storage import AnyPath

Info = Sequence[tuple[str, str]]
_END = '##INFO=<ID=END,Number=1,Type=Integer,Description="End of the variant">'
_LAST_POS = 2**31 - 1  # of BCF


class BcfEncoder:
    """Makes BCF of annotated records.

    Parameters
    ----------
    name
        Of the output, for messages.
    header_lines
        Of the output.
    folder
        For files that are made on the way.
    own
        The annotation that is added: records from a BCF lose its earlier keys.

    Attributes
    ----------
    header
        The bytes of a BCF before its first record.

    Raises
    ------
    InputError
        htslib cannot read the header, or it declares END as no integer.
    OutputError
        The folder cannot be written to.
    """

    def __init__(
        self, name: str | AnyPath, header_lines: Sequence[str], folder: Path, *, own: Annotation
    ) -> None:
        self._name, self._own = name, own
        self._scratch, self._written = folder / "lines.vcf", folder / "lines.bcf"
        lines = [line.rstrip("\r") for line in header_lines]
        self._declared = Declared.of(lines)
        self.header = self._bytes(self._parsed(lines), ())
        # pysam gives records an END, see `_with_end`, and then it has to be declared
        self._lines = lines
        if "END" not in self._declared.info:
            self._lines = [*lines[:-1], _END, lines[-1]]
        self._header = self._parsed(self._lines)
        if (kind := self._header.info["END"].type) != "Integer":
            raise InputError(
                f"{name}: the VCF declares INFO END as {kind}, expected Integer; repair it "
                "(bcftools reheader), or give -o NAME.vcf.gz"
            )
        self._end: int = self._header.info["END"].id  # type: ignore[attr-defined]  # of the stub
        # pysam holds values against Number=A, which a record without an ALT has none of
        self._any_number = self._parsed([_with_any_number(line) for line in self._lines])

    def records(self, annotated: Iterable[tuple[str, Any, Info]]) -> bytes:
        """Return records as BCF has them after its header.

        Parameters
        ----------
        annotated
            A record's line with the keys in its INFO; the record, if it is from a BCF, else None;
            and those keys and values. A record from a BCF keeps every bit of its numbers.

        Raises
        ------
        OutputError
            A record uses what the header does not declare, or the folder cannot be written to.
        InputError
            htslib cannot read a line.
        """
        lines, records = [], []
        for line, native, info in annotated:
            lines.append(line.rstrip("\r"))
            if native is not None:
                records.append(self._with_info(native, info))
            else:
                self._check(line)
        data = self._bytes(self._header, records or self._read([*self._lines, *lines]))
        return self._with_end(data, lines)

    def _check(self, line: str) -> None:
        """Refuse a record that htslib would write as something else, or end the process for."""
        chrom, pos, _, _, alt, _ = line.split("\t", 5)
        if "," in alt and "" in alt.split(","):
            raise self._unreadable(f"the record at {chrom}:{pos}", "an empty ALT among others")
        if int(pos) > _LAST_POS:
            raise self._unreadable(f"the record at {chrom}:{pos}", "POS of more than 31 bits")
        if missing := self._declared.missing(line):
            raise OutputError(
                f"{self._name}: BCF holds only what the header declares, and the record at "
                f"{chrom}:{pos} has {missing}; declare it (bcftools annotate -h, or bcftools "
                "reheader --fai for contigs) or give -o NAME.vcf.gz"
            )

    def _with_info(self, record: pysam.VariantRecord, info: Info) -> pysam.VariantRecord:
        for key in [key for key in record.info if self._own.has(key)]:
            del record.info[key]
        record.translate(self._any_number)
        for key, text in info:
            values: tuple = tuple(text.split(","))
            if self._header.info[key].type == "Float":
                values = tuple(None if x == "." else float(x) for x in values)
            record.info[key] = values
        record.translate(self._header)
        return record

    def _with_end(self, data: bytes, lines: Iterable[str]) -> bytes:
        """Return the records of a BCF, each with the END that its line has.

        pysam takes END out of a record on writing it, or adds one, by its own mind on how long the
        record is.
        """
        at = _after_header(data)
        records = []
        for line in lines:
            n_shared, n_genotypes = struct.unpack_from("<II", data, at)
            start, end = at + 8, at + 8 + n_shared
            at = end + n_genotypes
            chrom, pos, *_, info = line.split("\t", 8)[:8]
            try:
                shared = with_end(data[start:end], info, end=self._end)
            except ValueError as error:
                raise self._unreadable(f"the record at {chrom}:{pos}", error) from error
            records += [struct.pack("<II", len(shared), n_genotypes), shared, data[end:at]]
        return b"".join(records)

    def _bytes(self, header: pysam.VariantHeader, records: Iterable[pysam.VariantRecord]) -> bytes:
        """Return the BCF that pysam writes, not compressed."""
        try:
            self._written.touch()  # pysam names no reason for a path that it cannot open
            with pysam.VariantFile(str(self._written), "wb0", header=header) as file:
                for record in records:
                    file.write(record)
            with self._written.open("rb") as written:
                if not has_end(written):
                    raise OSError("its end is missing; is the disk full?")
            return gzip.decompress(self._written.read_bytes())
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self._name}: cannot be written: {reason}") from error
        except ValueError as error:
            raise self._unreadable("a record", error) from error

    def _parsed(self, lines: Sequence[str]) -> pysam.VariantHeader:
        """Return the header that htslib reads in lines."""
        file = self._opened(lines)
        header = file.header.copy()
        file.close()
        return header

    def _read(self, lines: Sequence[str]) -> Iterator[pysam.VariantRecord]:
        """Yield the records that htslib reads in the lines of a VCF."""
        with self._opened(lines) as file:
            while True:
                try:
                    record = next(file)
                except StopIteration:
                    return
                except BCF_DAMAGE as error:
                    raise self._unreadable("a record", error) from error
                yield record

    def _opened(self, lines: Sequence[str]) -> pysam.VariantFile:
        try:
            self._scratch.write_bytes("".join(f"{line}\n" for line in lines).encode(**CODEC))
        except OSError as error:
            raise OutputError(f"{self._name}: cannot be written: {error.strerror}") from error
        try:
            return pysam.VariantFile(str(self._scratch))
        except BCF_DAMAGE as error:
            raise self._unreadable("the header", error) from error

    def _unreadable(self, what: str, error: Exception | str) -> InputError:
        return InputError(
            f"{self._name}: htslib cannot make BCF of {what} of the VCF ({error}); repair it, or "
            "give -o NAME.vcf.gz"
        )


def _with_any_number(line: str) -> str:
    """Return a header line in which an MFD key may have any number of values."""
    return re.sub(r"^(##INFO=<ID=MFD\w*,Number=)A", r"\1.", line)


def _after_header(data: bytes) -> int:
    """Return the offset of the first record in a BCF."""
    return 9 + struct.unpack_from("<I", data, 5)[0]
