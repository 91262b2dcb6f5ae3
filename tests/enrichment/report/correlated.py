"""A `Correlation` of simulated variants with the kinds of a matrix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from enrichment.flat import QUICK, write_table
from enrichment.report.simulated import track_table

from mfdvep.enrichment.correlation import Correlation, correlate
from mfdvep.enrichment.counting import stacked

STRENGTH = {"baseline": 0.3, "combined": 0.35, "biological": 0.5, "technical": 0.02, "score": 0.4}
KINDS = ("combined", "biological", "technical")


def correlated(
    folder: Path,
    *,
    kinds: tuple[str, ...] = KINDS,
    n: int = 200,
    n_tracks: int = 12,
    n_elements: int = 5,
    sided: str | None = None,
    seed: int = 0,
) -> Correlation:
    """Return a correlation of n variants; half of the tracks fall with the labels."""
    rng = np.random.default_rng(seed)
    table = track_table(n_tracks, rng)
    label = rng.standard_normal(n)
    element = [f"element {i % n_elements}" for i in range(n)] if n_elements else [None] * n
    slopes = np.where(np.arange(n_tracks) % 2, -1, 1) * rng.uniform(0, 1, n_tracks)
    found = []
    for kind in kinds:
        scores = STRENGTH[kind] * slopes[:, None] * label + rng.standard_normal((n_tracks, n))
        path = write_table(folder / "scores.parquet", scores, label, element=element)
        found.append(correlate(path, "label", options=replace(QUICK, sided=sided)))
    first, tables = found[0], {}
    for name in ("elements", "means"):
        parts = [getattr(one, name) for one in found]
        for kind, part in zip(kinds, parts, strict=True):
            if part:
                places = [int(track[1:]) for track in part["track"]]  # "s0"
                part |= {"kind": [kind] * len(places), "track": [table.names[i] for i in places]}
        tables[name] = stacked(parts) if parts[0] else {}
    settings = {**first.settings, "kinds": list(kinds), "provenance": {"model": "x"}}
    return replace(first, settings=settings, track_table=table, **tables)
