"""The variants that are tested, and what is counted of any set of them that is tagged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfdvep.enrichment.measures.matched import Moments, Strata, moments
from mfdvep.enrichment.measures.odds import haldane, tables_of
from mfdvep.enrichment.measures.resampling import blocks_of, bootstrap_weights, permuted_labels


@dataclass(frozen=True)
class Sample:
    """n variants with labels, sorted by contig.

    Attributes
    ----------
    chrom, pos
        n contigs, and int64 (n,) positions, 1-based.
    positive
        bool (n,).
    strata
        The matched sets; none where nothing is matched.
    contigs
        Where the variants of each contig lie.
    blocks
        int64 (n,): what the bootstrap draws together.
    weights
        float64 (B, blocks): how often each sample has each block.
    contig_weights
        float64 (B, contigs): how often each of as many other samples has each contig.
    drawn
        float64 (B,) each: how many positives and negatives each sample has.
    permuted
        uint8 (n, P): labels permuted within matched sets.
    """

    chrom: np.ndarray
    pos: np.ndarray
    positive: np.ndarray
    strata: Strata
    contigs: dict[str, slice]
    blocks: np.ndarray
    weights: np.ndarray
    contig_weights: np.ndarray
    drawn: tuple[np.ndarray, np.ndarray]
    permuted: np.ndarray

    @classmethod
    def build(
        cls,
        chrom: Sequence[str],
        pos: np.ndarray,
        positive: np.ndarray,
        strata: np.ndarray,
        *,
        block: int | None,
        n_bootstrap: int,
        n_permutations: int,
        rng: np.random.Generator,
    ) -> Sample:
        """Return the sample of variants, (n,) each, which must be sorted by contig.

        Parameters
        ----------
        strata
            int64 (n,), as from `strata_of`.
        block
            Bases that the bootstrap draws together; None: contigs.
        """
        names, starts = np.unique(np.asarray(chrom, dtype=object).astype(str), return_index=True)
        by_start = np.argsort(starts)
        ends = np.append(starts[by_start][1:], len(pos))
        contigs = {
            str(names[i]): slice(int(starts[i]), int(end))
            for i, end in zip(by_start, ends, strict=True)
        }
        sets = Strata.build(strata, positive)
        blocks = blocks_of(chrom, pos, sets.of, size=block)
        weights = bootstrap_weights(int(blocks.max()) + 1, n_bootstrap, rng)
        up = np.bincount(blocks[positive], minlength=weights.shape[1])
        down = np.bincount(blocks[~positive], minlength=weights.shape[1])
        return cls(
            np.asarray(chrom),
            pos,
            positive,
            sets,
            contigs,
            blocks,
            weights,
            bootstrap_weights(len(contigs), n_bootstrap, rng),
            (weights @ up, weights @ down),
            permuted_labels(positive, sets.of, n_permutations, rng),
        )

    def __len__(self) -> int:
        return len(self.positive)

    @property
    def n_positive(self) -> int:
        """How many variants are positive."""
        return int(self.positive.sum())

    @property
    def n_negative(self) -> int:
        """How many variants are negative."""
        return len(self) - self.n_positive

    @property
    def n_blocks(self) -> int:
        """How many blocks the bootstrap draws from."""
        return self.weights.shape[1]

    def by_block(self, variants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how many positives and negatives each block has among indices; int64 (blocks,)."""
        blocks, positive = self.blocks[variants], self.positive[variants]
        up = np.bincount(blocks[positive], minlength=self.n_blocks)
        return up, np.bincount(blocks[~positive], minlength=self.n_blocks)


@dataclass(frozen=True)
class Tagged:
    """What is counted of a set of tagged variants.

    Attributes
    ----------
    positives, negatives
        How many are tagged.
    moments
        For the matched sets; None where there are none.
    blocks
        float32 (2, blocks): how many positives and negatives are tagged in each block.
    spread
        How many blocks have a tagged variant; 0 where one of the four counts is 0: no sample could
        fill it, so that a bootstrap interval would say nothing.
    permuted, permuted_matched
        int64 (P,): tagged variants that are positive in each permutation: all of them, and those
        in matched sets.
    """

    positives: int
    negatives: int
    moments: Moments | None
    blocks: np.ndarray
    spread: int
    permuted: np.ndarray
    permuted_matched: np.ndarray

    @classmethod
    def of(cls, sample: Sample, tagged: np.ndarray) -> Tagged:
        """Return the counts of the variants with these indices."""
        n_positive = int(np.count_nonzero(sample.positive[tagged]))
        n_negative = len(tagged) - n_positive
        left = sample.n_positive - n_positive, sample.n_negative - n_negative
        blocks = np.stack(sample.by_block(tagged))
        permuted = _count(sample.permuted, tagged)
        matched = permuted
        if len(sample.strata):
            within = tagged[sample.strata.of[tagged] >= 0]
            if len(within) < len(tagged):
                matched = _count(sample.permuted, within)
        return cls(
            n_positive,
            n_negative,
            moments(sample.strata, tagged, sample.positive) if len(sample.strata) else None,
            blocks.astype(np.float32),
            int(blocks.any(0).sum()) if all((n_positive, n_negative, *left)) else 0,
            permuted,
            matched,
        )


def tables_of_tagged(sample: Sample, tagged: Sequence[Tagged]) -> np.ndarray:
    """Return the 2x2 tables of T sets of tagged variants, int64 (T, 4)."""
    return tables_of(
        np.array([t.positives for t in tagged], dtype=np.int64),
        np.array([t.negatives for t in tagged], dtype=np.int64),
        positives=sample.n_positive,
        negatives=sample.n_negative,
    )


def bootstrap_odds_ratios(sample: Sample, tagged: Sequence[Tagged]) -> np.ndarray:
    """Return Haldane's odds ratio of T sets of tagged variants in each sample, float32 (T, B).

    The variants that are tagged stay so: thresholds are not drawn anew.
    """
    counts = np.concatenate([t.blocks for t in tagged]) @ sample.weights.T.astype(np.float32)
    positives, negatives = sample.drawn
    found = [
        haldane(tables_of(a, b, positives=positives, negatives=negatives)).value
        for a, b in counts.round().reshape(len(tagged), 2, -1)  # (T, 2, B)
    ]
    return np.array(found, dtype=np.float32)


def _count(permuted: np.ndarray, variants: np.ndarray) -> np.ndarray:
    """Return how many of the variants are positive in each permutation, int64 (P,)."""
    if not permuted.shape[1]:
        return np.zeros(0, dtype=np.int64)
    return permuted[variants].sum(0, dtype=np.int64)
