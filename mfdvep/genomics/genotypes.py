"""Genotypes of a cohort, streamed: how many copies of an ALT each person has. The cyvcf2 reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cyvcf2
import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.dosages import OF_FIELD, Dosages
from mfdvep.genomics.vcf import open_vcf

FIELDS = tuple(OF_FIELD)
"""The fields that dosages are read from, in the order in which one is chosen."""
NO_FIELD, GP_MULTIALLELIC = "no_field", "gp_multiallelic"
_N_FIXED = 9  # columns before those of the people


class Genotypes:
    """The people of a VCF or BCF and, iterated once, its records.

    Nothing is kept of a record that was read.

    Parameters
    ----------
    path
        A file: VCF, plain, gzip or bgzip, or BCF; sorted or not.
    field
        GT, DS, GP, or "auto": the first of these that the header declares.
    people
        Whose genotypes are given, in this order; None: of all, in the file's order.

    Attributes
    ----------
    all_people
        Ids in the file's header.
    people
        Those whose genotypes are given.
    field
        Which is read.

    Raises
    ------
    InputError
        No such file, or not VCF; no genotypes; an id twice; a person that is not in it; the field
        is not declared. From the iteration: it is damaged, with the last record that was whole.
    """

    def __init__(
        self, path: str | Path, *, field: str = "auto", people: Sequence[str] | None = None
    ) -> None:
        self.path = str(path)
        if self.path == "-":
            raise InputError("a cohort cannot come from standard input; give a file")
        with open_vcf(path) as reader:  # which also sees a bgzip file that was cut off
            self._header = reader.header_lines
        self.all_people = tuple(self._header[-1].rstrip("\r").split("\t")[_N_FIXED:])
        self._check_people()
        self.field = self._chosen(field)
        self.people = self.all_people if people is None else tuple(people)
        if unknown := sorted(set(self.people) - set(self.all_people)):
            raise InputError(f"{self.path}: no person {unknown[0]!r} ({len(unknown)} are unknown)")
        taken = set(self.people)
        decoded = [person for person in self.all_people if person in taken]
        if any("," in person or person.startswith(("^", "-")) for person in decoded):
            # which htslib would take for other people: all but those, or none
            decoded = list(self.all_people)
        row_of = {person: row for row, person in enumerate(decoded)}
        rows = np.array([row_of[person] for person in self.people], dtype=np.int64)
        self._n_decoded = len(decoded)
        self._rows = None if np.array_equal(rows, np.arange(len(decoded))) else rows
        try:
            whole = len(decoded) == len(self.all_people)
            self._file = cyvcf2.VCF(self.path, samples=None if whole else decoded)
        except Exception as error:  # cyvcf2 has no class of its own
            raise InputError(f"{self.path}: htslib cannot open it: {error}") from error

    def declares_info(self, key: str) -> bool:
        """Return whether the header declares an INFO key."""
        return any(line.startswith(f"##INFO=<ID={key},") for line in self._header)

    def __iter__(self) -> Iterator[CohortRecord]:
        last, records = "its header", iter(self._file)
        while True:
            try:
                native = next(records)
                record = CohortRecord(native, self.field, self._rows, self._n_decoded, self.path)
            except StopIteration:
                break
            except Exception as error:
                raise InputError(
                    f"{self.path}: damaged after {last} ({error}); get the file again"
                ) from error
            yield record
            last = f"{record.chrom}:{record.pos}"
        self._file.close()

    def _check_people(self) -> None:
        if not self.all_people:
            raise InputError(f"{self.path}: has no genotypes: no person in its #CHROM line")
        seen: set[str] = set()
        for person in self.all_people:
            if person in seen:
                raise InputError(
                    f"{self.path}: person {person!r} is there twice; give each an id of its own: "
                    "bcftools reheader -s"
                )
            if not person.isprintable():
                raise InputError(f"{self.path}: person {person!r} is no UTF-8; rename the person")
            seen.add(person)

    def _chosen(self, field: str) -> str:
        declared = [
            name
            for name in FIELDS
            if any(line.startswith(f"##FORMAT=<ID={name},") for line in self._header)
        ]
        if field == "auto" and declared:
            return declared[0]
        if field not in declared:
            has = f"it declares {', '.join(declared)}" if declared else "it declares none of them"
            expected = field if field != "auto" else ", ".join(FIELDS)
            raise InputError(f"{self.path}: FORMAT {expected} is not in the header; {has}")
        return field


class CohortRecord:
    """One record of a cohort; its genotypes are decoded when they are asked for.

    Attributes
    ----------
    chrom, pos, id, ref, alts
        As written; `pos` 1-based, `id` "" for ".", no `alts` for ".".
    """

    def __init__(
        self, record: Any, field: str, rows: np.ndarray | None, n_decoded: int, path: str
    ) -> None:
        self._record, self._field, self._rows = record, field, rows
        self._n_decoded, self._path = n_decoded, path
        self.chrom: str = record.CHROM
        self.pos: int = record.POS
        self.id: str = record.ID or ""
        self.ref: str = record.REF
        self.alts: tuple[str, ...] = tuple(record.ALT)
        self._values: np.ndarray | None = None

    @property
    def unreadable(self) -> str:
        """Why the record has no dosages: `NO_FIELD` or `GP_MULTIALLELIC`; "" if it has."""
        if self._field not in (self._record.FORMAT or ()):
            return NO_FIELD
        return GP_MULTIALLELIC if self._field == "GP" and len(self.alts) > 1 else ""

    def frequency(self, key: str, allele: int) -> float | None:
        """Return what an INFO key says of an ALT, None for ".".

        Parameters
        ----------
        key
            Of Number=A, or of Number=1 where the record has one ALT.
        allele
            1-based number of the ALT.

        Raises
        ------
        InputError
            It is no frequency, or there are as many values as the record has ALTs.
        """
        found = self._record.INFO.get(key)
        if found is None:
            return None
        values = found if isinstance(found, tuple) else (found,)
        if len(values) != len(self.alts):
            raise self._wrong(f"{len(values)} values of INFO {key} for {len(self.alts)} ALTs")
        value = values[allele - 1]
        if value is None:
            return None
        try:
            # htslib has float32: 0.05 would be more than 0.05
            number = float(str(np.float32(value)))
        except ValueError:
            number = np.nan
        if np.isnan(number) and isinstance(value, float):
            return None
        if not 0 <= number <= 1:
            raise self._wrong(f"INFO {key} is {value}, expected a frequency from 0 to 1")
        return number

    def dosages(self, allele: int) -> Dosages:
        """Return what each person has of an ALT, 1-based; the record must not be `unreadable`.

        GT: how many alleles are this one; a call with a missing allele counts as missing. DS: as
        written; the frequency takes two alleles a person, since DS does not tell the ploidy. GP:
        of genotypes 1 and 2, twice the latter; a person with two values is haploid.

        Raises
        ------
        InputError
            DS beyond 0 to 2 or of another number of ALTs; GP of another number of genotypes, or
            that do not sum to 1.
        """
        if self._values is None:
            self._values = self._read()
        expected = {"DS": (len(self.alts),), "GP": (2, 3)}.get(self._field)
        if expected and (n_values := self._values.shape[1]) not in expected:
            raise self._wrong(f"{n_values} values of {self._field} for {len(self.alts)} ALTs")
        try:
            return OF_FIELD[self._field](self._values, allele)
        except ValueError as error:
            raise self._wrong(str(error)) from error

    def _read(self) -> np.ndarray:
        """Return calls (n, ploidy + 1), DS (n, ALTs), or GP (n, genotypes)."""
        if self._field == "GT":
            values = self._record.genotype.array()
        else:
            values = self._record.format(self._field)
        if values is None or len(values) != self._n_decoded or values.dtype.kind not in "if":
            raise self._wrong(f"{self._field} cannot be read; is it numbers in the header?")
        if self._rows is not None:
            values = values[self._rows]
        if values.shape[1] == 1 and self._field != "GT" and np.isnan(values).all():
            # "." of everybody: not as many as there are ALTs or genotypes
            return np.full((len(values), len(self.alts) if self._field == "DS" else 2), np.nan)
        return values

    def _wrong(self, what: str) -> InputError:
        return InputError(f"{self._path}: {self.chrom}:{self.pos}: {what}")
