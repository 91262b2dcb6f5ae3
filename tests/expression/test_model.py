"""The model as a folder, and what it takes."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from torch.nn.functional import conv1d

from mfdvep.errors import InputError, ModelError, OutputError
from mfdvep.expression.model import load_expression_model, save_expression_model
from mfdvep.expression.network import Autoencoder
from mfdvep.model.checkpoint import (
    EXPRESSION,
    bundled_models,
    config_digest,
    load_model,
    weights_folder,
)


@pytest.fixture
def folder(quick_model, tmp_path):
    save_expression_model(quick_model, tmp_path / "mine")
    return tmp_path / "mine"


def test_it_is_read_as_it_was_written(quick_model, simulated, folder):
    model = load_expression_model(folder)
    assert (model.cells, model.marks) == (("sim-A", "sim-B"), simulated.marks)
    assert model.target == "label"
    assert model.provenance["name"] == "mine"
    assert re.fullmatch("[0-9a-f]{64}", model.provenance["sha256"])
    assert model.provenance["test"] == ["sim5"]
    for cell in model.cells:
        x = simulated.signal[0][:20]
        assert np.array_equal(model.predict(x, cell), quick_model.predict(x, cell))
        assert model.predict(x, cell).dtype == np.float32
    assert not model.network.training


def test_the_cell_matters_and_the_batch_does_not(quick_model, simulated):
    x = simulated.signal[0]
    a, b = (quick_model.predict(x, cell) for cell in quick_model.cells)
    assert not np.allclose(a, b)
    one = np.concatenate([quick_model.predict(x[i : i + 1], "sim-A") for i in range(5)])
    np.testing.assert_allclose(one, a[:5], rtol=1e-4, atol=1e-5)


def test_latents_are_means_that_nothing_is_drawn_for(quick_model, simulated):
    x = simulated.signal[1][:10]
    latent = quick_model.latent(x, "sim-B")
    assert latent.shape == (10, 3)
    assert np.array_equal(latent, quick_model.latent(x, "sim-B"))
    features = torch.cat([torch.from_numpy(latent), torch.tensor([[0.0, 1.0]]).expand(10, 2)], 1)
    with torch.no_grad():
        told = quick_model.network.heads(features).numpy()
    np.testing.assert_allclose(told, quick_model.predict(x, "sim-B"), rtol=1e-4, atol=1e-5)


def test_gradients_pass_from_the_prediction_to_the_signal(quick_model, simulated):
    x = torch.from_numpy(simulated.signal[0][:4]).requires_grad_()
    quick_model.network(
        quick_model.scaled(x, "sim-A"), torch.zeros(4, dtype=torch.int64)
    ).sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum((1, 2)) > 0).all()


def test_scaling_is_log1p_over_the_training_spread(quick_model, simulated):
    x = simulated.signal[1][:3]
    expected = np.log1p(x) / quick_model.scale.sd[1][:, None]
    np.testing.assert_allclose(quick_model.scaled(x, "sim-B").numpy(), expected, rtol=1e-6)


def test_the_encoder_is_two_convolutions_of_stride_two():
    torch.manual_seed(1)
    network = Autoencoder(5, 10).eval()
    x = torch.rand(2, 5, 100)
    first, second = network.encoder[0], network.encoder[3]
    assert (first.out_channels, second.out_channels) == (32, 64)
    assert first.kernel_size == second.kernel_size == (5,)
    h = conv1d(x, first.weight, first.bias, stride=2, padding=2)
    h = torch.relu(h / torch.sqrt(torch.tensor(1 + 1e-5)))  # untrained normalisation
    h = conv1d(h, second.weight, second.bias, stride=2, padding=2)
    h = torch.relu(h / torch.sqrt(torch.tensor(1 + 1e-5))).flatten(1)
    torch.testing.assert_close(network.latent(x), network.mean(h))
    assert network.decode(network.latent(x)).shape == x.shape


@pytest.mark.parametrize(
    ("signal", "cell", "said"),
    [
        (np.zeros((2, 5, 100)), "K562", "knows sim-A, sim-B"),
        (np.zeros((2, 4, 100)), "sim-A", r"\(2, 4, 100\).*takes \(genes, 5, 100\)"),
        (np.zeros((5, 100)), "sim-A", r"takes \(genes, 5, 100\)"),
        (np.full((1, 5, 100), -1.0), "sim-A", "negative or not finite"),
        (np.full((1, 5, 100), np.nan), "sim-A", "negative or not finite"),
    ],
)
def test_what_it_cannot_take_is_refused(quick_model, signal, cell, said):
    with pytest.raises(InputError, match=said):
        quick_model.predict(signal, cell)


def test_no_genes_give_no_predictions(quick_model):
    assert quick_model.predict(np.zeros((0, 5, 100), np.float32), "sim-A").shape == (0,)
    assert quick_model.latent(np.zeros((0, 5, 100), np.float32), "sim-A").shape == (0, 3)


def change(folder, **changes):
    """Change the "model" part of a config.json, with a digest that fits."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["model"] |= changes
    config["sha256"]["config"] = config_digest(config)
    path.write_text(json.dumps(config))


