"""A small cohort and its scores, made in a test: VCF text, and a matrix of any effects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from conftest import SMALL_TRACKS

from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import QUANTILES, EffectWriter

HEADER = """\
##fileformat=VCFv4.3
##contig=<ID=chr1,length=10000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DS,Number=A,Type=Float,Description="Dosage">
##FORMAT=<ID=GP,Number=G,Type=Float,Description="Probabilities">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
"""
MODEL = {"name": "toy", "sha256": "ab" * 32}


def write_cohort(path: Path, people: Sequence[str], lines: Iterable[str]) -> Path:
    """Write a VCF; a line is "CHROM POS ID REF ALT INFO FORMAT CALL CALL ..." with spaces."""
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    text = [HEADER, "\t".join([*columns, *people]), "\n"]
    for line in lines:
        chrom, pos, name, ref, alt, info, *rest = line.split()
        text.append("\t".join([chrom, pos, name, ref, alt, ".", ".", info, *rest]) + "\n")
    path.write_text("".join(text))
    return path


def write_scores(
    path: Path,
    variants: Sequence[str],
    effects: np.ndarray,
    *,
    tracks: TrackTable = SMALL_TRACKS,
    status: Sequence[str] | None = None,
    quantiles: np.ndarray | None = None,
    fingerprint: str = "f",
) -> Path:
    """Write a matrix of variants "chr1:10:A:C"; effects and quantiles are (3, n, O)."""
    made = [text.split(":") for text in variants]
    states = tuple(map(VariantStatus, status or ["OK"] * len(made)))
    batch = EffectBatch(
        tuple(Variant(c, int(p), r, a, i, 1) for i, (c, p, r, a) in enumerate(made)),
        states,
        *effects.astype(np.float32),
        tracks=tracks,
    )
    about = {"model": MODEL, "reference": {"file": "g.fa", "fingerprint": fingerprint}}
    lists = QUANTILES if quantiles is not None else ()
    with EffectWriter(path, tracks, about, lists=lists) as writer:
        writer.write(batch, lists=() if quantiles is None else list(quantiles.astype(np.float32)))
    return path


def random_effects(n: int, seed: int = 0, *, n_tracks: int = len(SMALL_TRACKS)) -> np.ndarray:
    """Return effects (3, n, n_tracks)."""
    return np.random.default_rng(seed).normal(size=(3, n, n_tracks)).astype(np.float32)
