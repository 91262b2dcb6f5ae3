"""Why a model of expression predicts what it does: named genes, and averages over a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from mfdvep.errors import InputError
from mfdvep.expression.contributions import Contributions, contributions
from mfdvep.expression.genes import Tss
from mfdvep.expression.model import ExpressionModel
from mfdvep.expression.places import one_spelling
from mfdvep.expression.profiles import SPLITS, Profiles
from mfdvep.expression.roles import FEWEST, Roles, roles
from mfdvep.genomics.genes import without_version

_FINER = 4  # a few genes are cheap


@dataclass(frozen=True)
class GeneInCell:
    """A gene's explanation in one cell.

    Attributes
    ----------
    gene, cell, split
        Which.
    signal
        float32 (m, 100).
    expression, threshold
        Observed, and what a high one is above; NaN where not known.
    prediction, base
        Of the gene, and of one without marks.
    scores
        float32 (m, 100).
    gap
        What `scores` lack of prediction - base.
    """

    gene: Tss
    cell: str
    split: str
    signal: np.ndarray
    expression: float
    threshold: float
    prediction: float
    base: float
    scores: np.ndarray
    gap: float


@dataclass(frozen=True)
class Explained:
    """Named genes, and what latents stand for.

    Attributes
    ----------
    marks
        m names, the model's.
    unit
        Of a prediction: "logit" or "log2(expression + 1)".
    genes
        Gene by gene, each in every cell.
    roles
        One a cell.
    completeness
        "genes": how many sums were checked; "largest", "median": of the size of what the sums
        lack; "largest_relative": that as a share of what they should be, where it is over 0.1.
    """

    marks: tuple[str, ...]
    unit: str
    genes: tuple[GeneInCell, ...]
    roles: tuple[Roles, ...]
    completeness: dict[str, Any]


def find_genes(profiles: Profiles, names: Sequence[str]) -> list[int]:
    """Return the rows of genes given by id (a version is not looked at) or by name.

    Raises
    ------
    InputError
        No such gene (the nearest names are shown), or a name that several have.
    """
    rows: dict[str, list[int]] = {}
    for i, gene in enumerate(profiles.genes):
        for key in {gene.id, gene.name} - {""}:
            rows.setdefault(key, []).append(i)
    found = []
    for name in names:
        at = rows.get(name) or rows.get(without_version(name))
        if at is None:
            near = get_close_matches(name, rows, n=3)
            what = "nearest" if near else "they have"
            shown = ", ".join(near or [*rows][:3])
            raise InputError(f"gene {name!r}: not in the profiles; {what}: {shown}")
        if len(at) > 1:
            ids = ", ".join(profiles.genes[i].id for i in at[:5])
            raise InputError(f"gene {name!r}: a name of several: {ids}; give an id")
        found.append(at[0])
    return list(dict.fromkeys(found))


def choose_cells(model: ExpressionModel, profiles: Profiles, cells: Sequence[str]) -> list[str]:
    """Return the cells to explain: those named, or all that both model and profiles have.

    Raises
    ------
    InputError
        One that the model or the profiles lack, or none in common.
    """
    common = [cell for cell in profiles.cells if cell in model.cells]
    for cell in cells:
        if cell not in common:
            raise InputError(
                f"cell {cell!r}: the model knows {', '.join(model.cells)}, the profiles have "
                f"{', '.join(profiles.cells)}; name one of both"
            )
    if not common:
        raise InputError(
            f"no cell in common: the model knows {', '.join(model.cells)}, the profiles have "
            f"{', '.join(profiles.cells)}"
        )
    return list(dict.fromkeys(cells)) or common


def splits_of(model: ExpressionModel, profiles: Profiles) -> np.ndarray:
    """Return each gene's split, str (n,), in the training of the model, by its contig.

    The profiles may be split otherwise, and then say nothing of what the model has learnt from.
    Theirs for a model that does not tell its contigs.
    """
    told = [split for split in SPLITS if split in model.provenance]
    if not told:
        return profiles.split
    of = {one_spelling(name): split for split in told for name in model.provenance[split]}
    return np.array([of.get(one_spelling(gene.chrom), "train") for gene in profiles.genes])


def explain(
    model: ExpressionModel,
    profiles: Profiles,
    *,
    genes: Sequence[str],
    cells: Sequence[str] = (),
    split: str = "test",
    most: int = 500,
    seed: int = 0,
    n_steps: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Explained:
    """Return which marks and bins carry the predictions of genes, and what latents stand for.

    Parameters
    ----------
    genes
        Ids or names.
    cells
        By default all in common.
    split
        Genes that averages are over, see `splits_of`: those for testing say what holds beyond
        training.
    most, seed
        If the split has more genes than this, as many are drawn.
    n_steps
        Points on the path of integrated gradients; of named genes, four times as many.
    progress
        Called with genes done and their number, over all cells.

    Raises
    ------
    InputError
        See `find_genes`, `choose_cells`; the profiles lack a mark of the model, or the split has
        fewer than `FEWEST` genes.
    """
    named, chosen = find_genes(profiles, genes), choose_cells(model, profiles, cells)
    if lacking := [mark for mark in model.marks if mark not in profiles.marks]:
        raise InputError(f"the profiles lack {', '.join(lacking)}, which the model takes")
    order = [profiles.marks.index(mark) for mark in model.marks]
    profiles = replace(profiles, split=splits_of(model, profiles))
    rows = profiles.rows(split)
    if len(rows) < FEWEST:
        raise InputError(
            f"{len(rows)} genes that were {split} in the model's training; averages need {FEWEST}: "
            "choose another --split"
        )
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    explained: dict[tuple[int, str], GeneInCell] = {}
    averages, gaps, sums = [], [], []
    for nth, cell in enumerate(chosen):
        c = profiles.cells.index(cell)

        def report(done: int, total: int, before: int = nth) -> None:
            if progress is not None:
                progress(before * total + done, len(chosen) * total)

        signal = profiles.signal[c][rows][:, order]
        found = contributions(
            model, signal, cell, n_steps=n_steps, with_latents=True, progress=report
        )
        averages.append(roles(found, signal, profiles.expression[c][rows], cell=cell))
        parts = [found]
        if named:
            of_named = profiles.signal[c][named][:, order]
            alone = contributions(
                model, of_named, cell, n_steps=_FINER * n_steps, with_latents=False
            )
            parts.append(alone)
            for i, row in enumerate(named):
                explained[row, cell] = _gene_in_cell(profiles, row, c, of_named[i], alone, i)
        gaps += [part.gaps[:, 0] for part in parts]
        sums += [part.values[:, 0] - part.base[0] for part in parts]
    return Explained(
        marks=model.marks,
        unit="logit" if model.target == "label" else "log2(expression + 1)",
        genes=tuple(explained[row, cell] for row in named for cell in chosen),
        roles=tuple(averages),
        completeness=_completeness(np.concatenate(gaps), np.concatenate(sums)),
    )


def _gene_in_cell(
    profiles: Profiles, row: int, cell: int, signal: np.ndarray, found: Contributions, i: int
) -> GeneInCell:
    return GeneInCell(
        gene=profiles.genes[row],
        cell=profiles.cells[cell],
        split=str(profiles.split[row]),
        signal=signal,
        expression=float(profiles.expression[cell, row]),
        threshold=float(profiles.thresholds[cell]),
        prediction=float(found.values[i, 0]),
        base=float(found.base[0]),
        scores=found.scores[i, 0],
        gap=float(found.gaps[i, 0]),
    )


def _completeness(gaps: np.ndarray, sums: np.ndarray) -> dict[str, Any]:
    size, large = np.abs(gaps), np.abs(sums) > 0.1
    return {
        "genes": len(gaps),
        "largest": float(size.max()),
        "median": float(np.median(size)),
        "largest_relative": float((size[large] / np.abs(sums[large])).max(initial=0.0)),
    }
