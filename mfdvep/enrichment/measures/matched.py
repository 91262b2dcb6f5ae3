"""Matched sets: which variants belong together, and the odds ratio within them. Pure numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import erfc
from scipy.stats import hypergeom

from mfdvep.enrichment.measures.odds import Estimates

UNMATCHED = -1
EXACT = 400.0
"""Variance of the count of tagged positives up to which its distribution is summed."""
_TIE = 1 + 1e-7  # counts as likely as the observed one but for rounding

Types = tuple[tuple[int, int, int, int], ...]  # variants, positives, tagged -> how many sets


def strata_of(matches: Sequence[Iterable[str]]) -> np.ndarray:
    """Return the stratum of each variant, int64 (n,); -1 for one that names no match group.

    Variants that share a match group are of one stratum, and so are groups that share a variant
    (a negative that serves two positives), so that no variant is counted twice.
    """
    groups: dict[str, int] = {}
    pairs = [
        (row, groups.setdefault(name, len(groups))) for row, names in enumerate(matches)
        for name in names
    ]  # fmt: skip
    out = np.full(len(matches), UNMATCHED, dtype=np.int64)
    if not pairs:
        return out
    rows, columns = np.array(pairs).T
    n = len(matches) + len(groups)
    links = coo_array((np.ones(len(rows)), (rows, columns + len(matches))), shape=(n, n))
    component = connected_components(links, directed=False)[1][: len(matches)]
    matched = np.unique(rows)
    out[matched] = np.unique(component[matched], return_inverse=True)[1]
    return out


def with_both_classes(strata: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return the strata, numbered anew, of variants whose stratum has both classes; else -1."""
    known = strata != UNMATCHED
    n = int(strata.max(initial=UNMATCHED)) + 1
    up = np.bincount(strata[known & positive], minlength=n)
    down = np.bincount(strata[known & ~positive], minlength=n)
    kept = known & ((up > 0) & (down > 0))[strata] if n else known
    out = np.full(len(strata), UNMATCHED, dtype=np.int64)
    out[kept] = np.unique(strata[kept], return_inverse=True)[1]
    return out


@dataclass(frozen=True)
class Strata:
    """The matched sets of n variants.

    Attributes
    ----------
    of
        int64 (n,): which set; -1 for a variant in none that has both classes.
    sizes, positives
        int64 (S,).
    """

    of: np.ndarray
    sizes: np.ndarray
    positives: np.ndarray

    @classmethod
    def build(cls, strata: np.ndarray, positive: np.ndarray) -> Strata:
        """Return the sets of variants with these strata and labels, (n,) each."""
        of = with_both_classes(strata, positive)
        known = of != UNMATCHED
        n = int(of.max(initial=UNMATCHED)) + 1
        sizes = np.bincount(of[known], minlength=n)
        return cls(of, sizes, np.bincount(of[known & positive], minlength=n))

    def __len__(self) -> int:
        return len(self.sizes)


@dataclass(frozen=True)
class Moments:
    """What Mantel and Haenszel's methods need of one set of tagged variants; sums over strata.

    Attributes
    ----------
    observed
        Tagged positives within the strata.
    expected, variance
        Of that count if within a stratum any variant were as likely to be tagged.
    r, s
        Numerator and denominator of the odds ratio.
    pr, ps_qr, qs
        Sums of products for its variance.
    types
        The sets in which the count may vary: their variants, positives and tagged variants, and
        how many there are of each.
    """

    observed: float
    expected: float
    variance: float
    r: float
    s: float
    pr: float
    ps_qr: float
    qs: float
    types: Types


