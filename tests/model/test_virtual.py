"""Virtual tracks: weights of any metadata, what is averaged, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import SMALL_TRACKS, make_model

from mfdvep.errors import InputError
from mfdvep.model.checkpoint import save_model
from mfdvep.model.config import Variable
from mfdvep.model.matching import Matching
from mfdvep.model.mfd import Features
from mfdvep.model.tracks import TrackTable
from mfdvep.model.virtual import (
    VirtualTrack,
    add_virtual,
    parse_virtual,
    read_virtual,
    virtual_rows,
)

COLUMNS = ("target", "biosample", "assay", "lab")


def metadata_of(row: int) -> dict[str, str]:
    return {column: SMALL_TRACKS[column][row] for column in COLUMNS}


def added(model, **values):
    """Return the weights and bias that a virtual track of these values gets."""
    new = add_virtual(model, [VirtualTrack("v", values)])
    biological, technical = new.output_weights()
    return biological[-1], technical[-1], float(new.bias.detach()[-1])


def weights_of(model, half: str, rows: list[dict[str, str]]):
    """Return the mean weights of experiments with these metadata, by running the network."""
    table = TrackTable({c: tuple(row[c] for row in rows) for c in COLUMNS})
    with torch.no_grad():
        return getattr(model, half).of(table).mean(0)


@pytest.mark.parametrize("row", range(5))
def test_all_metadata_of_a_track_make_its_weights(small_model, row):
    biological, technical, bias = added(small_model, **metadata_of(row))
    psi = small_model.output_weights()
    torch.testing.assert_close(biological, psi[0][row], rtol=0, atol=1e-6)
    torch.testing.assert_close(technical, psi[1][row], rtol=0, atol=1e-6)
    assert bias == pytest.approx(float(small_model.bias.detach()[row]), abs=1e-6)


def test_replicates_have_the_same_weights():
    twice = SMALL_TRACKS.take([0, 1, 2, 3, 4, 0])
    twice = TrackTable({**twice.columns, "experiment": ("E0", "E1", "E2", "E3", "E4", "E5")})
    for psi in make_model(twice).output_weights():
        assert torch.equal(psi[0], psi[5])


def test_open_technique_is_averaged_over_all_trained_experiments(small_model):
    _, technical, _ = added(small_model, target="CTCF", biosample="K562")
    expected = small_model.output_weights()[1].mean(0)
    torch.testing.assert_close(technical, expected, rtol=0, atol=1e-6)
    _, of_lab, _ = added(small_model, target="CTCF", lab="b")
    expected = weights_of(
        small_model, "technical", [{**metadata_of(row), "lab": "b"} for row in range(5)]
    )
    torch.testing.assert_close(of_lab, expected, rtol=0, atol=1e-6)
    _, unsaid, _ = added(small_model, target="GATA1")
    torch.testing.assert_close(technical, unsaid, rtol=0, atol=0)  # so tracks differ by biology


def test_open_biology_is_averaged_over_those_that_match(small_model):
    biological, _, bias = added(small_model, target="CTCF")  # K562 and HepG2
    expected = small_model.output_weights()[0][[0, 4]].mean(0)
    torch.testing.assert_close(biological, expected, rtol=0, atol=1e-6)
    assert bias == pytest.approx(float(small_model.bias.detach()[[0, 4]].mean()), abs=1e-6)


def test_an_experiment_never_done_takes_its_own_values(small_model):
    new = add_virtual(small_model, [parse_virtual("target=GATA1, biosample=HepG2")])
    expected = weights_of(
        small_model, "biological", [{**metadata_of(1), "target": "GATA1", "biosample": "HepG2"}]
    )
    torch.testing.assert_close(new.output_weights()[0][-1], expected, rtol=0, atol=1e-6)
    assert new.tracks["in_training"] == ("",) * 5 + ("no",)
    assert new.tracks.names[-1] == "GATA1/HepG2/virtual"
    about = new.tracks["virtual"][-1]
    assert "trained experiments with all of it: 0 (target 1, biosample 1)" in about
    assert "assay, lab averaged over all 5" in about


def test_biosample_tells_what_is_open_where_no_experiment_matches():
    """With target and biosample apart, the organ is that of the biosample, not of the target."""
    tracks = TrackTable(
        {
            **SMALL_TRACKS.columns,
            "biosample": ("K562", "K562", "K562", "HepG2", "HepG2"),
            "organ": ("blood", "blood", "blood", "liver", "liver"),
        }
    )
    variables = (
        Variable("target", "biological"),
        Variable("biosample", "biological"),
        Variable("organ", "biological"),
        Variable("assay", "technical"),
    )
    model = make_model(tracks, variables=variables)
    new = add_virtual(model, [VirtualTrack("v", {"target": "GATA1", "biosample": "HepG2"})])
    told = VirtualTrack("w", {"target": "GATA1", "biosample": "HepG2", "organ": "liver"})
    expected = add_virtual(model, [told]).output_weights()[0][-1]
    torch.testing.assert_close(new.output_weights()[0][-1], expected, rtol=0, atol=1e-6)
    assert "organ as in the 2 with biosample=HepG2" in new.tracks["virtual"][-1]


def test_bias_is_that_of_the_column_that_predicts_biases(small_model):
    with torch.no_grad():  # CTCF -1, GATA1 -5, open -3: by target, whatever the biosample
        small_model.bias.copy_(torch.tensor([-1.0, -5.0, -3.0, -3.0, -1.0]))
    new = add_virtual(small_model, [parse_virtual("target=open,biosample=HepG2")])
    assert float(new.bias.detach()[-1]) == pytest.approx(-3)
    assert "bias of the 2 with target=open" in new.tracks["virtual"][-1]


def test_experiments_left_out_of_training_count_for_nothing(small_model):
    small_model.untrained = (4,)  # CTCF in HepG2
    biological, technical, bias = added(small_model, target="CTCF")
    psi = small_model.output_weights()
    torch.testing.assert_close(biological, psi[0][0], rtol=0, atol=1e-6)
    torch.testing.assert_close(technical, psi[1][:4].mean(0), rtol=0, atol=1e-6)
    assert bias == pytest.approx(float(small_model.bias.detach()[0]), abs=1e-6)
    with pytest.raises(InputError, match=r"no trained experiment has biosample 'HepG2'"):
        added(small_model, biosample="HepG2")


def test_the_model_is_left_alone_and_the_new_one_works_as_it(small_model):
    before = [psi.clone() for psi in small_model.output_weights()]
    new = add_virtual(small_model, [parse_virtual("target=CTCF")])
    assert len(small_model.tracks) == 5
    assert len(new.tracks) == 6
    assert virtual_rows(small_model.tracks) == []
    assert virtual_rows(new.tracks) == [5]
    assert new.provenance == small_model.provenance
    assert new.biological.direct_names == small_model.biological.direct_names
    features = Features(torch.randn(3, 8), torch.randn(3, 8))
    own, more = small_model.logits(features), new.logits(features)
    for mine, theirs in zip(own, more, strict=True):
        assert torch.equal(mine, theirs[:, :5])
    expected = features.biological @ before[0][[0, 4]].mean(0)
    torch.testing.assert_close(more.biological[:, 5], expected)
    for old, now in zip(before, small_model.output_weights(), strict=True):
        assert torch.equal(old, now)


def test_tracks_are_added_once(small_model):
    once = add_virtual(small_model, [VirtualTrack("a", {"target": "CTCF"})])
    assert virtual_rows(once.tracks) == [5]
    with pytest.raises(InputError, match="has virtual tracks already"):
        add_virtual(once, [VirtualTrack("b", {"target": "CTCF"})])


def test_a_number_may_lie_between_those_of_training():
    tracks = TrackTable({**SMALL_TRACKS.columns, "age": ("10", "20", "", "40", "10")})
    variables = (
        Variable("target", "biological"),
        Variable("age", "biological", kind="number"),
        Variable("assay", "technical"),
    )
    model = make_model(tracks, variables=variables)
    found = [added(model, target="CTCF", age=age)[0] for age in ("10", "15", "")]
    torch.testing.assert_close(found[0], model.output_weights()[0][0], rtol=0, atol=1e-6)
    assert not torch.equal(found[0], found[1])
    with pytest.raises(InputError, match="age 90 is beyond what training has seen, 10 to 40"):
        added(model, age="90")


def test_a_cell_of_several_values_matches_each_of_them():
    tracks = TrackTable({**SMALL_TRACKS.columns, "organ": ("a,b", "b", "a", "c", "c")})
    variables = (Variable("organ", "biological", separator=","), Variable("assay", "technical"))
    model = make_model(tracks, variables=variables)
    new = add_virtual(model, [VirtualTrack("v", {"organ": "a"})])
    assert "trained experiments with all of it: 2" in new.tracks["virtual"][-1]


@pytest.mark.parametrize(
    ("text", "values", "name"),
    [
        ("target=CTCF", {"target": "CTCF"}, "virtual"),
        ("target=CTCF,biosample=", {"target": "CTCF", "biosample": ""}, "virtual"),
        (
            " lab = Bernstein, Broad , assay=DNase ",
            {"lab": "Bernstein, Broad", "assay": "DNase"},
            "virtual:Bernstein, Broad+DNase",
        ),
    ],
)
def test_text_of_a_virtual_track(text, values, name):
    assert parse_virtual(text) == VirtualTrack(name, values)


@pytest.mark.parametrize("text", ["", "CTCF", "=CTCF", "target"])
def test_text_that_is_none(text):
    with pytest.raises(InputError, match="expected column=value"):
        parse_virtual(text)
    with pytest.raises(InputError, match="target is said twice"):
        parse_virtual("target=a,target=b")


def test_file_of_virtual_tracks(tmp_path):
    path = tmp_path / "v.toml"
    path.write_text('[one]\ntarget = "CTCF"\n[two]\ntarget = "open"\nage = 4\n')
    assert read_virtual(path) == [
        VirtualTrack("one", {"target": "CTCF"}),
        VirtualTrack("two", {"target": "open", "age": "4"}),
    ]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a = [", "cannot read virtual tracks"),
        ("", "no virtual track in it"),
        ('target = "CTCF"', "target is no table"),
        ("[one]\ntarget = true", r"\[one\] target is True; expected a text"),
        ("[one]", "one is no table"),
    ],
)
def test_file_that_is_refused(tmp_path, text, match):
    path = tmp_path / "v.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_virtual(path)
    with pytest.raises(InputError, match="cannot read virtual tracks"):
        read_virtual(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"target": "CTFC"}, "target 'CTFC' is not in the model's vocabulary; nearest: CTCF"),
        ({"traget": "CTCF"}, "'traget' is none of the model's metadata; nearest: target"),
        ({"n_peaks": "3"}, "'n_peaks' is none of the model's metadata; these are: target"),
        ({"target": ""}, "no trained experiment has target ''"),
    ],
)
def test_what_a_model_cannot_make(small_model, values, match):
    with pytest.raises(InputError, match=match):
        added(small_model, **values)


def test_nothing_to_add_and_nothing_said(small_model):
    assert add_virtual(small_model, []) is small_model
    with pytest.raises(InputError, match="virtual track v: nothing is said of it"):
        added(small_model)


def test_a_model_with_virtual_tracks_is_not_saved(small_model, tmp_path):
    new = add_virtual(small_model, [parse_virtual("target=CTCF")])
    with pytest.raises(InputError, match="add them after loading"):
        save_model(new, tmp_path / "m", about={})
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_taken_and_a_plain_model(small_model):
    track = VirtualTrack("E0", {"target": "CTCF", "biosample": "K562"})
    with pytest.raises(InputError, match="another track is named 'CTCF/K562/E0' too"):
        add_virtual(small_model, [track])
    with pytest.raises(InputError, match="another track is named"):
        add_virtual(small_model, [parse_virtual("target=CTCF")] * 2)
    plain = make_model(plain=True, variables=())
    with pytest.raises(InputError, match="a plain baseline has no metadata"):
        add_virtual(plain, [track])


def test_entropy_and_errors_choose_as_by_hand(small_model):
    """Lab is told by nothing wholly; the mean of the other biases with a value is its forecast."""
    bias = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    matching = Matching(small_model.schema, SMALL_TRACKS, bias)
    # target: CTCF (1, 16), open (4, 8), GATA1 alone: mean of the other four
    expected = (15**2 + 15**2 + 4**2 + 4**2 + (2 - 29 / 4) ** 2) / 5
    assert matching._error(["target"]) == pytest.approx(expected)
    # of lab, once the target is known: CTCF and open have one bit each, GATA1 none
    assert matching._left(["target"], ["lab"]) == pytest.approx(4 / 5)


def test_values_that_the_model_does_not_tell_apart_are_one():
    tracks = TrackTable({**SMALL_TRACKS.columns, "age": ("1", "1.0", "2", "2", "")})
    variables = (
        Variable("target", "biological"),
        Variable("age", "biological", kind="number"),
        Variable("assay", "technical"),
    )
    model = make_model(tracks, variables=variables)
    matching = Matching(model.schema, tracks, np.zeros(5))
    # of age, once the target is known: CTCF 1 and unknown, GATA1 and open one value each
    assert matching._left(["target"], ["age"]) == pytest.approx(2 / 5)
    assert matching._left([], ["age"]) == pytest.approx(2 * 0.4 * np.log2(2.5) + 0.2 * np.log2(5))
