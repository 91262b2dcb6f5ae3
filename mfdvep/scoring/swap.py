"""Latent features to effects: the alleles' halves swapped.

Source: science.md "Variant effects" (MFD section 3.3), written ALT minus REF.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mfdvep.errors import InputError
from mfdvep.model.mfd import MFDModel

SCALES = ("probability", "logit")


class Pairs(NamedTuple):
    """Latent features of windows, and how ALT changes them.

    Attributes
    ----------
    windows
        (n_w, C) with REF, before the model's last BatchNorm.
    change
        (n_pairs, C): ALT minus REF.
    window
        (n_pairs,): the window of each pair.
    """

    windows: Tensor
    change: Tensor
    window: Tensor


def change_of_probability(logit: Tensor, by: Tensor) -> Tensor:
    """Return sigmoid(logit + by) - sigmoid(logit), right to float32's last digits however small.

    It is (1 - exp(-by)) sigmoid(logit + by) sigmoid(-logit); taken as a difference of two
    probabilities, an effect of 1e-5 would keep three digits.
    """
    high, low = torch.maximum(logit, logit + by), torch.minimum(logit, logit + by)
    size = -torch.expm1(-by.abs())
    return torch.sign(by) * size * torch.sigmoid(high) * torch.sigmoid(-low)


class Head:
    """Gives the effects on chosen tracks; the hypernetworks run once.

    Parameters
    ----------
    model
        In evaluation mode.
    rows
        Of the model's track table.
    scale
        "probability", or "logit": then combined = biological + technical exactly.

    Raises
    ------
    InputError
        Another scale, or no tracks.
    """

    def __init__(self, model: MFDModel, rows: Sequence[int], scale: str) -> None:
        if scale not in SCALES:
            raise InputError(f"scale {scale!r}; expected {', '.join(SCALES)}")
        if not rows:
            raise InputError("no tracks chosen; give one or more rows of the model's tracks")
        self.scale = scale
        chosen = torch.tensor(rows, device=model.bias.device)
        self._psi = [psi[chosen] for psi in model.output_weights()]  # each (O, C / 2)
        self._bias = model.bias.detach()[chosen]  # (O,)
        norm = model.latent_norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self._mean = norm.running_mean
        self._sd = torch.sqrt(norm.running_var + norm.eps)

    def effects(self, pairs: Pairs, *, n_strands: int, n: int) -> Tensor:
        """Return effects (3, n, O), combined, biological, technical: means over a variant's pairs.

        Parameters
        ----------
        pairs
            n_strands x n x S, in that order.
        """
        by_bio, by_tech = self._added(pairs.change / self._sd)  # each (n_pairs, O)
        changes = [by_bio + by_tech, by_bio, by_tech]
        if self.scale == "probability":
            added = self._added((pairs.windows - self._mean) / self._sd)
            logit = (added[0] + added[1] + self._bias)[pairs.window]  # (n_pairs, O)
            changes = [change_of_probability(logit, by) for by in changes]
        means = [by.view(n_strands, n, -1, by.shape[1]).mean((0, 2)) for by in changes]
        if self.scale == "logit":  # the mean of sums may round otherwise than the sum of means
            means[0] = means[1] + means[2]
        return torch.stack(means).float()

    def features(self, pairs: Pairs, *, n_strands: int, n: int) -> Tensor:
        """Return normalised features (2, n, C), those of REF and their change: means over pairs.

        Parameters
        ----------
        pairs
            n_strands x n x S, in that order.
        """
        reference = ((pairs.windows - self._mean) / self._sd)[pairs.window]  # (n_pairs, C)
        both = [reference, pairs.change / self._sd]
        means = [x.view(n_strands, n, -1, x.shape[1]).mean((0, 2)) for x in both]
        return torch.stack(means).float()

    def _added(self, latent: Tensor) -> list[Tensor]:
        """Return what the biological and the technical half add to the log-odds, each (n, O)."""
        halves = latent.chunk(2, dim=1)
        return [half @ psi.T.to(half.dtype) for half, psi in zip(halves, self._psi, strict=True)]
