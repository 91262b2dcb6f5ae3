"""The alleles of some records, the genes that each is in reach of, and what it does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mfdvep.expression.genes import Tss
from mfdvep.expression.variants.pairs import GeneEffects, PairEffects
from mfdvep.expression.variants.reach import GenesInReach, distance
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.genomics.vcf import Record
from mfdvep.scoring.windows import AlleleWindows


@dataclass(frozen=True)
class GenePair:
    """An allele, by its row in a batch, and a gene in its reach.

    Attributes
    ----------
    distance
        See `mfdvep.expression.variants.reach.distance`.
    """

    allele: int
    gene: Tss
    distance: int


@dataclass(frozen=True)
class GeneBatch:
    """All ALTs of some records, and their effects on genes.

    Attributes
    ----------
    records
        In order.
    variants, status
        n: every ALT, as `mfdvep score` has them.
    pairs
        In the order of the alleles; genes of an allele by where they lie. None of an allele that
        is not OK.
    effects
        A row a pair.
    cells
        c names, of the effects' columns.
    """

    records: tuple[Record, ...]
    variants: tuple[Variant, ...]
    status: tuple[VariantStatus, ...]
    pairs: tuple[GenePair, ...]
    effects: PairEffects
    cells: tuple[str, ...]

    @property
    def pairs_of(self) -> list[list[int]]:
        """The rows in `pairs` of each allele."""
        found: list[list[int]] = [[] for _ in self.variants]
        for row, pair in enumerate(self.pairs):
            found[pair.allele].append(row)
        return found


def score_batch(
    records: Sequence[Record],
    variants: Sequence[Variant],
    *,
    windows: AlleleWindows,
    genes: GenesInReach,
    effects: GeneEffects,
) -> GeneBatch:
    """Return the effects of all ALTs of some records.

    Parameters
    ----------
    variants
        All ALTs of the records, see `alleles_of`.
    windows
        Checks them against the reference.
    genes
        Those that may be in reach.
    effects
        Tells what they change.

    Raises
    ------
    InputError, ModelError
        See `AlleleWindows.prepare`, `GeneEffects.score`.
    """
    prepared = windows.prepare(variants)
    pairs, wanted = [], []
    for row, change in enumerate(prepared.changes):
        if change is None:
            continue
        place = {"start": change.start, "ref_length": change.ref_length}
        for gene in genes.of(change.contig, **place):
            pairs.append(GenePair(row, gene, distance(gene, **place)))
            wanted.append((change, gene))
    return GeneBatch(
        records=tuple(records),
        variants=prepared.variants,
        status=prepared.status,
        pairs=tuple(pairs),
        effects=effects.score(wanted),
        cells=effects.readout.cells,
    )
