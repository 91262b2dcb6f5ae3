"""Scores on the genome as bedGraph, a file a target and half.

Regions and REF alleles alone; where sites overlap, the mean. Scores of 0 are left out. Of in-silico
mutagenesis, how much the base that is there adds (`Mutagenesis.importance`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

import numpy as np

from mfdvep.interpret.contributions.running import Chunk
from mfdvep.interpret.mutagenesis import Mutagenesis
from mfdvep.interpret.targets import Target

_LONGEST = 80  # letters of a file's name


class BedGraphs:
    """Collects scores by place, and writes them sorted."""

    def __init__(self) -> None:
        self._targets: tuple[Target, ...] = ()
        self._places: dict[str, list[np.ndarray]] = {}  # contig -> (m,) positions
        self._scores: dict[str, list[np.ndarray]] = {}  # contig -> (T, m)

    def add(self, chunk: Chunk) -> None:
        """Take the scores of a chunk."""
        found = chunk.found
        self._targets = found.targets
        is_ism = isinstance(found, Mutagenesis)
        scores = found.importance() if isinstance(found, Mutagenesis) else found.scores
        for site, of_site in zip(chunk.scored, scores, strict=True):
            if site.chrom is None or site.allele == "ALT":
                continue
            first = found.first if isinstance(found, Mutagenesis) else 0
            places = site.positions[first : first + of_site.shape[1]]
            keep = (places >= 0) & np.isfinite(of_site).all(axis=0) if is_ism else places >= 0
            self._places.setdefault(site.chrom, []).append(places[keep])
            self._scores.setdefault(site.chrom, []).append(of_site[:, keep])

    def write(self, folder: Path, description: str) -> list[Path]:
        """Write the files to a folder that is there; return them, none if nothing has a place."""
        if not self._places:
            return []
        means = {}
        for chrom, places in self._places.items():
            at, index = np.unique(np.concatenate(places), return_inverse=True)
            scores = np.concatenate(self._scores[chrom], axis=1)
            n = np.bincount(index)
            means[chrom] = at, [np.bincount(index, weights=row) / n for row in scores]
        paths = []
        names = file_names([target.label for target in self._targets])
        for t, (target, name) in enumerate(zip(self._targets, names, strict=True)):
            path = folder / f"{name}.bedGraph"
            with open(path, "w", encoding="utf-8") as handle:
                label = target.label.replace('"', "'")
                handle.write(
                    f'track type=bedGraph name="{label}" description="{description}" '
                    "visibility=full color=0,114,178 altColor=213,94,0\n"
                )
                for chrom in sorted(means):
                    at, rows = means[chrom]
                    for place, score in zip(at.tolist(), rows[t].tolist(), strict=True):
                        if score:
                            handle.write(f"{chrom}\t{place}\t{place + 1}\t{score:.6g}\n")
            paths.append(path)
        return paths


def file_names(labels: Sequence[str]) -> list[str]:
    """Return names of files for labels: letters, digits, and . _ + - =, each name once."""
    found: list[str] = []
    for label in labels:
        name = re.sub(r"[^A-Za-z0-9._+=-]+", "_", label).strip("_.")[:_LONGEST] or "_"
        # file systems may not tell cases apart
        taken = {other.casefold() for other in found}
        candidates = chain([name], (f"{name}_{k}" for k in count(2)))
        found.append(next(c for c in candidates if c.casefold() not in taken))
    return found
