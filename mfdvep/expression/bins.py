"""The bins round a transcription start site, in the gene's direction. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdvep.expression.genes import Tss

N_BINS = 100
BIN = 100
"""Bases a bin."""
REACH = 5000
"""Bases upstream of the start site; as many from the start site on."""
MARKS = ("H3K27me3", "H3K36me3", "H3K4me1", "H3K4me3", "H3K9me3")
"""The five core marks of SimpleChrome, in its order."""


def region_starts(genes: Sequence[Tss]) -> np.ndarray:
    """Return the first base, 0-based, of each gene's bins on the genome: int64 (n,).

    The bins of gene i cover [result[i], result[i] + 2 REACH). On strand "-" they are the mirror
    image about the start site, hence one base further: so bin 50 begins with the first transcribed
    base on both strands, and bin 49 ends with the base before it.
    """
    shift = np.array([gene.strand == "-" for gene in genes], dtype=np.int64)
    return np.array([gene.tss for gene in genes], dtype=np.int64) - REACH + shift


def bin_starts(gene: Tss) -> np.ndarray:
    """Return the first base, 0-based, of each bin on the genome: int64 (100,).

    Bin i covers [result[i], result[i] + 100). Bin 0 is the most upstream: on strand "-" the
    numbers fall. They may pass the ends of the contig, where there is no signal.

    Source: SimpleChrome (Hamdy Elsayed and others, 2020), "Methods": 100 bins of 100 bp over the
    start site and 5 kb on either side.
    """
    starts = int(region_starts([gene])[0]) + BIN * np.arange(N_BINS, dtype=np.int64)
    return starts[::-1].copy() if gene.strand == "-" else starts
