"""Correlations, the penalty, and that both predictors learn."""

from __future__ import annotations

import numpy as np
import torch

from mfdvep.model.independence import Predictors, correlations, dependence, information
from mfdvep.model.mfd import Features


def test_correlations_are_pearsons():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    y[:, 1] = 2 * x[:, 1] + 1
    expected = [np.corrcoef(x[:, k], y[:, k])[0, 1] for k in range(3)]
    found = correlations(torch.from_numpy(x), torch.from_numpy(y))
    assert np.allclose(found.numpy(), expected, atol=1e-5)


def test_a_constant_dimension_gives_zero():
    assert correlations(torch.ones(4, 1), torch.arange(4.0)[:, None]).item() == 0


def dependent_features(n: int) -> Features:
    """Return halves of which the second has the square of one dimension, and the other itself."""
    x = torch.randn(n, 2)
    return Features(x, torch.stack([x[:, 0] ** 2, x[:, 1]], dim=1))


def test_both_predictors_learn_their_direction():
    torch.manual_seed(0)
    dependent, unseen = dependent_features(512), dependent_features(4096)
    predictors = Predictors(2, 32)
    optimiser = torch.optim.Adam(predictors.parameters(), lr=1e-2)
    first = dependence(dependent, predictors).item()
    for _ in range(60):
        loss = -dependence(dependent, predictors)
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad.abs().sum() > 0 for p in predictors.parameters() if p.ndim > 1)
        optimiser.step()
    assert -loss.item() > first + 1
    technical, biological = predictors(unseen)
    # the square is predictable from x, x's sign is not from its square; r counts by its square
    assert (correlations(unseen.technical, technical).abs() > 0.8).all()
    r = correlations(unseen.biological, biological).abs()
    assert r[1] > 0.8
    assert r[0] < 0.3


def test_a_linear_dependence_is_found_without_a_gradient_step():
    """Also in directions of little variance, which gradient steps reach last."""
    torch.manual_seed(0)
    scales = torch.tensor([1.0, 0.3, 0.1])
    mix = torch.randn(3, 3)

    def draw(n: int) -> Features:
        x = torch.randn(n, 3)
        return Features(x * scales, x @ mix)

    predictors = Predictors(3, 8).eval()
    for _ in range(150):
        predictors.solve(draw(64))
    unseen = draw(2000)
    linear = unseen.biological @ predictors.linear_12
    assert (correlations(unseen.technical, linear) > 0.98).all()
    back = unseen.technical @ predictors.linear_21
    assert (correlations(unseen.biological, back) > 0.98).all()


def test_independent_halves_give_linear_maps_of_nearly_nothing():
    torch.manual_seed(0)
    predictors = Predictors(3, 8)
    for _ in range(150):
        predictors.solve(Features(torch.randn(256, 3), torch.randn(256, 3)))
    assert predictors.linear_12.abs().max() < 0.1


class Same(torch.nn.Module):
    """Predictors that give back what they get."""

    def forward(self, features: Features) -> tuple[torch.Tensor, torch.Tensor]:
        return features.biological, features.technical


def test_both_penalties_against_numpy():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 2))
    y = np.stack([x[:, 0] + 0.1 * rng.normal(size=40), rng.normal(size=40)], axis=1)
    r2 = np.array([np.corrcoef(x[:, k], y[:, k])[0, 1] ** 2 for k in range(2)])
    halves = Features(torch.from_numpy(x), torch.from_numpy(y))
    assert np.isclose(dependence(halves, Same()).item(), 2 * r2.sum(), rtol=1e-5)
    expected = -2 * np.log(1 - 0.999 * r2).sum()
    assert np.isclose(information(halves, Same()).item(), expected, rtol=1e-4)


def test_information_pulls_apart_what_r_squared_leaves_together():
    """The gradient at halves that are nearly the same; at weak dependence they agree."""
    torch.manual_seed(1)
    biological = torch.randn(500, 1)
    ratio = {}
    for noise in (0.05, 20.0):
        technical = (biological + noise * torch.randn(500, 1)).requires_grad_()
        size = []
        for penalty in (dependence, information):
            technical.grad = None
            penalty(Features(biological, technical), Same()).backward()
            size.append(technical.grad.norm().item())
        ratio[noise] = size[1] / size[0]
    assert ratio[0.05] > 100
    assert 0.99 < ratio[20.0] < 1.1


def test_identical_halves_have_finite_information():
    x = torch.randn(50, 3)
    assert torch.isfinite(information(Features(x, x.clone()), Same()))
