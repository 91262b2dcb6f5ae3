"""Measure how well expression is read off observed marks, and off marks predicted from sequence.

    python train/expression_numbers.py runs/profiles.parquet --genes runs/genes.GRCh38.tsv \
        -f DATA/regulome45/genome.fa.gz --expression runs/head.without_chr20 \
        --calibration weights/simplechrome4/calibration.json --test chr20 \
        --left-out chr21,chr1 -o runs/expression_numbers.json --figure runs/expression_numbers.png

Genes on the test contigs should be new to the MFD model, to the calibration and to the model of
expression. Neighbouring genes are no independent draws: intervals are of a bootstrap of stretches
of 250 kb.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfdvep.enrichment.measures.ranking import weighted_auroc
from mfdvep.enrichment.measures.resampling import (
    blocks_of,
    bootstrap_weights,
    percentile_interval,
)
from mfdvep.errors import InputError, MfdvepError
from mfdvep.plotting import GREY, GROUP_COLOURS, MARKERS, legend_below, new_figure, title_over

BLOCK = 250_000
SAMPLES = 2000
NEAR_CPG = 500
SCORES = {
    "observed": "observed marks, model",
    "observed_h3k4me3": "observed H3K4me3 at the start site",
    "predicted": "predicted marks, model",
    "predicted_h3k4me3": "predicted H3K4me3 at the start site",
    "cpg": "CpG count at the start site",
}
PAIRS = (("predicted", "predicted_h3k4me3"), ("predicted", "cpg"), ("observed", "predicted"))


def measure(
    scores: Mapping[str, np.ndarray], labels: np.ndarray, blocks: np.ndarray, *, seed: int = 1
) -> dict[str, Any]:
    """Return AUROCs with 95 % intervals, and differences of pairs of scores with theirs.

    Parameters
    ----------
    scores
        Name -> (n,).
    labels
        float (n,), 1 or 0; NaN for a gene that does not count.
    blocks
        int (n,), from 0: genes that are drawn together.

    Raises
    ------
    InputError
        One class alone.
    """
    known = np.isfinite(labels)
    positive = labels[known] == 1
    if not positive.any() or positive.all():
        raise InputError(f"{known.sum()} genes of one class; name more contigs with --test")
    of = np.unique(blocks[known], return_inverse=True)[1]
    n_blocks = int(of.max()) + 1
    weights = bootstrap_weights(n_blocks, SAMPLES, np.random.default_rng(seed))
    whole = np.ones((1, n_blocks))
    both = {
        name: weighted_auroc(score[known], positive, np.concatenate([whole, weights]), of)
        for name, score in scores.items()
    }
    found: dict[str, Any] = {"n": int(known.sum()), "n_high": int(positive.sum()),
                             "blocks": n_blocks}  # fmt: skip
    found["auroc"] = {name: _estimate(values, n_blocks) for name, values in both.items()}
    found["difference"] = {
        f"{a} - {b}": _estimate(both[a] - both[b], n_blocks)
        for a, b in PAIRS
        if {a, b} <= both.keys()
    }
    return found


def _estimate(values: np.ndarray, n_blocks: int) -> list[float | None]:
    """Return the first value, and the ends of the interval of the others."""
    low, high = percentile_interval(values[1:], n_blocks)
    return [None if np.isnan(v) else round(float(v), 4) for v in (values[0], low, high)]


def cpg_counts(genome: Any, genes: Sequence[Any]) -> np.ndarray:
    """Return how many CpG lie within 500 bases of each gene's start site, float64 (n,)."""
    found = np.full(len(genes), np.nan)
    for i, gene in enumerate(genes):
        if (contig := genome.resolve(gene.chrom)) is not None:
            codes = genome.fetch(contig, gene.tss - NEAR_CPG, gene.tss + NEAR_CPG + 1)
            found[i] = ((codes[:-1] == 1) & (codes[1:] == 2)).sum()
    return found


