"""What the genes next to a gene add: the nearest by start site, their latents, and attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mfdvep.expression.genes import Tss
from mfdvep.expression.network import Head

FAR = 1_000_000
"""Bases: distances are given as log10(1 + bases) over that of this."""
_BESIDE = 2  # what a neighbour has beside its latents: distance, and that it is there


@dataclass(frozen=True)
class Neighbours:
    """The k nearest other genes of n genes, the nearest first.

    Attributes
    ----------
    rows
        int64 (n, k), which genes; -1 where a contig has no further one.
    distances
        float32 (n, k), bases between start sites; NaN where there is none.
    """

    rows: np.ndarray
    distances: np.ndarray


def nearest(genes: Sequence[Tss], k: int) -> Neighbours:
    """Return the k nearest other genes of each gene on its contig, by start site.

    Of equally near ones the one further up the contig is first. Since a split is one of whole
    contigs, a neighbour is of the gene's own split.
    """
    rows = np.full((len(genes), k), -1, dtype=np.int64)
    distances = np.full((len(genes), k), np.nan, dtype=np.float32)
    contigs = np.array([gene.chrom for gene in genes])
    starts = np.array([gene.tss for gene in genes], dtype=np.int64)
    for chrom in np.unique(contigs):
        members = np.flatnonzero(contigs == chrom)
        members = members[np.argsort(starts[members], kind="stable")]
        for place, gene in enumerate(members):
            # the k nearest are among the k on either side in order
            first = max(0, place - k)
            others = np.delete(members[first : place + k + 1], place - first)
            away = np.abs(starts[others] - starts[gene])
            chosen = np.argsort(away, kind="stable")[:k]
            rows[gene, : len(chosen)] = others[chosen]
            distances[gene, : len(chosen)] = away[chosen]
    return Neighbours(rows, distances)


def neighbour_features(latent: np.ndarray, neighbours: Neighbours) -> np.ndarray:
    """Return latents with those of the neighbours beside them.

    Parameters
    ----------
    latent
        float32 (n, l) of all genes, in the order that `neighbours` counts in.

    Returns
    -------
    numpy.ndarray
        float32 (n, l + k (l + 2)): the gene's latents, then of each neighbour its latents, its
        distance as `FAR` says, and 1; all zeros where there is no neighbour.
    """
    there = neighbours.rows >= 0  # (n, k)
    of_others = np.where(there[..., None], latent[neighbours.rows], 0)  # (n, k, l)
    away = np.log10(1 + np.where(there, neighbours.distances, 0)) / math.log10(1 + FAR)
    beside = np.stack([np.where(there, away, 0), there], axis=-1)  # (n, k, 2)
    blocks = np.concatenate([of_others, beside], axis=-1).reshape(len(latent), -1)
    return np.concatenate([latent, blocks], axis=1).astype(np.float32)


class AttentionHead(nn.Module):
    """A head that weighs the neighbours: one attention of the gene over them, then a perceptron.

    It takes features of `neighbour_features`, standardised but for what says whether a neighbour
    is there: one that is not has no weight, and a gene without any gets zeros.

    Parameters
    ----------
    n_latent, k
        Latents of a gene, and neighbours.
    dropout
        Of the perceptron.
    size
        Of keys and values.
    """

    def __init__(self, n_latent: int, k: int, dropout: float, *, size: int = 16) -> None:
        super().__init__()
        self.n_latent, self.k = n_latent, k
        width = n_latent + _BESIDE
        self.query = nn.Linear(n_latent, size)
        self.key = nn.Linear(width, size)
        self.value = nn.Linear(width, size)
        self.head = Head(n_latent + size, dropout)

    def forward(self, x: Tensor) -> Tensor:
        own, blocks = x[:, : self.n_latent], x[:, self.n_latent :]
        blocks = blocks.reshape(len(x), self.k, self.n_latent + _BESIDE)
        there = blocks[..., -1] > 0  # (n, k)
        fit = (self.key(blocks) @ self.query(own)[:, :, None])[..., 0]  # (n, k)
        fit = (fit / math.sqrt(self.query.out_features)).masked_fill(~there, -math.inf)
        # all masked: softmax gives NaN, for which there is no weight
        weights = torch.nan_to_num(torch.softmax(fit, dim=1))
        seen = (weights[..., None] * self.value(blocks)).sum(1)  # (n, size)
        return self.head(torch.cat([own, seen], dim=1))
