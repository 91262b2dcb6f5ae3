"""How the simulated genome is read: what binds where, in which biosample, and what is an artefact.

Biology: an element is open in a biosample if it holds the motif of that biosample's opener; a
factor binds its motif where the element is open, CTCF everywhere. Technique: every lab, and each
of the two assays of accessibility, has a word that gives a peak whatever the biology.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from motifs import MOTIFS, Hit, find_hits, reverse_complement

ACCESSIBLE = "accessible DNA"
OPENERS = {"erythroid": "GATA", "epithelial": "AP-1", "lymphoid": "ETS"}  # biosample -> motif
FACTORS = {"CTCF": "CTCF", "NRF1": "NRF1", "USF1": "E-box", "YY1": "YY1"}  # target -> motif
EVERYWHERE = "CTCF"  # binds its motif in closed chromatin too
BIOLOGY = (*OPENERS.values(), *FACTORS.values())
LAB_WORDS = {"North": "GCAGCCGCCTCC", "South": "TTAATTACATTA", "East": "ACACACTGTACA"}
ASSAY_WORDS = {"ATAC-seq": "GTCTAGACTTGC", "DNase-seq": "CTTGCAAGTCGA"}
WORDS = (*LAB_WORDS.values(), *ASSAY_WORDS.values())
REACH = 150  # bases from an opener's motif over which an element is open

_STRANDS = [(word, strand, text) for word in WORDS
            for strand, text in (("+", word), ("-", reverse_complement(word)))]  # fmt: skip


def experiments() -> list[dict[str, str]]:
    """Return the rows of the table of experiments: each target in each biosample, by two of labs.

    The third lab is left out in turn, so no lab is tied to a target or to a biosample.
    """
    kinds = [(ACCESSIBLE, assay) for assay in ASSAY_WORDS] + [(t, "ChIP-seq") for t in FACTORS]
    labs, rows = list(LAB_WORDS), []
    for i, (target, assay) in enumerate(kinds):
        for j, biosample in enumerate(OPENERS):
            for k, lab in enumerate(labs):
                if (i + j + k) % len(labs) == 0:
                    continue
                name = f"SIM{len(rows):03d}"
                rows.append({"experiment": name, "peaks": f"peaks/{name}.narrowPeak.gz",
                             "target": target, "assay": assay, "biosample": biosample,
                             "lab": lab})  # fmt: skip
    return rows


def find_sites(sequence: str) -> list[Hit]:
    """Return every motif of the biology and every word in an upper-case sequence, by start."""
    hits = [hit for hit in find_hits(sequence) if hit.name in BIOLOGY]
    for word, strand, text in _STRANDS:
        at = sequence.find(text)
        while at >= 0:
            hits.append(Hit(at, at + len(text), word, strand))
            at = sequence.find(text, at + 1)
    return sorted(hits)


def middle(site: Hit) -> int:
    """Return the 0-based middle base of a site."""
    return (site.start + site.end) // 2


def positions(sites: Iterable[Hit]) -> dict[str, list[int]]:
    """Return motif or word -> 0-based middle of each of its sites, ascending."""
    found: dict[str, list[int]] = {name: [] for name in (*BIOLOGY, *WORDS)}
    for site in sorted(sites):
        found[site.name].append(middle(site))
    return found


def is_near(position: int, others: Sequence[int]) -> bool:
    """Return whether one of the others, ascending, is at most REACH bases away."""
    i = bisect_left(others, position - REACH)
    return i < len(others) and others[i] <= position + REACH


def biological_peaks(row: Mapping[str, str], places: Mapping[str, Sequence[int]]) -> list[int]:
    """Return where an experiment has a peak because of biology, 0-based summits.

    Parameters
    ----------
    row
        Of `experiments`.
    places
        Of `positions`, for one contig.
    """
    opener = places[OPENERS[row["biosample"]]]
    if row["target"] == ACCESSIBLE:
        return list(opener)
    bound = places[FACTORS[row["target"]]]
    return [p for p in bound if row["target"] == EVERYWHERE or is_near(p, opener)]


def technical_peaks(row: Mapping[str, str], places: Mapping[str, Sequence[int]]) -> list[int]:
    """Return where an experiment has a peak because of its lab or assay, 0-based summits."""
    words = [LAB_WORDS[row["lab"]], ASSAY_WORDS.get(row["assay"])]
    return [p for word in words if word for p in places[word]]


def feels(row: Mapping[str, str], name: str) -> bool:
    """Return whether an experiment's peaks depend on a motif or word where nothing else matters.

    An opener's motif is felt by accessibility in its biosample (and by the factors bound beside
    it, which are left out here), a factor's by the factor in every biosample.
    """
    if row["target"] == ACCESSIBLE and name == OPENERS[row["biosample"]]:
        return True
    own = (FACTORS.get(row["target"]), LAB_WORDS[row["lab"]], ASSAY_WORDS.get(row["assay"]))
    return name in own


def kind_of(name: str) -> str:
    """Return 'biological' for a motif, 'technical' for a word."""
    return "biological" if name in MOTIFS else "technical"
