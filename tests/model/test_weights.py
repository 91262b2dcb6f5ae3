"""The bundled models: whole, small, and described truthfully by their cards."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from mfdvep.model.checkpoint import bundled_models, load_model, weights_folder

MODELS = bundled_models()


def test_there_is_a_bundled_model():
    assert "regulome45" in MODELS


@pytest.mark.parametrize("name", MODELS)
def test_it_loads_and_is_small(name):
    model = load_model(name)
    assert model.provenance["name"] == name
    folder = weights_folder() / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 40e6
    # every track can be named in a VCF and told from the others
    assert len(set(model.tracks.names)) == len(model.tracks)


@pytest.mark.parametrize("name", MODELS)
def test_metrics_are_of_these_weights(name):
    folder = weights_folder() / name
    metrics = json.loads((folder / "metrics.json").read_text())
    model = load_model(name)
    assert metrics["model"]["sha256"] == model.provenance["sha256"]
    assert [row["track"] for row in metrics["tracks"]] == list(model.tracks.names)
    known = [row["combined_auroc"] for row in metrics["tracks"] if row["combined_auroc"]]
    assert metrics["summary"]["all"]["combined_auroc"] == pytest.approx(np.mean(known), abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_the_card_gives_the_figures_of_the_metrics(name):
    folder = weights_folder() / name
    metrics = json.loads((folder / "metrics.json").read_text())
    card = (folder / "MODEL_CARD.md").read_text()
    groups = {"all": metrics["summary"]["all"], **metrics["summary"]["groups"]["assay"]}
    for group, row in groups.items():
        columns = [f"{k}_{m}" for m in ("auroc", "auprc")
                   for k in ("combined", "biological", "technical")]  # fmt: skip
        cells = [str(row["n_tracks"]), *(f"{row[c]:.3f}" for c in columns)]
        assert f"| {group} | {' | '.join(cells)} |" in card, group
    for key, value in metrics["independence"].items():
        assert re.search(rf"\| {key} \| {value:.3f} \|", card), key
