"""Where profiles are centred: the best hit of a motif in each region, or footprints themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.motif_scan import MotifScanner
from mfdvep.genomics.regions import Regions, bed_lines
from mfdvep.genomics.sequences import N_CODE, reverse_complement
from mfdvep.interpret.windows import centre_of, stretch_bases
from mfdvep.scoring.windows import MAX_N

NO_HIT, OTHER_PLACE, TWICE = "no hit", "outside --region", "given twice"
CONTIG_MISSING, OFF_CONTIG, N_RICH = "CONTIG_MISSING", "OFF_CONTIG", "N_RICH"


@dataclass(frozen=True)
class Site:
    """A motif or a footprint on the genome.

    Attributes
    ----------
    chrom
        By the genome's name.
    start, end
        0-based, half-open.
    strand
        "+" or "-", along which it is read; "." is read along "+".
    score, p_value
        Of a motif's hit, in bits; None of a footprint.
    """

    chrom: str
    start: int
    end: int
    strand: str = "."
    score: float | None = None
    p_value: float | None = None

    @property
    def centre(self) -> int:
        """0-based place of its base number (end - start) // 2, counted along its strand."""
        half = (self.end - self.start) // 2
        return self.end - 1 - half if self.strand == "-" else self.start + half


@dataclass
class Found:
    """Sites, in the order of the genome's contigs and by place, and what was left out.

    Attributes
    ----------
    sites
        What profiles are centred on.
    left_out
        Why -> how many regions or footprints have no site.
    """

    sites: list[Site]
    left_out: Counter[str] = field(default_factory=Counter)

    def draw(self, n: int, generator: np.random.Generator) -> None:
        """Keep n sites at random, if there are more."""
        if len(self.sites) > n:
            kept = np.sort(generator.choice(len(self.sites), size=n, replace=False))
            self.left_out["not drawn"] += len(self.sites) - n
            self.sites = [self.sites[i] for i in kept]


def motif_sites(
    beds: Sequence[str | Path],
    genome: Genome,
    scanner: MotifScanner,
    *,
    within: Regions | None = None,
) -> Found:
    """Return the best hit of a motif in each region of BED files, which are merged first.

    Regions that overlap or touch, such as peaks of several experiments, are one, so that a place
    is not counted again for each experiment. A hit lies in its region wholly.

    Parameters
    ----------
    within
        Only regions that overlap these.

    Raises
    ------
    InputError
        As for `Regions.parse`.
    """
    merged = Regions.parse(beds=beds)
    found = Found([])
    for name in merged.contigs:
        chrom = genome.resolve(name)
        for start, end in merged.stretches(name):
            if within is not None and not within.overlaps(name, start, end):
                found.left_out[OTHER_PLACE] += 1
            elif chrom is None:
                found.left_out[CONTIG_MISSING] += 1
            elif start >= genome.contigs[chrom]:
                found.left_out[OFF_CONTIG] += 1
            else:
                codes = genome.fetch(chrom, start, min(end, genome.contigs[chrom]))
                hit = scanner.best(codes)
                if hit is None:
                    found.left_out[NO_HIT] += 1
                else:
                    place = (chrom, start + hit.start, start + hit.end, hit.strand)
                    found.sites.append(Site(*place, hit.score, hit.p_value))
    found.sites.sort(key=_order(genome))
    return found


def footprint_sites(
    beds: Sequence[str | Path], genome: Genome, *, within: Regions | None = None
) -> Found:
    """Return the footprints of BED files, each place and strand once.

    The strand is column 6; where there is none, a footprint is read along "+".

    Parameters
    ----------
    within
        Only footprints that overlap these.

    Raises
    ------
    InputError
        A file that is no BED, a strand other than + - . (line's place named), or an empty
        footprint.
    """
    found, seen = Found([]), set[Site]()
    for bed in beds:
        for line in bed_lines(bed):
            chrom, strand = genome.resolve(line.chrom), (*line.rest, ".", ".", ".")[2]
            where = f"{bed}: {line.chrom}:{line.start}-{line.end}"
            if strand not in ("+", "-", "."):
                raise InputError(f"{where}: strand {strand!r} in column 6; expected +, - or .")
            if line.start == line.end:
                raise InputError(f"{where}: an empty footprint; expected an end beyond the start")
            if within is not None and not within.overlaps(line.chrom, line.start, line.end):
                found.left_out[OTHER_PLACE] += 1
            elif chrom is None:
                found.left_out[CONTIG_MISSING] += 1
            elif line.end > genome.contigs[chrom]:
                found.left_out[OFF_CONTIG] += 1
            else:
                site = Site(chrom, line.start, line.end, strand)
                if site in seen:
                    found.left_out[TWICE] += 1
                seen.add(site)
    found.sites = sorted(seen, key=_order(genome))
    return found


def site_windows(
    found: Found, genome: Genome, shifts: Sequence[int]
) -> tuple[list[Site], np.ndarray]:
    """Return the sites whose bases are known, and stretches round their centres, as they are read.

    Parameters
    ----------
    found
        A site round which more than half is N is counted in its `left_out`.
    shifts
        Of the windows, rising.

    Returns
    -------
    tuple[list[Site], np.ndarray]
        n sites, and (n, L) uint8 base codes whose base `centre_of(shifts)` is the centre; N beyond
        the ends of a contig. Of sites on "-" the reverse complement.
    """
    length, centre = stretch_bases(shifts), centre_of(shifts)
    kept, codes = [], []
    for site in found.sites:
        before = length - 1 - centre if site.strand == "-" else centre
        first = site.centre - before
        stretch = genome.fetch(site.chrom, first, first + length)
        if (stretch == N_CODE).mean() > MAX_N:
            found.left_out[N_RICH] += 1
            continue
        kept.append(site)
        codes.append(reverse_complement(stretch) if site.strand == "-" else stretch)
    return kept, np.stack(codes) if codes else np.empty((0, length), dtype=np.uint8)


def on_random_strands(codes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return sequences (n, L), half of them as their reverse complement, by chance."""
    turned = generator.random(len(codes)) < 0.5
    return np.where(turned[:, None], reverse_complement(codes), codes)


def _order(genome: Genome) -> Callable[[Site], tuple[int, int, int, str]]:
    ranks = {name: rank for rank, name in enumerate(genome.contigs)}
    return lambda site: (ranks[site.chrom], site.start, site.end, site.strand)