def moments(strata: Strata, tagged: np.ndarray, positive: np.ndarray) -> Moments:
    """Return the sums over the strata that have a tagged variant; in the others nothing is known.

    Parameters
    ----------
    tagged
        Indices of the tagged variants.
    positive
        bool (n,).

    Source: Mantel, Haenszel 1959; Robins, Breslow, Greenland 1986.
    """
    of, is_positive = strata.of[tagged], positive[tagged]
    known = of != UNMATCHED
    of, is_positive = of[known], is_positive[known]
    touched, at = np.unique(of, return_inverse=True)
    n = strata.sizes[touched].astype(np.float64)
    m = strata.positives[touched].astype(np.float64)
    a = np.bincount(at[is_positive], minlength=len(touched)).astype(np.float64)
    b = np.bincount(at[~is_positive], minlength=len(touched)).astype(np.float64)
    c, d, t = m - a, n - m - b, a + b
    r, s = a * d / n, b * c / n
    p, q = (a + d) / n, (b + c) / n
    return Moments(
        observed=float(a.sum()),
        expected=float((m * t / n).sum()),
        variance=float((m * (n - m) * t * (n - t) / (n * n * (n - 1))).sum()),
        r=float(r.sum()),
        s=float(s.sum()),
        pr=float(p @ r),
        ps_qr=float(p @ s + q @ r),
        qs=float(q @ s),
        types=_types(n, m, t),
    )


def _types(n: np.ndarray, m: np.ndarray, t: np.ndarray) -> Types:
    vary = t < n  # every set here has a tagged variant and both classes
    if not vary.any():
        return ()
    rows = np.stack([n, m, t], axis=1)[vary].astype(np.int64)
    different, times = np.unique(rows, axis=0, return_counts=True)
    counted = np.column_stack([different, times]).tolist()
    return tuple((n, m, t, k) for n, m, t, k in counted)


def mantel_haenszel(found: Sequence[Moments]) -> Estimates:
    """Return pooled odds ratios within strata and their 95 % intervals.

    0 or inf, without an interval, where only negatives or only positives differ from their set;
    NaN where nothing does.
    """
    r, s = (np.array([getattr(m, name) for m in found]) for name in ("r", "s"))
    pr, ps_qr, qs = (np.array([getattr(m, name) for m in found]) for name in ("pr", "ps_qr", "qs"))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = pr / (2 * r * r) + ps_qr / (2 * r * s) + qs / (2 * s * s)
        estimates = Estimates.of_log(np.log(r / s), variance)
    return estimates


def matched_p(found: Moments, observed: np.ndarray) -> np.ndarray:
    """Return the two-sided p of counts of tagged positives, given all margins of all sets.

    If within a set any variant were as likely to be tagged as another, the count would be a sum of
    hypergeometric ones; p is the share of counts no more likely than the observed one. So
    pairs are McNemar's exact test, and one set is Fisher's. Beyond a variance of `EXACT` it is
    the Cochran-Mantel-Haenszel test's, without continuity correction, which is then the same.

    Parameters
    ----------
    observed
        int64 (P,).

    Returns
    -------
    float64 (P,); NaN where no set has tagged and untagged variants.
    """
    if not found.types:
        return np.full(len(observed), np.nan)
    if found.variance > EXACT:
        z = np.abs(observed - found.expected) / np.sqrt(found.variance)
        return erfc(z / np.sqrt(2))
    first, p = _exact(found.types)
    fixed = round(found.expected - _mean_of(found.types))  # of the sets that are tagged whole
    return p[observed - fixed - first]


def _mean_of(types: Types) -> float:
    return sum(k * m * t / n for n, m, t, k in types)


@lru_cache(maxsize=1 << 14)
def _exact(types: Types) -> tuple[int, np.ndarray]:
    """Return the smallest count, and the p of it and of each larger one."""
    first, shares = 0, np.ones(1)
    for n, m, t, times in types:
        low = max(0, m + t - n)
        one = hypergeom.pmf(np.arange(low, min(m, t) + 1), n, m, t)
        shares = np.convolve(shares, _power(one, times))
        first += low * times
    order = np.argsort(shares)
    below = np.cumsum(shares[order])
    at = np.searchsorted(shares[order], shares * _TIE, side="right")
    return first, np.minimum(below[at - 1], 1.0)


def _power(shares: np.ndarray, times: int) -> np.ndarray:
    """Return the distribution of the sum of as many draws."""
    out = np.ones(1)
    while times:
        if times & 1:
            out = np.convolve(out, shares)
        shares, times = np.convolve(shares, shares), times >> 1
    return out
