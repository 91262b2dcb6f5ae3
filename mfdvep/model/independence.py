"""The adversary that keeps the two halves independent: predictors and the Pearson penalty.

Source: science.md "Independence" (MFD eq. 3 and 4).
"""

from __future__ import annotations

from torch import Tensor, nn

from mfdvep.model.mfd import Features


def _predictor(n_features: int, hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in in (n_features, hidden, hidden):
        layers += [nn.Linear(n_in, hidden, bias=False), nn.BatchNorm1d(hidden), nn.LeakyReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, n_features))


class Predictors(nn.Module):
    """rho_12 predicts the technical half from the biological one, rho_21 the other way round."""

    def __init__(self, n_features: int, hidden: int) -> None:
        super().__init__()
        self.rho_12 = _predictor(n_features, hidden)
        self.rho_21 = _predictor(n_features, hidden)

    def forward(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the predicted (technical, biological) features, each (n, C / 2)."""
        return self.rho_12(features.biological), self.rho_21(features.technical)


def correlations(x: Tensor, y: Tensor) -> Tensor:
    """Return Pearson's r of each dimension over the batch, (K,) for x and y of shape (n, K).

    A dimension that is constant in the batch gives 0.
    """
    x, y = x.float() - x.float().mean(0), y.float() - y.float().mean(0)
    scale = (x.square().sum(0) * y.square().sum(0)).clamp_min(1e-12).sqrt()
    return (x * y).sum(0) / scale


def dependence(features: Features, predictors: Predictors) -> Tensor:
    """Return -L_indep: the sum over both directions and all dimensions of r squared (eq. 3).

    The adversary ascends it on detached features; the model descends lambda times it (eq. 4).
    """
    technical, biological = predictors(features)
    return (
        correlations(features.technical, technical).square().sum()
        + correlations(features.biological, biological).square().sum()
    )
