"""Models as folders: what comes back, and what is refused."""

from __future__ import annotations

import json
import os

import pytest
import torch

from mfdvep.errors import ModelError, OutputError
from mfdvep.model.checkpoint import config_digest, load_model, load_tracks, read_config, save_model


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


def test_tracks_need_no_weights(small_model, folder):
    (folder / "model.safetensors").unlink()
    assert load_tracks(folder) == small_model.tracks


def test_a_table_that_was_changed_is_refused(folder):
    with open(folder / "tracks.tsv", "a") as handle:
        handle.write("E5\tChIP\tCTCF\tK562\ta\n")
    with pytest.raises(ModelError, match=r"tracks\.tsv: damaged: sha256"):
        load_tracks(folder)
    (folder / "tracks.tsv").unlink()
    with pytest.raises(ModelError, match=r"tracks\.tsv: missing"):
        load_tracks(folder)


def test_a_name_is_told_by_the_nearest(tmp_path):
    for name, hint in (("regulome54", "nearest: regulome45; "), (tmp_path / "none", "")):
        with pytest.raises(ModelError, match=rf"config\.json; {hint}bundled models: regulome45"):
            load_tracks(name)


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


def change(folder, change, *, signed=True) -> None:
    """Change config.json by a function of its content; `signed`: with a digest that fits."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    if signed:
        config["sha256"]["config"] = config_digest(config)
    path.write_text(json.dumps(config))


def test_weights_that_do_not_fit(folder):
    change(folder, lambda config: config["model"].update(predictor_hidden=99))
    load_model(folder)  # no part of the model
    change(folder, lambda config: config["model"].update(width=16))
    with pytest.raises(ModelError, match=r"does not fit config\.json: .* expected") as error:
        load_model(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda config: config["about"].update(name="n"),
        lambda config: config["model"].update(width=16),
        lambda config: config["metadata"].reverse(),
        lambda config: config.update(more=1),
        lambda config: config["sha256"].pop("config"),
    ],
)
def test_a_changed_configuration_is_noticed(folder, damage):
    change(folder, damage, signed=False)
    with pytest.raises(ModelError, match=r"config\.json: damaged: .*fetch the model again"):
        load_model(folder)


@pytest.mark.parametrize("key", ["model", "metadata", "sha256"])
@pytest.mark.parametrize("value", [None, 3, "x", {}, [], [3], {"a": {}}])
def test_a_configuration_of_other_types_is_refused_in_one_line(folder, key, value):
    change(folder, lambda config: config.update({key: value}), signed=key != "sha256")
    with pytest.raises(ModelError, match=r"config\.json: ") as error:
        load_model(folder)
    assert "\n" not in str(error.value)
    change(folder, lambda config: config.pop(key), signed=False)
    with pytest.raises(ModelError, match=r"config\.json: damaged"):
        read_config(folder)


@pytest.mark.parametrize("text", ["3", "[]", "{}", "null"])
def test_a_configuration_that_is_no_model(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match="not a model configuration"):
        load_model(folder)


def test_a_model_can_be_read_by_others(small_model, tmp_path):
    old = os.umask(0o022)
    try:
        save_model(small_model, tmp_path / "shared", about={})
    finally:
        os.umask(old)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "shared").iterdir()}
    assert modes == dict.fromkeys(("model.safetensors", "config.json", "tracks.tsv"), 0o644)


def test_no_such_model_lists_the_bundled_ones(tmp_path):
    with pytest.raises(ModelError, match="bundled models:"):
        load_model(tmp_path / "none")
