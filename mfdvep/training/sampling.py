"""Batches of a training set: neighbouring bins of one sequence, shifted and reverse complemented.

Everything random is drawn from (seed, epoch, batch), so a run can go on from any batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.sequences import WINDOW_BASES, reverse_complement
from mfdvep.training.dataset import TrainingSet


@dataclass(frozen=True)
class Batch:
    """Sequences and the labels of their bins.

    Attributes
    ----------
    codes
        (n, 1153 + 128 (k - 1)) uint8 base codes.
    keep
        (n, k) bool: which bins of the sequences are in the set; m are.
    labels, mask
        (m, O): 1 for a peak, and False where the label is missing.
    """

    codes: np.ndarray
    keep: np.ndarray
    labels: np.ndarray
    mask: np.ndarray

    def parts(self, n: int) -> Iterator[Batch]:
        """Yield the batch in up to n parts of about as many sequences each."""
        ends = np.cumsum(self.keep.sum(1))
        for held in np.array_split(np.arange(len(self.codes)), min(n, len(self.codes))):
            bins = slice(ends[held[0]] - self.keep[held[0]].sum(), ends[held[-1]])
            yield Batch(self.codes[held], self.keep[held], self.labels[bins], self.mask[bins])


def group_bins(data: TrainingSet, rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows grouped by sequence: (n, k), -1 where a bin is not in the set.

    Sequence by sequence takes the first bin that none holds yet, and the set's bins among it and
    the k - 1 after it. The first sequence of each contig starts at a random phase.

    Parameters
    ----------
    rows
        Sorted rows of the set.

    Raises
    ------
    InputError
        k > 1, and bins are not on a grid.
    """
    if k == 1:
        return rows[:, None]
    if (data.bin_start[rows] % data.bin_size).any():
        raise InputError(
            f"{data.folder}: its bins are not on a grid of {data.bin_size} bases, so neighbours "
            "cannot share a sequence; set bins_per_sequence = 1 in the recipe"
        )
    index = data.bin_start[rows] // data.bin_size
    contig = data.bin_contig[rows].astype(np.int64)
    # one axis for all contigs, on which two of them are never within k bins
    place = index + contig * (int(index.max(initial=0)) + 2 * k)
    begun: list[int] = []
    i = 0
    while i < len(rows):
        new_contig = i == 0 or contig[i] != contig[i - 1]
        start = place[i] - (int(rng.integers(k)) if new_contig else 0)
        begun.append(start)
        i = int(np.searchsorted(place, start + k))
    starts = np.asarray(begun)
    group = np.searchsorted(starts, place, side="right") - 1  # (n_rows,)
    grouped = np.full((len(starts), k), -1, dtype=np.int64)
    grouped[group, place - starts[group]] = rows
    return grouped


def sequences(
    data: TrainingSet, grouped: np.ndarray, shifts: np.ndarray, flipped: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return base codes (n, L) of grouped bins, and their rows (n, k) in order of the codes.

    Parameters
    ----------
    grouped
        (n, k) rows, -1 for a bin that is not in the set.
    shifts
        (n,) bases to the right by which each sequence is moved.
    flipped
        (n,) bool: reverse complemented, so its bins come in reverse order.
    """
    k = grouped.shape[1]
    first = np.argmax(grouped >= 0, axis=1)  # (n,) position of the first bin held
    row = grouped[np.arange(len(grouped)), first]
    # `codes` centres on the bin held first; the sequence's centre lies (k - 1) / 2 - first further
    to_centre = data.bin_size // 2 * (k - 1) - first * data.bin_size
    n_bases = WINDOW_BASES + data.bin_size * (k - 1)
    codes = data.codes(row, shifts + to_centre, n_bases)  # (n, L)
    codes[flipped] = reverse_complement(codes[flipped])
    return codes, np.where(flipped[:, None], grouped[:, ::-1], grouped)


def batches(
    data: TrainingSet,
    rows: np.ndarray,
    *,
    n_sequences: int,
    k: int,
    max_shift: int,
    seed: int,
    epoch: int,
    first: int = 0,
    share: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """Yield the batches of one epoch from number `first` on; the last incomplete one is left out.

    Parameters
    ----------
    rows
        Rows to learn from, e.g. `data.rows("train")`.
    n_sequences, k
        Sequences a batch, bins a sequence.
    share
        (i, n): yield of every batch the i-th of n shares of its sequences.
    """
    rng = np.random.default_rng([seed, epoch])
    grouped = rng.permutation(group_bins(data, rows, k, rng))
    for batch in range(first, max(1, len(grouped) // n_sequences)):
        rng = np.random.default_rng([seed, epoch, batch])
        part = grouped[batch * n_sequences : (batch + 1) * n_sequences]
        shifts = rng.integers(-max_shift, max_shift + 1, len(part))
        flipped = rng.random(len(part)) < 0.5
        mine = slice(share[0], None, share[1])
        codes, order = sequences(data, part[mine], shifts[mine], flipped[mine])
        keep = order >= 0
        held = order[keep]
        yield Batch(codes, keep, data.labels(held), data.label_mask(held))
