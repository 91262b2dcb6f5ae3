"""Matched sets: which variants belong together, and the odds ratio within them. Pure numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import erfc

from mfdvep.enrichment.measures.odds import Estimates

UNMATCHED = -1


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
    """

    observed: float
    expected: float
    variance: float
    r: float
    s: float
    pr: float
    ps_qr: float
    qs: float


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
    )


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


def mantel_haenszel_p(
    observed: np.ndarray, expected: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """Return the two-sided p of the Cochran-Mantel-Haenszel test, without continuity correction.

    NaN where the variance is 0: no stratum has tagged and untagged variants.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(observed - expected) / np.sqrt(variance)
    return np.where(variance > 0, erfc(z / np.sqrt(2)), np.nan)
