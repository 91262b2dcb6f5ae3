"""A simulated genome, the peaks of its experiments, and variants that break what was planted.

Everything random is drawn from a `random.Random` by `random()` alone, whose stream Python
guarantees for a seed, as in examples/.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from build_genome import BACKGROUND, Contig, below, grow, plant, scrub
from motifs import MOTIFS, Hit
from regulation import (
    BIOLOGY,
    EVERYWHERE,
    FACTORS,
    OPENERS,
    WORDS,
    biological_peaks,
    find_sites,
    is_near,
    kind_of,
    middle,
    positions,
    technical_peaks,
)

SPACING = 1024  # bases a locus: an element about its middle, words anywhere
OPENER_SHARE, FACTOR_SHARE, WORD_SHARE = 0.45, 0.35, 0.2  # of the loci
SEEN = 0.9  # of what an experiment could see, it has a peak there
STRAY = 0.03  # peaks of no cause, per peak with one
HALF_WIDTH = (75, 125)  # bases from a peak's middle to its ends
JITTER = 20  # bases by which its middle is off at most
CONTEXT = 40  # bases beside a variant in which nothing else may change


def build_contig(rng: random.Random, name: str, n_bases: int) -> Contig:
    """Return a contig with planted motifs and words, and no other strict match of a motif."""
    contig = Contig(name)
    grow(rng, contig.bases, n_bases, chain=BACKGROUND)
    for start in range(0, n_bases - SPACING + 1, SPACING):
        add_element(rng, contig, start + SPACING // 2 + below(rng, 200) - 100)
        for word in WORDS:
            if rng.random() < WORD_SHARE:
                add_word(rng, contig, word, start)
    scrub(rng, contig)
    return contig


def add_element(rng: random.Random, contig: Contig, middle: int) -> None:
    """Plant a random choice of motifs beside each other, in random order and strand."""
    shares = {**dict.fromkeys(OPENERS.values(), OPENER_SHARE),
              **dict.fromkeys(FACTORS.values(), FACTOR_SHARE)}  # fmt: skip
    chosen = sorted((rng.random(), name) for name in BIOLOGY if rng.random() < shares[name])
    spellings = [MOTIFS[name].sites[below(rng, len(MOTIFS[name].sites))] for _, name in chosen]
    gaps = [6 + below(rng, 10) for _ in chosen]
    at = middle - sum(map(len, spellings), sum(gaps)) // 2
    for (_, name), spelling, gap in zip(chosen, spellings, gaps, strict=True):
        plant(contig, at, name=name, spelling=spelling, strand="+-"[below(rng, 2)])
        at += len(spelling) + gap


def add_word(rng: random.Random, contig: Contig, word: str, start: int) -> None:
    """Plant a word somewhere in a locus where nothing is planted yet."""
    while True:
        at = start + below(rng, SPACING - len(word))
        if contig.fixed.isdisjoint(range(at - 3, at + len(word) + 3)):
            plant(contig, at, name=word, spelling=word, strand="+-"[below(rng, 2)])
            return


def draw_peaks(
    rng: random.Random, row: Mapping[str, str], places: Mapping[str, Sequence[int]], length: int
) -> list[tuple[int, int, int]]:
    """Return the peaks of an experiment on a contig: (start, end, summit), 0-based, ascending.

    Parameters
    ----------
    row
        Of `experiments`.
    places
        Of `positions`, for this contig.
    length
        Bases of the contig.
    """
    causes = [*biological_peaks(row, places), *technical_peaks(row, places)]
    seen = [p for p in causes if rng.random() < SEEN]
    seen += [below(rng, length) for _ in range(round(STRAY * len(seen)))]
    peaks = []
    for place in seen:
        low, high = HALF_WIDTH
        middle = place + below(rng, 2 * JITTER + 1) - JITTER
        left, right = (low + below(rng, high - low + 1) for _ in range(2))
        start, end = max(0, middle - left), min(length, middle + right)
        peaks.append((start, end, min(max(middle, start), end - 1)))
    return sorted(peaks)


def what_breaks(text: str, start: int, alt: str) -> list[str]:
    """Return what an SNV takes away, or [''] for nothing, or [] if it makes a site somewhere.

    Parameters
    ----------
    text
        An upper-case sequence.
    start
        0-based position of the base that `alt` replaces.
    """
    left, right = text[max(0, start - CONTEXT) : start], text[start + 1 : start + 1 + CONTEXT]
    before, after = (
        Counter(site.name for site in find_sites(left + base + right))
        for base in (text[start], alt)
    )
    return [] if after - before else sorted((before - after).elements()) or [""]


def draw_variants(
    rng: random.Random, text: str, sites: Sequence[Hit], *, each: int
) -> Iterator[tuple[int, str, str, str, str]]:
    """Yield SNVs of a contig: (0-based start, REF, ALT, what it does, to which motif or word).

    For every motif and word up to `each` that break one of its sites, `each` that break nothing.
    What it does is 'biological', 'technical' or 'none'; the last field is '' for 'none'.

    Parameters
    ----------
    text
        The contig, upper case.
    sites
        Its sites, of `find_sites`.
    """
    places = positions(sites)
    for name in (*BIOLOGY, *WORDS):
        own = [site for site in sites if site.name == name]
        if name in FACTORS.values() and name != FACTORS[EVERYWHERE]:
            # where the chromatin is closed in a biosample, nothing is bound that could be lost
            own = [
                site
                for site in own
                if all(is_near(middle(site), places[opener]) for opener in OPENERS.values())
            ]
        for site in _shuffled(rng, own)[:each]:
            at, alt = _breaking(rng, text, site)
            yield at, text[at], alt, kind_of(name), name
    taken = {i for site in sites for i in range(site.start, site.end)}
    n = 0
    while n < each:
        at = CONTEXT + below(rng, len(text) - 2 * CONTEXT)
        alt = _other(rng, text[at])
        if at not in taken and what_breaks(text, at, alt) == [""]:
            yield at, text[at], alt, "none", ""
            n += 1


def _breaking(rng: random.Random, text: str, site: Hit) -> tuple[int, str]:
    while True:
        at = site.start + below(rng, site.end - site.start)
        alt = _other(rng, text[at])
        if what_breaks(text, at, alt) == [site.name]:
            return at, alt


def _other(rng: random.Random, base: str) -> str:
    return "ACGT".replace(base, "")[below(rng, 3)]


def _shuffled(rng: random.Random, items: Sequence[Hit]) -> list[Hit]:
    return [items[i] for _, i in sorted((rng.random(), i) for i in range(len(items)))]
