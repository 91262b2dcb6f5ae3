"""Losses and their weights, and the step size over a run."""

from __future__ import annotations

import math

import pytest
import torch

from mfdvep.training.objective import learning_rate, masked_bce, penalty, track_weights
from mfdvep.training.recipe import TrainingConfig


def test_missing_labels_do_not_enter_the_loss():
    logits = torch.tensor([[2.0, -3.0]], requires_grad=True)
    labels = torch.tensor([[1.0, 1.0]])
    mask = torch.tensor([[True, False]])
    loss = masked_bce(logits, labels, mask, torch.ones(2), count=mask.sum())
    loss.backward()
    assert loss.item() == pytest.approx(math.log1p(math.exp(-2)), rel=1e-6)
    assert logits.grad[0, 1] == 0 != logits.grad[0, 0]


def test_balanced_tracks_start_with_the_same_loss():
    rates = torch.tensor([0.3, 0.01, 0.001])
    weight = track_weights(rates, 1.0)
    entropy = -(rates * rates.log() + (1 - rates) * (1 - rates).log())
    assert torch.allclose(weight * entropy, (weight * entropy)[0].expand(3))
    assert (weight * entropy).mean().item() == pytest.approx(entropy.mean().item())
    assert torch.allclose(track_weights(rates, 0.0), torch.ones(3))


def test_learning_rate_rises_then_falls():
    config = TrainingConfig(steps=100, learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate(config, step) for step in range(100)]
    assert rates[0] == 0.1
    assert rates[9] == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.01 <= rates[-1] < 0.02


def test_lambda_rises_over_its_warmup():
    config = TrainingConfig(steps=100, independence=0.4, independence_from=2, independence_warmup=3)
    found = [penalty(config, step) for step in range(7)]
    assert found == pytest.approx([0, 0, 0.1, 0.2, 0.3, 0.4, 0.4])
    assert penalty(TrainingConfig(steps=9, independence=0.4), 0) == 0.4
