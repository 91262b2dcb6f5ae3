"""What is attributed: regions, sequences and alleles, as stretches that hold all shifts' windows.

Numpy only. A stretch has its place's centre at base `centre_of(shifts)`: the middle base of a
region or a sequence, the first base of a variant. What a stretch has beyond the ends of a contig
or of a sequence is N. Of a region or sequence longer than a window, the middle is seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.fasta import read_fasta
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.reasons import REASONS
from mfdvep.genomics.regions import TO_THE_END, Regions, bed_lines
from mfdvep.genomics.sequences import N_CODE, shift_offsets
from mfdvep.genomics.variants import Variant, VariantStatus, variant_of
from mfdvep.genomics.vcf import open_vcf
from mfdvep.interpret.windows import centre_of, stretch_bases
from mfdvep.scoring.windows import MAX_N, AlleleWindows, Change, alleles_of

_OK = VariantStatus.OK


@dataclass(frozen=True)
class Site:
    """One sequence to attribute, or why it cannot be.

    Attributes
    ----------
    name
        Of a region the BED's fourth column or "chr1:101-200" (1-based, closed), of a sequence the
        first word of its header, of an allele "chr1:101:A:G".
    allele
        "REF" or "ALT" of a variant, else "".
    chrom
        The genome's name of the contig, or the input's where it has none; None of a sequence.
    codes
        (L,) uint8 base codes; (0,) if not OK.
    positions
        (L,) int64: 0-based place of each base on the contig; -1 where the contig has none, as of
        inserted bases.
    marked
        First and last + 1 of the bases of `codes` that the input names: the region, the allele.
        Equal of a deletion's ALT. May pass the ends of `codes`.
    status
        OK, or why there are no bases.
    """

    name: str
    allele: str
    chrom: str | None
    codes: np.ndarray
    positions: np.ndarray
    marked: tuple[int, int]
    status: VariantStatus = _OK


class Sites:
    """Makes sites of what a user names.

    Parameters
    ----------
    shifts
        As for `shift_offsets`.
    genome
        The reference; None where only sequences of their own are read.
    """

    def __init__(
        self, shifts: int | str | Sequence[int] = 11, *, genome: Genome | None = None
    ) -> None:
        self.shifts = shift_offsets(shifts)
        self._genome = genome
        self._length, self._centre = stretch_bases(self.shifts), centre_of(self.shifts)

    def read(
        self,
        *,
        regions: Sequence[str] = (),
        beds: Sequence[str | Path] = (),
        fastas: Sequence[str | Path] = (),
        variants: Sequence[str] = (),
    ) -> Iterator[Site]:
        """Yield a site a region or sequence, and two an ALT (REF, then ALT), in this order.

        Parameters
        ----------
        regions
            "chr1:1000-2000", as for `Regions.parse`.
        beds, fastas
            Files, streamed.
        variants
            "chr1:12345:A:G", or a VCF, BCF or Parquet file, streamed.

        Raises
        ------
        InputError
            What the readers refuse; no genome where one is needed; or what is named on its own,
            not in a file, cannot be attributed (a file's is yielded with its status).
        """
        for text in regions:
            found = Regions.parse([text])
            for chrom in found.contigs:
                for start, end in found.stretches(chrom):
                    name = f"{chrom}:{start + 1}-{end}"
                    yield _or_refuse(self._region(name, chrom, start, end), text)
        for bed in beds:
            for line in bed_lines(bed):
                name = (line.rest or ("",))[0]
                if name in ("", "."):
                    name = f"{line.chrom}:{line.start + 1}-{line.end}"
                yield self._region(name, line.chrom, line.start, line.end)
        for fasta in fastas:
            for sequence in read_fasta(fasta):
                yield self._sequence(sequence.name, sequence.codes)
        for text in variants:
            if os.path.exists(text):
                with open_vcf(text) as reader:
                    for record in reader:
                        for variant in alleles_of(record):
                            yield from self.alleles(variant)
            else:
                for site in self.alleles(variant_of(text)):
                    yield _or_refuse(site, text)

    def alleles(self, variant: Variant) -> tuple[Site, Site]:
        """Return the sites of REF and ALT."""
        cutter = AlleleWindows(self._reference(), shifts=self.shifts, strand="forward")
        prepared = cutter.prepare([variant])
        status, change = prepared.status[0], prepared.changes[0]
        name = f"{variant.chrom}:{variant.pos}:{variant.ref}:{variant.alt or '.'}"
        if change is None:
            ref, alt = (_none(name, allele, variant.chrom, status) for allele in ("REF", "ALT"))
            return ref, alt
        pair = change.sequences(self._length)  # (2, L)
        at, n_ref, n_alt = self._centre, change.ref_length, len(change.alt)
        size = self._reference().contigs[change.contig]
        places = (
            np.arange(self._length) + change.start - at,
            _places_of_alt(change, at, self._length),
        )
        ref, alt = (
            Site(name, allele, change.contig, codes, _on(place, size), (at, at + n))
            for allele, codes, place, n in zip(
                ("REF", "ALT"), pair, places, (n_ref, n_alt), strict=True
            )
        )
        return ref, alt

    def _reference(self) -> Genome:
        if self._genome is None:
            raise InputError("regions and variants have no bases; give the reference with -f")
        return self._genome

    def _region(self, name: str, chrom: str, start: int, end: int) -> Site:
        genome = self._reference()
        contig = genome.resolve(chrom)
        if contig is None:
            return _none(name, "", chrom, VariantStatus.CONTIG_MISSING)
        if end == TO_THE_END:  # chr1, or chr1:1000-
            end = genome.contigs[contig]
        if not start < end <= genome.contigs[contig]:
            return _none(name, "", chrom, VariantStatus.OFF_CONTIG)
        first = (start + end) // 2 - self._centre
        codes = genome.fetch(contig, first, first + self._length)
        if (codes == N_CODE).mean() > MAX_N:
            return _none(name, "", chrom, VariantStatus.N_RICH)
        positions = _on(np.arange(first, first + self._length), genome.contigs[contig])
        return Site(name, "", contig, codes, positions, (start - first, end - first))

    def _sequence(self, name: str, codes: np.ndarray) -> Site:
        if (codes == N_CODE).mean() > MAX_N:
            return _none(name, "", None, VariantStatus.N_RICH)
        first = len(codes) // 2 - self._centre
        stretch = np.full(self._length, N_CODE, dtype=np.uint8)
        low, high = max(first, 0), min(first + self._length, len(codes))
        stretch[low - first : high - first] = codes[low:high]
        nowhere = np.full(self._length, -1)
        return Site(name, "", None, stretch, nowhere, (-first, len(codes) - first))


def _none(name: str, allele: str, chrom: str | None, status: VariantStatus) -> Site:
    empty = np.empty(0, dtype=np.uint8)
    return Site(name, allele, chrom, empty, empty.astype(np.int64), (0, 0), status)


def _or_refuse(site: Site, text: str) -> Site:
    if site.status is not _OK:
        raise InputError(f"{text}: {site.status}: {REASONS[site.status]}; name another place")
    return site


def _on(positions: np.ndarray, size: int) -> np.ndarray:
    """Return positions (L,) int64, -1 where a contig of this size has none."""
    inside = (positions >= 0) & (positions < size)
    return np.where(inside, positions, -1).astype(np.int64)


def _places_of_alt(change: Change, at: int, n: int) -> np.ndarray:
    """Return the places (n,) of the bases of ALT; inserted ones have a negative number."""
    kept = min(change.ref_length, len(change.alt))
    left = np.arange(at + kept) + change.start - at
    inserted = np.full(len(change.alt) - kept, -1)
    right = change.start + change.ref_length + np.arange(n)
    return np.concatenate([left, inserted, right])[:n]
