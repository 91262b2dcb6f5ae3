"""Counts of tagged variants -> odds ratios, intervals and tests, as columns of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdvep.enrichment.measures.matched import mantel_haenszel, matched_p
from mfdvep.enrichment.measures.odds import (
    Estimates,
    conditional,
    fisher_p,
    haldane,
    sample_odds_ratio,
)
from mfdvep.enrichment.results import Columns
from mfdvep.enrichment.sample import Sample, Tagged, tables_of_tagged


def count_columns(sample: Sample, tagged: Sequence[Tagged]) -> Columns:
    """Return tables, odds ratios and p, a row a set of tagged variants.

    tagged_positive, tagged_negative, untagged_positive, untagged_negative; odds_ratio, haldane,
    conditional (with _low, _high); p_fisher; and where variants are matched, matched (_low, _high)
    and p_matched. See `mfdvep.enrichment.measures`, its odds and matched.
    """
    tables = tables_of_tagged(sample, tagged)
    names = ("tagged_positive", "tagged_negative", "untagged_positive", "untagged_negative")
    columns: Columns = dict(zip(names, tables.T, strict=True))
    columns["odds_ratio"] = sample_odds_ratio(tables)
    columns |= estimate_columns("haldane", haldane(tables))
    columns |= estimate_columns("conditional", conditional(tables))
    columns["p_fisher"] = fisher_p(tables)
    if len(sample.strata):
        found = [t.moments for t in tagged if t.moments is not None]
        columns |= estimate_columns("matched", mantel_haenszel(found))
        columns["p_matched"] = np.array(
            [matched_p(m, np.array([m.observed], dtype=np.int64))[0] for m in found]
        )
    return columns


def estimate_columns(name: str, found: Estimates) -> Columns:
    """Return NAME, NAME_low and NAME_high."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def stacked(rows: Sequence[Columns]) -> Columns:
    """Return tables of the same columns, one below the other."""
    return {
        name: np.concatenate([np.asarray(row[name]) for row in rows]) if rows else []
        for name in (rows[0] if rows else ())
    }
