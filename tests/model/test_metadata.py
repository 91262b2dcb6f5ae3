"""Metadata to numbers to weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import SMALL_TRACKS, make_model, small_config

from mfdvep.errors import InputError
from mfdvep.model.config import ModelConfig, Variable
from mfdvep.model.metadata import Encoding, HyperNetwork, MetadataSchema


def test_category_with_missing_as_a_value_of_its_own():
    encoding = Encoding.fit(Variable("organ", "biological"), ("lung", "", "brain", "lung"))
    assert encoding.vocabulary == ("", "brain", "lung")
    expected = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert encoding.encode(("lung", "", "brain", "lung")).tolist() == expected


def test_lists_are_multi_hot_only_with_a_separator():
    values = ("lung,liver", "Bernstein, Broad")
    listed = Encoding.fit(Variable("organ", "biological", separator=","), values[:1])
    assert listed.encode(values[:1]).tolist() == [[0, 1, 1]]
    assert Encoding.fit(Variable("lab", "technical"), values[1:]).vocabulary == ("", values[1])


def test_number_is_z_scored_with_frozen_moments():
    encoding = Encoding.fit(Variable("age", "biological", kind="number"), ("1", "3", ""))
    assert encoding.encode(("1", "3", "", "5")).tolist() == [[-1, 0], [1, 0], [0, 1], [3, 0]]


def test_year_of_a_date():
    encoding = Encoding.fit(Variable("date", "technical", kind="year"), ("2012-03-01", "2019", ""))
    assert encoding.vocabulary == ("", "2012", "2019")
    assert encoding.encode(("01/02/2019",)).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        (Variable("age", "biological", kind="number"), "old", "'old' is not a number"),
        (Variable("age", "biological", kind="number"), "inf", "is not a number"),
        (Variable("date", "technical", kind="year"), "May", "no year"),
    ],
)
def test_values_refused(variable, value, says):
    with pytest.raises(InputError, match=says):
        Encoding.fit(variable, (value,))


def test_unknown_category_names_the_nearest():
    encoding = Encoding.fit(Variable("target", "biological"), ("CTCF", "GATA1"))
    with pytest.raises(InputError, match=r"'CTCFL' is not.*nearest: CTCF"):
        encoding.encode(("CTCFL",))


def test_direct_features_are_the_factors(small_model):
    psi, _ = small_model.output_weights()
    names = small_model.biological.direct_names
    assert names == ["target=CTCF", "target=GATA1", "target=open"]
    direct = psi[:, : len(names)].numpy()
    targets = np.array(SMALL_TRACKS["target"])
    assert np.array_equal(direct[:, 0], targets == "CTCF")
    assert np.array_equal(direct[:, 2], targets == "open")
    assert psi.shape == (5, 8)


def test_direct_min_count_leaves_rare_values_to_the_mlp():
    variable = Variable("target", "biological", roles=("direct",), direct_min_count=2)
    encoding = Encoding.fit(variable, SMALL_TRACKS["target"])
    assert encoding.direct_names == ["target=CTCF", "target=open"]


def test_same_metadata_same_weights():
    twins = SMALL_TRACKS.take([0, 0, 1])
    psi_biological, psi_technical = make_model(twins).output_weights()
    assert torch.allclose(psi_biological[0], psi_biological[1], atol=1e-6)
    assert torch.allclose(psi_technical[0], psi_technical[1], atol=1e-6)
    assert (psi_biological[0] - psi_biological[2]).abs().max() > 0.5


def test_weights_are_made_once_for_inference(small_model, monkeypatch):
    first = small_model.output_weights()
    monkeypatch.setattr(HyperNetwork, "forward", lambda self: pytest.fail("run again"))
    assert small_model.output_weights()[0] is first[0]


def test_more_direct_features_than_the_half_holds():
    with pytest.raises(InputError, match="3 direct features for 2 latent features"):
        make_model(n_latent=4)


def test_all_direct_needs_no_mlp():
    variables = (
        Variable("target", "biological", roles=("direct",)),
        Variable("assay", "technical", roles=("direct",)),
    )
    model = make_model(variables=variables, n_latent=6)
    assert [psi.shape for psi in model.output_weights()] == [(5, 3), (5, 3)]


def test_schema_survives_writing():
    config = small_config()
    schema = MetadataSchema.fit(config, SMALL_TRACKS)
    assert MetadataSchema.from_list(config, schema.to_list()) == schema


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"variables": [], "width": 8}, "no biological column"),
        ({"variables": [{"column": "a", "group": "chemical"}]}, "group is 'chemical'"),
        ({"variables": [{"column": "a", "group": "biological", "rolls": []}]}, "'rolls'"),
        ({"variables": [{"group": "biological"}]}, "column"),
        ({"variables": [{"column": "a", "group": "biological", "roles": []}]}, "roles"),
        ({"widht": 8}, "unknown key 'widht'"),
    ],
)
def test_configurations_refused(values, says):
    with pytest.raises(InputError, match=says):
        ModelConfig.from_dict(values, where="recipe.toml")


def test_configuration_survives_writing():
    config = small_config()
    assert ModelConfig.from_dict(config.to_dict(), where="x") == config