def draw(numbers: Mapping[str, Any]) -> Figure:
    """Return the AUROCs on test genes with their intervals, a group a cell."""
    cells = numbers["sets"]["test"]
    figure, axes = new_figure(6.6, 3.4)
    for j, name in enumerate(SCORES):
        rows = np.array([cell["auroc"][name] for cell in cells.values()], dtype=float)  # (c, 3)
        at = np.arange(len(cells)) + 0.13 * (j - (len(SCORES) - 1) / 2)
        error = np.abs(rows[:, 1:] - rows[:, :1]).T
        axes.errorbar(at, rows[:, 0], None if np.isnan(error).any() else error, fmt=MARKERS[j],
                      markersize=4.5, color=GROUP_COLOURS[j], elinewidth=1.1)  # fmt: skip
    axes.axhline(0.5, color=GREY, linewidth=0.8)
    axes.set_xticks(range(len(cells)), list(cells), fontsize=8.5)
    axes.set_ylabel("AUROC, expression above the median", fontsize=8.5)
    n = next(iter(cells.values()))["n"]
    title_over(figure, f"{n} genes of {', '.join(numbers['test'])}, new to all models; 95 %")
    handles = [
        Line2D([], [], marker=MARKERS[j], color=GROUP_COLOURS[j], linestyle="", label=said)
        for j, said in enumerate(SCORES.values())
    ]
    legend_below(figure, handles)
    return figure


def predicted_marks(
    genes: Sequence[Any], genome: Any, predictor: Any, *, cache: Path | None, progress: Any
) -> tuple[list[str], np.ndarray]:
    """Return statuses, and probabilities (n, 100, c, m), kept in a file between runs.

    Raises
    ------
    InputError
        The file is of another MFD model, or lacks a gene.
    """
    from mfdvep.expression.calibrating import predict_genes

    sha256 = predictor.model.provenance["sha256"]
    names = [f"{gene.id} {gene.chrom}:{gene.tss}{gene.strand}" for gene in genes]
    if cache is not None and cache.is_file():
        with np.load(cache) as kept:
            row = {name: i for i, name in enumerate(kept["genes"].tolist())}
            if str(kept["model"]) != sha256 or not row.keys() >= set(names):
                raise InputError(f"{cache}: of another model or of other genes; remove it")
            of = [row[name] for name in names]
            return kept["status"][of].tolist(), kept["probability"][of]
    status, found = predict_genes(genes, genome, predictor, progress=progress)
    if cache is not None:
        np.savez(cache, model=sha256, genes=names, status=list(map(str, status)), probability=found)
    return list(map(str, status)), found


def numbers_of(
    profiles: Any,
    sets: Mapping[str, Sequence[Any]],
    genome: Any,
    predictor: Any,
    readout: Any,
    *,
    cache: Path | None = None,
    progress: Any = None,
) -> dict[str, Any]:
    """Return set -> cell -> what `measure` gives.

    Parameters
    ----------
    profiles
        `Profiles`, of the cells and marks of the predictor.
    sets
        Name -> genes on the genome, all in the profiles.
    predictor, readout
        `MarkPredictor` and `Readout`.
    cache
        See `predicted_marks`.
    """
    from mfdvep.expression.calibrating import observed_of
    from mfdvep.expression.variants.readout import BASELINE, NEAR_BINS

    row = {gene.id: i for i, gene in enumerate(profiles.genes)}
    h3k4me3 = profiles.marks.index(BASELINE)
    found: dict[str, Any] = {}
    together = [gene for genes in sets.values() for gene in genes]
    all_status, probability = predicted_marks(
        together, genome, predictor, cache=cache, progress=progress
    )
    first = 0
    for name, genes in sets.items():
        status, predicted = (x[first : first + len(genes)] for x in (all_status, probability))
        first += len(genes)
        ok = np.isfinite(predicted).all((1, 2, 3))
        found[name] = {"status": dict(Counter(status)), "cells": {}}
        kept = [gene for gene, good in zip(genes, ok, strict=True) if good]
        rows = [row[gene.id] for gene in kept]
        observed = observed_of(kept, profiles)  # (n, 100, c, m)
        logits = readout.value(predicted[ok])
        baseline = readout.baseline(predicted[ok])
        cpg = cpg_counts(genome, kept)
        blocks = blocks_of([g.chrom for g in kept], np.array([g.tss for g in kept]),
                           np.full(len(kept), -1), size=BLOCK)  # fmt: skip
        for i, cell in enumerate(profiles.cells):
            signal = observed[:, :, i].transpose(0, 2, 1)  # (n, m, 100)
            scores = {
                "observed": readout.expression.predict(signal, cell),
                "observed_h3k4me3": signal[:, h3k4me3, NEAR_BINS].mean(1),
                "predicted": logits[:, i],
                "predicted_h3k4me3": baseline[:, i],
                "cpg": cpg,
            }
            found[name]["cells"][cell] = measure(scores, profiles.labels(i)[rows], blocks)
    return found


