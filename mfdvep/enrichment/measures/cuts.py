"""Cuts: which variants a track tags, those whose effect is beyond a quantile. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from mfdvep.errors import InputError

SIDES = ("absolute", "both", "upper", "lower")
TIES = (
    "A variant is tagged if its effect is strictly beyond the threshold, the quantile over all "
    "tested variants (linear between two of them); one that equals the threshold is not."
)


@dataclass(frozen=True)
class Cut:
    """A rule by which a track tags variants.

    Attributes
    ----------
    quantile
        Above 1/2 and below 1.
    sided
        "absolute": |effect| above its quantile q; "upper": effect above it; "lower": effect below
        its quantile 1 - q; "both": effect above its quantile q or below its quantile 1 - q.
    """

    quantile: float
    sided: str

    @property
    def name(self) -> str:
        """As the paper writes it: "0.99", or "0.001,0.999" for both tails."""
        exact = Decimal(str(self.quantile))
        high, low = f"{exact:f}", f"{1 - exact:f}"
        names = {"both": f"{low},{high}", "lower": low}
        return names.get(self.sided, high)

    def is_possible(self, n: int) -> bool:
        """Return whether n variants have one beyond the quantile in each tail."""
        return n * (1 - self.quantile) >= 1 - 1e-9

    def thresholds(self, ordered: np.ndarray) -> tuple[float, float]:
        """Return the lower and the upper threshold, NaN for one that the rule has not.

        Parameters
        ----------
        ordered
            The effects, |effects| if "absolute", sorted; float32 (n,).
        """
        low = high = np.nan
        if self.sided in ("both", "lower"):
            low = _quantile(ordered, 1 - self.quantile)
        if self.sided != "lower":
            high = _quantile(ordered, self.quantile)
        return low, high

    def tags(self, values: np.ndarray, low: float, high: float) -> np.ndarray:
        """Return the indices of the tagged variants among values (n,) as in `thresholds`."""
        # compared as float64, in which float32 is exact
        if self.sided == "lower":
            return np.flatnonzero(values < np.float64(low))
        if self.sided == "both":
            return np.flatnonzero((values > np.float64(high)) | (values < np.float64(low)))
        return np.flatnonzero(values > np.float64(high))


def cuts_of(
    quantiles: Sequence[float], sided: str, n: int, *, skip: bool = False
) -> tuple[list[Cut], list[str]]:
    """Return the cuts of n variants, and a sentence for each that so few do not allow.

    Parameters
    ----------
    quantiles
        Above .5 and below 1, with one side or tail; those of a pair's upper tail.
    skip
        Leave out what n does not allow, in place of refusing it.

    Raises
    ------
    InputError
        No quantile, one that is not between .5 and 1, another side, or one that is finer than n
        variants allow.
    """
    if sided not in SIDES:
        raise InputError(f"side {sided!r}; expected {', '.join(SIDES)}")
    if not quantiles or not all(0.5 < q < 1 for q in quantiles):
        raise InputError(
            f"quantiles {', '.join(f'{q:g}' for q in quantiles) or '(none)'}: expected numbers "
            "above 0.5 and below 1, such as 0.9,0.99 (the other tail follows from --sided)"
        )
    cuts = [Cut(q, sided) for q in dict.fromkeys(quantiles)]
    coarse = [cut for cut in cuts if cut.is_possible(n)]
    fine = [cut for cut in cuts if cut not in coarse]
    what = [
        f"cut {cut.name} needs {int(np.ceil(1 / (1 - cut.quantile) - 1e-6)):,} variants, and there "
        f"are {n:,}; the largest quantile that they allow is {1 - 1 / n:.6g}"
        for cut in fine
    ]
    if fine and not (skip and coarse):
        raise InputError(f"{what[0]}; give --quantiles")
    return coarse, [f"{sentence}: left out" for sentence in what]


def ranking_score(effects: np.ndarray, sided: str) -> np.ndarray:
    """Return what variants are ranked by, highest first: |effect|, or the signed effect."""
    if sided == "upper":
        return effects
    return -effects if sided == "lower" else np.abs(effects)


def _quantile(ordered: np.ndarray, q: float) -> float:
    """Return the linear quantile in float64, as `numpy.quantile` has it of float64 values."""
    place = q * (len(ordered) - 1)
    below = int(np.floor(place))
    low, high = (float(ordered[min(i, len(ordered) - 1)]) for i in (below, below + 1))
    return low + (high - low) * (place - below)
