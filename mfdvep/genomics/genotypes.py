"""Genotypes of a cohort, streamed: how many copies of an ALT each person has. The cyvcf2 reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cyvcf2
import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.vcf import open_vcf

FIELDS = ("GT", "DS", "GP")
"""The fields that dosages are read from, in the order in which one is chosen."""
NO_FIELD, GP_MULTIALLELIC = "no_field", "gp_multiallelic"
_N_FIXED = 9  # columns before those of the people
_MISSING = -1  # what cyvcf2 has for "."; beyond a person's ploidy it has -2
_NOBODY = np.empty(0, dtype=np.int64)
_SLACK = 1e-3  # a dosage that was written with three places


class Dosages(NamedTuple):
    """What n people have of one ALT.

    Attributes
    ----------
    values
        float32 (n,), copies of the ALT, 0 to the ploidy; NaN for a person who was not called.
    missing
        int64: which people were not called, those of half calls too.
    n_half
        People with a half call such as 0/., who count as not called.
    mean
        Of the called people; NaN where there is none.
    frequency
        Of the ALT among the alleles of the called people; NaN where there is none.
    """

    values: np.ndarray
    missing: np.ndarray
    n_half: int
    mean: float
    frequency: float

    @property
    def n_missing(self) -> int:
        """How many people were not called."""
        return len(self.missing)


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
        in_file = [person for person in self.all_people if person in taken]
        row_of = {person: row for row, person in enumerate(in_file)}
        rows = np.array([row_of[person] for person in self.people], dtype=np.int64)
        self._rows = None if np.array_equal(rows, np.arange(len(in_file))) else rows
        try:
            whole = len(in_file) == len(self.all_people)
            self._file = cyvcf2.VCF(self.path, samples=None if whole else in_file)
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
                record = CohortRecord(native, self.field, self._rows, len(self.people), self.path)
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
        self, record: Any, field: str, rows: np.ndarray | None, n_people: int, path: str
    ) -> None:
        self._record, self._field, self._rows = record, field, rows
        self._n_people, self._path = n_people, path
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
            DS beyond 0 to 2 or of another number of ALTs; GP that do not sum to 1.
        """
        if self._values is None:
            self._values = self._read()
        of = {"GT": _of_gt, "DS": self._of_ds, "GP": self._of_gp}[self._field]
        return of(self._values, allele)

    def _read(self) -> np.ndarray:
        """Return calls (n, ploidy + 1), DS (n, ALTs), or GP (n, genotypes)."""
        if self._field == "GT":
            values = self._record.genotype.array()
        else:
            values = self._record.format(self._field)
        if values is None or len(values) != self._n_people or values.dtype.kind not in "if":
            raise self._wrong(f"{self._field} cannot be read; is it numbers in the header?")
        return values if self._rows is None else values[self._rows]

    def _of_ds(self, values: np.ndarray, allele: int) -> Dosages:
        if values.shape[1] != len(self.alts):
            raise self._wrong(f"{values.shape[1]} values of DS for {len(self.alts)} ALTs")
        found = values[:, allele - 1].astype(np.float32)
        with np.errstate(invalid="ignore"):
            if (wrong := (found < 0) | (found > 2 + _SLACK)).any():
                raise self._wrong(f"DS is {found[wrong][0]:g}, expected 0 to 2")
        missing = np.flatnonzero(np.isnan(found))
        return _dosages(found, missing, 2.0 * (len(found) - len(missing)))

    def _of_gp(self, values: np.ndarray, allele: int) -> Dosages:
        is_missing = np.isnan(values[:, :2]).any(axis=1)
        both = values[:, 2] if values.shape[1] > 2 else np.full(len(values), np.nan)
        is_haploid = np.isnan(both)
        both = np.where(is_haploid, 0, both)
        total = (values[:, 0] + values[:, 1] + both)[~is_missing]
        if (wrong := np.abs(total - 1) > 0.05).any():
            raise self._wrong(
                f"GP sums to {total[wrong][0]:g}, expected probabilities, which sum to 1 (before "
                "VCF 4.3 GP was phred-scaled)"
            )
        n_alleles = float(np.where(is_haploid, 1, 2)[~is_missing].sum())
        return _dosages(values[:, 1] + 2 * both, np.flatnonzero(is_missing), n_alleles)

    def _wrong(self, what: str) -> InputError:
        return InputError(f"{self._path}: {self.chrom}:{self.pos}: {what}")


def _of_gt(calls: np.ndarray, allele: int) -> Dosages:
    """Return the dosages of calls (n, ploidy + 1), whose last column, the phase, is 0 or 1."""
    # all people at once, and one after the other only the columns of the ploidy, which are few
    is_allele = (calls == allele).view(np.int8)
    copies = is_allele[:, 0]
    for column in range(1, calls.shape[1] - 1):
        copies = copies + is_allele[:, column]
    n_alleles = len(calls) * (calls.shape[1] - 1)
    negative = np.flatnonzero(calls < 0)
    if not len(negative):
        return _dosages(copies, _NOBODY, n_alleles)
    rows = negative // calls.shape[1]  # ascending
    is_new = np.ones(len(rows), dtype=bool)
    is_new[1:] = rows[1:] != rows[:-1]
    rows = rows[is_new]
    alleles = calls[rows, :-1]
    is_missing = (alleles == _MISSING).any(axis=1) | (alleles[:, 0] < 0)
    n_known = (alleles[is_missing] >= 0).sum(axis=1)
    n_alleles -= len(negative) + int(n_known.sum())
    return _dosages(copies, rows[is_missing], n_alleles, int(np.count_nonzero(n_known)))


def _dosages(values: np.ndarray, missing: np.ndarray, n_alleles: float, n_half: int = 0) -> Dosages:
    """Return dosages (n,) with their frequency among n_alleles; missing ones may have any value."""
    found = values.astype(np.float32)
    n_called = len(found) - len(missing)
    found[missing] = 0
    total = float(found.sum(dtype=np.float64))
    found[missing] = np.nan
    if not n_called or not n_alleles:
        return Dosages(found, missing, n_half, np.nan, np.nan)
    return Dosages(found, missing, n_half, total / n_called, total / n_alleles)