def test_damage_is_refused(folder):
    config = folder / "config.json"
    text = config.read_text()
    config.write_text(text.replace('"sim-A"', '"sim-X"', 1))
    with pytest.raises(ModelError, match="damaged: sha256"):
        load_expression_model(folder)
    config.write_text("{")
    with pytest.raises(ModelError, match="not a model configuration"):
        load_expression_model(folder)
    config.write_text(text)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged"):
        load_expression_model(folder)
    weights.unlink()
    with pytest.raises(ModelError, match="missing"):
        load_expression_model(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_latent": 4}, "does not fit config.json: tensor autoencoder.decoder.0.weight"),
        ({"heads": 3}, "does not fit config.json"),
        ({"target": "rank"}, "describes no model .*rank"),
        ({"scale": [[1.0]]}, "describes no model"),
        ({"n_latent": "ten"}, "describes no model"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(folder, changes, said):
    change(folder, **changes)
    with pytest.raises(ModelError, match=said):
        load_expression_model(folder)


def test_a_folder_is_not_replaced_unasked(quick_model, folder):
    with pytest.raises(OutputError, match="exists already"):
        save_expression_model(quick_model, folder)
    save_expression_model(quick_model, folder, force=True)


def test_the_two_kinds_of_model_are_told_apart(folder):
    with pytest.raises(
        ModelError, match="of expression: mfdvep expression, or load_expression_model, reads it"
    ):
        load_model(folder)
    with pytest.raises(ModelError, match="a model of sequence: load_model reads it"):
        load_expression_model("regulome45")
    with pytest.raises(ModelError, match="bundled models: simplechrome4"):
        load_expression_model("simplechrome9")
    assert bundled_models(EXPRESSION) == ["simplechrome4"]
    assert "simplechrome4" not in bundled_models()


def test_the_bundled_model_is_whole_and_its_card_gives_its_figures():
    folder = weights_folder() / "simplechrome4"
    model = load_expression_model("simplechrome4")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["model"] == {"name": "simplechrome4", "sha256": model.provenance["sha256"]}
    card = (folder / "MODEL_CARD.md").read_text()
    for split, cells in metrics["splits"].items():
        for cell, row in cells.items():
            around = f"{row['auroc_low']:.3f} to {row['auroc_high']:.3f}"
            figures = f"{row['n']:,} | {row['n_high']:,} | {row['auroc']:.3f} | {around}"
            assert f"| {split.replace('_', ' ')} | {cell} | {figures} |" in card
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5e6


def test_the_bundled_model_knows_an_active_promoter():
    model = load_expression_model("simplechrome4")
    x = np.zeros((2, 5, 100), np.float32)
    x[0, model.marks.index("H3K4me3"), 45:60] = 20
    x[1, model.marks.index("H3K27me3")] = 10
    for cell in model.cells:
        active, repressed = model.predict(x, cell)
        assert active > repressed + 1
