"""Counts of tagged variants -> odds ratios, intervals and tests, as columns of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdvep.enrichment.measures.matched import mantel_haenszel, mantel_haenszel_p
from mfdvep.enrichment.measures.odds import (
    Estimates,
    conditional,
    fisher_p,
    haldane,
    sample_odds_ratio,
    tables_of,
)
from mfdvep.enrichment.results import Columns
from mfdvep.enrichment.sample import Sample, Tagged


def count_columns(sample: Sample, tagged: Sequence[Tagged]) -> Columns:
    """Return tables, odds ratios and p, a row a set of tagged variants.

    tagged_positive, tagged_negative, untagged_positive, untagged_negative; odds_ratio, haldane,
    conditional (with _low, _high); p_fisher; and where variants are matched, matched (_low, _high)
    and p_matched. See `mfdvep.enrichment.measures`, its odds and matched.
    """
    tables = tables_of(
        np.array([t.positives for t in tagged], dtype=np.int64),
        np.array([t.negatives for t in tagged], dtype=np.int64),
        positives=sample.n_positive,
        negatives=sample.n_negative,
    )
    names = ("tagged_positive", "tagged_negative", "untagged_positive", "untagged_negative")
    columns: Columns = dict(zip(names, tables.T, strict=True))
    columns["odds_ratio"] = sample_odds_ratio(tables)
    columns |= estimate_columns("haldane", haldane(tables))
    columns |= estimate_columns("conditional", conditional(tables))
    columns["p_fisher"] = fisher_p(tables)
    if len(sample.strata):
        columns |= estimate_columns(
            "matched", mantel_haenszel([t.moments for t in tagged if t.moments])
        )
        columns["p_matched"] = matched_p(
            tagged, np.array([[t.moments.observed] for t in tagged if t.moments])
        )[:, 0]
    return columns


def matched_p(tagged: Sequence[Tagged], observed: np.ndarray) -> np.ndarray:
    """Return p of the test within matched sets, (T, P), for counts of tagged positives (T, P).

    What is expected, and its variance, are the same for labels permuted within the sets.
    """
    found = [t.moments for t in tagged if t.moments is not None]
    expected = np.array([[m.expected] for m in found])
    variance = np.array([[m.variance] for m in found])
    return mantel_haenszel_p(observed, expected, variance)


def estimate_columns(name: str, found: Estimates) -> Columns:
    """Return NAME, NAME_low and NAME_high."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def stacked(rows: Sequence[Columns]) -> Columns:
    """Return tables of the same columns, one below the other."""
    return {
        name: np.concatenate([np.asarray(row[name]) for row in rows]) if rows else []
        for name in (rows[0] if rows else ())
    }


def repeated(value: str, n: int) -> list[str]:
    """Return a column of n equal texts."""
    return [value] * n
