"""Contributions averaged by position, less those of baseline sequences, with intervals.

Numpy and scipy only. All intervals are 95 %, over sequences: those of means are Welch's t, with the
variance of both the sites and the baseline; that of a share is of a bootstrap over sites. They are
for one position and feature, not for all at once.

Source: MFD section 3.1 (Fig. 2b, 3); Welch, Biometrika 1947.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from mfdvep.errors import InputError
from mfdvep.interpret.targets import Target

Columns = dict[str, np.ndarray | list]
N_BOOTSTRAP = 1000


@dataclass(frozen=True)
class Interval:
    """Means and the ends of their 95 % intervals, arrays of one shape."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Profile:
    """What P positions round a site add to T features, on average.

    Attributes
    ----------
    targets
        The T features.
    positions
        (P,) int64: bases from the centre, along the strand of the site.
    span
        First and last + 1 of the positions of the motif or footprint.
    n_sites, n_baseline
        Sequences averaged; 0 baseline sequences: nothing is subtracted.
    signed, absolute
        (T, P): mean contribution, and mean of its absolute value, less those of the baseline.
    baseline_signed, baseline_absolute
        (T, P): what was subtracted; NaN where nothing was.
    summary
        A row a feature, see `summary_of`.
    """

    targets: tuple[Target, ...]
    positions: np.ndarray
    span: tuple[int, int]
    n_sites: int
    n_baseline: int
    signed: Interval
    absolute: Interval
    baseline_signed: np.ndarray
    baseline_absolute: np.ndarray
    summary: Columns


def difference(sites: np.ndarray, baseline: np.ndarray) -> Interval:
    """Return the mean of sites (n, ...) less that of the baseline (m, ...), with its interval.

    Parameters
    ----------
    sites, baseline
        n at least 2; m 0, where nothing is subtracted, or at least 2.
    """
    n, m = len(sites), len(baseline)
    mean = sites.mean(axis=0, dtype=np.float64)
    variance = sites.var(axis=0, ddof=1, dtype=np.float64) / n
    freedom = np.full(mean.shape, n - 1.0)
    if m:
        of_baseline = baseline.var(axis=0, ddof=1, dtype=np.float64) / m
        mean = mean - baseline.mean(axis=0, dtype=np.float64)
        # variances of 0 have any number of degrees of freedom
        parts = variance**2 / (n - 1) + of_baseline**2 / (m - 1)
        variance = variance + of_baseline
        np.divide(variance**2, parts, out=freedom, where=parts > 0)
    half = student.ppf(0.975, freedom) * np.sqrt(variance)
    return Interval(mean, mean - half, mean + half)


def profile_of(
    targets: Sequence[Target],
    sites: np.ndarray,
    baseline: np.ndarray,
    *,
    flank: int,
    span: tuple[int, int],
    generator: np.random.Generator,
) -> Profile:
    """Return the profile of scores.

    Parameters
    ----------
    sites, baseline
        (n, T, P) and (m, T, P), P = 2 `flank` + 1: scores at positions -flank to flank.
    span
        As for `Profile`; positions beyond the flank are not looked at.

    Raises
    ------
    InputError
        Fewer than 2 sites, or 1 baseline sequence: there is no interval.
    """
    if len(sites) < 2 or len(baseline) == 1:
        raise InputError(
            f"{len(sites)} sites and {len(baseline)} baseline sequences; expected 2 or more of each"
        )
    positions = np.arange(-flank, flank + 1)
    if len(baseline):
        less = baseline.mean(axis=0, dtype=np.float64), np.abs(baseline).mean(axis=0, dtype="f8")
    else:
        less = (np.full(sites.shape[1:], np.nan),) * 2
    absolute = difference(np.abs(sites), np.abs(baseline))
    return Profile(
        tuple(targets),
        positions,
        span,
        len(sites),
        len(baseline),
        difference(sites, baseline),
        absolute,
        *less,
        summary_of(targets, positions, span, sites, baseline, absolute, generator),
    )


def summary_of(
    targets: Sequence[Target],
    positions: np.ndarray,
    span: tuple[int, int],
    sites: np.ndarray,
    baseline: np.ndarray,
    absolute: Interval,
    generator: np.random.Generator,
) -> Columns:
    """Return a row a feature; `_low` and `_high` are ends of 95 % intervals.

    - `feature`, `half`, `unit`;
    - `inside_signed`, `inside_absolute`, `flank_absolute`: mean contribution a base in the motif
      or footprint, and beside it, less the baseline;
    - `inside_minus_flank`: of the absolute ones, less the same of the baseline;
    - `share_inside`: of the sum of absolute contributions of all positions, nothing subtracted;
      `share_of_positions`: what it were if all positions were alike;
    - `peak_position`, `peak_absolute`: where the mean absolute contribution, less the baseline, is
      largest, and how large; `peak_inside`: whether in the motif.
    """
    inside = (positions >= span[0]) & (positions < span[1])  # (P,)
    both = np.abs(sites), np.abs(baseline)
    within, beside = ([x[..., where].mean(axis=2) for x in both] for where in (inside, ~inside))
    rows = {
        "inside_signed": difference(*(x[..., inside].mean(axis=2) for x in (sites, baseline))),
        "inside_absolute": difference(*within),
        "flank_absolute": difference(*beside),
        "inside_minus_flank": difference(
            *(a - b for a, b in zip(within, beside, strict=True)),
        ),
        "share_inside": _share(both[0][..., inside].sum(axis=2), both[0].sum(axis=2), generator),
    }
    out: Columns = {
        "feature": [target.name for target in targets],
        "half": [_half(target) for target in targets],
        "unit": [target.unit for target in targets],
        "n_sites": [len(sites)] * len(targets),
        "n_baseline": [len(baseline)] * len(targets),
    }
    for name, found in rows.items():
        out |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    peak = absolute.mean.argmax(axis=1)  # (T,)
    each = np.arange(len(targets))
    return out | {
        "share_of_positions": [float(inside.mean())] * len(targets),
        "peak_position": positions[peak],
        "peak_absolute": absolute.mean[each, peak],
        "peak_absolute_low": absolute.low[each, peak],
        "peak_absolute_high": absolute.high[each, peak],
        "peak_inside": inside[peak],
    }


def _half(target: Target) -> str:
    """Return which half a feature lies in; "combined" of what lies in both."""
    parts = [half for half in ("biological", "technical") if not target.half(half).is_silent]
    return parts[0] if len(parts) == 1 else "combined"


def _share(part: np.ndarray, whole: np.ndarray, generator: np.random.Generator) -> Interval:
    """Return sum of parts / sum of wholes, both (n, T), with the interval of a bootstrap over n."""
    n = len(part)
    drawn = generator.multinomial(n, np.full(n, 1 / n), size=N_BOOTSTRAP).astype(np.float64)
    total = drawn @ whole  # (N_BOOTSTRAP, T)
    shares = np.divide(drawn @ part, total, out=np.zeros_like(total), where=total > 0)
    sums = part.sum(axis=0, dtype=np.float64), whole.sum(axis=0, dtype=np.float64)
    mean = np.divide(*sums, out=np.zeros_like(sums[0]), where=sums[1] > 0)
    low, high = np.quantile(shares, [0.025, 0.975], axis=0)
    return Interval(mean, low, high)
