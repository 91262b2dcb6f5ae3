"""Where genes' bins lie, and what intervals with a signal put into them. Pure numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mfdvep.expression.bins import BIN, N_BINS, region_starts
from mfdvep.expression.genes import Tss
from mfdvep.genomics.contigs import spellings
from mfdvep.training.peaks import expand

_SPAN = N_BINS * BIN  # bases of a gene's bins, which have no gap
_MOST = 1 << 15  # pairs of gene and interval at a time: 100 bins each, some 100 MB


def one_spelling(chrom: str) -> str:
    """Return one name for all names of a contig, such as 1 for chr1 and 1."""
    return min(spellings(chrom))


@dataclass(frozen=True)
class Places:
    """The bins of n genes, by contig.

    Attributes
    ----------
    n
        Genes.
    rows
        Contig, by `one_spelling` -> its genes, int64 (k,), in order of `starts`.
    starts
        Contig -> first base of their bins, 0-based, int64 (k,), rising.
    is_reverse
        bool (n,): the gene is on strand "-", so its bins run against the genome.
    """

    n: int
    rows: dict[str, np.ndarray]
    starts: dict[str, np.ndarray]
    is_reverse: np.ndarray

    @classmethod
    def of(cls, genes: Sequence[Tss]) -> Places:
        """Return the places of genes."""
        starts = region_starts(genes)
        contig = np.array([one_spelling(gene.chrom) for gene in genes])
        rows = {}
        for name in dict.fromkeys(contig.tolist()):
            of_it = np.flatnonzero(contig == name)
            rows[name] = of_it[np.argsort(starts[of_it], kind="stable")]
        return cls(
            n=len(genes),
            rows=rows,
            starts={name: starts[of_it] for name, of_it in rows.items()},
            is_reverse=np.array([gene.strand == "-" for gene in genes]),
        )

    def directed(self, bins: np.ndarray) -> np.ndarray:
        """Return bins (n, 100) in order of the genome in the direction of each gene, float32."""
        bins[self.is_reverse] = bins[self.is_reverse, ::-1]
        return bins.astype(np.float32)


def fill(
    starts: np.ndarray, intervals: np.ndarray, values: np.ndarray, *, most: int = _MOST
) -> np.ndarray:
    """Return the mean signal of bins on one contig, in order of the genome: float64 (k, 100).

    A bin has the sum over intervals of signal x share of the bin that the interval covers, so the
    signals of intervals that overlap add up.

    Parameters
    ----------
    starts
        int64 (k,), first base of each gene's bins, rising.
    intervals
        int64 (p, 2), 0-based, half-open, in any order; the result does not depend on it.
    values
        float64 (p,), the signal of each.
    most
        Pairs of gene and interval held at a time.
    """
    order = np.lexsort((values, intervals[:, 1], intervals[:, 0]))
    (begin, end), values = intervals[order].T, values[order]
    # all genes have as many bases, so those that an interval overlaps follow each other
    first = np.searchsorted(starts, begin - _SPAN, side="right")
    stop = np.searchsorted(starts, end, side="left")
    keep = (stop > first) & (end > begin)
    begin, end, values, first, stop = (x[keep] for x in (begin, end, values, first, stop))
    filled = np.zeros(len(starts) * N_BINS)
    part = np.cumsum(stop - first) // most
    for chunk in _runs(part):
        gene = expand(first[chunk], stop[chunk])  # (pairs,)
        which = np.repeat(np.arange(len(values))[chunk], (stop - first)[chunk])
        left = np.maximum(begin[which] - starts[gene], 0)
        right = np.minimum(end[which] - starts[gene], _SPAN)
        low, high = left // BIN, (right - 1) // BIN + 1
        at = expand(low, high)  # (bins of pairs,)
        pair = np.repeat(np.arange(len(gene)), high - low)
        covered = np.minimum(right[pair], (at + 1) * BIN) - np.maximum(left[pair], at * BIN)
        weight = values[which[pair]] * covered / BIN
        filled += np.bincount(gene[pair] * N_BINS + at, weight, len(filled))
    return filled.reshape(-1, N_BINS)


def _runs(part: np.ndarray) -> Iterable[slice]:
    """Return the stretches of equal numbers in a rising array."""
    cuts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(part)]
    return [slice(a, b) for a, b in pairwise(cuts) if b > a]
