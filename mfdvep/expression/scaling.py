"""The scale of marks: log1p, then divided by the spread over training genes. Numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfdvep.expression.profiles import Profiles


@dataclass(frozen=True)
class Scale:
    """How profiles are scaled, per cell and mark.

    Attributes
    ----------
    sd
        float32 (c, m), positive: standard deviation of log1p(signal) over the bins of the training
        genes; 1 where a mark does not vary, so that it stays 0.
    """

    sd: np.ndarray

    @classmethod
    def of(cls, profiles: Profiles) -> Scale:
        """Return the scale that the training genes of profiles give; no other gene counts."""
        rows = profiles.rows("train")
        sd = np.stack([np.log1p(of_cell[rows]).std((0, 2)) for of_cell in profiles.signal])
        return cls(np.where(sd > 0, sd, 1).astype(np.float32))

    def apply(self, signal: np.ndarray, cell: int) -> np.ndarray:
        """Return profiles (n, m, 100) of a cell as networks take them, float32."""
        return (np.log1p(signal) / self.sd[cell][:, None]).astype(np.float32)

    def of_all(self, profiles: Profiles) -> np.ndarray:
        """Return all profiles scaled, float32 (c, n, m, 100)."""
        return np.stack([self.apply(of_cell, i) for i, of_cell in enumerate(profiles.signal)])
