"""What a present motif of the example is: typed again, not imported, and read from the FASTA."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

PRESENT = {
    "CTCF": "CCA.[CT]AG[AG][GT]GGC[AG][CG]",
    "AP-1": "TGA[CG]TCA",
    "ETS": "CCGGAAG[CT]",
    "NRF1": "GCGCATGCGC",
    "GATA": "[AT]GATAA[AG]",
    "E-box": "CACGTG",
    "REST": "CAGCACC..GGACAGCGCC",
    "SP1": "GGGCGGGG",
    "YY1": "AA.ATGGCGGC",
}


def other_strand(text: str) -> str:
    return "".join({"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}[b] for b in reversed(text))


def present(text: str, motif: str) -> bool:
    return any(re.search(PRESENT[motif], s) for s in (text, other_strand(text)))


def count_matches(text: str) -> Counter[str]:
    """How often each motif is there, overlaps too; what reads the same on both strands is one."""
    found = set()
    for motif, pattern in PRESENT.items():
        for s, flip in ((text, False), (other_strand(text), True)):
            for match in re.finditer(f"(?=({pattern}))", s):
                a, b = match.span(1)
                found.add((motif, len(s) - b if flip else a))
    return Counter(motif for motif, _ in found)


def read_fasta(path: Path) -> dict[str, str]:
    found = {}
    for block in path.read_text().split(">")[1:]:
        name, *lines = block.split("\n")
        found[name] = "".join(lines)
    return found
