"""`mfdvep tracks` as it is typed: a small model, a matrix, and the bundled model."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import SMALL_TRACKS

from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.checkpoint import read_config, save_model
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import EffectWriter


@pytest.fixture
def folder(small_model, tmp_path):
    save_model(small_model, tmp_path / "m", about={"name": "m"})
    return tmp_path / "m"


def matrix_of(path, tracks):
    """Write a matrix of one variant."""
    effects = np.zeros((3, 1, len(tracks)), dtype=np.float32)
    variant = Variant("chr1", 1, "A", "C", 0, 1)
    with EffectWriter(path, tracks, {}) as writer:
        writer.write(EffectBatch((variant,), (VariantStatus.OK,), *effects, tracks=tracks))
    return path


def lines(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_all_tracks_with_all_columns(run, folder):
    code, out, err = run("tracks", str(folder))
    assert (code, err) == (0, "mfdvep: 5 of 5 tracks\n")
    header, *rows = lines(out)
    assert header == ["track", *SMALL_TRACKS.columns]
    assert [row[0] for row in rows] == list(SMALL_TRACKS.names)
    for i, name in enumerate(SMALL_TRACKS.columns, start=1):
        assert tuple(row[i] for row in rows) == SMALL_TRACKS[name]


def test_conditions_names_and_columns(run, folder):
    options = ["--where", 'target == "CTCF"', "--where", 'lab == "b"', "--columns", "lab,assay"]
    assert run("tracks", str(folder), *options) == (
        0,
        "track\tlab\tassay\nCTCF/HepG2/E4\tb\tChIP\n",
        "mfdvep: 1 of 5 tracks\n",
    )
    code, out, err = run("tracks", str(folder), "--tracks", "E3", "--tracks", "E1", "-q",
                         "--columns", "target", "--columns", "target")  # fmt: skip
    assert (code, out, err) == (0, "track\ttarget\nGATA1/K562/E1\tGATA1\nopen/E3\topen\n", "")


def test_json_is_the_same_table(run, folder):
    code, out, _ = run("tracks", str(folder), "--where", 'lab == "a"', "--json")
    assert code == 0
    found = json.loads(out)
    assert found == [
        {"track": SMALL_TRACKS.names[i], **{k: v[i] for k, v in SMALL_TRACKS.columns.items()}}
        for i in (0, 2)
    ]


def test_counts_by_value(run, folder):
    """The most frequent first, ties by name; what is not known is a value too."""
    code, out, err = run("tracks", str(folder), "--count", "biosample")
    assert (code, err) == (0, "mfdvep: 5 of 5 tracks\n")
    assert lines(out) == [["biosample", "n_tracks"], ["K562", "3"], ["", "1"], ["HepG2", "1"]]


def test_counts_by_combination_of_those_that_are_chosen(run, folder):
    options = ["--where", 'lab == "b"', "--count", "assay,lab"]
    code, out, err = run("tracks", str(folder), *options)
    assert (code, err) == (0, "mfdvep: 3 of 5 tracks\n")
    assert out == "assay\tlab\tn_tracks\nChIP\tb\t2\nATAC\tb\t1\n"
    code, out, _ = run("tracks", str(folder), *options, "--json")
    assert json.loads(out) == [
        {"assay": "ChIP", "lab": "b", "n_tracks": 2},
        {"assay": "ATAC", "lab": "b", "n_tracks": 1},
    ]


def test_a_matrix_has_its_own_tracks(run, tmp_path):
    path = matrix_of(tmp_path / "m.parquet", SMALL_TRACKS.take([4, 1]))
    code, out, err = run("tracks", str(path), "--columns", "target")
    assert (code, err) == (0, "mfdvep: 2 of 2 tracks\n")
    assert lines(out) == [["track", "target"], ["CTCF/HepG2/E4", "CTCF"],
                          ["GATA1/K562/E1", "GATA1"]]  # fmt: skip


def test_names_of_columns_that_are_ours_or_have_commas(run, tmp_path):
    tracks = TrackTable({"track": ("x", "y\tz"), "a,b": ("1", "1"), "n_tracks": ("7", "8")})
    path = str(matrix_of(tmp_path / "m.parquet", tracks))
    code, out, _ = run("tracks", path, "--columns", "a,b", "--columns", "track,n_tracks")
    assert code == 0
    assert list(csv.reader(io.StringIO(out), delimiter="\t")) == [
        ["track_", "a,b", "track", "n_tracks"], ["x", "1", "x", "7"], ["y\tz", "1", "y\tz", "8"],
    ]  # fmt: skip
    code, out, _ = run("tracks", path, "--count", "n_tracks")
    assert lines(out) == [["n_tracks", "n_tracks_"], ["7", "1"], ["8", "1"]]


def test_what_is_listed_is_what_tracks_takes(run, folder, tmp_path):
    _, out, _ = run("tracks", str(folder), "--where", 'target == "open"', "-q")
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{row[0]}\n" for row in lines(out)[1:]))
    assert run("tracks", str(folder), "--tracks", str(names), "-q") == (0, out, "")


def write_metrics(folder, *, sha256=None):
    own = read_config(folder)["sha256"]["model.safetensors"]
    areas = (0.5, None, 0.97, 0.875, 0.961)
    tracks = [
        {"track": name, "combined_auroc": area, "combined_auprc": area and area / 2}
        for name, area in zip(SMALL_TRACKS.names, areas, strict=True)
    ]
    metrics = {"model": {"sha256": sha256 or own}, "contigs": ["chr8", "chr9"], "tracks": tracks}
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_metrics_are_columns_that_conditions_know(run, folder):
    write_metrics(folder)
    code, out, err = run("tracks", str(folder), "--metrics", "--columns", "auroc,auprc")
    assert (code, err) == (0, "mfdvep: 5 of 5 tracks; auroc and auprc on chr8, chr9\n")
    assert [row[1:] for row in lines(out)] == [
        ["auroc", "auprc"], ["0.5", "0.25"], ["", ""], ["0.97", "0.485"], ["0.875", "0.4375"],
        ["0.961", "0.4805"],
    ]  # fmt: skip
    options = ["--where", "auroc > 0.9 and target == 'CTCF'"]
    code, out, _ = run("tracks", str(folder), "--metrics", *options, "-q")
    assert [row[0] for row in lines(out)[1:]] == ["CTCF/HepG2/E4"]
    code, _, err = run("tracks", str(folder), *options)
    assert code == 1
    assert "no column 'auroc'" in err


def test_virtual_tracks_are_listed_with_what_they_are_made_of(run, folder):
    asked = ["--virtual", "target=CTCF,biosample=K562", "--virtual", "target=GATA1,biosample=HepG2"]
    code, out, err = run("tracks", str(folder), *asked, "--columns", "target,in_training,virtual")
    assert (code, err) == (0, "mfdvep: 2 of 7 tracks\n")
    _, first, second = lines(out)
    assert first[:3] == ["CTCF/K562/virtual", "CTCF", "yes"]
    assert second[:3] == ["GATA1/HepG2/virtual", "GATA1", "no"]
    assert "target=CTCF" in first[3]
    write_metrics(folder)
    code, out, _ = run("tracks", str(folder), *asked, "--where", 'lab == "a"', "--metrics",
                       "--columns", "auroc", "-q")  # fmt: skip
    assert lines(out)[1:] == [["CTCF/K562/E0", "0.5"], ["open/K562/E2", "0.97"],
                              ["CTCF/K562/virtual", ""], ["GATA1/HepG2/virtual", ""]]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--where", 'tarjet == "CTCF"'], "no column 'tarjet' in the track table; nearest: target"),
        (["--where", 'target == "CTFC"'], "no track has target 'CTFC'; nearest: CTCF"),
        (["--where", 'target == "CTCF" and lab == "b" and assay == "DNase"'], "no track meets"),
        (["--tracks", "CTCF/K562/E9"], "nearest: CTCF/K562/E0"),
        (["--columns", "tarjet"], "no column 'tarjet' in the track table; nearest: target"),
        (["--columns", "target,"], "no column '' in the track table; it has: experiment, assay"),
        (["--count", "labb"], "no column 'labb' in the track table; nearest: lab"),
        (["--virtual", "target=CTFC"], "nearest: CTCF"),
        (["--metrics"], "metrics.json: missing; mfdvep evaluate "),
    ],
)
def test_refusals(run, folder, options, says):
    code, out, err = run("tracks", str(folder), *options)
    assert (code, out) == (1, "")
    assert says in err
    assert err.count("\n") == 1


def test_models_refused(run, folder, tmp_path):
    code, _, err = run("tracks", "regulome54")
    assert code == 1
    assert "no model 'regulome54'" in err
    assert "nearest: regulome45" in err
    (tmp_path / "text").write_text("no")
    code, _, err = run("tracks", str(tmp_path / "text"))
    assert code == 1
    assert "text: not a matrix of effects" in err
    (folder / "tracks.tsv").write_text("changed")
    code, _, err = run("tracks", str(folder))
    assert code == 1
    assert "tracks.tsv: damaged: sha256" in err


@pytest.mark.parametrize(
    "options", [["--metrics"], ["--virtual", "target=CTCF"], ["--count", "lab", "--columns", "lab"]]
)
def test_options_that_do_not_go_together(run, tmp_path, options):
    path = matrix_of(tmp_path / "m.parquet", SMALL_TRACKS)
    code, out, err = run("tracks", str(path), *options)
    assert (code, out) == (2, "")
    assert "Error:" in err


def test_the_bundled_model_with_its_metrics(run):
    code, out, err = run("tracks", "--metrics", "--columns", "target,auroc,auprc")
    assert (code, err) == (0, "mfdvep: 442 of 442 tracks; auroc and auprc on chr20\n")
    _, *rows = lines(out)
    auroc, auprc = (np.mean([float(row[i]) for row in rows]) for i in (2, 3))
    assert (auroc, auprc) == pytest.approx((0.8609, 0.1825), abs=1e-4)  # of the model card
    code, out, _ = run("tracks", "--count", "target")
    counts = lines(out)[1:]
    assert counts[:2] == [["accessible DNA", "28"], ["CTCF", "13"]]
    assert sum(int(n) for _, n in counts) == 442


def test_no_weights_are_read_and_nothing_heavy_is_loaded():
    code = (
        "import sys\n"
        "from mfdvep.cli.main import mfdvep\n"
        "mfdvep(['tracks', '--metrics', '--where', 'auroc > 0.9', '-q'], standalone_mode=False)\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pyarrow', 'safetensors')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("track\t")


def test_a_reader_that_has_enough_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "mfdvep", "tracks"]
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (141, "")
