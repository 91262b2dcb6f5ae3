"""Motifs that an allele makes, breaks, strengthens or weakens: their best sites across it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mfdvep.genomics.sequences import decode, reverse_complement
from mfdvep.interpret.sequences import Site


class Scannable(Protocol):
    """A motif as this module needs it.

    Attributes
    ----------
    name
        As it is shown.
    threshold
        Score from which on a site counts as one.
    """

    @property
    def name(self) -> str: ...
    @property
    def threshold(self) -> float: ...
    def __len__(self) -> int: ...
    def scores(self, codes: np.ndarray) -> np.ndarray:
        """Return the forward strand's scores (n - w + 1,) of codes (n,); low where there is N."""
        ...


@dataclass(frozen=True)
class MotifSite:
    """The best site of a motif that holds a changed base, or spans where bases are missing.

    Attributes
    ----------
    score
        Of the motif.
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


def motif_changes(motifs: Iterable[Scannable], sites: Sequence[Site]) -> list[MotifChange]:
    """Return the motifs whose best site across the allele differs, the largest difference first.

    Parameters
    ----------
    motifs
        Looked for on both strands.
    sites
        REF and ALT, as `Sites.alleles` makes them.
    """
    repeat = _repeat(sites)
    found = []
    for motif in motifs:
        ref, alt = (best_site(motif, site, repeat=repeat) for site in sites)
        if ref is None or alt is None or ref.score == alt.score:
            continue
        has_ref, has_alt = (site.score >= motif.threshold for site in (ref, alt))
        if not (has_ref or has_alt):
            continue
        change = "gained" if not has_ref else "lost" if not has_alt else ""
        change = change or ("stronger" if alt.score > ref.score else "weaker")
        found.append(MotifChange(motif.name, change, motif.threshold, ref, alt))
    return sorted(found, key=lambda each: -abs(each.difference))


def best_site(motif: Scannable, site: Site, *, repeat: int = 0) -> MotifSite | None:
    """Return the best site of a motif across the marked bases of an allele; None if none fits.

    Parameters
    ----------
    repeat
        So many bases more on the right are counted as marked.
    """
    width, (start, end) = len(motif), site.marked
    # of an allele without bases, the sites that span the place between its neighbours
    first = max(start - width + 1, 0)
    last = min(end + repeat, len(site.codes) - width + 1)
    if first >= last:
        return None
    part = site.codes[first : last + width - 1]
    forward = motif.scores(part)
    backward = motif.scores(reverse_complement(part))[::-1]
    strand, scores = max((("+", forward), ("-", backward)), key=lambda each: each[1].max())
    at = first + int(scores.argmax())
    codes = site.codes[at : at + width]
    read = codes if strand == "+" else reverse_complement(codes)
    return MotifSite(float(scores.max()), at, int(site.positions[at]), strand, decode(read))


def _repeat(sites: Sequence[Site]) -> int:
    """Return how many bases to the right an insertion or a deletion could be written as well.

    A site that one of these spellings touches is compared in both alleles; otherwise one that
    merely moves along a repeat would seem to be lost.
    """
    ref, alt = (site.codes[site.marked[0] :] for site in sites)
    differ = np.flatnonzero(ref != alt)
    return int(differ[0]) if len(differ) else 0
