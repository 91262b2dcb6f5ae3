"""The binding motifs that the example plants, and how a strict match to one is found.

Spellings and tolerated positions were typed in from the literature: CTCF (JASPAR MA0139; Kim et
al. 2007), AP-1 (the TPA response element), ETS (Wei et al. 2010), NRF1 (Evans and Scarpulla 1990),
GATA, E-box of USF and MAX, REST (RE1; Johnson et al. 2007), the GC box of SP1, YY1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_IUPAC = {
    **{base: base for base in "ACGT"},
    **{"R": "[AG]", "Y": "[CT]", "S": "[CG]", "W": "[AT]", "K": "[GT]", "M": "[AC]", "N": "[ACGT]"},
}
_COMPLEMENT = str.maketrans("ACGTRYSWKMN", "TGCAYRSWMKN")


@dataclass(frozen=True)
class Motif:
    """One motif: how it is written when planted, when it counts as present, what breaks it.

    Attributes
    ----------
    name
        What VCF, truth table and README call it.
    factors
        Values of the tracks' column `target` that should feel it.
    sites
        Spellings to plant; in each, every change of `breaks` and `silent` is a real change.
    pattern
        IUPAC pattern that a present motif matches, on either strand.
    breaks
        Changes at informative positions: (0-based index in the site, new base).
    silent
        Such a change at a position that tolerates both bases, or beside the pattern.
    setting
        Where real ones are often found: 'promoter' (CpG island) or 'enhancer'.
    neighbours
        Motifs planted beside it to look like open chromatin.
    """

    name: str
    factors: tuple[str, ...]
    sites: tuple[str, ...]
    pattern: str
    breaks: tuple[tuple[int, str], ...]
    silent: tuple[int, str]
    setting: str
    neighbours: tuple[str, ...]


@dataclass(frozen=True, order=True)
class Hit:
    """A strict match: 0-based half-open on the + strand; a palindrome is on '+' only."""

    start: int
    end: int
    name: str
    strand: str


MOTIFS = {
    motif.name: motif
    for motif in (
        Motif(
            "CTCF",
            ("CTCF", "RAD21", "SMC3"),
            (
                "TGGCCACCAGGGGGCGCTA",
                "TGACCACCAGGGGGCAGCA",
                "CGGCCACTAGGGGGCGCTG",
                "GCGCCACCAGGTGGCAGCA",
            ),
            "CCANYAGRKGGCRS",
            ((4, "A"), (9, "T"), (12, "A"), (13, "T")),
            (6, "G"),
            "enhancer",
            ("AP-1", "ETS", "SP1"),
        ),
        Motif(
            "AP-1",
            ("JUND", "FOS", "JUNB", "JUN", "FOSL1", "BATF", "NFE2", "BACH1"),
            ("ATGACTCAT", "GTGACTCAC", "ATGACTCAG"),
            "TGASTCA",
            ((3, "C"), (2, "T"), (6, "G")),
            (4, "G"),
            "enhancer",
            ("ETS", "GATA", "E-box"),
        ),
        Motif(
            "ETS",
            ("GABPA", "ELK1", "ELK4", "ELF1", "ETS1"),
            ("ACCGGAAGTG", "ACCGGAAGTA", "GCCGGAAGTC"),
            "CCGGAAGY",
            ((4, "A"), (5, "C"), (3, "T")),
            (8, "C"),
            "promoter",
            ("SP1", "NRF1", "YY1"),
        ),
        Motif(
            "NRF1",
            ("NRF1",),
            ("TGCGCATGCGCA",),
            "GCGCATGCGC",
            ((7, "T"), (4, "A"), (3, "T")),
            (0, "C"),
            "promoter",
            ("SP1", "ETS"),
        ),
        Motif(
            "GATA",
            ("GATA1", "GATA2", "GATA3", "TAL1"),
            ("CAGATAAGA", "GAGATAAGG", "CAGATAAGG"),
            "WGATAAR",
            ((2, "C"), (4, "G"), (3, "C")),
            (1, "T"),
            "enhancer",
            ("AP-1", "ETS", "E-box"),
        ),
        Motif(
            "E-box",
            ("USF1", "USF2", "MAX", "MYC", "BHLHE40"),
            ("GTCACGTGAC", "GTCACGTGGC", "GTCACGTGAG"),
            "CACGTG",
            ((3, "T"), (4, "A"), (7, "T")),
            (0, "A"),
            "promoter",
            ("SP1", "ETS", "NRF1"),
        ),
        Motif(
            "REST",
            ("REST",),
            ("TTCAGCACCATGGACAGCGCC", "TTCAGCACCACGGACAGCGCC", "GTCAGCACCTCGGACAGCGCC"),
            "CAGCACCNNGGACAGCGCC",
            ((12, "T"), (4, "T"), (14, "A")),
            (9, "G"),
            "enhancer",
            ("SP1", "E-box"),
        ),
        Motif(
            "SP1",
            ("SP1", "SP2", "MAZ"),
            ("GGGGCGGGGC", "GGGGCGGGGT", "GGGGCGGGGA"),
            "GGGCGGGG",
            ((4, "A"), (5, "A"), (3, "T")),
            (0, "T"),
            "promoter",
            ("ETS", "NRF1", "YY1"),
        ),
        Motif(
            "YY1",
            ("YY1",),
            ("CAAGATGGCGGCC", "GAAGATGGCGGCT", "CAAGATGGCGGCG"),
            "AANATGGCGGC",
            ((5, "G"), (6, "T"), (4, "C")),
            (3, "A"),
            "promoter",
            ("SP1", "ETS"),
        ),
    )
}


def reverse_complement(text: str) -> str:
    """Return the other strand of bases or IUPAC letters, upper case."""
    return text.upper().translate(_COMPLEMENT)[::-1]


def _regex(pattern: str) -> re.Pattern[str]:
    # A look-ahead, so that overlapping matches are all found.
    return re.compile(f"(?=({''.join(_IUPAC[letter] for letter in pattern)}))")


_SEARCHES = [
    (name, strand, _regex(pattern))
    for name, motif in MOTIFS.items()
    for strand, pattern in (("+", motif.pattern), ("-", reverse_complement(motif.pattern)))
]


def find_hits(sequence: str) -> Iterator[Hit]:
    """Yield every strict match in a sequence (case is ignored), motif by motif.

    A pattern that reads the same on both strands gives one hit, on '+'.
    """
    sequence = sequence.upper()
    plus: set[tuple[str, int]] = set()
    for name, strand, search in _SEARCHES:
        for match in search.finditer(sequence):
            start, end = match.span(1)
            if strand == "+":
                plus.add((name, start))
            elif (name, start) in plus:
                continue
            yield Hit(start, end, name, strand)
