"""Burdens of GT by the book: the VCF's text is split, dosages and sums are plain numpy, float64.

Nothing of mfdvep, and no VCF library. Alleles are joined as they are spelled.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np


def lines_of(path: Path) -> list[list[str]]:
    """Return the header's column line and the records, as fields."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.name.endswith(".gz") else data).decode()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("##")]


def dosages_of(fields: list[str], allele: int) -> tuple[np.ndarray, float]:
    """Return the dosages (n,), NaN where a call lacks an allele, and the ALT's frequency."""
    at = fields[8].split(":").index("GT")
    out, n_alleles = [], 0
    for call in fields[9:]:
        alleles = call.split(":")[at].replace("|", "/").split("/")
        if "." in alleles:
            out.append(np.nan)
        else:
            out.append(float(alleles.count(str(allele))))
            n_alleles += len(alleles)
    values = np.array(out)
    return values, np.nansum(values) / n_alleles if n_alleles else np.nan


def burdens(
    path: Path,
    weights: Mapping[tuple[str, int, str, str], np.ndarray],
    regions: Mapping[str, list[tuple[str, int, int]]],
    *,
    maf_max: float,
    lies_in: Callable[[int, str, str, int, int], bool],
) -> np.ndarray:
    """Return burdens (n, regions x weightings), a region's weightings beside each other.

    Parameters
    ----------
    weights
        (contig, pos, ref, alt) -> (n_weightings,).
    regions
        Name -> stretches, 0-based half-open.
    lies_in
        Of pos, ref, alt, start, end: whether the variant lies in the stretch.
    """
    header, *records = lines_of(path)
    n_weightings = len(next(iter(weights.values())))
    out = np.zeros((len(header) - 9, len(regions), n_weightings))
    for fields in records:
        chrom, pos, _, ref, alts = fields[:5]
        for allele, alt in enumerate(alts.split(","), start=1):
            found = weights.get((chrom, int(pos), ref, alt))
            inside = [
                i
                for i, stretches in enumerate(regions.values())
                if any(
                    contig == chrom and lies_in(int(pos), ref, alt, start, end)
                    for contig, start, end in stretches
                )
            ]
            if found is None or not inside:
                continue
            values, frequency = dosages_of(fields, allele)
            if not min(frequency, 1 - frequency) <= maf_max:
                continue
            values = np.where(np.isnan(values), np.nanmean(values), values)
            for i in inside:
                out[:, i] += values[:, None] * found
    return out.reshape(len(out), -1)
