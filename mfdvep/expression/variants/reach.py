"""Which genes a change is in reach of: those that have it in one of their windows. Numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdvep.errors import InputError
from mfdvep.expression.genes import Tss
from mfdvep.expression.predicted import window_starts_of
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import WINDOW_BASES

_SHOWN = 3


class GenesInReach:
    """The genes of a list, by where their windows lie on a reference.

    Parameters
    ----------
    genes
        Their contigs in any spelling that the reference resolves.
    genome
        The reference.

    Attributes
    ----------
    n_genes
        Of the list.
    off_reference
        Genes whose contig is not in the reference; they are in reach of nothing.

    Raises
    ------
    InputError
        No gene has its contig in the reference.
    """

    def __init__(self, genes: Sequence[Tss], genome: Genome) -> None:
        self.n_genes = len(genes)
        off: list[Tss] = []
        found: dict[str, list[tuple[int, Tss]]] = {}
        for gene in genes:
            contig = genome.resolve(gene.chrom)
            if contig is None:
                off.append(gene)
            else:
                found.setdefault(contig, []).append((int(window_starts_of(gene).min()), gene))
        if not found:
            theirs = list(dict.fromkeys(gene.chrom for gene in genes))
            raise InputError(
                f"no gene lies on {genome.path}: the genes' contigs begin with "
                f"{', '.join(theirs[:_SHOWN])}, those of the FASTA with "
                f"{', '.join(list(genome.contigs)[:_SHOWN])}; give genes of the same assembly"
            )
        self.off_reference = tuple(off)
        self._genes: dict[str, list[Tss]] = {}
        self._first: dict[str, np.ndarray] = {}
        for contig, placed in found.items():
            placed.sort(key=lambda pair: (pair[0], pair[1].id))
            self._genes[contig] = [gene for _, gene in placed]
            self._first[contig] = np.array([first for first, _ in placed], dtype=np.int64)
        # all genes' windows cover as many bases
        starts = window_starts_of(self._genes[next(iter(found))][0])
        self._span = int(starts.max() - starts.min()) + WINDOW_BASES

    def of(self, contig: str, *, start: int, ref_length: int) -> list[Tss]:
        """Return the genes one of whose windows a change touches, by where they lie.

        A change of nothing is where an insertion would be.

        Parameters
        ----------
        contig
            By the reference's name.
        start, ref_length
            See `is_touched`.
        """
        if contig not in self._genes:
            return []
        first = self._first[contig]
        low = int(np.searchsorted(first, start - self._span, side="right"))
        high = int(np.searchsorted(first, start + ref_length, side="left"))
        return self._genes[contig][low:high]


def distance(gene: Tss, *, start: int, ref_length: int) -> int:
    """Return how far a change lies downstream of a start site, in bases; below 0 upstream.

    That of its first base in the gene's direction; of an insertion, that of the base which comes
    after it in this direction.

    Parameters
    ----------
    start, ref_length
        0-based position of the least change, and how many bases it takes away.
    """
    if gene.strand == "+":
        return start - gene.tss
    return gene.tss - (start + ref_length - 1)
