"""Contig names that mean the same contig. Pure Python."""

from __future__ import annotations

_MITOCHONDRION = ("chrM", "MT", "M", "chrMT")


def spellings(chrom: str) -> tuple[str, ...]:
    """Return the names that a contig may go by, the given one first.

    chr1 and 1 are one contig, and so are chrM, MT, M and chrMT.
    """
    other = chrom[3:] if chrom.startswith("chr") else f"chr{chrom}"
    return chrom, other, *(_MITOCHONDRION if chrom in _MITOCHONDRION else ())
