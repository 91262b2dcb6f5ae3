"""The folder of an explanation: figures, tables, and what was done."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain, count, groupby
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.enrichment.report.tables import write_tsv
from mfdvep.enrichment.results import Columns
from mfdvep.expression.bins import N_BINS
from mfdvep.expression.explain_plots import gene_figure, roles_figure
from mfdvep.expression.explaining import Explained, GeneInCell
from mfdvep.expression.roles import Roles, bin_edges
from mfdvep.folders import new_folder, write_json
from mfdvep.plotting import save_figures

MARKER = "explain.json"


def write_explained(
    found: Explained, folder: str | Path, *, about: dict[str, Any], force: bool = False
) -> None:
    """Write a folder, which appears whole or not at all.

    explain.json has what was done and the completeness; latents.tsv a row a cell and output;
    latent_bins.tsv, and for named genes genes.tsv and gene_bins.tsv, the numbers behind the
    figures: latents.CELL and gene.NAME, as png and svg.

    Parameters
    ----------
    about
        Model, profiles, options, command.

    Raises
    ------
    OutputError
        See `folders.new_folder`.
    """
    figures: dict[str, Any] = {}
    for of in found.roles:
        name = _free(f"latents.{of.cell}", figures)
        figures[name] = roles_figure(of, found.marks, unit=found.unit)
    for gene, cells in groupby(found.genes, key=lambda one: one.gene):
        name = _free(f"gene.{gene.name or gene.id}", figures)
        figures[name] = gene_figure(list(cells), found.marks, unit=found.unit)
    with new_folder(folder, marker=MARKER, force=force) as part:
        save_figures(figures, part)
        write_tsv(
            part / "latents.tsv",
            _concatenated([latent_rows(of, found.marks) for of in found.roles]),
        )
        write_tsv(
            part / "latent_bins.tsv",
            _concatenated([_bin_rows(of, found.marks) for of in found.roles]),
        )
        if found.genes:
            write_tsv(part / "genes.tsv", gene_rows(found))
            bins = [_gene_bin_rows(one, found.marks) for one in found.genes]
            write_tsv(part / "gene_bins.tsv", _concatenated(bins))
        record = {**about, "unit": found.unit, "completeness": found.completeness}
        write_json(part / MARKER, record)


def latent_rows(found: Roles, marks: tuple[str, ...]) -> Columns:
    """Return a row an output of a cell.

    Columns: cell, output, genes, sd; effect (change of the prediction for one SD of the latent, a
    mean over genes) with low and high; rising (share of genes); expression (Spearman's correlation
    with what was observed) with low and high; and where it correlates most: mark, from and to
    (bases from the start site) and correlation there. Empty for what a prediction has not.
    """
    first, end = bin_edges()
    n = len(found.outputs)
    lacking = np.full(1, np.nan)
    spots = [found.strongest(k) for k in range(n)]
    best = [
        np.nan if spot is None else _largest(found.correlation[k, spot[0], spot[1] : spot[2]])
        for k, spot in enumerate(spots)
    ]
    return {
        "cell": [found.cell] * n,
        "output": list(found.outputs),
        "genes": [found.n_genes] * n,
        "sd": np.concatenate([lacking, found.sd]),
        **{
            name: np.concatenate([lacking, found.effect[i]])
            for i, name in enumerate(("effect", "effect_low", "effect_high"))
        },
        "rising": np.concatenate([lacking, found.rising]),
        **{
            name: found.expression[i]
            for i, name in enumerate(("expression", "expression_low", "expression_high"))
        },
        "mark": [None if spot is None else marks[spot[0]] for spot in spots],
        "from": [None if spot is None else int(first[spot[1]]) for spot in spots],
        "to": [None if spot is None else int(end[spot[2] - 1]) for spot in spots],
        "correlation": best,
    }


def gene_rows(found: Explained) -> Columns:
    """Return a row a named gene and cell, with what the contributions of each mark sum to."""
    genes = found.genes
    return {
        "gene_id": [one.gene.id for one in genes],
        "gene_name": [one.gene.name for one in genes],
        "cell": [one.cell for one in genes],
        "split": [one.split for one in genes],
        "expression": [one.expression for one in genes],
        "threshold": [one.threshold for one in genes],
        "prediction": [one.prediction for one in genes],
        "without_marks": [one.base for one in genes],
        **{
            mark: [float(one.scores[i].sum(dtype=np.float64)) for one in genes]
            for i, mark in enumerate(found.marks)
        },
        "gap": [one.gap for one in genes],
    }


def _bin_rows(found: Roles, marks: tuple[str, ...]) -> Columns:
    shape = found.correlation.shape
    names = [name for name in found.outputs for _ in range(shape[1] * N_BINS)]
    low, mean, high = (found.contribution[i].ravel() for i in (1, 0, 2))
    return {
        "cell": [found.cell] * len(names),
        "output": names,
        **_places(marks, shape[0]),
        "contribution": mean,
        "contribution_low": low,
        "contribution_high": high,
        "correlation": found.correlation.ravel(),
    }


def _gene_bin_rows(one: GeneInCell, marks: tuple[str, ...]) -> Columns:
    n = len(marks) * N_BINS
    return {
        "gene_id": [one.gene.id] * n,
        "cell": [one.cell] * n,
        **_places(marks, 1),
        "signal": one.signal.ravel(),
        "contribution": one.scores.ravel() + 0.0,  # no minus zero
    }


def _places(marks: tuple[str, ...], times: int) -> Columns:
    """Return mark, from and to of each bin of each mark, all of that several times over."""
    first, end = bin_edges()
    return {
        "mark": [mark for mark in marks for _ in range(N_BINS)] * times,
        "from": np.tile(first, len(marks) * times),
        "to": np.tile(end, len(marks) * times),
    }


def _largest(values: np.ndarray) -> float:
    return float(values[np.nanargmax(np.abs(values))])


def _concatenated(parts: list[Columns]) -> Columns:
    """Return tables of the same columns as one."""
    return {name: [v for part in parts for v in part[name]] for name in parts[0]}


def _free(name: str, taken: Collection[str]) -> str:
    """Return a name as that of a file, with a number if others have it (two genes of one name)."""
    safe = re.sub(r"[^\w.+-]", "_", name)
    names = chain([safe], (f"{safe}.{i}" for i in count(2)))
    return next(each for each in names if each not in taken)
