"""Flat tables of simulated scores, in the layout of TraitGym."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.enrichment.preparing import EnrichOptions

QUICK = EnrichOptions(n_bootstrap=100, threads=1)


def write_table(
    path: Path,
    scores: np.ndarray,
    label: np.ndarray,
    *,
    match: list[str] | None = None,
    per_contig: int = 50,
    **columns: list,
) -> Path:
    """Write scores (T, n) with labels (n,) as a table; variants lie 10 kb apart."""
    n = len(label)
    contig, place = np.divmod(np.arange(n), per_contig)
    table: dict[str, object] = {
        "chrom": [f"{c + 1}" for c in contig],
        "pos": place * 10_000 + 1,
        "ref": ["A"] * n,
        "alt": ["C"] * n,
        "label": label,
        **columns,
        **{f"s{i}": row for i, row in enumerate(scores)},
    }
    if match is not None:
        table["match_group"] = match
    pq.write_table(pa.table(table), path)
    return path
