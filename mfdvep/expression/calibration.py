"""From the predicted probability of a peak to the observed signal, by cell and mark.

The file is JSON: format, cells, marks, provenance, and for each cell and mark the knots of a
piecewise linear map of log-odds to log1p(signal), which rises strictly between its ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.isotonic import isotonic_regression

from mfdvep.errors import InputError
from mfdvep.folders import write_json, writing

FORMAT = 1
N_QUANTILES = 200
"""Bins of equal count over which the signal is averaged before it is made to rise."""
MIN_VALUES = 1000
"""Bins of genes below which no map is fitted; ten genes."""
_SMALLEST = 1e-7  # probability; a float32 nearer to 1 than this is 1


@dataclass(frozen=True)
class MarkCalibration:
    """Strictly increasing maps of predicted probability to observed signal.

    Attributes
    ----------
    cells, marks
        c and m names.
    knots
        Cell, mark -> float64 (2, k): log-odds and log1p(signal), both strictly rising.
    provenance
        The MFD model ("model"), the profiles' digest, the contigs fitted on, numbers of genes and
        bins, the command.
    """

    cells: tuple[str, ...]
    marks: tuple[str, ...]
    knots: dict[tuple[str, str], np.ndarray]
    provenance: dict[str, Any]

    @property
    def digest(self) -> str:
        """What identifies the maps: SHA-256 of their cells, marks and knots, in hexadecimal."""
        return hashlib.sha256(
            json.dumps(self.content(), default=np.ndarray.tolist).encode()
        ).hexdigest()

    def content(self) -> dict[str, Any]:
        """Return what the file has of the maps."""
        return {
            "cells": self.cells,
            "marks": self.marks,
            "knots": [
                {"cell": cell, "mark": mark, "log_odds": knots[0], "log1p_signal": knots[1]}
                for (cell, mark), knots in self.knots.items()
            ],
        }

    def signal(self, probability: np.ndarray, cell: str | None = None) -> np.ndarray:
        """Return the signal expected with predicted probabilities, of their shape and type.

        Computed in float64. Outside the probabilities that were seen in fitting it is that of the
        nearest end.

        Parameters
        ----------
        probability
            (..., c, m), or of one cell (..., m).
        cell
            Its name; by default all cells, in order.

        Raises
        ------
        InputError
            A cell that there is no map for; arrays of other cells or marks.
        """
        if cell is not None and cell not in self.cells:
            raise InputError(f"no calibration of {cell}; it has {', '.join(self.cells)}")
        cells = self.cells if cell is None else (cell,)
        shape = (len(cells), len(self.marks))
        expected = shape if cell is None else shape[1:]
        if probability.shape[-len(expected) :] != expected:
            raise InputError(
                f"probabilities of shape {probability.shape}; expected {shape[0]} cells and "
                f"{shape[1]} marks last: {', '.join(self.marks)}"
            )
        odds = log_odds(probability).reshape(-1, *shape)
        out = np.empty(odds.shape)
        for i, name in enumerate(cells):
            for j, mark in enumerate(self.marks):
                out[:, i, j] = np.expm1(np.interp(odds[:, i, j], *self.knots[name, mark]))
        return out.reshape(probability.shape).astype(probability.dtype)


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Return log-odds, float64, of probabilities that are kept 1e-7 away from 0 and 1."""
    return logit(np.clip(probability.astype(np.float64), _SMALLEST, 1 - _SMALLEST))


