"""Targets: which weights a name stands for, and what is said of one that is not known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfdvep.errors import InputError
from mfdvep.interpret.targets import (
    direct_features,
    direct_target,
    group_target,
    parse_targets,
    track_target,
)


def values(model, target, codes):
    features = model.features(codes)
    return (torch.cat(features, dim=1) @ torch.from_numpy(target.weights)).detach()


@pytest.fixture
def codes():
    return torch.randint(0, 4, (3, 1153), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["CTCF", "target=CTCF", "ctcf", "Target=CTCF"])
def test_a_direct_feature_is_one_latent_feature(small_model, codes, name):
    target = direct_target(small_model, name)
    assert target.name == "target=CTCF"
    at = direct_features(small_model)["target=CTCF"]
    assert torch.equal(values(small_model, target, codes), small_model.features(codes)[0][:, at])


def test_a_technical_feature_lies_in_the_technical_half(small_model, codes):
    target = direct_target(small_model, "DNase")
    at = small_model.technical.direct_names.index("assay=DNase")
    assert torch.equal(values(small_model, target, codes), small_model.features(codes)[1][:, at])
    assert target.half("biological").is_silent
    assert not target.half("technical").is_silent


def test_halves_of_a_track_are_the_model_s_logits(small_model, codes):
    logits = small_model.logits(small_model.features(codes))
    target = track_target(small_model, 3)
    assert target.name == "open/E3"
    for which in ("biological", "technical"):
        expected = getattr(logits, which)[:, 3].detach()
        assert torch.allclose(values(small_model, target.half(which), codes), expected, atol=1e-6)
    expected = logits.combined[:, 3] - small_model.bias[3]
    assert torch.allclose(values(small_model, target, codes), expected, atol=1e-6)
    assert np.array_equal(
        target.half("biological").weights + target.half("technical").weights, target.weights
    )


def test_a_group_is_the_mean_of_its_tracks(small_model):
    group = group_target(small_model, [0, 4], "both")
    mean = np.mean([track_target(small_model, row).weights for row in (0, 4)], axis=0)
    assert np.allclose(group.weights, mean, atol=1e-7)


def test_targets_come_in_order_and_once(small_model):
    found = parse_targets(
        small_model, ["open", "CTCF", "target=CTCF"], ["E1", "E0"], ["target == 'CTCF'"]
    )
    assert [target.name for target in found] == [
        "target=open",
        "target=CTCF",
        "CTCF/K562/E0",
        "GATA1/K562/E1",
        "group: target == 'CTCF'",
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"features": ["CTFC"]}, "no direct feature 'CTFC'; nearest: CTCF"),
        ({"features": ["zzz"]}, "nearest: assay=ATAC"),
        ({"tracks": ["CTCF/K562/E9"]}, "--track: no track or file 'CTCF/K562/E9'; nearest: CTCF"),
        ({"where": ["target == 'MYC'"]}, "MYC"),
        ({"where": ["target == 'CTCF' and assay == 'ATAC'"]}, "no track meets --where"),
        ({}, "nothing to attribute"),
    ],
)
def test_what_is_not_known_is_refused(small_model, given, words):
    with pytest.raises(InputError) as error:
        parse_targets(small_model, **given)
    assert words in str(error.value)


def test_a_half_that_is_none_is_refused(small_model):
    with pytest.raises(InputError, match="half 'bio'; expected combined, biological, technical"):
        track_target(small_model, 0).half("bio")


def test_a_value_that_two_columns_share_is_refused(small_model):
    small_model.biological.direct_names[0] = "target=ATAC"
    with pytest.raises(InputError, match="several: give one of target=ATAC, assay=ATAC"):
        direct_target(small_model, "ATAC")
