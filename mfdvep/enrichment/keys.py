"""What makes two spellings one variant here: contig, position and alleles after trimming."""

from __future__ import annotations

from mfdvep.genomics.variants import trim
from mfdvep.scoring.variant_file import VariantColumns

Key = tuple[str, int, str, str]
"""Contig without "chr" ("M" for the mitochondrion), 1-based position, REF, ALT, in upper case."""


def key_of(chrom: str, pos: int, ref: str, alt: str) -> Key:
    """Return the key of a variant; indels that are aligned differently have different ones."""
    name = chrom.removeprefix("chr")
    if len(ref) == len(alt) == 1:
        return "M" if name == "MT" else name, pos, ref.upper(), alt.upper()
    return "M" if name == "MT" else name, *trim(pos, ref, alt)


def keys_of(variants: VariantColumns) -> list[Key]:
    """Return the keys of n variants."""
    columns = (variants.chrom, variants.pos.tolist(), variants.ref, variants.alt)
    return [key_of(*row) for row in zip(*columns, strict=True)]
