"""The adversary that keeps the two halves independent: predictors and the Pearson penalty.

Source: science.md "Independence" (MFD eq. 3 and 4).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mfdvep.model.mfd import Features
from mfdvep.model.normalisation import BatchNorm
from mfdvep.model.processes import total

_DECAY = 0.05  # share of the newest batch in the moments
_BELOW_1 = 0.999  # of r squared, so that its logarithm is finite
_RIDGE = 1e-3  # added to variances of 1


def _predictor(n_features: int, hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in in (n_features, hidden, hidden):
        layers += [nn.Linear(n_in, hidden, bias=False), BatchNorm(hidden), nn.LeakyReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, n_features))


class Predictors(nn.Module):
    """rho_12 predicts the technical half from the biological one, rho_21 the other way round.

    Each is the paper's MLP plus a linear map that is solved, not learned: ridge regression on the
    moments of the features of about the last 1 / `_DECAY` batches. By gradient steps alone the
    predictors lag far behind what a fresh one finds (train/LOG.md).
    """

    moments: Tensor
    linear_12: Tensor
    linear_21: Tensor

    def __init__(self, n_features: int, hidden: int) -> None:
        super().__init__()
        self.rho_12 = _predictor(n_features, hidden)
        self.rho_21 = _predictor(n_features, hidden)
        n = 2 * n_features
        self.register_buffer("moments", torch.eye(n))
        self.register_buffer("linear_12", torch.zeros(n_features, n_features))
        self.register_buffer("linear_21", torch.zeros(n_features, n_features))

    @torch.no_grad()
    def solve(self, features: Features) -> None:
        """Take in the features of a batch, and solve for the linear maps anew."""
        both = torch.cat([half.float() for half in features], dim=1)  # (n, C)
        n = total(both.new_tensor(len(both)))
        both = both - total(both.sum(0)) / n
        self.moments.lerp_(total(both.T @ both) / n, _DECAY)
        k = both.shape[1] // 2
        ridge = _RIDGE * torch.eye(k, device=both.device)
        of_biological, of_technical = self.moments[:k, :k], self.moments[k:, k:]
        across = self.moments[:k, k:]
        self.linear_12.copy_(torch.linalg.solve(of_biological + ridge, across))
        self.linear_21.copy_(torch.linalg.solve(of_technical + ridge, across.T))

    def forward(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the predicted (technical, biological) features, each (n, C / 2)."""
        biological, technical = features
        return (
            self.rho_12(biological) + biological @ self.linear_12,
            self.rho_21(technical) + technical @ self.linear_21,
        )


def correlations(x: Tensor, y: Tensor) -> Tensor:
    """Return Pearson's r of each dimension over the batch, (K,) for x and y of shape (n, K).

    The batch is that of all processes of the run. A dimension that is constant in it gives 0.
    """
    both = torch.cat([x.float(), y.float()], dim=1)  # (n, 2 K)
    n = total(both.new_tensor(len(both)))
    x, y = (both - total(both.sum(0)) / n).chunk(2, dim=1)
    moments = torch.cat([(x * y).sum(0), x.square().sum(0), y.square().sum(0)])
    covariance, of_x, of_y = total(moments).chunk(3)
    return covariance / (of_x * of_y).clamp_min(1e-12).sqrt()


def dependence(features: Features, predictors: Predictors) -> Tensor:
    """Return -L_indep: the sum over both directions and all dimensions of r squared (eq. 3).

    The adversary ascends it on detached features; the model descends lambda times it (eq. 4).
    """
    return torch.stack([r.square().sum() for r in _both_ways(features, predictors)]).sum()


def information(features: Features, predictors: Predictors) -> Tensor:
    """Return the sum over both directions and all dimensions of -log(1 - r squared).

    Twice the mutual information, in nats, of Gaussian variables of correlation r. It is r squared
    where that is small. Where r is near 1, as in a model that was not kept from it, r squared is at
    its largest and has next to no gradient; this has one.
    """
    pairs = _both_ways(features, predictors)
    return torch.stack([-torch.log1p(-_BELOW_1 * r.square()).sum() for r in pairs]).sum()


def _both_ways(features: Features, predictors: Predictors) -> tuple[Tensor, Tensor]:
    """Return r of the technical features with those predicted, and of the biological, (K,) each."""
    technical, biological = predictors(features)
    return (
        correlations(features.technical, technical),
        correlations(features.biological, biological),
    )
