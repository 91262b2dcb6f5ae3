"""Held-out experiments: nothing of their labels is used, and what they get instead."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from training.simulated import TRACKS, simulate

from mfdvep.errors import InputError, TrainingError
from mfdvep.model.checkpoint import load_model
from mfdvep.model.config import ModelConfig, Variable
from mfdvep.model.tracks import TrackTable
from mfdvep.training.hold_out import HoldOut, choose
from mfdvep.training.recipe import Recipe, TrainingConfig
from mfdvep.training.trainer import MODEL, Trainer

HELD = 1  # X/S1: target X, assay b
VARIABLES = (
    Variable("target", "biological", roles=("direct", "interact")),
    Variable("assay", "technical", roles=("direct", "interact")),
)


def recipe(*, variables=VARIABLES, plain=False, **training) -> Recipe:
    model = ModelConfig(
        variables,
        width=8,
        biological_hidden=8,
        technical_hidden=8,
        predictor_hidden=8,
        plain=plain,
    )
    values = {
        "steps": 3,
        "sequences": 4,
        "bins_per_sequence": 4,
        "validate_every": 1,
        "weight_decay": 0.1,
        "track_balance": 0.5,
        "biological_alone": 0.5,
        "precision": "float32",
        "hold_out": ["S1"],
    }
    return Recipe("held", model, TrainingConfig(**{**values, **training}))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("set") / "set", n_bins=200)[0]


def flipped(data, track: int):
    """Return the set with every label of a track the other way round."""
    labels = data.labels(np.arange(len(data.bin_start)))
    labels[:, track] ^= 1
    tracks = np.nonzero(labels)[1].astype(data.label_tracks.dtype)
    offsets = np.concatenate([[0], np.cumsum(labels.sum(1, dtype=np.int64))])
    return replace(data, label_offsets=offsets, label_tracks=tracks)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """Two finished runs, the second on a set in which the held-out labels are flipped."""
    folder = tmp_path_factory.mktemp("runs")
    for name, labels in (("a", data), ("b", flipped(data, HELD))):
        Trainer(recipe(), labels, folder / name, device="cpu").run()
    return folder


def test_the_labels_of_a_held_out_track_are_never_read(runs):
    weights, losses = [], []
    for name in "ab":
        weights.append((runs / name / MODEL / "model.safetensors").read_bytes())
        lines = (runs / name / "log.jsonl").read_text().splitlines()
        clock = ("bins_per_s", "waiting")
        losses.append([{k: v for k, v in json.loads(x).items() if k not in clock} for x in lines])
    assert weights[0] == weights[1]
    assert losses[0] == losses[1]


def test_those_of_a_trained_track_are(data, tmp_path):
    """So the test above would see it: the flipped labels move bias and validation loss."""
    trainers = [
        Trainer(recipe(hold_out=()), labels, tmp_path, device="cpu")
        for labels in (data, flipped(data, HELD))
    ]
    assert not torch.equal(*(trainer.model.bias for trainer in trainers))
    losses = [trainer.validate()["validation_bce"] for trainer in trainers]
    assert losses[0] != losses[1]


def test_the_model_says_what_it_held_out_and_its_bias_is_that_of_its_target(runs):
    model = load_model(runs / "a" / MODEL)
    assert [model.tracks.names[row] for row in model.untrained] == ["X/S1"]
    bias = model.bias.detach()
    assert bias[HELD].item() == pytest.approx((bias[0] + bias[2]).item() / 2)
    assert len(model.tracks) == 9


def test_a_borrowed_value_to_check_by_eye():
    table = TrackTable(
        {
            "experiment": ("E0", "E1", "E2", "E3", "E4", "E5"),
            "target": ("A", "A", "A", "B", "", ""),
        }
    )
    values = torch.tensor([1.0, 3.0, 50.0, 60.0, 70.0, 8.0])
    # E2 from E0 and E1; no other B, and a target that is not known is no target: from all trained
    assert HoldOut(table, (2, 3, 4)).borrow(values).tolist() == [1, 3, 2, 4, 4, 8]
    assert HoldOut(table).borrow(values).tolist() == values.tolist()


def test_a_table_without_targets_borrows_from_all():
    table = TrackTable({"experiment": ("E0", "E1", "E2")})
    assert HoldOut(table, (0,)).borrow(torch.tensor([9.0, 1.0, 2.0])).tolist() == [1.5, 1, 2]


def test_a_held_out_track_counts_for_no_direct_feature_and_no_mean():
    table = TrackTable(
        {
            "experiment": ("E0", "E1", "E2", "E3"),
            "target": ("A", "A", "B", "B"),
            "age": ("1", "90", "3", ""),
            "assay": ("a", "a", "a", "a"),
        }
    )
    variables = (
        Variable("target", "biological", roles=("direct", "interact"), direct_min_count=2),
        Variable("age", "biological", kind="number"),
        Variable("assay", "technical"),
    )
    target, age, _ = HoldOut(table, (1,)).schema(ModelConfig(variables, width=8)).encodings
    assert target.vocabulary == ("", "A", "B")
    assert target.direct_names == ["target=B"]
    assert (age.mean, age.sd) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hold_out": ["S9"]}, "^hold_out: no track or file 'S9'; a name is as X/S0"),
        ({"hold_out": list(TRACKS.names)}, "names all 9 experiments; none is left"),
        (
            {"hold_out": ["S0", "S1", "S2"]},
            r"X/S0 has target 'X', .*which no trained experiment has",
        ),
        ({"hold_out": ["S0", "S3", "S6"]}, r"hold_out: X/S0 has assay 'a', Y/S3 has assay 'a'"),
        ({"hold_out": ["S0", "S1", "S2", "S3", "S6"]}, r"and 3 more such values"),
        ({"hold_out": 9}, r"9 of 9 experiments; [456] could be drawn"),
        ({"variables": (), "plain": True, "independence": 0}, "without metadata cannot predict"),
    ],
)
def test_refusals(data, tmp_path, changes, says):
    with pytest.raises(InputError, match=says):
        Trainer(recipe(**changes), data, tmp_path, device="cpu")


def test_a_value_that_is_not_known_must_be_trained_too():
    table = TrackTable(
        {"experiment": ("E0", "E1", "E2"), "target": ("A", "A", ""), "age": ("", "4", "4")}
    )
    plan = recipe(
        variables=(Variable("target", "biological"), Variable("age", "technical", kind="number"))
    )
    with pytest.raises(InputError, match="E2 has target ''"):
        HoldOut.of(plan.override(hold_out=("E2",)), table)
    with pytest.raises(InputError, match="A/E0 has age ''"):
        HoldOut.of(plan.override(hold_out=("E0",)), table)
    assert HoldOut.of(plan.override(hold_out=("E1",)), table).rows == (1,)


def test_experiments_are_drawn_by_the_seed_so_that_others_carry_their_values():
    """Of a grid of 3 targets and 3 assays 4 can always be drawn."""
    drawn = {}
    for seed in range(20):
        rows = choose(TRACKS, 4, variables=VARIABLES, rng=np.random.default_rng(seed))
        assert rows == choose(TRACKS, 4, variables=VARIABLES, rng=np.random.default_rng(seed))
        assert rows == list(HoldOut.of(recipe(hold_out=4, seed=seed), TRACKS).rows)
        left = [row for row in range(9) if row not in rows]
        for column in ("target", "assay"):
            assert {TRACKS[column][row] for row in left} == set(TRACKS[column])
        assert len(set(rows)) == 4
        drawn[tuple(rows)] = seed
    assert len(drawn) > 10


def test_biosamples_are_carried_by_others_even_if_the_model_does_not_read_them():
    table = TrackTable(
        {
            "experiment": ("E0", "E1", "E2", "E3"),
            "target": ("A", "A", "A", "A"),
            "biosample": ("liver", "heart", "heart", "brain"),
        }
    )
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rows = choose(table, 1, variables=(Variable("target", "biological"),), rng=rng)
        assert rows in ([1], [2])


def test_a_file_of_names_is_read_once_and_the_checkpoint_holds_the_names(data, tmp_path):
    """A file that changes cannot change a run that goes on."""
    path = tmp_path / "held.txt"
    path.write_text("# to impute\nS1\n")
    trainer = Trainer(recipe(hold_out=str(path)), data, tmp_path / "run", device="cpu")
    assert trainer.config.hold_out == ("X/S1",)
    (tmp_path / "run").mkdir()
    trainer.save_checkpoint()
    path.write_text("S2\n")
    with pytest.raises(TrainingError, match="another recipe or training set"):
        Trainer(recipe(hold_out=str(path)), data, tmp_path / "run", device="cpu").run(resume=True)
    Trainer(recipe(hold_out=["S1"]), data, tmp_path / "run", device="cpu").load_checkpoint()


@pytest.mark.parametrize("value", [True, -1, 0.5, {"a": 1}, [1], [["S1"]]])
def test_what_is_no_choice_is_refused(value):
    with pytest.raises(InputError, match="expected a number, or a list of names"):
        recipe(hold_out=value)
