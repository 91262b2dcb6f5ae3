"""The labelled variants: SNVs that break a planted motif, and matched ones that break nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from build_genome import SPAN, Contig, below, motif_changes
from motifs import MOTIFS, reverse_complement

SEED = 20250611  # a stream of its own: the other files do not depend on it
N_CONTROLS = 3
CLEAR = 30  # bases between a control and any planted site
# Bases between a control and the locus's middle: GC-rich stretches reach 300 or 450. Farther off
# predictions hardly move whatever is changed (README), and labels would differ by that alone.
REACH = 300

HEADER = """\
##fileformat=VCFv4.3
##source=examples/simulate.py, seed {seed}: simulated, from no person
##reference=genome.fa
{contigs}
##FILTER=<ID=PASS,Description="All filters passed">
##INFO=<ID=LABEL,Number=A,Type=Integer,Description="1: breaks a planted motif; 0: control, which \
breaks and makes none">
##INFO=<ID=MATCH,Number=.,Type=String,Description="Group: one variant that breaks a motif and its \
{n} controls, with its REF and ALT, in its locus">
##INFO=<ID=MOTIF,Number=1,Type=String,Description="Motif that the group's positive breaks">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


@dataclass(frozen=True, order=True)
class Labelled:
    """One SNV at a 0-based position; a record of the VCF."""

    start: int
    ref: str
    alt: str
    name: str
    label: int
    match: str
    motif: str

    def line(self, chrom: str) -> str:
        """Return the record as a line of VCF."""
        info = f"LABEL={self.label};MATCH={self.match};MOTIF={self.motif}"
        columns = (chrom, str(self.start + 1), self.name, self.ref, self.alt, ".", "PASS", info)
        return "\t".join(columns) + "\n"


def breaking_snv(
    rng: random.Random, contig: Contig, site: tuple[int, int, str, str]
) -> tuple[int, str, str]:
    """Return (0-based position, REF, ALT) of one of the motif's breaking changes, drawn evenly.

    Raises
    ------
    RuntimeError
        The change drawn does not break this motif and leave every other.
    """
    start, end, name, strand = site
    changes = MOTIFS[name].breaks
    at, new = changes[below(rng, len(changes))]
    position, alt = (start + at, new) if strand == "+" else (end - 1 - at, reverse_complement(new))
    ref = contig.bases[position]
    lost, won = motif_changes(contig, position, position + 1, alt=alt)
    if ref == alt or (lost, won) != ([name], []):
        raise RuntimeError(f"{contig.name}: {site}: {ref}>{alt}: motifs lost {lost}, won {won}")
    return position, ref, alt


def is_control(contig: Contig, position: int, *, ref: str, alt: str) -> bool:
    """Return whether ref>alt can be made here, far from every site and without effect on motifs."""
    if contig.bases[position] != ref:
        return False
    if any(start - CLEAR < position < end - 1 + CLEAR for start, end, _, _ in contig.sites):
        return False
    return motif_changes(contig, position, position + 1, alt=alt) == ([], [])


def labelled_variants(rng: random.Random, contig: Contig) -> list[Labelled]:
    """Return one breaking SNV of each intact site of a contig with its controls, sorted.

    Raises
    ------
    RuntimeError
        A locus has too few places for controls, or a breaking change does not break.
    """
    found: list[Labelled] = []
    taken: set[int] = set()
    numbers: dict[str, int] = {}
    for site in sorted(contig.sites):
        name = site[2]
        if name not in MOTIFS:  # a broken copy
            continue
        locus, middle = contig.placed[site[0] // SPAN]
        numbers[locus.name] = numbers.get(locus.name, 0) + 1
        match = f"{locus.name}:{numbers[locus.name]}"
        position, ref, alt = breaking_snv(rng, contig, site)
        found.append(Labelled(position, ref, alt, f"{match}.break", 1, match, name))
        places = [
            i for i in range(middle - REACH, middle + REACH)
            if i not in taken and is_control(contig, i, ref=ref, alt=alt)
        ]  # fmt: skip
        if len(places) < N_CONTROLS:
            raise RuntimeError(f"{contig.name}: {match}: {len(places)} places for controls")
        for i in range(1, N_CONTROLS + 1):
            place = places.pop(below(rng, len(places)))
            taken.add(place)
            found.append(Labelled(place, ref, alt, f"{match}.control{i}", 0, match, name))
    return sorted(found)


def labelled_vcf(contigs: Sequence[Contig], lengths: str) -> str:
    """Return the text of the labelled VCF; `lengths` are its header's lines of contigs."""
    rng = random.Random(SEED)
    header = HEADER.format(seed=SEED, contigs=lengths, n=N_CONTROLS)
    return header + "".join(
        variant.line(contig.name)
        for contig in contigs
        for variant in labelled_variants(rng, contig)
    )
