"""Tables and figures of an evaluation: made from metrics alone, whole or not at all."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from mfdvep.errors import OutputError
from mfdvep.model.tracks import TrackTable
from mfdvep.training.calibration import curve, reliability, track_calibration
from mfdvep.training.evaluation import PREDICTIONS, track_scores
from mfdvep.training.figures import draw
from mfdvep.training.report_folder import check_report, track_rows, write_report
from mfdvep.training.summary import summarise

TRACKS = TrackTable(
    {
        "experiment": tuple(f"E{i}" for i in range(7)),
        "assay": ("ChIP",) * 5 + ("DNase", ""),
        "target": ("CTCF", "CTCF", "MAX", "MAX", "MYC", "open", "open"),
        "positives": tuple("abcdefg"),  # a name that the metrics have too
    }
)


def measured(*, kinds=PREDICTIONS, tracks=TRACKS, columns=("assay", "target")):
    """Return metrics of random predictions, as `evaluate_model` has them; the last has no peak."""
    rng = np.random.default_rng(0)
    scores = {kind: rng.random((400, 7)) ** 3 for kind in kinds}
    labels = (rng.random((400, 7)) < scores["combined"]).astype(np.uint8)
    labels[:, -1] = 0
    known = np.ones(labels.shape, dtype=bool)
    found = {kind: track_scores(values, labels, known) for kind, values in scores.items()}
    found["combined"] |= track_calibration(scores["combined"], labels, known)
    per_track = {f"{kind}_{m}": v for kind, of in found.items() for m, v in of.items()}
    counts = reliability(scores["combined"], labels, known)
    groups = {column: tracks[column] for column in columns}
    by = {
        column: {
            v: curve(counts[np.array(values) == v].sum(0)) for v in sorted(set(values))
        }
        for column, values in list(groups.items())[:1]
    }  # fmt: skip
    spread = {"values": [0.5, 0.7], "sd": 0.1, "interval": [0.1, 1.1]}
    return {
        "split": "test", "contigs": ["chr20"], "bins": 400, "kinds": list(kinds),
        "summary": summarise(per_track, groups),
        "reliability": {"all": curve(counts.sum(0)), "groups": by},
        "independence": {"forest_accuracy": 0.6} if len(kinds) > 1 else None,
        "independence_seeds": {"forest_accuracy": spread} if len(kinds) > 1 else None,
        "tracks": [
            {"track": name, "positives": int(labels[:, i].sum()), "labelled": 400,
             **{m: None if np.isnan(v[i]) else float(v[i]) for m, v in per_track.items()}}
            for i, name in enumerate(tracks.names)
        ],
    }  # fmt: skip


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the figures out of a report: they take longer than all else."""
    monkeypatch.setattr("mfdvep.training.report_folder.draw", lambda *_: {})


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_tables(tmp_path, undrawn):
    metrics = measured()
    write_report(metrics, TRACKS, tmp_path / "r")
    tracks = table(tmp_path / "r" / "tracks.tsv")
    assert [row["assay"] for row in tracks] == list(TRACKS["assay"])
    assert [row["metadata_positives"] for row in tracks] == list("abcdefg")
    auroc = metrics["tracks"][2]["technical_auroc"]
    assert float(tracks[2]["technical_auroc"]) == pytest.approx(auroc, abs=1e-6)
    assert tracks[6]["combined_auroc"] == ""
    groups = table(tmp_path / "r" / "groups.tsv")
    assert len(groups) == 3 * (1 + 3 + 4)
    first = groups[0]
    assert (first["column"], first["kind"], first["n_tracks"]) == ("all", "combined", "6")
    assert float(first["auroc_low"]) < float(first["auroc"]) < float(first["auroc_high"])
    one = next(r for r in groups if (r["value"], r["kind"]) == ("DNase", "combined"))
    assert one["auroc"]
    assert one["auroc_low"] == ""
    points = table(tmp_path / "r" / "reliability.tsv")
    assert sum(int(p["labels"]) for p in points if p["column"] == "all") == 7 * 400
    assert table(tmp_path / "r" / "independence.tsv") == [
        {"measure": "forest_accuracy", "mean": "0.6", "sd": "0.1", "low": "0.1", "high": "1.1",
         "values": "0.5 0.7"}
    ]  # fmt: skip


def test_figures_are_files_and_say_how_many(tmp_path):
    metrics = measured()
    write_report(metrics, TRACKS, tmp_path / "r")
    drawn = {path.stem for path in (tmp_path / "r").glob("*.png")}
    assert drawn == {path.stem for path in (tmp_path / "r").glob("*.svg")}
    assert len(drawn) == 4
    assert (tmp_path / "r" / "reliability.png").read_bytes().startswith(b"\x89PNG")
    axes = draw(metrics, TRACKS)["auroc_by_group"].axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["ChIP\nn = 5", "(not known)\nn = 0", "DNase\nn = 1"]


def test_points_are_the_tracks():
    metrics = measured()
    axes = draw(metrics, TRACKS)["combined_against_biological"].axes[0]
    drawn = np.concatenate([dots.get_offsets().data for dots in axes.collections])
    expected = [(t["biological_auroc"], t["combined_auroc"]) for t in metrics["tracks"][:6]]
    assert np.array(sorted(map(tuple, drawn))) == pytest.approx(np.array(sorted(expected)))


def test_a_model_without_halves(tmp_path, undrawn):
    metrics = measured(kinds=PREDICTIONS[:1])
    assert set(draw(metrics, TRACKS)) == {"auroc_by_group", "reliability", "auprc_over_base_rate"}
    write_report(metrics, TRACKS, tmp_path / "r")
    assert not (tmp_path / "r" / "independence.tsv").exists()
    assert len(table(tmp_path / "r" / "groups.tsv")) == 1 + 3 + 4


def test_a_table_without_a_usual_column(tmp_path, undrawn):
    bare = TrackTable({"experiment": TRACKS["experiment"]})
    metrics = measured(tracks=bare, columns=())
    axes = draw(metrics, bare)["auroc_by_group"].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["all tracks\nn = 6"]
    write_report(metrics, bare, tmp_path / "r")
    assert len(table(tmp_path / "r" / "groups.tsv")) == 3


def test_columns_that_the_metrics_have_too():
    row = track_rows(measured(), TRACKS)[0]
    assert row["metadata_positives"] == "a"
    assert isinstance(row["positives"], int)


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr("mfdvep.training.report_folder.reliability_rows", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(measured(), TRACKS, tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


def test_refusals(tmp_path):
    (tmp_path / "r").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        check_report(tmp_path / "r")
    (tmp_path / "r" / "mine.txt").touch()
    with pytest.raises(OutputError, match=r"only a folder with groups\.tsv"):
        check_report(tmp_path / "r", force=True)
    for path in (tmp_path / "r", tmp_path / "r" / "m.json"):
        with pytest.raises(OutputError, match="lies in the folder"):
            check_report(tmp_path / "r", apart=[path], force=True)
    check_report(tmp_path / "new", apart=[tmp_path / "m.json"])
