"""Imputation: its figures against independent ones, its refusals, and that metadata do predict."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_model
from scipy.stats import wilcoxon
from sklearn.metrics import average_precision_score, roc_auc_score
from training.simulated import TRACKS, simulate

from mfdvep.errors import InputError
from mfdvep.genomics.sequences import reverse_complement
from mfdvep.model.checkpoint import load_model, save_model
from mfdvep.model.config import ModelConfig, Variable
from mfdvep.model.virtual import VirtualTrack, add_virtual
from mfdvep.training.imputation import impute, paired_difference
from mfdvep.training.recipe import Recipe, TrainingConfig
from mfdvep.training.trainer import MODEL, Trainer

HELD = (1, 8)  # X/S1 and Z/S8: target X, assay b; target Z, assay c
SAME = ("target", "assay")
PARTNERS = {  # by hand, in the table of simulated.py; S1 and S8 are no partners of any
    1: {"same_target": [0, 2], "same_assay": [4, 7], "all": [0, 2, 3, 4, 5, 6, 7]},
    8: {"same_target": [6, 7], "same_assay": [2, 5], "all": [0, 2, 3, 4, 5, 6, 7]},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("set") / "set", n_bins=400)[0]


@pytest.fixture(scope="module")
def model():
    variables = (Variable("target", "biological"), Variable("assay", "technical"))
    return make_model(TRACKS, variables=variables)


@pytest.fixture(scope="module")
def found(model, data):
    return impute(holding(model, HELD), data, split="validation", same=SAME)


def holding(model, rows):
    """Return the model as one that was not trained on some tracks."""
    other = copy(model)
    other.untrained = tuple(rows)
    return other


def without_labels(data, *tracks: int):
    """Return the set with the validation labels of tracks missing."""
    labelled = data.labelled.copy()
    labelled[list(tracks), 1] = False
    return replace(data, labelled=labelled)


def test_every_figure_against_sklearn(model, data, found):
    rows = data.rows("validation")
    codes = data.codes(rows)
    with torch.inference_mode():
        logits = [model(torch.from_numpy(x.copy())) for x in (codes, reverse_complement(codes))]
    probability = sum(1 / (1 + np.exp(-x.numpy())) for x in logits) / 2
    labels = data.labels(rows)
    for entry, track in zip(found["tracks"], (1, 8), strict=True):
        assert entry["track"] == TRACKS.names[track]
        assert (entry["positives"], entry["labelled"]) == (labels[:, track].sum(), len(rows))
        expected = {"hypernetwork": probability[:, track]}
        for group, partners in PARTNERS[track].items():
            assert entry["partners"][group] == len(partners)
            expected[f"predicted_{group}"] = probability[:, partners].mean(1)
            expected[f"observed_{group}"] = labels[:, partners].mean(1)
        for kind, score in expected.items():
            for metric, oracle in (("auroc", roc_auc_score), ("auprc", average_precision_score)):
                value = oracle(labels[:, track], score)
                # sums in another order may swap two probabilities that differ by rounding
                assert entry[f"{kind}_{metric}"] == pytest.approx(value, abs=2e-3), kind
        assert entry["partners"]["same_target_and_assay"] == 0
        assert entry["predicted_same_target_and_assay_auroc"] is None


def test_summary_and_differences_are_those_of_the_tracks(found):
    assert (found["held_out"], found["measured"], found["trained"]) == (2, 2, 7)
    for kind, row in found["summary"].items():
        values = [entry[f"{kind}_auprc"] for entry in found["tracks"]]
        if None in values:
            assert (row["n_tracks"], row["auprc"]) == (0, None)
            assert found["differences"]["virtual"][kind]["auprc"]["n_tracks"] == 0
            continue
        assert row["n_tracks"] == 2
        assert row["auprc"] == pytest.approx(np.mean(values), abs=2e-5)
        for leader, others in found["differences"].items():
            if kind == leader:
                assert kind not in others
                continue
            own = found["summary"][leader]["auprc"]
            lead = others[kind]["auprc"]
            assert lead["mean"] == pytest.approx(own - row["auprc"], abs=3e-5)
            assert lead["low"] <= lead["mean"] <= lead["high"]


def test_peaks_are_averaged_over_partners_that_have_labels_here(model, data):
    kwargs = {"split": "validation", "same": ("target",)}
    one = impute(holding(model, [1]), without_labels(data, 0), **kwargs)["tracks"][0]
    rows = data.rows("validation")
    labels = data.labels(rows)
    assert one["observed_same_target_auroc"] == pytest.approx(
        roc_auc_score(labels[:, 1], labels[:, 2]), abs=1e-5
    )
    assert one["partners"]["same_target"] == 2
    none = impute(holding(model, [1]), without_labels(data, 0, 2), **kwargs)["tracks"][0]
    assert none["observed_same_target_auroc"] is None
    assert none["predicted_same_target_auroc"] is not None
    assert "same_target_and_target_auroc" not in none


def test_a_track_without_labels_here_has_no_figures(model, data):
    found = impute(holding(model, HELD), without_labels(data, 1), split="validation", same=SAME)
    assert (found["held_out"], found["measured"]) == (2, 1)
    assert found["tracks"][0]["hypernetwork_auroc"] is None
    assert found["tracks"][0]["labelled"] == 0
    assert found["summary"]["hypernetwork"]["n_tracks"] == 1
    lead = found["differences"]["hypernetwork"]["predicted_all"]["auroc"]
    assert lead["n_tracks"] == 1
    assert lead["low"] is lead["high"] is lead["p"] is None


def test_differences_against_scipy():
    rng = np.random.default_rng(0)
    first = rng.normal(size=40)
    second = first - rng.normal(0.1, 0.2, 40)
    second[3] = np.nan
    known = np.delete(first - second, 3)
    found = paired_difference(first, second, rng=rng)
    assert found["n_tracks"] == 39
    assert found["mean"] == pytest.approx(known.mean(), abs=1e-5)
    assert found["p"] == pytest.approx(wilcoxon(known).pvalue, rel=1e-3)
    standard_error = known.std() / 39**0.5
    assert found["low"] == pytest.approx(known.mean() - 1.96 * standard_error, abs=0.01)
    assert found["high"] == pytest.approx(known.mean() + 1.96 * standard_error, abs=0.01)


def test_differences_to_check_by_eye():
    rng = np.random.default_rng(0)
    ten = np.arange(1, 11) / 10
    assert paired_difference(ten, 0 * ten, rng=rng)["p"] == round(2 / 2**10, 6)  # all signs agree
    assert paired_difference(ten, ten, rng=rng) == {
        "n_tracks": 10, "mean": 0.0, "low": 0.0, "high": 0.0, "p": 1.0,
    }  # fmt: skip
    nothing = paired_difference(ten[:0], ten[:0], rng=rng)
    assert nothing == {"n_tracks": 0, "mean": None, "low": None, "high": None, "p": None}


@pytest.mark.parametrize(
    ("held", "changes", "says"),
    [
        ([], {}, r"unsaved: was trained on all its experiments; .*--hold-out"),
        (range(9), {}, "all 9 tracks held out; expected some"),
        (HELD, {"same": ("biosample",)}, "no column 'biosample'"),
        (HELD, {"n_bins": 19}, "19 validation bins; expected at least 20"),
    ],
)
def test_refusals(model, data, held, changes, says):
    with pytest.raises(InputError, match=says):
        impute(holding(model, held), data, **{"split": "validation", "same": SAME, **changes})


def test_a_set_of_other_tracks_is_refused(model, data):
    other = replace(data, tracks=TRACKS.take(range(8)))
    with pytest.raises(InputError, match="8 tracks are not the model's 9"):
        impute(holding(model, HELD), other, split="validation", same=SAME)


def test_a_model_without_metadata_is_refused(data):
    plain = make_model(TRACKS, variables=(), plain=True)
    with pytest.raises(InputError, match="without metadata cannot predict"):
        impute(holding(plain, HELD), data, split="validation", same=SAME)


@pytest.mark.parametrize("same", [("target",), SAME])
def test_the_virtual_track_is_made_of_the_columns_alone(model, data, same):
    held = holding(model, HELD)
    found = impute(held, data, split="validation", same=same)
    rows = data.rows("validation")
    codes = data.codes(rows)
    for entry, row in zip(found["tracks"], HELD, strict=True):
        said = VirtualTrack("v", {column: TRACKS[column][row] for column in same})
        made = add_virtual(held, [said])
        with torch.inference_mode():
            logits = [made(torch.from_numpy(x.copy())) for x in (codes, reverse_complement(codes))]
        probability = sum(1 / (1 + np.exp(-x.numpy()[:, -1])) for x in logits)
        expected = roc_auc_score(data.labels(rows)[:, row], probability)
        assert entry["virtual_auroc"] == pytest.approx(expected, abs=2e-3)
        assert entry["virtual_auroc"] != entry["hypernetwork_auroc"]  # of another bias, at least


def test_a_saved_model_says_what_it_held_out(model, tmp_path):
    for name, held in (("old", None), ("new", []), ("some", ["X/S1", "Z/S8"])):
        about = {} if held is None else {"training": {"hold_out": held}}
        save_model(model, tmp_path / name, about=about)
        assert load_model(tmp_path / name).untrained == (HELD if held else ())


def test_metadata_predict_an_experiment_better_than_the_mean_of_its_targets(tmp_path):
    """Target X was trained with assays a and c, assay b with targets Y and Z: X with b is new.

    Its peaks are where X's motif is, or b's. The tracks of target X know nothing of b.
    """
    data, _ = simulate(tmp_path / "set", n_bins=3000)
    variables = (
        Variable("target", "biological", roles=("direct",)),
        Variable("assay", "technical", roles=("direct",)),
    )
    training = TrainingConfig(
        steps=350,
        sequences=4,
        bins_per_sequence=16,
        learning_rate=1e-2,
        warmup_steps=20,
        independence=0,
        validate_every=350,
        precision="float32",
        hold_out=("S1",),
        seed=3,
    )
    model = ModelConfig(variables, width=32, n_latent=6, predictor_hidden=8)
    Trainer(Recipe("held", model, training), data, tmp_path / "run", device="cpu").run()
    folder = tmp_path / "run" / MODEL
    found = impute(load_model(folder), data, split="validation", same=SAME)
    summary = {kind: row["auroc"] for kind, row in found["summary"].items()}
    assert summary["hypernetwork"] > 0.9
    assert summary["hypernetwork"] > summary["predicted_same_target"] + 0.05
    assert summary["hypernetwork"] > summary["predicted_same_assay"] + 0.05
    assert summary["hypernetwork"] > summary["observed_same_target"]
