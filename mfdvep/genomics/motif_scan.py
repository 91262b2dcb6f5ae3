"""Where a motif stands in sequences: log-odds on both strands, with exact p-values. Numpy only.

Scores are whole thousandths of a bit, so that the p-value of every score is exact: the share of
sequences of independent, uniform bases that score as high.

Source: Staden, Methods for calculating the probabilities of finding patterns in sequences, CABIOS
1989 (the distribution of scores by convolution).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.motifs import Motif

UNIT = 1000  # of scores in a bit
P_VALUE = 1e-4
_PSEUDOCOUNT = 1.0  # a site of uniform bases, so that a 0 of n sites is no proof
_IMPOSSIBLE = -(1 << 40)  # the score of N: less than any motif can give


@dataclass(frozen=True)
class Hit:
    """A motif found in a sequence.

    Attributes
    ----------
    start, end
        In the sequence, 0-based and half-open.
    strand
        "+" or "-"; on "-" its first position is the last base.
    score
        Bits.
    p_value
        Of one place and strand; not corrected for how many were looked at.
    """

    start: int
    end: int
    strand: str
    score: float
    p_value: float


class MotifScanner:
    """Finds a motif in sequences.

    Parameters
    ----------
    motif
        What to find.
    p_value
        A hit scores so high that no larger share of random sequences does.
    min_score
        A hit scores at least this share of the way from the lowest to the highest score. Without
        either, the p-value is `P_VALUE`, and a pattern must match wholly.

    Raises
    ------
    InputError
        Both are given, or one is out of (0, 1]; or no sequence is as rare as the p-value asks.
    """

    def __init__(
        self, motif: Motif, *, p_value: float | None = None, min_score: float | None = None
    ) -> None:
        if p_value is not None and min_score is not None:
            raise InputError("a p-value and a least score of hits; give one of them")
        for value in (p_value, min_score):
            if value is not None and not 0 < value <= 1:
                raise InputError(f"threshold {value:g} of hits; expected more than 0, at most 1")
        if p_value is None and min_score is None and motif.is_pattern:
            min_score = 1.0
        self.motif = motif
        n = motif.n_sites
        smooth = (motif.probabilities * n + _PSEUDOCOUNT / 4) / (n + _PSEUDOCOUNT)
        self.weights = np.rint(UNIT * np.log2(4 * smooth)).astype(np.int64)  # (L, 4)
        self._lowest, self._tail = _tail(self.weights)
        self.highest = self._lowest + len(self._tail) - 1
        if min_score is not None:
            span = self.highest - self._lowest
            self.threshold = self._lowest + int(np.ceil(round(min_score * span, 6)))
        else:
            p_value = P_VALUE if p_value is None else p_value
            rare = np.flatnonzero(self._tail <= p_value * (1 + 1e-9))
            if not len(rare):
                raise InputError(
                    f"motif {motif.name}: even its best match has p = {self._tail[-1]:.3g}; "
                    f"expected at most {p_value:g}; give a higher p-value"
                )
            self.threshold = self._lowest + int(rare[0])

    def scores(self, codes: np.ndarray) -> np.ndarray:
        """Return scores (2, n - L + 1) int64 of all places on + and on -; (2, 0) if n < L.

        Parameters
        ----------
        codes
            (n,) uint8 base codes; a place with a 4 has a score below all others.
        """
        n_places = max(0, len(codes) - len(self.motif) + 1)
        out = np.zeros((2, n_places), dtype=np.int64)
        for strand, weights in enumerate((self.weights, self.weights[::-1, ::-1])):
            for i, row in enumerate(weights):
                out[strand] += np.append(row, _IMPOSSIBLE)[codes[i : i + n_places]]
        return out

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Return the share of uniform sequences that score as high, of scores that some have."""
        return self._tail[np.asarray(scores) - self._lowest]

    def hits(self, codes: np.ndarray) -> list[Hit]:
        """Return all hits in a sequence (n,), by start, + before -; they may overlap."""
        scores = self.scores(codes)
        found = np.argwhere(self.threshold <= scores.T)
        return [self._hit(int(start), int(strand), scores) for start, strand in found]

    def best(self, codes: np.ndarray) -> Hit | None:
        """Return the hit of highest score in a sequence (n,); None if there is none.

        Of equal ones, the one nearest to the middle, then the first, then the one on +.
        """
        scores = self.scores(codes)
        if not scores.size or scores.max() < self.threshold:
            return None
        strands, starts = np.nonzero(scores == scores.max())
        off = np.abs(2 * starts - (scores.shape[1] - 1))
        first = np.lexsort((strands, starts, off))[0]
        return self._hit(int(starts[first]), int(strands[first]), scores)

    def _hit(self, start: int, strand: int, scores: np.ndarray) -> Hit:
        score = int(scores[strand, start])
        p_value = float(self.p_values(np.array(score)))
        return Hit(start, start + len(self.motif), "+-"[strand], score / UNIT, p_value)


def _tail(weights: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the lowest score, and the probability of each score from it on or a higher one."""
    mass = np.ones(1)
    for row in weights:
        offsets = row - row.min()
        longer = np.zeros(len(mass) + offsets.max())
        for offset in offsets:
            longer[offset : offset + len(mass)] += mass / 4
        mass = longer
    return int(weights.min(axis=1).sum()), np.cumsum(mass[::-1])[::-1]