def fit_calibration(
    probability: np.ndarray,
    signal: np.ndarray,
    *,
    cells: Sequence[str],
    marks: Sequence[str],
    provenance: dict[str, Any],
) -> MarkCalibration:
    """Return maps fitted to the bins of genes.

    For each cell and mark: the mean of log1p(signal) in 200 bins of equal count over the log-odds,
    made not to fall (isotonic regression), joined by straight lines between the middles of its
    steps and carried on to the least and largest log-odds, so that the map rises strictly.

    Parameters
    ----------
    probability, signal
        (n, c, m) of n bins of training genes: predicted; observed, not negative.

    Raises
    ------
    InputError
        Fewer than 1,000 bins; or a mark whose signal does not rise with the prediction.
    """
    if len(probability) < MIN_VALUES:
        raise InputError(
            f"{len(probability):,} bins of training genes; expected at least {MIN_VALUES:,}, "
            "to calibrate; give more genes, or a genome that has more of them"
        )
    odds, observed = log_odds(probability), np.log1p(signal.astype(np.float64))
    knots = {}
    for i, cell in enumerate(cells):
        for j, mark in enumerate(marks):
            found = _rising(odds[:, i, j], observed[:, i, j])
            if found is None:
                raise InputError(
                    f"observed {mark} in {cell} does not rise with its predicted probability over "
                    f"{len(odds):,} bins; leave the cell out, or give more genes"
                )
            knots[cell, mark] = found
    return MarkCalibration(tuple(cells), tuple(marks), knots, provenance)


def _rising(odds: np.ndarray, observed: np.ndarray) -> np.ndarray | None:
    """Return the knots (2, k) of a map that rises strictly; None where nothing rises."""
    order = np.argsort(odds, kind="stable")
    x, y = odds[order], observed[order]
    edges = np.linspace(0, len(x), min(N_QUANTILES, len(x)) + 1).astype(np.int64)
    n = np.diff(edges)
    mean_x, mean_y = np.add.reduceat(x, edges[:-1]) / n, np.add.reduceat(y, edges[:-1]) / n
    steps = isotonic_regression(mean_y, sample_weight=n)
    starts = np.flatnonzero(np.append(True, np.diff(steps) > 0))
    weight = np.add.reduceat(n, starts)
    middle = np.add.reduceat(mean_x * n, starts) / weight
    level = steps[starts]
    rises = np.append(True, np.diff(middle) > 0)  # equal predictions may span two bins
    middle, level = middle[rises], level[rises]
    if len(level) < 2:
        return None
    if level[0] <= 0:  # no signal at all: nothing below it to fall to
        middle[0] = x[0]
    elif x[0] < middle[0]:
        slope = (level[1] - level[0]) / (middle[1] - middle[0])
        # at most half is lost: signal is not negative
        low = max(level[0] - slope * (middle[0] - x[0]), level[0] / 2)
        middle, level = np.append(x[0], middle), np.append(low, level)
    if x[-1] > middle[-1]:
        slope = (level[-1] - level[-2]) / (middle[-1] - middle[-2])
        high = level[-1] + slope * (x[-1] - middle[-1])
        middle, level = np.append(middle, x[-1]), np.append(level, high)
    return np.stack([middle, level])


def write_calibration(calibration: MarkCalibration, path: str | Path) -> None:
    """Write the maps, which `read_calibration` gives back exactly.

    Parameters
    ----------
    path
        The file; the caller takes care of renaming it into place.

    Raises
    ------
    OutputError
        It cannot be written, e.g. the disk is full.
    """
    content = calibration.content()
    record = {"format": FORMAT, "provenance": calibration.provenance, **content}
    with writing(Path(path)):
        write_json(Path(path), record)


def read_calibration(path: str | Path) -> MarkCalibration:
    """Return the maps in a file of `mfdvep expression calibrate`.

    Raises
    ------
    InputError
        No such file, not such a file, of another format, or damaged.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']}, expected {FORMAT}")
        cells, marks = tuple(record["cells"]), tuple(record["marks"])
        knots = {
            (row["cell"], row["mark"]): np.array([row["log_odds"], row["log1p_signal"]], float)
            for row in record["knots"]
        }
        if set(knots) != {(cell, mark) for cell in cells for mark in marks}:
            raise ValueError("a map a cell and mark is expected")
        for pair, values in knots.items():
            if values.shape[1] < 2 or not (np.diff(values) > 0).all():  # not true of NaN either
                raise ValueError(f"the map of {pair[1]} in {pair[0]} does not rise")
        return MarkCalibration(cells, marks, knots, dict(record["provenance"]))
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a whole calibration of marks ({error}); make one with mfdvep "
            "expression calibrate"
        ) from error
