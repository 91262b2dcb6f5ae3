"""FANTOM5's human enhancers: expression or usage by sample, to labels by tissue.

Layouts: a first line with the samples (CNhs accessions), with or without a first cell such as "Id"
(hg19, `human_permissive_enhancers_phase_1_and_2_expression_tpm_matrix.txt`; hg38,
`F5.hg38.enhancers.expression.tpm.matrix` and `...usage.matrix`, which have none); then a line an
enhancer, "chr10:100006233-100006603" and a number a sample, TPM or 1 and 0. Tabs, or commas with or
without quotes. Coordinates are those of FANTOM's BED, 0-based and half-open.

Source: Andersson 2014 (FANTOM5 enhancers); science.md "Enhancers".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.text import TextStream
from mfdvep.interpret.label_sets.label_set import LabelSet

_PLACE = re.compile(r'"?([^:\s"]+):([0-9]{1,10})-([0-9]{1,10})"?')
SAMPLE_COLUMNS = ("sample", "tissue")


@dataclass(frozen=True)
class Tissues:
    """Which samples are of which tissue, and above which mean an enhancer is active there."""

    samples: dict[str, str]
    thresholds: dict[str, float]


def is_matrix(line: str) -> bool:
    """Return whether a line is that of an enhancer: it starts with "chr1:100-200" and goes on."""
    found = _PLACE.match(line)
    return found is not None and line[found.end() : found.end() + 1] in ("\t", ",")


def read_fantom5(
    path: str | Path, *, tissues: Tissues | None = None, active_above: float = 0.0
) -> LabelSet:
    """Return the enhancers with a label a tissue: active or not.

    Active is a mean over the tissue's samples above its threshold; above 0 it is active in any.

    Parameters
    ----------
    tissues
        Samples that are in no tissue are left out; without it each sample is a tissue.
    active_above
        Threshold of a tissue that has none of its own: TPM, or share of samples for usage.

    Raises
    ------
    InputError
        Missing, damaged, or of another layout (line named); an enhancer twice; a sample of
        `tissues` that is not there (the nearest are named).
    """
    with closing(TextStream(path)) as text:
        lines = enumerate(text, start=1)
        header = next((line for _, line in lines), "").lstrip("\ufeff").rstrip("\r")
        first = next(lines, None)
        if first is None or not is_matrix(first[1]):
            raise InputError(
                f"{text.name}: expected FANTOM5's matrix, a line of samples and lines such as "
                f"chr1:100-200 and numbers, found {(first or (0, ''))[1][:60]!r}"
            )
        comma = "\t" not in first[1]
        samples = _samples(header, first[1], comma=comma, name=text.name)
        names, weights = _groups(samples, tissues, text.name)
        thresholds = np.array(
            [(tissues.thresholds if tissues else {}).get(name, active_above) for name in names]
        )
        places, rows = [], []
        for number, line in (first, *lines):
            place, values = _row(line, len(samples), comma=comma, where=f"{text.name}:{number}")
            places.append(place)
            rows.append(values @ weights > thresholds + 1e-12)  # means are sums of shares
    regions = [f"{chrom}:{start}-{end}" for chrom, start, end in places]
    if len(set(regions)) < len(regions):
        twice = next(name for name in regions if regions.count(name) > 1)
        raise InputError(f"{path}: {twice} is there twice; get the file again")
    chrom, start, end = zip(*places, strict=True)
    return LabelSet(
        name=regions,
        chrom=chrom,
        start=np.array(start, dtype=np.int64),
        end=np.array(end, dtype=np.int64),
        tasks=names,
        labels=np.array(rows, dtype=np.int8),
        counts={
            "enhancers": len(regions),
            "samples": len(samples),
            "samples left out": int((weights == 0).all(1).sum()),
            "tasks": len(names),
        },
    )


def read_tissues(path: str | Path) -> Tissues:
    """Return the tissues in a tab-separated table: columns sample, tissue and perhaps threshold.

    Raises
    ------
    InputError
        Missing or damaged, a column missing, a sample twice, a tissue with two thresholds or one
        that is no number (line named), no row.
    """
    samples, thresholds = dict[str, str](), dict[str, float]()
    with closing(TextStream(path)) as text:
        lines = iter(text)
        header = next(lines, "").lstrip("\ufeff#").rstrip("\r").split("\t")
        if not set(SAMPLE_COLUMNS) <= set(header):
            raise InputError(
                f"{text.name}: expected tab-separated columns sample, tissue and perhaps "
                f"threshold, found {', '.join(header)[:100]!r}"
            )
        for number, line in enumerate(lines, start=2):
            if not line.strip():
                continue
            fields = line.rstrip("\r").split("\t")
            row = dict(zip(header, fields, strict=False))
            sample, tissue = (row.get(name, "") for name in SAMPLE_COLUMNS)
            if not sample or not tissue or sample in samples:
                raise InputError(
                    f"{text.name}:{number}: expected a sample that was not there before and its "
                    f"tissue, found {line[:60]!r}"
                )
            samples[sample] = tissue
            if given := row.get("threshold", ""):
                value = _number(given)
                if value is None or thresholds.setdefault(tissue, value) != value:
                    raise InputError(
                        f"{text.name}:{number}: threshold {given[:20]!r}: expected one number a "
                        "tissue"
                    )
    if not samples:
        raise InputError(f"{path}: no sample in it; give a line a sample")
    return Tissues(samples, thresholds)


def _samples(header: str, first: str, *, comma: bool, name: str) -> list[str]:
    """Return the samples of the header, which may have a cell over the enhancers' names."""
    cells = [cell.strip().strip('"') for cell in header.split("," if comma else "\t")]
    n = first.count("," if comma else "\t")
    if len(cells) == n + 1:
        cells = cells[1:]
    if len(cells) != n or not n:
        raise InputError(
            f"{name}:1: {len(cells)} samples for {n} numbers a line; get the file again"
        )
    if repeated := next((cell for cell in cells if cells.count(cell) > 1), None):
        raise InputError(f"{name}:1: sample {repeated!r} is there twice; get the file again")
    return cells


def _groups(
    samples: Sequence[str], tissues: Tissues | None, path: str
) -> tuple[list[str], np.ndarray]:
    """Return the tissues' names and the weights of the samples in their means, (S, T)."""
    if tissues is None:
        return list(samples), np.eye(len(samples))
    place = {name: i for i, name in enumerate(samples)}
    for sample in tissues.samples:
        if sample not in place:
            near = get_close_matches(sample, samples, n=3) or list(samples[:3])
            raise InputError(f"{path}: no sample {sample!r}; nearest: {', '.join(near)}")
    names = sorted(set(tissues.samples.values()))
    weights = np.zeros((len(samples), len(names)))
    for sample, tissue in tissues.samples.items():
        weights[place[sample], names.index(tissue)] = 1
    return names, weights / weights.sum(0)


def _row(
    line: str, n_samples: int, *, comma: bool, where: str
) -> tuple[tuple[str, int, int], np.ndarray]:
    name, *cells = line.rstrip("\r").split("," if comma else "\t")
    found = _PLACE.fullmatch(name.strip())
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        values = np.full(len(cells), np.nan)
    if found is None or len(values) != n_samples or not np.isfinite(values).all():
        raise InputError(
            f"{where}: expected chr1:100-200 and {n_samples} numbers, found {line[:60]!r}"
        )
    return (found[1], int(found[2]), int(found[3])), values


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
