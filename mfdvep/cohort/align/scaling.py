"""Columns made comparable, and rid of covariates, by what training people have. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FLAT = 1e-9  # of the largest size: a standard deviation below is rounding, so that all are one


@dataclass(frozen=True)
class Scaling:
    """What is taken from values, and what they are divided by.

    Attributes
    ----------
    coefficients
        float64 (k, d): of a linear regression on the k columns of a design, d flattened values a
        person; k is 0 where nothing is regressed.
    mean, sd
        float64 (c,), c the columns, or the channels of images: of what the regression leaves. sd
        is 1 where all values are one, which are then 0.
    flat
        bool (c,): where they are.
    """

    coefficients: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    flat: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, design: np.ndarray | None = None) -> Scaling:
        """Return the scaling of these people's values.

        Parameters
        ----------
        values
            (n, d) or (n, c, h, w), finite.
        design
            (n, k), with a column of ones; None to regress nothing.
        """
        flat = values.reshape(len(values), -1).astype(np.float64)
        size = np.abs(flat).reshape(len(values), values.shape[1], -1).max(axis=(0, 2))
        coefficients = np.empty((0, flat.shape[1]))
        if design is not None:
            coefficients = np.linalg.lstsq(design, flat, rcond=None)[0]
            flat = flat - design @ coefficients
        by_column = flat.reshape(len(values), values.shape[1], -1)
        mean, sd = by_column.mean(axis=(0, 2)), by_column.std(axis=(0, 2))
        is_flat = sd <= _FLAT * size
        return cls(coefficients, mean, np.where(is_flat, 1.0, sd), is_flat)

    def apply(self, values: np.ndarray, design: np.ndarray | None = None) -> np.ndarray:
        """Return values, of the same or other people, float32 of the same shape."""
        flat = values.reshape(len(values), -1).astype(np.float64)
        if len(self.coefficients):
            assert design is not None
            flat = flat - design @ self.coefficients
        shape = (len(self.mean), *[1] * (values.ndim - 2))
        scaled = (flat.reshape(values.shape) - self.mean.reshape(shape)) / self.sd.reshape(shape)
        scaled[:, self.flat] = 0  # what training people do not vary in says nothing of others
        return scaled.astype(np.float32)


def design_of(covariates: np.ndarray) -> np.ndarray:
    """Return covariates (n, k) with a column of ones before them, float64 (n, 1 + k)."""
    return np.column_stack([np.ones(len(covariates)), covariates.astype(np.float64)])
