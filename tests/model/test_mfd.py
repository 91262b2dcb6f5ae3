"""Eq. 2: logits of both halves, and the one bias."""

from __future__ import annotations

import pytest
import torch

from mfdvep.errors import InputError, ModelError
from mfdvep.model.config import ModelConfig, Variable
from mfdvep.model.metadata import MetadataSchema
from mfdvep.model.mfd import MFDModel
from mfdvep.model.tracks import TrackTable


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


def test_the_plain_baseline_is_a_linear_layer_on_all_latent_features():
    tracks = TrackTable({"experiment": ("a", "b", "c")})
    config = ModelConfig((), width=8, plain=True)
    model = MFDModel(config, MetadataSchema.fit(config, tracks), tracks).train()
    codes = torch.randint(0, 4, (6, 1153))
    found = model.eval()(codes)
    weight = torch.cat([model.biological.psi, model.technical.psi], dim=1)  # (3, C)
    expected = torch.cat(model.features(codes), dim=1) @ weight.T + model.bias
    assert torch.allclose(found, expected, atol=1e-5)
    assert weight.shape == (3, 16)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"plain": True}, "plain, but there is metadata"),
        ({"dropout": 1.0}, "dropout 1.0 must be at least 0 and below 1"),
    ],
)
def test_configurations_refused(values, says):
    variables = (Variable("target", "biological"), Variable("assay", "technical"))
    with pytest.raises(InputError, match=says):
        ModelConfig(variables, width=8, **values)
