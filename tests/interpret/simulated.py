"""Features and labels with a planted signal, for probes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mfdvep.interpret.features.feature_file import FeatureTable
from mfdvep.interpret.probes.label_table import LabelTable

CHROMOSOMES = tuple(f"chr{i}" for i in range(1, 11))


def feature_table(
    n: int = 600,
    *,
    k: int = 6,
    seed: int = 0,
    chromosomes: tuple[str, ...] = CHROMOSOMES,
    has_halves: bool = True,
) -> FeatureTable:
    """Return n regions on chromosomes in turn, with k normal features a half."""
    rng = np.random.default_rng(seed)
    starts = np.arange(n, dtype=np.int64) * 1000
    return FeatureTable(
        path=f"features-{seed}.parquet",
        name=[f"r{i}" for i in range(n)],
        chrom=[chromosomes[i % len(chromosomes)] for i in range(n)],
        start=starts,
        end=starts + 200,
        allele=[None] * n,
        status=["OK"] * n,
        gc=rng.uniform(0.3, 0.7, n).astype(np.float32),
        biological=rng.normal(size=(n, k)).astype(np.float32),
        technical=rng.normal(size=(n, k)).astype(np.float32),
        about={"model": {"name": "m", "sha256": "."}, "has_halves": has_halves},
    )


def labels_of(table: FeatureTable, labels: np.ndarray, tasks: tuple[str, ...]) -> LabelTable:
    """Return labels (n, T) of all regions of a table."""
    return LabelTable(
        path="labels.tsv",
        name=list(table.name),
        chrom=[str(chrom) for chrom in table.chrom],
        start=table.start,
        end=table.end,
        tasks=tasks,
        labels=labels.astype(np.int8),
    )


def planted(table: FeatureTable, *, n_tasks: int = 4, seed: int = 0) -> LabelTable:
    """Return labels that depend on the first three biological features, each task on its own way.

    Log-odds of SD 2.4, so that the best AUROC there can be is about .89.
    """
    rng = np.random.default_rng([seed, 1])
    weights = rng.normal(size=(3, n_tasks))
    weights *= 2.4 / np.sqrt((weights**2).sum(0))
    odds = table.biological[:, :3] @ weights
    labels = rng.random(odds.shape) < 1 / (1 + np.exp(-odds))
    return labels_of(table, labels, tuple(f"t{i}" for i in range(n_tasks)))


def write_labels(path: Path, labels: LabelTable) -> Path:
    """Write labels as `mfdvep probe` reads them."""
    texts = np.array(["0", "1", ""])[labels.labels]
    lines = ["\t".join(["name", "chrom", "start", "end", *labels.tasks])]
    for i, row in enumerate(texts):
        place = [labels.name[i], labels.chrom[i], str(labels.start[i]), str(labels.end[i])]
        lines.append("\t".join([*place, *row]))
    path.write_text("\n".join(lines) + "\n")
    return path
