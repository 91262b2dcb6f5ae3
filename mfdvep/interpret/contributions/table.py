"""Scores as Parquet, a row a site and target, written as they come; and as NPZ.

Columns of Parquet, of attributions:

- `name`, `allele` ("", REF, ALT), `chrom` (null of a FASTA's sequence), `status`;
- `start`: 0-based place of the first base of `sequence` on the contig, which may be negative. Base
  i lies at start + i, but for ALT right of a change of length;
- `sequence`: the bases; `target`, `half`;
- `value` of the target, its `baseline` (a window of N), `delta` (sum of scores less value -
  baseline), `n_steps`, `converged`;
- `scores`: float32, one a base.

Of in-silico mutagenesis: the same without those from `value` on, and `A`, `C`, `G`, `T`, lists of
what that base would change; `start` and `sequence` are of the bases that are changed.

What is not OK has one row, with null from `start` on. The file's metadata have the settings, as
JSON under "mfdvep".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.genomics.sequences import decode
from mfdvep.interpret.attribution import Attribution
from mfdvep.interpret.contributions.running import Chunk
from mfdvep.interpret.mutagenesis import Mutagenesis
from mfdvep.interpret.sequences import Site

_SITE = {
    "name": pa.string(), "allele": pa.string(), "chrom": pa.string(), "status": pa.string(),
    "start": pa.int64(), "sequence": pa.string(), "target": pa.string(), "half": pa.string(),
}  # fmt: skip
_LIST = pa.list_(pa.float32())
_SUMMARY = {
    "value": pa.float32(), "baseline": pa.float32(), "delta": pa.float32(),
    "n_steps": pa.int32(), "converged": pa.bool_(),
}  # fmt: skip
_ATTRIBUTION = pa.schema({**_SITE, **_SUMMARY, "scores": _LIST})
_MUTAGENESIS = pa.schema({**_SITE, **dict.fromkeys("ACGT", _LIST)})


class ScoreWriter:
    """Writes chunks to a Parquet file; a context manager, which closes it.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.
    method
        One of `METHODS`.
    about
        What goes into the file's metadata.
    """

    def __init__(self, path: str | Path, method: str, about: dict[str, Any]) -> None:
        self._schema = _MUTAGENESIS if method == "ism" else _ATTRIBUTION
        described = self._schema.with_metadata({"mfdvep": json.dumps(about)})
        self._writer = pq.ParquetWriter(path, described, compression="zstd")

    def write(self, chunk: Chunk) -> None:
        """Write the rows of a chunk."""
        rows: list[dict[str, Any]] = []
        scored = iter(range(len(chunk.scored)))
        for site in chunk.sites:
            of_site = {"name": site.name, "allele": site.allele, "chrom": site.chrom}
            of_site["status"] = str(site.status)
            if not len(site.codes):
                rows.append(of_site)
                continue
            i = next(scored)
            for t in range(len(chunk.found.targets)):
                rows.append({**of_site, **_row(chunk.found, site, i, t)})
        self._writer.write_table(pa.Table.from_pylist(rows, schema=self._writer.schema))

    def __enter__(self) -> ScoreWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def _row(found: Attribution | Mutagenesis, site: Site, i: int, t: int) -> dict[str, Any]:
    target = found.targets[t]
    row: dict[str, Any] = {"target": target.name, "half": target.which}
    if isinstance(found, Mutagenesis):
        changed = slice(found.first, found.first + found.codes.shape[1])
        row |= {"start": _start(site, found.first), "sequence": decode(site.codes[changed])}
        return row | {base: found.effects[i, t, :, b] for b, base in enumerate("ACGT")}
    return row | {
        "start": _start(site, 0),
        "sequence": decode(site.codes),
        "value": found.value[i, t],
        "baseline": found.baseline[t],
        "delta": None if np.isnan(found.delta[i, t]) else found.delta[i, t],
        "n_steps": found.n_steps[i],
        "converged": found.converged[i],
        "scores": found.scores[i, t],
    }


def _start(site: Site, base: int) -> int | None:
    """Return the 0-based place of a base left of what is changed; None of a sequence."""
    known = np.flatnonzero(site.positions >= 0)
    if not len(known):
        return None
    return int(site.positions[known[0]] - known[0] + base)


def write_npz(path: str | Path, chunks: Iterable[Chunk], about: dict[str, Any]) -> None:
    """Write the scores of all sites that are OK as arrays; they are held until the end.

    `name`, `allele`, `chrom` ("" of a sequence), `codes` (n, L), `positions` (n, L; -1: none);
    `target`, `half` (T,); of attributions `scores` (n, T, L), `value`, `delta` (n, T),
    `baseline` (T,), `n_steps`, `converged` (n,); of mutagenesis `effects` (n, T, m, 4) and
    `first`, the index of the first of m bases; `about`, the settings as JSON.
    """
    sites: list[Site] = []
    arrays: dict[str, list[np.ndarray]] = {}
    single: dict[str, Any] = {"about": np.array(json.dumps(about))}
    for chunk in chunks:
        sites += chunk.scored
        found = chunk.found
        single["target"] = np.array([target.name for target in found.targets])
        single["half"] = np.array([target.which for target in found.targets])
        many: tuple[str, ...] = ("scores", "value", "delta", "n_steps", "converged")
        if isinstance(found, Mutagenesis):
            many, single["first"] = ("effects",), np.array(found.first)
        else:
            single["baseline"] = found.baseline
        for name in many:
            arrays.setdefault(name, []).append(getattr(found, name))
    single |= {name: np.concatenate(parts) for name, parts in arrays.items()}
    for name in ("name", "allele", "chrom"):
        single[name] = np.array([getattr(site, name) or "" for site in sites], dtype=np.str_)
    if sites:
        single["codes"] = np.stack([site.codes for site in sites])
        single["positions"] = np.stack([site.positions for site in sites])
    with open(path, "wb") as handle:  # a name would get .npz
        np.savez_compressed(handle, **single)
