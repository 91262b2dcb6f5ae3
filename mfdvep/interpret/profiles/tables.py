"""Profiles as tables: a row a feature and position, a row a feature, and the sites as BED."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.interpret.profiles.averaging import Columns, Profile
from mfdvep.interpret.profiles.sites import Site


def position_columns(profile: Profile) -> Columns:
    """Return a row a feature and position.

    `feature`, `half`, `unit`, `position`, `inside` (whether in the motif); `signed` and `absolute`,
    less the baseline, each with the ends of a 95 % interval; `baseline_signed` and
    `baseline_absolute`, which were subtracted.
    """
    n_targets, n_positions = profile.signed.mean.shape
    inside = (profile.positions >= profile.span[0]) & (profile.positions < profile.span[1])
    out: Columns = {
        name: np.repeat(profile.summary[name], n_positions).tolist()
        for name in ("feature", "half", "unit")
    }
    out |= {"position": np.tile(profile.positions, n_targets), "inside": np.tile(inside, n_targets)}
    for name in ("signed", "absolute"):
        found = getattr(profile, name)
        out |= {
            name: found.mean.ravel(),
            f"{name}_low": found.low.ravel(),
            f"{name}_high": found.high.ravel(),
        }
    return out | {
        "baseline_signed": profile.baseline_signed.ravel(),
        "baseline_absolute": profile.baseline_absolute.ravel(),
    }


def write_table(path: Path, columns: Columns, *, parquet: bool = False) -> None:
    """Write columns as Parquet, or else tab-separated; raises OSError.

    Text has numbers to 6 digits, and an empty cell for what is not defined.
    """
    if parquet:
        arrays = {
            name: pa.array(values, from_pandas=isinstance(values, np.ndarray))
            for name, values in columns.items()
        }
        pq.write_table(pa.table(arrays), path, compression="zstd")
        return
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(v) for v in row] for row in zip(*columns.values(), strict=True))


def write_sites(path: Path, sites: Sequence[Site]) -> None:
    """Write sites as BED6; a motif's hit has its score in bits; raises OSError."""
    with open(path, "w", encoding="utf-8") as handle:
        for site in sites:
            score = "0" if site.score is None else f"{site.score:.3f}"
            handle.write(f"{site.chrom}\t{site.start}\t{site.end}\t.\t{score}\t{site.strand}\n")


def _text(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return "" if value != value else f"{value:.6g}"
    return str(value)
