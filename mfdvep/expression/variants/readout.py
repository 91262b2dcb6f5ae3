"""What predicted marks round a gene say of its expression, and of the mark at its start site.

All in float64: the differences between alleles are small beside the values.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mfdvep.errors import InputError
from mfdvep.expression.bins import BIN, N_BINS
from mfdvep.expression.calibration import MarkCalibration
from mfdvep.expression.model import ExpressionModel

BASELINE = "H3K4me3"
"""The mark whose plain change at the start site is given beside the change of expression."""
NEAR = 500
"""Bases on each side of the start site that its bins are averaged over."""
NEAR_BINS = slice(N_BINS // 2 - NEAR // BIN, N_BINS // 2 + NEAR // BIN)


class Readout:
    """Reads expression off predicted marks, by the calibration and the head of a model.

    Parameters
    ----------
    expression
        The model of expression; it is not changed.
    calibration
        From predicted probabilities to the signal that the model takes.
    cells
        c of both; None: all of the model.
    mfd_sha256
        Of the weights whose predictions are read.

    Attributes
    ----------
    cells, marks
        c and m names: of the probabilities, in order.
    target
        What the head gives: "label", the log-odds of an expression above the cell's median, or
        "log_expression".
    expression, calibration
        As given.

    Raises
    ------
    InputError
        A cell that one of them does not have; a mark that the calibration does not have; a model
        without H3K4me3; a calibration of another MFD model.
    """

    def __init__(
        self,
        expression: ExpressionModel,
        calibration: MarkCalibration,
        *,
        cells: Sequence[str] | None = None,
        mfd_sha256: str,
    ) -> None:
        self.expression, self.calibration = expression, calibration
        self.cells = tuple(dict.fromkeys(cells)) if cells else tuple(expression.cells)
        self.marks = tuple(expression.marks)
        self.target = expression.target
        for cell in self.cells:
            expression.cell_number(cell)
            if cell not in calibration.cells:
                raise InputError(
                    f"cell {cell!r}: the calibration has {', '.join(calibration.cells)}; make one "
                    "with mfdvep expression calibrate"
                )
        if set(self.marks) != set(calibration.marks) or BASELINE not in self.marks:
            raise InputError(
                f"the model of expression has the marks {', '.join(self.marks)}, the calibration "
                f"{', '.join(calibration.marks)}; expected the same, {BASELINE} among them"
            )
        fitted = calibration.provenance["model"]
        if fitted["sha256"] != mfd_sha256:
            raise InputError(
                f"the calibration is of the MFD model {fitted['name']} with the weights "
                f"{fitted['sha256'][:12]}, not {mfd_sha256[:12]}; make one of this model with "
                "mfdvep expression calibrate, and give it with --calibration"
            )
        of_both = _digests(calibration.provenance), _digests(expression.about)
        if all(of_both) and of_both[0].isdisjoint(of_both[1]):
            warnings.warn(
                "the model of expression and the calibration are of profiles that have no file in "
                "common: if their signals are not on one scale, the effects mean nothing",
                stacklevel=2,
            )
        self._network = copy.deepcopy(expression.network).double().cpu().eval()
        self._calibrated = [self.marks.index(mark) for mark in calibration.marks]
        self._ordered = [calibration.marks.index(mark) for mark in self.marks]
        self._baseline = self.marks.index(BASELINE)

    def value(self, probability: np.ndarray) -> np.ndarray:
        """Return what the head gives for genes, float64 (n, c).

        Parameters
        ----------
        probability
            float64 (n, 100, c, m): of a peak, in the gene's bins.
        """
        n = len(probability)
        out = np.empty((n, len(self.cells)))
        for i, cell in enumerate(self.cells):
            of_cell = probability[:, :, i, self._calibrated]  # (n, 100, m)
            signal = self.calibration.signal(of_cell, cell)[..., self._ordered]
            scaled = self.expression.scaled(signal.transpose(0, 2, 1), cell)  # (n, m, 100)
            row = torch.full((n,), self.expression.cell_number(cell), dtype=torch.int64)
            with torch.inference_mode():
                out[:, i] = self._network(scaled.double(), row).numpy()
        return out

    def baseline(self, probability: np.ndarray) -> np.ndarray:
        """Return the probability of H3K4me3 within 500 bases of the start site, float64 (n, c).

        Parameters
        ----------
        probability
            As for `value`.
        """
        return probability[:, NEAR_BINS, :, self._baseline].mean(axis=1)


def _digests(record: Mapping[str, Any]) -> set[str]:
    """Return the SHA-256 of the files that the profiles of a model or calibration are of."""
    return set(record.get("profiles", {}).get("inputs", {}).values())
