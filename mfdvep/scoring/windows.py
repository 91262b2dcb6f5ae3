"""Variants to windows of REF and ALT, or to the reason why there are none; needs no model."""

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
class Prepared:
    """Variants ready for a model.

    Attributes
    ----------
    variants, status
        n each, in the caller's order.
    windows
        n: (2 alleles, K shifts and strands, 1153) uint8 codes of a variant that is OK; None for
        any other.
    """

    variants: tuple[Variant, ...]
    status: tuple[VariantStatus, ...]
    windows: tuple[np.ndarray | None, ...]


class AlleleWindows:
    """Checks variants against a genome and cuts the windows of both alleles.

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
        return self._forward(variant)[0]

    def prepare(self, variants: Sequence[Variant]) -> Prepared:
        """Return the variants with their statuses and windows.

        Raises
        ------
        InputError
            The genome's file cannot be read there.
        """
        done = [self._forward(variant) for variant in variants]
        windows = (None if cut is None else self._stranded(cut) for _, cut in done)
        return Prepared(tuple(variants), tuple(state for state, _ in done), tuple(windows))

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

    def _forward(self, variant: Variant) -> tuple[VariantStatus, np.ndarray | None]:
        """Return the status, and for OK the windows (2 alleles, S shifts, 1153) of this strand."""
        state, change = self._least_change(variant)
        if change is None:
            return state, None
        windows = self._cut(*change)
        if (windows[0] > 3).mean() > MAX_N:
            return VariantStatus.N_RICH, None
        return VariantStatus.OK, windows

    def _stranded(self, forward: np.ndarray) -> np.ndarray:
        """Return windows (2, K shifts and strands, 1153) of the strands that are asked for."""
        if self.strand == "forward":
            return forward
        backward = reverse_complement(forward)
        return backward if self.strand == "reverse" else np.concatenate([forward, backward], axis=1)

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

    def _cut(self, contig: str, start: int, ref: str, alt: str) -> np.ndarray:
        """Return the windows (2 alleles, S shifts, 1153) of a change."""
        left = start - CENTRE + min(self.shifts)
        right = start - CENTRE + max(self.shifts) + WINDOW_BASES + len(ref)
        pair = allele_windows(
            self.genome.fetch(contig, left, right),
            origin=left,
            start=start,
            ref_length=len(ref),
            alt=encode(alt),
            shifts=self.shifts,
        )
        return np.stack(pair)
