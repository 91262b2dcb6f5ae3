"""Variants to changes of the reference, or to the reason why there is none; needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import (
    CENTRE,
    WINDOW_BASES,
    allele_windows,
    encode,
    reverse_complement,
    shift_offsets,
)
from mfdvep.genomics.variants import (
    MAX_ALLELE,
    Variant,
    VariantStatus,
    normalise,
    spelling_status,
)
from mfdvep.genomics.vcf import Record

STRANDS = ("both", "forward", "reverse")
MAX_N = 0.5  # a window with a larger share of N says nothing that was trained on


def alleles_of(record: Record) -> list[Variant]:
    """Return one variant an ALT of a record; for none, one with an empty ALT and allele 0."""
    alts = [(i, alt) for i, alt in enumerate(record.alts, start=1)] or [(0, "")]
    return [Variant(record.chrom, record.pos, record.ref, alt, record.index, i) for i, alt in alts]


@dataclass(frozen=True)
class Change:
    """The least change that makes REF into ALT, and the bases around it.

    Attributes
    ----------
    contig, start
        In the reference; 0-based.
    ref_length, alt
        Bases that are taken away, and codes (m,) of those in their place; both may be none.
    at
        Index of `start` in `reference`.
    reference
        (n,) uint8 codes of all windows at all shifts, and of `ref_length` bases more.
    """

    contig: str
    start: int
    ref_length: int
    alt: np.ndarray
    at: int
    reference: np.ndarray

    def sequences(self, n: int) -> np.ndarray:
        """Return the first n codes with REF, and with ALT: (2, n)."""
        after = self.reference[self.at + self.ref_length :]
        changed = np.concatenate([self.reference[: self.at], self.alt, after])
        return np.stack([self.reference[:n], changed[:n]])


@dataclass(frozen=True)
class Prepared:
    """Variants ready for a model.

    Attributes
    ----------
    variants, status
        n each, in the caller's order.
    changes
        n: of a variant that is OK; None for any other.
    """

    variants: tuple[Variant, ...]
    status: tuple[VariantStatus, ...]
    changes: tuple[Change | None, ...]


class AlleleWindows:
    """Checks variants against a genome, and cuts the windows of both alleles.

    Parameters
    ----------
    genome
        The reference.
    shifts
        As for `shift_offsets`.
    strand
        "both", "forward" or "reverse".

    Raises
    ------
    InputError
        An option with another value.
    """

    def __init__(
        self, genome: Genome, *, shifts: int | str | Sequence[int] = 11, strand: str = "both"
    ) -> None:
        if strand not in STRANDS:
            raise InputError(f"strand {strand!r}; expected {', '.join(STRANDS)}")
        self.genome, self.strand = genome, strand
        self.shifts = shift_offsets(shifts)

    @property
    def n_strands(self) -> int:
        """1 or 2."""
        return 2 if self.strand == "both" else 1

    def status(self, variant: Variant) -> VariantStatus:
        """Return whether a variant can be scored, or why not."""
        return self._change(variant)[0]

    def prepare(self, variants: Sequence[Variant]) -> Prepared:
        """Return the variants with their statuses and changes.

        Raises
        ------
        InputError
            The genome's file cannot be read there.
        """
        done = [self._change(variant) for variant in variants]
        status = tuple(state for state, _ in done)
        return Prepared(tuple(variants), status, tuple(change for _, change in done))

    def cut(self, change: Change) -> np.ndarray:
        """Return the windows (2 alleles, K strands and shifts, 1153) of a change."""
        pair = allele_windows(
            change.reference,
            origin=change.start - change.at,
            start=change.start,
            ref_length=change.ref_length,
            alt=change.alt,
            shifts=self.shifts,
        )
        forward = np.stack(pair)  # (2, S, 1153)
        if self.strand == "forward":
            return forward
        backward = reverse_complement(forward)
        return backward if self.strand == "reverse" else np.concatenate([forward, backward], axis=1)

    def is_silent(self, change: Change) -> bool:
        """Return whether all windows are the same with REF and with ALT."""
        before, after = change.sequences(WINDOW_BASES + self.shifts[-1] - self.shifts[0])
        return np.array_equal(before, after)

    def reference_agrees(self, variant: Variant) -> bool | None:
        """Return whether REF is what the genome has, whatever ALT is; None if that is not known."""
        contig = self.genome.resolve(variant.chrom)
        if contig is None or spelling_status(variant.ref, variant.ref) is not VariantStatus.OK:
            return None
        if variant.start < 0 or variant.end > self.genome.contigs[contig]:
            return None
        return self._is_reference(contig, variant)

    def _is_reference(self, contig: str, variant: Variant) -> bool:
        found = self.genome.fetch(contig, variant.start, variant.end)
        return np.array_equal(found, encode(variant.ref))

    def _change(self, variant: Variant) -> tuple[VariantStatus, Change | None]:
        """Return the status, and for OK the change."""
        state, least = self._least_change(variant)
        if least is None:
            return state, None
        contig, start, ref, alt = least
        left = start - CENTRE + self.shifts[0]
        right = start - CENTRE + self.shifts[-1] + WINDOW_BASES + len(ref)
        reference = self.genome.fetch(contig, left, right)
        if self._share_of_n(reference) > MAX_N:
            return VariantStatus.N_RICH, None
        return state, Change(contig, start, len(ref), encode(alt), start - left, reference)

    def _share_of_n(self, reference: np.ndarray) -> float:
        """Return the share of bases that are not ACGT in the windows of a stretch."""
        unknown = reference > 3
        if not unknown.any():
            return 0.0
        before = np.concatenate([[0], np.cumsum(unknown)])
        first = np.array(self.shifts) - self.shifts[0]
        return float((before[first + WINDOW_BASES] - before[first]).mean() / WINDOW_BASES)

    def _least_change(
        self, variant: Variant
    ) -> tuple[VariantStatus, tuple[str, int, str, str] | None]:
        """Return the status, and contig, 0-based start, REF and ALT of the least change."""
        if variant.allele == 0:
            return VariantStatus.NO_ALT, None
        state = spelling_status(variant.ref, variant.alt)
        if state is not VariantStatus.OK:
            return state, None
        contig = self.genome.resolve(variant.chrom)
        if contig is None:
            return VariantStatus.CONTIG_MISSING, None
        if variant.start < 0 or variant.end > self.genome.contigs[contig]:
            return VariantStatus.OFF_CONTIG, None
        if not self._is_reference(contig, variant):
            return VariantStatus.REF_MISMATCH, None
        change = normalise(variant, lambda at: self.genome.base(contig, at))
        if max(len(change[1]), len(change[2])) > MAX_ALLELE:
            return VariantStatus.TOO_LONG, None
        return VariantStatus.OK, (contig, *change)
