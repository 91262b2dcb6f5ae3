"""The example's genome: composition, planted sites, and no other strict match anywhere."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from motifs import MOTIFS, Hit, find_hits, reverse_complement
from plan import Locus

SPAN = 3600  # bases a locus; sites lie >= 2,700 apart, so no 1,153-base window holds two loci
N_RUN = 400

# 2nd-order Markov chains: the row of the two bases before -> thousandths of A, C, G, T. Counted on
# both strands of GRCh38, first 8-10 Mb: ISLAND in the 500-base windows of chr17, chr18 and chr20
# with G+C > .60 and CpG observed/expected > .65, BACKGROUND in the others of chr18 and chr20.
BACKGROUND = {
    "AA": (392, 150, 207, 251), "AC": (397, 233, 49, 321), "AG": (315, 201, 255, 229),
    "AT": (260, 176, 242, 322), "CA": (261, 208, 280, 251), "CC": (358, 249, 48, 345),
    "CG": (233, 231, 270, 266), "CT": (182, 242, 291, 285), "GA": (330, 159, 287, 224),
    "GC": (340, 278, 50, 332), "GG": (299, 227, 249, 225), "GT": (222, 188, 301, 289),
    "TA": (316, 175, 201, 308), "TC": (330, 262, 36, 372), "TG": (270, 199, 256, 275),
    "TT": (209, 203, 196, 392),
}  # fmt: skip
ISLAND = {
    "AA": (261, 230, 382, 127), "AC": (191, 365, 259, 185), "AG": (187, 328, 370, 115),
    "AT": (111, 347, 335, 207), "CA": (136, 305, 449, 110), "CC": (150, 369, 295, 186),
    "CG": (121, 392, 382, 105), "CT": (69, 403, 363, 165), "GA": (188, 248, 459, 105),
    "GC": (142, 353, 327, 178), "GG": (189, 327, 370, 114), "GT": (94, 349, 397, 160),
    "TA": (219, 290, 345, 146), "TC": (146, 429, 211, 214), "TG": (159, 325, 369, 147),
    "TT": (101, 383, 255, 261),
}  # fmt: skip
ENHANCER = {
    key: tuple((a + b) / 2 for a, b in zip(row, ISLAND[key], strict=True))
    for key, row in BACKGROUND.items()
}
COMPOSITION = {
    "plain": (BACKGROUND, 0), "enhancer": (ENHANCER, 600), "promoter": (ISLAND, 900),
}  # fmt: skip


@dataclass
class Contig:
    """One contig while it is being made; coordinates are 0-based half-open."""

    name: str
    bases: list[str] = field(default_factory=list)
    fixed: set[int] = field(default_factory=set)
    sites: list[tuple[int, int, str, str]] = field(default_factory=list)
    placed: list[tuple[Locus, int]] = field(default_factory=list)
    masked: list[tuple[int, int]] = field(default_factory=list)

    def text(self, start: int = 0, end: int | None = None) -> str:
        """Return the bases of a stretch, the whole contig unless told."""
        return "".join(self.bases[start:end])

    def masked_text(self) -> str:
        """Return the whole contig with its soft-masked stretches in lower case."""
        bases = self.bases.copy()
        for start, end in self.masked:
            bases[start:end] = self.text(start, end).lower()
        return "".join(bases)


def below(rng: random.Random, n: int) -> int:
    """Return an integer drawn evenly from 0 .. n - 1."""
    return int(rng.random() * n)


Chain = Mapping[str, Sequence[float]]


def grow(rng: random.Random, bases: list[str], n: int, *, chain: Chain) -> None:
    """Append n bases of a Markov chain that goes on from the bases already there."""
    for _ in range(n):
        row = chain["".join(["C", "A", *bases[-2:]][-2:])]  # a contig starts as if after CA
        drawn = rng.random() * sum(row)
        bases.append("ACGT"[min(bisect_right(list(accumulate(row)), drawn), 3)])


def plant(contig: Contig, start: int, *, name: str, spelling: str, strand: str) -> None:
    """Write a spelling into the contig at `start` and keep it from later changes."""
    text = spelling if strand == "+" else reverse_complement(spelling)
    end = start + len(text)
    contig.bases[start:end] = text
    contig.fixed.update(range(start, end))
    contig.sites.append((start, end, name, strand))


def add_locus(rng: random.Random, contig: Contig, locus: Locus) -> None:
    """Append SPAN bases with the locus's site, its surroundings and its neighbours."""
    chain, width = COMPOSITION[locus.setting]
    before = (SPAN - width) // 2 + below(rng, 600) - 300
    grow(rng, contig.bases, before, chain=BACKGROUND)
    grow(rng, contig.bases, width, chain=chain)
    grow(rng, contig.bases, SPAN - before - width, chain=BACKGROUND)
    start = len(contig.bases) - SPAN + before + width // 2
    contig.placed.append((locus, start))
    if not locus.spelling:
        return
    name = locus.motif if any(find_hits(locus.spelling)) else f"{locus.motif}_broken"
    plant(contig, start, name=name, spelling=locus.spelling, strand=locus.strand)
    if locus.setting == "plain":
        return
    left, right = start, start + len(locus.spelling)
    for i, name in enumerate(MOTIFS[locus.motif].neighbours):
        site = MOTIFS[name].sites[0]
        gap = 40 + below(rng, 30)  # flanking edits lie up to 35 bases off and must stay clear
        if i % 2:
            right += gap
            at, right = right, right + len(site)
        else:
            left -= gap + len(site)
            at = left
        plant(contig, at, name=name, spelling=site, strand="+-"[below(rng, 2)])


def scrub(rng: random.Random, contig: Contig) -> None:
    """Change bases until the planted sites hold the only strict matches of the contig."""
    while stray := [h for h in find_hits(contig.text()) if not planted(contig, h)]:
        for hit in stray:
            free = [i for i in range(hit.start, hit.end) if i not in contig.fixed]
            if not free:
                raise RuntimeError(f"{contig.name}: a planted site holds another motif: {hit}")
            contig.bases[free[below(rng, len(free))]] = "ACGT"[below(rng, 4)]


def planted(contig: Contig, hit: Hit) -> bool:
    """Return whether a hit lies within a planted site of its own motif."""
    return any(s <= hit.start and hit.end <= e and n == hit.name for s, e, n, _ in contig.sites)


def motif_changes(contig: Contig, start: int, end: int, *, alt: str) -> tuple[list, list]:
    """Return the motifs that are lost and won when `alt` replaces the bases [start, end)."""
    left, right = contig.text(start - 60, start), contig.text(end, end + 60)
    before = Counter(h.name for h in find_hits(left + contig.text(start, end) + right))
    after = Counter(h.name for h in find_hits(left + alt + right))
    return list((before - after).elements()), list((after - before).elements())


def add_n_run(contig: Contig) -> None:
    """Overwrite N_RUN bases with N where two loci meet, far from every variant."""
    middle = len(contig.placed) // 2 * SPAN
    contig.bases[middle - N_RUN // 2 : middle + N_RUN // 2] = "N" * N_RUN


def soft_mask(rng: random.Random, contig: Contig) -> None:
    """Mask a stretch of 300-1,200 bases around the first site and in a third of the other loci."""
    for i, (_, site) in enumerate(contig.placed):
        length, before = 300 + below(rng, 901), below(rng, 1200)
        if i == 0:
            contig.masked.append((site - 150, site - 150 + length))
        elif rng.random() < 1 / 3:
            contig.masked.append((site - before, site - before + length))
