"""Which negatives a task is tested with: all, as many at random, or those of like GC."""

from __future__ import annotations

import numpy as np

MATCHES = ("none", "random", "gc")
CALIPER = 0.02  # most difference in the share of G and C between a positive and its negative


def matched_rows(
    labels: np.ndarray,
    fold: np.ndarray,
    *,
    gc: np.ndarray,
    match: str,
    ratio: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return which regions a task uses, bool (n,).

    Within each fold, so that training and test have the same balance. Without replacement.

    Parameters
    ----------
    labels
        int8 (n,): 1, 0, or -1 for not known, which is never used.
    fold
        int64 (n,).
    gc
        float64 (n,).
    match
        "none": all; "random": for each positive so many negatives of its fold, at random; "gc":
        those of its fold with the nearest GC that are left, at most `CALIPER` away, positives in
        random order; a positive that finds fewer than `ratio` is left out with them.
    ratio
        Negatives a positive; at least 1.
    """
    used = labels >= 0
    if match == "none":
        return used
    chosen = np.zeros(len(labels), dtype=bool)
    for number in np.unique(fold):
        positives = rng.permutation(np.flatnonzero((labels == 1) & (fold == number)))
        negatives = np.flatnonzero((labels == 0) & (fold == number))
        if match == "random":
            taken = rng.permutation(negatives)[: ratio * len(positives)]
            chosen[positives], chosen[taken] = True, True
        else:
            chosen |= _nearest(positives, negatives, gc, ratio)
    return chosen


def _nearest(
    positives: np.ndarray, negatives: np.ndarray, gc: np.ndarray, ratio: int
) -> np.ndarray:
    """Return the positives with their negatives, bool (n,)."""
    chosen = np.zeros(len(gc), dtype=bool)
    order = negatives[np.argsort(gc[negatives], kind="stable")]
    values = gc[order]
    # links to the next negative that is left, on each side; ends stand for none
    left = list(range(len(order) + 1))  # left[i + 1]: the last at or before i, plus 1
    right = list(range(len(order) + 1))

    def find(links: list[int], i: int) -> int:
        while links[i] != i:
            links[i] = links[links[i]]
            i = links[i]
        return i

    for positive in positives:
        at = int(np.searchsorted(values, gc[positive]))
        found: list[int] = []
        low, high = find(left, at) - 1, find(right, at)
        while len(found) < ratio:
            below = gc[positive] - values[low] if low >= 0 else np.inf
            above = values[high] - gc[positive] if high < len(order) else np.inf
            if min(below, above) > CALIPER:
                break
            if below <= above:
                found.append(low)
                low = find(left, low) - 1
            else:
                found.append(high)
                high = find(right, high + 1)
        if len(found) == ratio:
            chosen[positive] = True
            for i in found:
                chosen[order[i]] = True
                left[i + 1] = i
                right[i] = i + 1
    return chosen
