"""How well a model predicts the expression of genes that trained nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from mfdvep.enrichment.measures.correlations import FEWEST, pearson, spearman
from mfdvep.enrichment.measures.ranking import groups_of, rank, sort_with_labels
from mfdvep.expression.model import ExpressionModel
from mfdvep.expression.options import LOG_EXPRESSION
from mfdvep.expression.profiles import Profiles

MEASURED = ("validation", "test", "left_out")


def measure(model: ExpressionModel, profiles: Profiles) -> dict[str, Any]:
    """Return how well a model predicts each cell's genes of each split but training, for JSON.

    By split and cell: genes of known expression, how many are high, and AUROC and AUPRC of the
    prediction for these, with DeLong's and Boyd's 95 % intervals; of a model of log expression also
    Pearson's and Spearman's correlation with it. Validation genes chose the epochs.

    Raises
    ------
    InputError
        The profiles have a cell that the model does not know, or other marks.
    """
    found: dict[str, Any] = {}
    for split in MEASURED:
        rows = profiles.rows(split)
        if len(rows):
            found[split] = {
                cell: _of_cell(model, profiles, number, rows)
                for number, cell in enumerate(profiles.cells)
            }
    return {
        "model": {key: model.provenance[key] for key in ("name", "sha256")},
        "target": model.target,
        "splits": found,
    }


def _of_cell(
    model: ExpressionModel, profiles: Profiles, number: int, rows: np.ndarray
) -> dict[str, Any]:
    known = rows[~np.isnan(profiles.expression[number, rows])]
    predicted = model.predict(profiles.signal[number, known], profiles.cells[number])
    high = profiles.labels(number)[known] == 1
    out: dict[str, Any] = {"n": len(known), "n_high": int(high.sum())}
    out |= asdict(rank(groups_of(sort_with_labels(predicted, high))))
    if model.target == LOG_EXPRESSION and len(known) >= FEWEST:
        observed = profiles.log_expression(number)[known].astype(np.float64)
        for name, of in (("pearson", pearson), ("spearman", spearman)):
            value, low, high_end, _ = of(predicted[None].astype(np.float64), observed)[:, 0]
            out |= {name: value, f"{name}_low": low, f"{name}_high": high_end}
    return {key: value if np.isfinite(value) else None for key, value in out.items()}
