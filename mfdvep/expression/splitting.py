"""Genes into splits by contig, and the thresholds of labels from training genes. Pure numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mfdvep.errors import InputError
from mfdvep.expression.genes import Tss
from mfdvep.expression.places import one_spelling
from mfdvep.expression.profiles import SPLITS, Profiles


def split_of(genes: Sequence[Tss], contigs: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Return each gene's split, str (n,): train where its contig is in no other.

    Parameters
    ----------
    contigs
        Split -> its contigs, by any of their names.

    Raises
    ------
    InputError
        A contig in two splits, or without a gene; no gene is left for training.
    """
    known = {one_spelling(gene.chrom) for gene in genes}
    of: dict[str, str] = {}
    for split, names in contigs.items():
        for name in names:
            contig = one_spelling(name)
            if contig not in known:
                shown = ", ".join(sorted({gene.chrom for gene in genes})[:8])
                raise InputError(f"{split} contig {name}: no gene lies there; genes are on {shown}")
            if of.setdefault(contig, split) != split:
                raise InputError(f"contig {name} is in {of[contig]} and {split}; choose one")
    found = np.array([of.get(one_spelling(gene.chrom), "train") for gene in genes])
    if not (found == "train").any():
        raise InputError("no gene is left for training; give fewer contigs to the other splits")
    return found


def thresholds_of(
    expression: np.ndarray, split: np.ndarray, threshold: float | None, *, cells: Sequence[str]
) -> np.ndarray:
    """Return the threshold of each cell type, float32 (c,): the median over training genes.

    Parameters
    ----------
    expression
        float32 (c, n), NaN where not known.
    threshold
        A number for all instead; None for the median.
    cells
        c names, for messages.

    Raises
    ------
    InputError
        No training gene has a known expression in a cell type.

    Source: SimpleChrome, "Methods": a gene is high above the median of its cell type.
    """
    training = expression[:, split == "train"]
    for cell, values in zip(cells, training, strict=True):
        if np.isnan(values).all():
            raise InputError(f"{cell}: no training gene has a known expression; give its values")
    if threshold is not None:
        return np.full(len(expression), threshold, dtype=np.float32)
    return np.nanmedian(training, axis=1).astype(np.float32)


def class_counts(profiles: Profiles) -> dict[str, dict[str, list[int]]]:
    """Return cell type -> split -> genes above the threshold, not above, and not known.

    Raises
    ------
    InputError
        A split that has genes has none above, or none not above; but for those left out, which
        nothing is learnt from or measured on.
    """
    counts: dict[str, dict[str, list[int]]] = {}
    for i, cell in enumerate(profiles.cells):
        labels = profiles.labels(i)
        counts[cell] = {}
        for split in SPLITS:
            of_it = labels[profiles.rows(split)]
            if not len(of_it):
                continue
            high, low = int((of_it == 1).sum()), int((of_it == 0).sum())
            if not (high and low) and split != "left_out":
                raise InputError(
                    f"{cell}: of {len(of_it):,} {split} genes {high:,} are above the threshold "
                    f"{profiles.thresholds[i]:g} and {low:,} are not; both are needed: choose "
                    "another --threshold or other contigs"
                )
            counts[cell][split] = [high, low, len(of_it) - high - low]
    return counts