@click.command()
@click.argument("profiles", type=click.Path(exists=True, path_type=Path))
@click.option("--genes", type=click.Path(path_type=Path), required=True)
@click.option("-f", "--fasta", type=click.Path(path_type=Path), required=True)
@click.option("-m", "--model", default="regulome45", show_default=True)
@click.option("--expression", required=True, help="Model of expression.")
@click.option("--calibration", type=click.Path(path_type=Path), required=True)
@click.option("--test", required=True, help="Contigs of the FASTA, comma list.")
@click.option("--left-out", default="", help="Contigs to leave out, comma list.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="JSON.")
@click.option("--figure", type=click.Path(path_type=Path), required=True, help="PNG.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keeps predicted marks (.npz).")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--force", is_flag=True)
def main(
    profiles: Path, genes: Path, fasta: Path, model: str, expression: str, calibration: Path,
    test: str, left_out: str, output: Path, figure: Path, cache: Path | None, threads: int,
    force: bool,
) -> None:  # fmt: skip
    """Measure predicted marks on genes of the test contigs, and on those fitted to."""
    import torch

    from mfdvep.cli.progress import progress_bar
    from mfdvep.expression.calibrating import choose_genes
    from mfdvep.expression.calibration import read_calibration
    from mfdvep.expression.genes import read_tss
    from mfdvep.expression.model import load_expression_model
    from mfdvep.expression.predicted import MarkPredictor
    from mfdvep.expression.profiles import read_profiles
    from mfdvep.expression.variants.readout import Readout
    from mfdvep.files import Parts, check_outputs
    from mfdvep.folders import write_json
    from mfdvep.genomics.genome import Genome
    from mfdvep.model.checkpoint import load_model

    torch.set_num_threads(threads)
    try:
        check_outputs({"output": output, "figure": figure}, [profiles, genes, fasta, calibration],
                      force=force)  # fmt: skip
        known, mfd = read_profiles(profiles), load_model(model)
        readout = Readout(
            load_expression_model(expression),
            read_calibration(calibration),
            cells=known.cells,
            mfd_sha256=mfd.provenance["sha256"],
        )
        predictor = MarkPredictor(mfd, known.cells, known.marks, device="cpu")
        others = left_out.split(",") if left_out else []
        uses = choose_genes(read_tss(genes), known, test=test.split(","), left_out=others)
        with Genome(fasta) as genome, progress_bar("marks", "genes") as bar:
            sets = {name: uses[name] for name in ("test", "fitted")}
            found = numbers_of(known, sets, genome, predictor, readout, cache=cache,
                               progress=bar)  # fmt: skip
        numbers = {
            "test": test.split(","),
            "model": mfd.provenance,
            "expression": readout.expression.provenance,
            "calibration": readout.calibration.digest,
            "bootstrap": {"samples": SAMPLES, "block": BLOCK, "seed": 1},
            "status": {name: of["status"] for name, of in found.items()},
            "sets": {name: of["cells"] for name, of in found.items()},
        }
        with Parts(output, figure) as parts:
            write_json(parts[output], numbers)
            draw(numbers).savefig(parts[figure], dpi=200, format="png")
    except MfdvepError as error:
        raise click.ClickException(str(error)) from error
    for name, cells in numbers["sets"].items():
        for cell, of in cells.items():
            click.echo(f"{name} {cell}: {of['n']} genes, {of['n_high']} high")
            for what, (value, low, high) in (of["auroc"] | of["difference"]).items():
                click.echo(f"  {what}: {value} ({low} to {high})")


if __name__ == "__main__":
    main()
