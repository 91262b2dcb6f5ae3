"""The same analysis with labels permuted: how often it finds what is not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import false_discovery_control

from mfdvep.enrichment.counting import stacked
from mfdvep.enrichment.kinds import Kind
from mfdvep.enrichment.measures.cuts import Cut
from mfdvep.enrichment.measures.matched import matched_p
from mfdvep.enrichment.measures.odds import fisher_p, haldane, tables_of
from mfdvep.enrichment.measures.resampling import percentile_interval
from mfdvep.enrichment.results import Columns
from mfdvep.enrichment.sample import Sample, Tagged

ALPHA = 0.05


def permutations(
    sample: Sample, kinds: Sequence[Kind], cuts: Sequence[Cut], found: Columns
) -> tuple[Columns, Columns]:
    """Return `Enrichment.permutation`, a row a cut and kind, and `Enrichment.qq`.

    Parameters
    ----------
    found
        As `cut_rows` gives it: of its p, those within matched sets where there are any.
    """
    p = np.asarray(found["p_matched" if len(sample.strata) else "p_fisher"])
    rows: dict[tuple[int, int], Columns] = {}
    curves: list[Columns] = []
    start = 0
    for k, kind in enumerate(kinds):
        for i, cut in enumerate(cuts):
            observed = p[start : start + len(kind.tracks)]
            start += len(kind.tracks)
            # margins are the same in all permutations, so what has a p in one has it in all
            known = np.flatnonzero(np.isfinite(observed))
            tagged = [kind.tracks[j].cuts[i].tagged for j in known]
            null = permuted_p(sample, tagged) if tagged else np.ones((0, sample.permuted.shape[1]))
            rows[i, k] = _row(sample, kind, i, cut, null)
            curves.append(_qq(kind, cut, observed[known], null))
    return stacked([rows[at] for at in sorted(rows)]), stacked(curves)


def _row(sample: Sample, kind: Kind, number: int, cut: Cut, p: np.ndarray) -> Columns:
    """Return the row of a kind and its cut of this number, of the tracks' permuted p (T, P)."""
    q = false_discovery_control(p, axis=0) if len(p) else np.ones((1, p.shape[1]))
    union = kind.unions[number].tagged
    ratios = _haldane(sample, union, union.permuted)
    null = np.abs(np.log(ratios))
    seen = abs(float(np.log(_haldane(sample, union, np.array([union.positives]))[0])))
    low, high = percentile_interval(ratios)
    n = p.shape[1]
    return {
        "kind": [kind.name],
        "cut": [cut.name],
        "n_permutations": [n],
        "false_positive_rate": [float((p < ALPHA).mean()) if p.size else np.nan],
        "any_significant": [float((q < ALPHA).any(0).mean())],
        "null_low": [float(low)],
        "null_high": [float(high)],
        # the data are one of the permutations; equal to rounding is as far
        "p_overall": [
            (1 + np.count_nonzero(null >= seen - 1e-9)) / (1 + n) if seen == seen else np.nan
        ],
    }


def _qq(kind: Kind, cut: Cut, observed: np.ndarray, null: np.ndarray) -> Columns:
    """Return the rows of a kind and cut, by falling p, with the band of permuted p (T, P)."""
    n = len(observed)
    low, high = percentile_interval(np.sort(_minus_log(null), axis=0).T)
    return {
        "kind": [kind.name] * n,
        "cut": [cut.name] * n,
        "expected": np.sort(-np.log10((np.arange(n) + 0.5) / max(n, 1))),
        "observed": np.sort(_minus_log(observed)),
        "low": low,
        "high": high,
    }


def permuted_p(sample: Sample, tagged: Sequence[Tagged]) -> np.ndarray:
    """Return the p of T sets of tagged variants in each permutation, (T, P).

    Within matched sets where there are any, else Fisher's.
    """
    if len(sample.strata):
        found = [(t.moments, t.permuted_matched) for t in tagged if t.moments is not None]
        return np.stack([matched_p(moments, counts) for moments, counts in found])
    counts = np.stack([t.permuted for t in tagged])
    totals = np.array([[t.positives + t.negatives] for t in tagged])
    # a table is told by two numbers: each pair is tested once
    pairs, back = np.unique(totals * (len(sample) + 1) + counts, return_inverse=True)
    total, count = np.divmod(pairs, len(sample) + 1)
    tables = tables_of(
        count, total - count, positives=sample.n_positive, negatives=sample.n_negative
    )
    return fisher_p(tables)[back].reshape(counts.shape)


def _haldane(sample: Sample, tagged: Tagged, counts: np.ndarray) -> np.ndarray:
    """Return Haldane's odds ratio for each number of tagged positives, (P,)."""
    total = tagged.positives + tagged.negatives
    tables = tables_of(
        counts, total - counts, positives=sample.n_positive, negatives=sample.n_negative
    )
    return haldane(tables).value


def _minus_log(p: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(p, np.finfo(np.float64).tiny))
