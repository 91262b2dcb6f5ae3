"""What was measured of tracks, joined to their table; and what is refused."""

from __future__ import annotations

import json

import pytest
from conftest import SMALL_TRACKS

from mfdvep.errors import InputError
from mfdvep.model.checkpoint import load_model, model_folder, read_config, save_model
from mfdvep.model.measured import with_metrics
from mfdvep.model.tracks import TrackTable


@pytest.fixture
def folder(small_model, tmp_path):
    save_model(small_model, tmp_path / "m", about={"name": "m"})
    return tmp_path / "m"


def metrics(folder, **changes) -> None:
    """Write metrics of one of the tracks, and of one that the model has not."""
    found = {
        "model": {"sha256": read_config(folder)["sha256"]["model.safetensors"]},
        "contigs": ["chr20"],
        "tracks": [
            {"track": "open/E3", "combined_auroc": 0.123456, "combined_auprc": None},
            {"track": "none", "combined_auroc": 1.0, "combined_auprc": 1.0},
        ],
    }
    (folder / "metrics.json").write_text(json.dumps({**found, **changes}))


def test_columns_are_joined_by_the_name_of_a_track(folder):
    metrics(folder)
    found = with_metrics(SMALL_TRACKS, folder)
    assert found.contigs == ("chr20",)
    assert found.tracks.columns == {
        **SMALL_TRACKS.columns,
        "auroc": ("", "", "", "0.123456", ""),
        "auprc": ("",) * 5,
    }


def test_the_bundled_models_are_measured_on_all_tracks():
    tracks = load_model().tracks
    found = with_metrics(tracks, model_folder("regulome45")).tracks
    assert all(0 <= float(value) <= 1 for value in (*found["auroc"], *found["auprc"]))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": {"sha256": "0" * 64}}, "measured on other weights than those beside it"),
        ({"tracks": 3}, "not metrics of a model"),
        ({"tracks": [3]}, "not metrics of a model"),
        ({"tracks": {"open/E3": 3}}, "not metrics of a model"),
        ({"tracks": [{"track": "open/E3", "combined_auroc": "x"}]}, "not metrics of a model"),
        ({"model": None}, "not metrics of a model"),
        ({"contigs": None}, "not metrics of a model"),
    ],
)
def test_metrics_refused(folder, changes, says):
    metrics(folder, **changes)
    with pytest.raises(InputError, match=rf"metrics\.json: {says}.*mfdvep evaluate"):
        with_metrics(SMALL_TRACKS, folder)


def test_no_metrics_and_no_json(folder):
    with pytest.raises(InputError, match=r"metrics\.json: missing; mfdvep evaluate"):
        with_metrics(SMALL_TRACKS, folder)
    (folder / "metrics.json").write_text("[")
    with pytest.raises(InputError, match=r"metrics\.json: not metrics of a model"):
        with_metrics(SMALL_TRACKS, folder)


def test_a_column_of_that_name_is_not_replaced(folder):
    metrics(folder)
    tracks = TrackTable({**SMALL_TRACKS.columns, "auprc": ("1",) * 5})
    with pytest.raises(InputError, match="has a column 'auprc' of its own; leave out --metrics"):
        with_metrics(tracks, folder)
