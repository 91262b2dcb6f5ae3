"""Models as folders: what comes back, and what is refused."""

from __future__ import annotations

import json

import pytest
import torch

from mfdvep.errors import ModelError, OutputError
from mfdvep.model.checkpoint import load_model, save_model


@pytest.fixture
def folder(small_model, tmp_path):
    save_model(small_model, tmp_path / "m", about={"name": "m"})
    return tmp_path / "m"


def test_a_model_comes_back_the_same(small_model, folder):
    loaded = load_model(folder)
    codes = torch.randint(0, 5, (2, 1153))
    with torch.inference_mode():
        assert torch.equal(loaded(codes), small_model(codes))
    assert loaded.tracks == small_model.tracks
    assert loaded.provenance["name"] == "m"
    assert not list(folder.parent.glob(".m*"))


def test_an_existing_folder_is_refused(small_model, folder):
    with pytest.raises(OutputError, match="exists"):
        save_model(small_model, folder, about={})


@pytest.mark.parametrize("name", ["model.safetensors", "tracks.tsv"])
def test_damage_is_noticed(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[-2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name}: damaged: sha256"):
        load_model(folder)


def test_a_missing_file_is_named(folder):
    (folder / "tracks.tsv").unlink()
    with pytest.raises(ModelError, match=r"tracks\.tsv: missing"):
        load_model(folder)


def test_another_format_is_refused(folder):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(ModelError, match="model format 99"):
        load_model(folder)


def test_a_configuration_that_is_not_json(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match="not a model configuration"):
        load_model(folder)


def test_weights_that_do_not_fit(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["model"]["width"] = 16
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match="does not fit"):
        load_model(folder)


def test_no_such_model_lists_the_bundled_ones(tmp_path):
    with pytest.raises(ModelError, match="bundled models:"):
        load_model(tmp_path / "none")
