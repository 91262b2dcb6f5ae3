"""Eq. 2: logits of both halves, and the one bias."""

from __future__ import annotations

import pytest
import torch

from mfdvep.errors import ModelError


def test_combined_is_the_sum_of_both_halves_and_the_bias(small_model):
    with torch.inference_mode():
        logits = small_model.logits(small_model.features(torch.randint(0, 4, (3, 1153))))
    expected = logits.biological + logits.technical + small_model.bias
    assert torch.allclose(logits.combined, expected)
    assert logits.combined.shape == (3, 5)


def test_latent_features_have_unit_variance_in_training(small_model):
    small_model.train()
    halves = small_model.features(torch.randint(0, 4, (32, 1153)))
    for half in halves:
        assert torch.allclose(half.var(0, unbiased=False), torch.ones(8), atol=0.02)


@pytest.mark.parametrize("n_bases", [1152, 1154, 100])
def test_sequences_of_another_length_are_refused(small_model, n_bases):
    with pytest.raises(ModelError, match="expected"):
        small_model.features(torch.zeros(1, n_bases, dtype=torch.uint8))


def test_a_window_of_n_is_no_error(small_model):
    with torch.inference_mode():
        assert torch.isfinite(small_model(torch.full((1, 1153), 4))).all()
