"""The folder of a report: every file there, and read back equal; whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from enrichment.report.simulated import simulated

from mfdvep.enrichment.report.folder import check_report, write_report
from mfdvep.enrichment.report.tables import defined
from mfdvep.errors import OutputError
from mfdvep.model.tracks import TrackTable

SMALL = {"n_tracks": 6, "cuts": ("0.99",)}
TABLES = {
    "overall",
    "summary",
    "tracks",
    "cuts",
    "groups",
    "comparisons",
    "curves",
    "tagged",
    "variants",
}


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the figures out: they take longer than all else."""
    monkeypatch.setattr("mfdvep.enrichment.report.folder.draw", lambda _: {})


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    return {name: [row[name] for row in found] for name in (found[0] if found else ())}


def assert_equal(texts, columns):
    """Every cell is the value, of the column's type, or empty for one not defined."""
    for name, values in columns.items():
        for text, value in zip(texts[name], map(defined, values), strict=True):
            assert text == "" if value is None else type(value)(text) == value, name


def test_every_file(tmp_path):
    write_report(simulated(**SMALL, permuted=True), tmp_path / "r")
    found = {path.name for path in (tmp_path / "r").iterdir()}
    figures = {"overall", "groups_assay", "groups_target", "qq", "roc_pr"}
    assert found == (
        {f"{name}.tsv" for name in TABLES | {"permutation", "qq"}}
        | {f"{name}.{ending}" for name in figures for ending in ("png", "svg")}
        | {f"{name}.parquet" for name in ("tracks", "cuts", "tagged", "variants")}
        | {"enrichment.json", "report.html"}
    )
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == 5
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize("matched", [False, True])
def test_tables_read_back_equal(tmp_path, undrawn, matched):
    enrichment = simulated(**SMALL, permuted=matched, matched=matched)
    write_report(enrichment, tmp_path / "r")
    names = TABLES - {"curves"} | ({"permutation", "qq"} if matched else set())
    for name in names:
        columns = getattr(enrichment, name)
        texts = read(tmp_path / "r" / f"{name}.tsv")
        assert_equal(texts, columns)
        if name != "tracks":
            assert list(texts) == list(columns)
    assert (tmp_path / "r" / "qq.tsv").exists() == matched
    tracks = read(tmp_path / "r" / "tracks.tsv")
    assert list(tracks)[:6] == ["track", "experiment", "assay", "target", "biosample", "kind"]
    assert tracks["assay"] == list(enrichment.track_table["assay"]) * 3
    for name in ("cuts", "tagged"):
        stored = pq.read_table(tmp_path / "r" / f"{name}.parquet").to_pydict()
        expected = {k: list(map(defined, v)) for k, v in getattr(enrichment, name).items()}
        assert stored == expected


def test_curves(tmp_path, undrawn):
    enrichment = simulated(**SMALL)
    write_report(enrichment, tmp_path / "r")
    texts = read(tmp_path / "r" / "curves.tsv")
    chosen = [i for i, of in enumerate(zip(texts["kind"], texts["curve"], strict=True))
              if of == ("biological", "pr")]  # fmt: skip
    assert [float(texts["y"][i]) for i in chosen] == enrichment.curves["biological"][
        "precision"
    ].tolist()


def test_json(tmp_path, undrawn):
    enrichment = simulated(**SMALL)
    enrichment.counts["used"] = np.int64(9_580)
    write_report(enrichment, tmp_path / "r")
    found = json.loads((tmp_path / "r" / "enrichment.json").read_text(encoding="utf-8"))
    assert found == {"counts": enrichment.counts, "settings": enrichment.settings}


def test_nothing_found(tmp_path):
    """Tables without a row, or without a column, make a report too."""
    empty = simulated(**SMALL)
    nothing = {
        name: {column: values[:0] for column, values in getattr(empty, name).items()}
        for name in TABLES - {"curves"}
    }
    for tables in (nothing, {name: {} for name in nothing}):
        enrichment = dataclasses.replace(empty, **tables, curves={}, track_table=TrackTable({}))
        write_report(enrichment, tmp_path / "r", force=True)
        assert not list((tmp_path / "r").glob("*.png"))
        assert (tmp_path / "r" / "report.html").exists()


def test_whole_or_not_at_all(tmp_path, monkeypatch, undrawn):
    monkeypatch.setattr("mfdvep.enrichment.report.folder.page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(simulated(**SMALL), tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


def test_a_large_figure_is_shown_as_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr("mfdvep.markup.MOST_SVG", 10)
    write_report(simulated(**SMALL, groups=()), tmp_path / "r")
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3
    assert "svg+xml" not in page


def test_refusals(tmp_path, undrawn):
    write_report(simulated(**SMALL), tmp_path / "r")
    with pytest.raises(OutputError, match="exists already"):
        write_report(simulated(**SMALL), tmp_path / "r")
    with pytest.raises(OutputError, match="exists already"):
        check_report(tmp_path / "r")
    check_report(tmp_path / "r", force=True)
    with pytest.raises(OutputError, match="lies in the folder"):
        check_report(tmp_path / "new", apart=[tmp_path / "new" / "scores.parquet"])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(OutputError, match=r"only a folder with overall\.tsv"):
        check_report(tmp_path / "other", force=True)
