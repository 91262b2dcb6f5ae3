"""Drawing variants anew: blocks and bootstrap weights, and permuted labels.

Neighbouring variants share sequence, genes and match groups, so that they are no independent
draws. The bootstrap draws whole blocks, of all kinds and tracks the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr
from scipy.stats import t as student

FEW_BLOCKS = 20
"""Blocks below which a bootstrap interval is rough."""
MIN_BLOCKS = 10
"""Blocks below which there is none."""
MIN_SAMPLES = 40
"""Samples below which 2.5 % of them are none."""


def blocks_of(
    chrom: Sequence[str], pos: np.ndarray, strata: np.ndarray, *, size: int | None
) -> np.ndarray:
    """Return the block of each variant, int64 (n,), numbered from 0.

    Parameters
    ----------
    chrom, pos
        n contigs and positions.
    strata
        int64 (n,), -1 for none; a matched set lies whole in the block of its first variant.
    size
        Bases of a block; None makes each contig one.
    """
    contigs = np.unique(np.asarray(chrom), return_inverse=True)[1].astype(np.int64)
    stretch = pos // size if size else np.zeros(len(pos), dtype=np.int64)
    blocks = np.unique(np.stack([contigs, stretch]), axis=1, return_inverse=True)[1].reshape(-1)
    matched = np.flatnonzero(strata >= 0)
    if len(matched):
        _, first, back = np.unique(strata[matched], return_index=True, return_inverse=True)
        blocks[matched] = blocks[matched[first]][back]
    return np.unique(blocks, return_inverse=True)[1]


def bootstrap_weights(n_blocks: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each block is drawn in each of n samples, float64 (n, n_blocks)."""
    return rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=n).astype(np.float64)


def percentile_interval(
    samples: np.ndarray, blocks: int | np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the middle 95 % over the first axis, of the values that are defined.

    NaN where fewer than nine tenths of the samples are, and of fewer than `MIN_SAMPLES` samples.

    Parameters
    ----------
    samples
        (B,) or (B, k).
    blocks
        How many blocks the samples tell something by, for all or for each of k: the interval is
        expanded as Student's t is over the normal, and NaN for fewer than `MIN_BLOCKS`. Of
        10, 20 and 50 blocks the plain one held nothing in 11, 9 and 7 % of simulations under the
        null, the expanded one in 6, 5 and 5 %. None: as it is.

    Source: Hesterberg 2015, What teachers should know about the bootstrap (expanded percentiles).
    """
    flat = samples.reshape(len(samples), int(np.prod(samples.shape[1:])))
    ends = np.full((2, flat.shape[1]), np.nan)
    if len(flat) < MIN_SAMPLES:
        low, high = ends.reshape(2, *samples.shape[1:])
        return low, high
    known = np.isfinite(flat).mean(0) >= 0.9
    if blocks is None:
        ends[:, known] = np.nanquantile(flat[:, known], [0.025, 0.975], axis=0)
    else:
        n_blocks = np.broadcast_to(blocks, flat.shape[1])
        for n in np.unique(n_blocks[known & (n_blocks >= MIN_BLOCKS)]):
            at = known & (n_blocks == n)
            tail = ndtr(-np.sqrt(n / (n - 1)) * student.ppf(0.975, n - 1))
            ends[:, at] = np.nanquantile(flat[:, at], [tail, 1 - tail], axis=0)
    low, high = ends.reshape(2, *samples.shape[1:])
    return low, high


def permuted_labels(
    positive: np.ndarray, strata: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Return n permutations of the labels within matched sets, uint8 (variants, n).

    Variants that are in no set are permuted among themselves.
    """
    order = np.argsort(strata, kind="stable")
    labels, sorted_strata = positive[order].astype(np.uint8), strata[order]
    out = np.empty((len(positive), n), dtype=np.uint8)
    for column in range(n):
        # the variants of each set in random order get the set's labels
        shuffled = np.lexsort((rng.random(len(positive)), sorted_strata))
        out[order[shuffled], column] = labels
    return out
