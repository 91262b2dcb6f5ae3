"""What predicted marks round a gene say of its expression, and of the mark at its start site.

All in float64: the differences between alleles are small beside the values.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
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
            if cell not in expression.cells:
                raise InputError(
                    f"cell {cell!r}: the model of expression has {', '.join(expression.cells)}"
                )
            if cell not in calibration.cells:
                raise InputError(
                    f"cell {cell!r}: the calibration has {', '.join(calibration.cells)}; make one "
                    "with mfdvep expression calibrate"
                )
        missing = [mark for mark in self.marks if mark not in calibration.marks]
        if missing or BASELINE not in self.marks:
            whose = "calibration" if missing else "model of expression"
            raise InputError(
                f"the {whose} has no {(missing or [BASELINE])[0]}; give one that has the model's "
                f"marks, {', '.join(self.marks)}, and {BASELINE} among them"
            )
        fitted = calibration.provenance["model"]
        if fitted["sha256"] != mfd_sha256:
            raise InputError(
                f"the calibration is of the MFD model {fitted['name']} with the weights "
                f"{fitted['sha256'][:12]}, not {mfd_sha256[:12]}; make one of this model with "
                "mfdvep expression calibrate, and give it with --calibration"
            )
        self._network = copy.deepcopy(expression.network).double().cpu().eval()
        order = {mark: i for i, mark in enumerate(self.marks)}
        self._to_calibration = [order[mark] for mark in calibration.marks if mark in order]
        self._from_calibration = [calibration.marks.index(mark) for mark in self.marks]
        self._baseline = order[BASELINE]
