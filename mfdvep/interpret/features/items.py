"""What latent features are computed of: regions, sequences and alleles, as windows or a status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.fasta import read_fasta
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import bed_lines
from mfdvep.genomics.sequences import N_CODE, WINDOW_BASES
from mfdvep.genomics.text import PARQUET, TextStream
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.genomics.vcf import open_vcf
from mfdvep.interpret.features.tiling import MAX_REGION, STRIDE, window_starts
from mfdvep.scoring.windows import MAX_N, AlleleWindows, alleles_of

KINDS = ("bed", "fasta", "vcf")
_NO_WINDOW = np.empty((0, WINDOW_BASES), dtype=np.uint8)


@dataclass(frozen=True)
class Item:
    """One row of a table of features: a region, a sequence, or an allele of a variant.

    Attributes
    ----------
    name
        Of a region, the BED's fourth column or "chr1:100-200" (0-based start); of a sequence, the
        first word of its header; of an allele "chr1:101:A:G/REF" or "/ALT".
    chrom, start, end
        0-based, half-open, as the input has it; None for a sequence.
    allele
        "REF" or "ALT" of a variant, else None.
    status
        OK, or why there is no window.
    windows
        (k, 1153) uint8 base codes; none if not OK.
    gc
        Share of G and C among the known bases that the windows cover; NaN if not OK.
    """

    name: str
    chrom: str | None
    start: int | None
    end: int | None
    allele: str | None
    status: VariantStatus
    windows: np.ndarray
    gc: float


def kind_of(path: str | Path) -> str:
    """Return what a file is, told by its content: "bed", "fasta" or "vcf" (also BCF, Parquet).

    Raises
    ------
    InputError
        Missing, damaged, or a pipe, which could not be read from its start again.
    """
    with closing(TextStream(path)) as text:
        if not text.is_file:
            raise InputError(f"{text.name}: cannot be read twice; give the name of a file")
        if text.head.startswith((b"##fileformat=VC", b"BCF", PARQUET)):
            return "vcf"
        return "fasta" if text.head.lstrip().startswith(b">") else "bed"


def items_of(
    path: str | Path, genome: Genome | None = None, *, stride: int = STRIDE
) -> Iterator[Item]:
    """Yield one item a region or sequence, or two an ALT of a VCF (REF, then ALT), in order.

    A region or sequence longer than a window is tiled, see `window_starts`; a variant has the
    windows of `mfdvep score` at shift 0, forward.

    Parameters
    ----------
    genome
        The reference; a FASTA of sequences needs none.

    Raises
    ------
    InputError
        No genome where one is needed; what the readers of the formats refuse; nothing in it.
    """
    kind = kind_of(path)
    if kind == "fasta":
        yield from _sequences(path, stride)
        return
    if genome is None:
        raise InputError(f"{path}: {kind.upper()} has no bases; give the reference with -f")
    found = _regions(path, genome, stride) if kind == "bed" else _alleles(path, genome)
    n = 0
    for item in found:
        n += 1
        yield item
    if not n:
        what = "region" if kind == "bed" else "record"
        raise InputError(f"{path}: no {what} in it; give one with a line")


def _regions(path: str | Path, genome: Genome, stride: int) -> Iterator[Item]:
    for line in bed_lines(path):
        name = (line.rest or ("",))[0]
        if name in ("", "."):
            name = f"{line.chrom}:{line.start}-{line.end}"
        place = (name, line.chrom, line.start, line.end, None)
        contig = genome.resolve(line.chrom)
        status = _place_status(genome, contig, line.start, line.end)
        if contig is None or status is not VariantStatus.OK:
            yield Item(*place, status, _NO_WINDOW, np.nan)
            continue
        starts = window_starts(line.start, line.end, stride=stride)
        stretch = genome.fetch(contig, int(starts[0]), int(starts[-1]) + WINDOW_BASES)
        if (stretch == N_CODE).mean() > MAX_N:
            yield Item(*place, VariantStatus.N_RICH, _NO_WINDOW, np.nan)
        else:
            yield Item(*place, status, _cut(stretch, starts - starts[0]), _gc(stretch))


def _place_status(genome: Genome, contig: str | None, start: int, end: int) -> VariantStatus:
    if contig is None:
        return VariantStatus.CONTIG_MISSING
    if end > genome.contigs[contig]:
        return VariantStatus.OFF_CONTIG
    return VariantStatus.TOO_LONG if end - start > MAX_REGION else VariantStatus.OK


def _sequences(path: str | Path, stride: int) -> Iterator[Item]:
    for record in read_fasta(path):
        place = (record.name, None, None, None, None)
        n = len(record.codes)
        status = VariantStatus.OK
        if n > MAX_REGION:
            status = VariantStatus.TOO_LONG
        elif (record.codes == N_CODE).mean() > MAX_N:
            status = VariantStatus.N_RICH
        if status is not VariantStatus.OK:
            yield Item(*place, status, _NO_WINDOW, np.nan)
            continue
        starts = window_starts(0, n, stride=stride)
        before = max(0, -int(starts[0]))
        after = max(0, int(starts[-1]) + WINDOW_BASES - n)
        stretch = np.pad(record.codes, (before, after), constant_values=N_CODE)
        yield Item(*place, status, _cut(stretch, starts + before), _gc(record.codes))


def _alleles(path: str | Path, genome: Genome) -> Iterator[Item]:
    cutter = AlleleWindows(genome, shifts=1, strand="forward")
    with open_vcf(path) as reader:
        for record in reader:
            prepared = cutter.prepare(alleles_of(record))
            for variant, status, change in zip(
                prepared.variants, prepared.status, prepared.changes, strict=True
            ):
                pair = None if change is None else cutter.cut(change)[:, 0]  # (2, 1153)
                for i, allele in enumerate(("REF", "ALT")):
                    place = (*_named(variant, allele), allele, status)
                    if pair is None:
                        yield Item(*place, _NO_WINDOW, np.nan)
                    else:
                        yield Item(*place, pair[i][None], _gc(pair[i]))


def _named(variant: Variant, allele: str) -> tuple[str, str, int, int]:
    name = f"{variant.chrom}:{variant.pos}:{variant.ref}:{variant.alt or '.'}/{allele}"
    return name, variant.chrom, variant.start, variant.end


def _cut(stretch: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return stretch[starts[:, None] + np.arange(WINDOW_BASES)]  # (k, 1153)


def _gc(codes: np.ndarray) -> float:
    """Return the share of G and C among the bases that are known; NaN if none is."""
    known = codes[codes < N_CODE]
    return float(((known == 1) | (known == 2)).mean()) if len(known) else float("nan")
