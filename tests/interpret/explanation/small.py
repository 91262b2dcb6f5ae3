"""A small genome, and explanations of its variants by the small model."""

from __future__ import annotations

from pathlib import Path

from conftest import random_bases, write_fasta

from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import Variant, variant_of
from mfdvep.interpret.explanation.explaining import Explanation, explain
from mfdvep.model.mfd import MFDModel

SEQUENCE = random_bases(3000, 1)
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


def genome_in(folder: Path, sequence: str = SEQUENCE) -> Genome:
    """Return a genome of one contig, chr1."""
    return Genome(write_fasta(folder / "genome.fa", {"chr1": sequence}))


def snv(pos: int, sequence: str = SEQUENCE) -> Variant:
    """Return an SNV at a 1-based position."""
    ref = sequence[pos - 1]
    return variant_of(f"chr1:{pos}:{ref}:{OTHER[ref]}")


def explained(model: MFDModel, genome: Genome, variant: Variant, **options) -> Explanation:
    """Return an explanation from one window, read forward, where nothing else is asked for."""
    return explain(
        variant, model, genome, **{"shifts": 1, "strand": "forward", "device": "cpu", **options}
    )
