"""Motifs that an allele makes, breaks, strengthens or weakens: their best sites across it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.motif_scan import P_VALUE, UNIT, MotifScanner
from mfdvep.genomics.motifs import Motif, read_motif, read_motifs
from mfdvep.genomics.sequences import decode, reverse_complement
from mfdvep.interpret.sequences import Site


@dataclass(frozen=True)
class MotifSite:
    """The best site of a motif that holds a changed base, or spans where bases are missing.

    Attributes
    ----------
    score
        Bits against uniform bases.
    p_value
        The share of random sequences that score as high, at one place and strand.
    start
        Index of its first forward base in the allele's stretch.
    position
        0-based place of that base on the contig; -1 of an inserted base.
    strand
        "+" or "-".
    bases
        As the motif reads them.
    """

    score: float
    p_value: float
    start: int
    position: int
    strand: str
    bases: str


@dataclass(frozen=True)
class MotifChange:
    """A motif with a site across the allele in REF or ALT.

    Attributes
    ----------
    motif
        Name.
    change
        "gained" or "lost": a site in one allele alone; "stronger" or "weaker": in both.
    threshold
        Score from which on a site counts.
    ref, alt
        The best site in each.
    """

    motif: str
    change: str
    threshold: float
    ref: MotifSite
    alt: MotifSite

    @property
    def difference(self) -> float:
        """Score of ALT's best site less that of REF's."""
        return self.alt.score - self.ref.score


@dataclass(frozen=True)
class MotifSearch:
    """What a search for motifs across an allele gave.

    Attributes
    ----------
    n_motifs
        How many were looked for.
    p_value
        Which a site must have (a pattern must match wholly).
    too_short
        Names of motifs that were not looked for: even their best match is not so rare.
    by_chance
        Motifs expected to have a site in REF, and as many in ALT, if bases were random.
    changes
        Those whose best site differs, the largest difference first.
    """

    n_motifs: int
    p_value: float
    too_short: tuple[str, ...]
    by_chance: float
    changes: tuple[MotifChange, ...]


def motifs_of(sources: Iterable[str | Path]) -> list[Motif]:
    """Return the motifs of MEME or JASPAR files, and IUPAC patterns.

    Raises
    ------
    InputError
        As for `read_motifs` and `iupac_motif`.
    """
    found = []
    for source in sources:
        found += read_motifs(source) if Path(source).exists() else [read_motif(source)]
    return found


def search(
    motifs: Iterable[Motif], sites: Sequence[Site], *, p_value: float = P_VALUE
) -> MotifSearch:
    """Return the motifs whose best site across the allele differs.

    Parameters
    ----------
    motifs
        Looked for on both strands.
    sites
        REF and ALT, as `Sites.alleles` makes them.
    p_value
        Of a site.

    Raises
    ------
    InputError
        A p-value out of (0, 1].
    """
    if not 0 < p_value <= 1:
        raise InputError(f"p-value {p_value:g} of motifs; expected more than 0, at most 1")
    repeat = _repeat(sites)
    found, too_short, n, by_chance = [], [], 0, 0.0
    for motif in motifs:
        try:
            scanner = MotifScanner(motif, p_value=None if motif.is_pattern else p_value)
        except InputError:
            too_short.append(motif.name)
            continue
        n += 1
        n_places = max(site.marked[1] - site.marked[0] for site in sites) + repeat + len(motif) - 1
        by_chance += 2 * n_places * float(scanner.p_values(np.array(scanner.threshold)))
        ref, alt = (best_site(scanner, site, repeat=repeat) for site in sites)
        if ref is None or alt is None or ref.score == alt.score:
            continue
        threshold = scanner.threshold / UNIT
        has_ref, has_alt = (site.score >= threshold for site in (ref, alt))
        if not (has_ref or has_alt):
            continue
        change = "gained" if not has_ref else "lost" if not has_alt else ""
        change = change or ("stronger" if alt.score > ref.score else "weaker")
        found.append(MotifChange(motif.name, change, threshold, ref, alt))
    found.sort(key=lambda each: -abs(each.difference))
    return MotifSearch(n, p_value, tuple(too_short), by_chance, tuple(found))


def best_site(scanner: MotifScanner, site: Site, *, repeat: int = 0) -> MotifSite | None:
    """Return the best site of a motif across the marked bases of an allele.

    Parameters
    ----------
    repeat
        So many bases more on the right are counted as marked.

    Returns
    -------
    MotifSite
        Or None: the motif fits nowhere there, or all places have N.
    """
    width, (start, end) = len(scanner.motif), site.marked
    # of an allele without bases, the sites that span the place between its neighbours
    first = max(start - width + 1, 0)
    last = min(end + repeat, len(site.codes) - width + 1)
    if first >= last:
        return None
    scores = scanner.scores(site.codes[first : last + width - 1])  # (2, last - first)
    scores = scores[:, : last - first]
    strand, i = np.unravel_index(int(scores.argmax()), scores.shape)
    score = scores[strand, i]
    at = first + int(i)
    codes = site.codes[at : at + width]
    if (codes > 3).any():  # the best has N: so have all
        return None
    read = reverse_complement(codes) if strand else codes
    return MotifSite(
        int(score) / UNIT,
        float(scanner.p_values(score)),
        at,
        int(site.positions[at]),
        "+-"[strand],
        decode(read),
    )


def _repeat(sites: Sequence[Site]) -> int:
    """Return how many bases to the right an insertion or a deletion could be written as well.

    A site that one of these spellings touches is compared in both alleles; otherwise one that
    merely moves along a repeat would seem to be lost.
    """
    ref, alt = (site.codes[site.marked[0] :] for site in sites)
    differ = np.flatnonzero(ref != alt)
    return int(differ[0]) if len(differ) else 0
