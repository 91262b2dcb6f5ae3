"""Integrated gradients of functions whose answer is known."""

from __future__ import annotations

import torch

from mfdvep.interpret.gradients import PathGradients

INPUTS = torch.tensor([[[1.0, -2.0, 3.0]], [[0.5, 4.0, 0.0]]])  # (2, 1, 3)


def squares(x):
    """Return the sum of squares, and a product: (n, 2)."""
    return torch.stack([(x**2).sum((1, 2)), x[:, 0, 0] * x[:, 0, 1]], dim=1)


def test_sums_of_outputs_have_the_integrals_of_their_gradients():
    paths = PathGradients(squares, torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]))
    found = paths.integrated(INPUTS, n_steps=4, at_once=1)
    assert found.shape == (2, 3, 1, 3)
    # of x^2 from 0 on it is x^2; of x y half of it goes to each
    torch.testing.assert_close(found[:, 0], INPUTS**2)
    half = INPUTS[:, :, :1] * INPUTS[:, :, 1:2] / 2
    product = torch.cat([half, half, torch.zeros_like(half)], dim=2)
    torch.testing.assert_close(found[:, 1], 2 * product)
    torch.testing.assert_close(found[:, 2], INPUTS**2 + product)


def test_gradient_times_input():
    found = PathGradients(squares, torch.eye(2)).times_input(INPUTS)
    torch.testing.assert_close(found[:, 0], 2 * INPUTS**2)


def test_what_is_done_at_once_makes_no_difference():
    paths = PathGradients(lambda x: torch.relu(x - 1).flatten(1), torch.eye(3))
    few, many = (paths.integrated(INPUTS, n_steps=50, at_once=n) for n in (2, 100))
    torch.testing.assert_close(few, many)
