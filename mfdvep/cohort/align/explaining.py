"""Which genes an alignment rests on: attributions, and associations of the embedding's components.

Both are of people whom training did not see: those it saw would be found to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mfdvep.cohort.align.association import Associations, associate, principal_components
from mfdvep.cohort.align.attribution import Importance, attributions, gene_of, importance
from mfdvep.cohort.align.held_out import TEST, HeldOut, embed, record_of
from mfdvep.cohort.align.model_folder import AlignedModel
from mfdvep.errors import InputError


@dataclass(frozen=True)
class ModalityExplanation:
    """What is found of one genetic modality.

    Attributes
    ----------
    name, n
        The modality, and how many held-out people have it.
    columns, genes
        How much each input carries, and the inputs of each region together.
    tested
        Names of the G columns of the table that are associated, without covariates.
    associations
        Of K components with the G columns.
    """

    name: str
    n: int
    columns: Importance
    genes: Importance
    tested: tuple[str, ...]
    associations: Associations


@dataclass(frozen=True)
class Explanation:
    """Of all modalities; `variance` (K,) are the components' shares of it; what was done."""

    modalities: tuple[ModalityExplanation, ...]
    variance: np.ndarray
    about: dict[str, Any]


def explain(
    model: AlignedModel,
    held: HeldOut,
    *,
    n_components: int = 10,
    seed: int = 0,
    command: str = "",
) -> Explanation:
    """Return which genetic inputs carry the similarity of own pairs in held-out people.

    The components are found in training people's embeddings, and associated in held-out people with
    the table's own values, with the covariates of the inputs whether or not the model has them.

    Raises
    ------
    InputError
        Fewer than 3 held-out people have a modality, or too few for the covariates.
    """
    found = []
    embedded = embed(model.aligner, held.arrays.images)
    train = held.rows("train")
    components, variance = principal_components(
        embedded[train if len(train) > 1 else held.rows(TEST)], embedded, n_components
    )
    covariates = _covariates(held)
    families = np.asarray(held.people.families)
    for m, table in enumerate(held.inputs.genetics):
        rows = held.rows(TEST)
        rows = rows[held.arrays.present[rows, m]]
        if len(rows) < 3:
            raise InputError(f"{len(rows)} held-out people have {table.name}; expected at least 3")
        own = attributions(model.aligner, held.arrays, rows, m)
        names = model.preparation.genetic_columns[m]
        columns, genes = (
            importance(own, labels, families[rows], rng=np.random.default_rng([seed, m]))
            for labels in (names, [gene_of(name) for name in names])
        )
        known = rows if covariates is None else rows[np.isfinite(covariates[rows]).all(1)]
        associated = associate(
            components[known],
            table.values[held.people.genetic_rows[m][known]],
            None if covariates is None else covariates[known],
        )
        found.append(
            ModalityExplanation(table.name, len(rows), columns, genes, table.columns, associated)
        )
    about = {
        **record_of(model, held, command),
        "counts": {**held.counts, "associated": {own.name: own.associations.n for own in found}},
        "options": {"n_components": n_components, "seed": seed},
        "covariates": [] if held.inputs.covariates is None else held.inputs.covariates.columns,
        "components_found_in": "training people" if len(train) > 1 else "held-out people",
    }
    return Explanation(tuple(found), variance, about)


def _covariates(held: HeldOut) -> np.ndarray | None:
    """Return the covariates of the people (n, k), NaN where not known; None without any."""
    table = held.inputs.covariates
    if table is None:
        return None
    row = {iid: i for i, iid in enumerate(table.iids)}
    out = np.full((len(held.people), len(table.columns)), np.nan)
    for i, iid in enumerate(held.people.iids):
        if iid in row:
            out[i] = table.values[row[iid]]
    return out
