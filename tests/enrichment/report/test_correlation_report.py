"""What is told of a correlation: on the terminal, in a folder, in figures and on a page."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from enrichment.report.correlated import KINDS, correlated

from mfdvep.enrichment.correlation import ALL
from mfdvep.enrichment.report import correlation_report
from mfdvep.enrichment.report.correlation_plots import draw
from mfdvep.enrichment.report.correlation_readings import (
    by_element,
    largest,
    limits,
    meaning,
    passing,
    picking,
    readings,
)
from mfdvep.enrichment.report.correlation_report import (
    check_correlation,
    correlation_table,
    write_correlation,
)
from mfdvep.enrichment.report.tables import with_metadata
from mfdvep.enrichment.report.terminal import WIDTH
from mfdvep.enrichment.report.wording import shortened
from mfdvep.errors import OutputError
from mfdvep.model.tracks import TrackTable


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return correlated(tmp_path_factory.mktemp("c"))


@pytest.fixture(scope="module")
def plain_one(tmp_path_factory):
    """Scores of another tool, two of them, and no elements."""
    return correlated(tmp_path_factory.mktemp("c"), kinds=("score",), n_tracks=2, n_elements=0)


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(correlation_report, "draw", lambda _: {})


def blank(found):
    """Return a correlation of which nothing is defined."""
    elements = {
        name: np.full(len(values), np.nan) if name[:4] in ("pear", "spea") else values
        for name, values in found.elements.items()
    }
    return replace(found, elements=elements, means={})


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_largest_and_those_that_pass(found):
    table = {name: np.asarray(values) for name, values in found.elements.items()}
    for row in passing(found):
        own = (table["kind"] == row["kind"]) & (table["element"] == ALL)
        sure = table["spearman_q"][own] < 0.05
        assert row["rise"] == (sure & (table["spearman"][own] > 0)).sum()
        assert row["fall"] == (sure & (table["spearman"][own] < 0)).sum()
        assert row["n"] == own.sum() == 12
        top = largest(found, n=3)[row["kind"]]
        sizes = sorted(np.abs(table["spearman"][own]))[::-1]
        assert [abs(one["spearman"]) for one in top] == pytest.approx(sizes[:3])
        # the means that go with a row are those of its kind and track
        at = [i for i, key in enumerate(zip(found.means["kind"], found.means["track"], strict=True))
              if key == (row["kind"], top[0]["track"])]  # fmt: skip
        assert [found.means["mean_spearman"][i] for i in at] == [top[0]["mean_spearman"]]
        parts = by_element(found, row["kind"], top[0]["track"])
        assert [part["element"] for part in parts] == [f"element {i}" for i in range(5)]
        mean = np.mean([part["spearman"] for part in parts])
        assert mean == pytest.approx(top[0]["mean_spearman"])


def test_the_terminal_has_the_numbers(found):
    text = correlation_table(found)
    lines = text.splitlines()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert lines[0] == "200 variants used of 200: correlation with label; 5 elements"
    counted = {row["kind"]: row for row in passing(found)}
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    for kind in KINDS:
        row = counted[kind]
        numbers = [str(row[name]) for name in ("n", "rise", "fall")]
        assert [f"{kind} effect", *numbers] in cells
        top = largest(found, n=5)[kind]
        start = lines.index(kind)
        for line, one in zip(cells[start + 1 : start + 6], top, strict=True):
            assert line[0] == shortened(one["track"], 26)
            assert float(line[1]) == pytest.approx(one["spearman"], abs=6e-4)
            assert line[2].startswith(f"{one['spearman_low']:+.3f} to ")
            assert float(line[4]) == pytest.approx(one["mean_spearman"], abs=6e-4)
    assert "picked from 12 tracks of a kind for their size" in text


def test_the_terminal_without_elements(plain_one):
    text = correlation_table(plain_one)
    assert "element" not in text
    assert "picked" not in text  # both are shown
    assert "scores  rise  fall" in text


@pytest.mark.parametrize("name", ["found", "plain_one"])
def test_it_fits(name, request):
    one = request.getfixturevalue(name)
    one = replace(one, settings={**one.settings, "flagged": ["many words " * 20]})
    text = correlation_table(one)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.isascii()
    header = next(line for line in text.splitlines() if line.startswith("largest"))
    assert header.endswith("95 %" if name == "found" else "q")  # not broken


def test_nothing_defined(found, tmp_path):
    one = blank(found)
    assert "biological: no correlation is defined" in correlation_table(one)
    assert readings(one, "biological") == ["biological effect: no correlation is defined."]
    assert draw(one) == {}
    write_correlation(one, tmp_path / "r")
    assert (tmp_path / "r" / "report.html").exists()


def test_in_words(found, plain_one):
    first, top, mean = readings(found, "biological")
    row = largest(found, n=1)["biological"][0]
    assert first.startswith("biological effect and label, over 200 variants: of 12 tracks, ")
    assert f"Spearman {row['spearman']:+.3f} (interval {row['spearman_low']:+.3f} to " in top
    assert top.endswith("it was picked as the largest of 12.")
    assert mean.startswith(f"Its mean over 5 elements is {row['mean_spearman']:+.3f} (interval ")
    assert mean.endswith("the interval lies above 0." if row["mean_spearman"] > 0
                         else "the interval lies below 0.")  # fmt: skip
    assert len(readings(plain_one, "score")) == 2
    assert readings(plain_one, "score")[0].startswith("score and label, over 200")
    assert picking(plain_one, n=2) == ""
    assert any("mean over elements" in sentence for sentence in meaning(found))
    assert not any("mean over elements" in sentence for sentence in meaning(plain_one))
    assert len(limits(found)) == 4
    assert len(limits(plain_one)) == 2


@pytest.mark.parametrize(
    ("sided", "says"),
    [("absolute", "size of the technical effect and"), ("lower", "minus the technical effect and")],
)
def test_sides_are_said(tmp_path, sided, says):
    one = correlated(tmp_path, sided=sided, n_tracks=2, n=60)
    assert readings(one, "technical")[0].startswith(says)


def test_one_element(tmp_path):
    one = correlated(tmp_path, n_elements=1, n_tracks=2, n=60)
    assert readings(one, "combined")[-1] == "There is one element: nothing is known of others."
    assert set(draw(one)) == {"correlation", "elements"}


def test_every_file(found, plain_one, tmp_path):
    write_correlation(found, tmp_path / "r")
    figures = {f"{name}.{end}" for name in ("correlation", "elements") for end in ("png", "svg")}
    tables = {"elements.tsv", "elements.parquet", "means.tsv"}
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert names == figures | tables | {"correlation.json", "report.html"}
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == 2
    about = json.loads((tmp_path / "r" / "correlation.json").read_text(encoding="utf-8"))
    assert about == {"counts": found.counts, "settings": found.settings}
    write_correlation(plain_one, tmp_path / "r", force=True)
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert not names & {"means.tsv", "elements.svg"}
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_tables_read_back_equal(found, tmp_path, undrawn):
    write_correlation(found, tmp_path / "r")
    for name, columns in (("elements", found.elements), ("means", found.means)):
        texts = read(tmp_path / "r" / f"{name}.tsv")
        assert list(texts[0])[:5] == ["track", "experiment", "assay", "target", "biosample"]
        assay = dict(zip(found.track_table.names, found.track_table["assay"], strict=True))
        for i, row in enumerate(texts):
            assert row["assay"] == assay[row["track"]]
            for column, values in columns.items():
                assert row[column] == ("" if values[i] != values[i] else str(values[i]))
    stored = pq.read_table(tmp_path / "r" / "elements.parquet").to_pydict()
    assert stored["spearman_q"] == list(found.elements["spearman_q"])
    assert stored["element"] == list(found.elements["element"])


def test_tracks_of_one_name_have_their_own_metadata_in_each_element():
    table = TrackTable({"track": ("a", "a"), "assay": ("ATAC-seq", "DNase-seq")})
    rows = {"kind": ["k"] * 4, "track": ["a"] * 4, "element": [ALL, ALL, "e", "e"]}
    assert with_metadata(rows, table)["assay"] == ["ATAC-seq", "DNase-seq"] * 2


def test_the_page(found):
    page = correlation_report.page(found, {})
    for title in ("In short", "What was asked", "Which variants counted", "Over all variants",
                  "By element", "How to read the numbers", "Limits"):  # fmt: skip
        assert page.count(f"<h2>{title}</h2>") == 1
    top = largest(found, n=1)["technical"][0]
    assert f"<td>{top['spearman']:+.3f}</td>" in page
    flagged = replace(found, settings={**found.settings, "flagged": ["a < b"], "labels": "<i>"})
    page = correlation_report.page(flagged, {})
    assert "a &lt; b" in page
    assert "<i>" not in page


def test_the_page_without_elements(plain_one):
    page = correlation_report.page(plain_one, {})
    assert "By element" not in page
    assert "means.tsv" not in page


def test_the_figures_show_the_numbers(found):
    figures = draw(found)
    axes = figures["correlation"].axes[0]
    top = [row for own in largest(found, n=8).values() for row in own]
    drawn = [line.get_xdata() for line in axes.get_lines()]
    for row in top:
        for name in ("spearman", "mean_spearman"):
            assert any(list(x) == [row[f"{name}_low"], row[f"{name}_high"]] for x in drawn)
            assert any(list(x) == [row[name]] for x in drawn)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[:2] == ["combined effect", shortened(top[0]["track"], 40)]
    axes = figures["elements"].axes[0]
    drawn = [line.get_xdata() for line in axes.get_lines()]
    for kind, own in largest(found, n=1).items():
        for row in by_element(found, kind, own[0]["track"]):
            assert any(list(x) == [row["spearman_low"], row["spearman_high"]] for x in drawn)
    # the highest of the leading kind is first
    names = [label.get_text() for label in axes.get_yticklabels()]
    first = largest(found, n=1)["biological"][0]["track"]
    ordered = sorted(by_element(found, "biological", first), key=lambda row: -row["spearman"])
    assert names[:5] == [f"{row['element']} (n = 40)" for row in ordered]
    assert names[5:] == ["mean over elements", "all variants (n = 200)"]


def test_many_elements(tmp_path):
    one = correlated(tmp_path, n=400, n_elements=50, n_tracks=2, kinds=("score",))
    figure = draw(one)["elements"]
    assert len(figure.axes[0].get_yticklabels()) == 42
    assert "the 40 of 50 elements" in figure.get_suptitle()


def test_names_are_shortened_in_the_middle():
    assert shortened("H3K27ac/liver", 13) == "H3K27ac/liver"
    assert shortened("H3K27ac/liver/ENCFF000ABC", 16) == "H3K27a...F000ABC"


def test_whole_or_not_at_all(found, tmp_path, monkeypatch, undrawn):
    monkeypatch.setattr(correlation_report, "page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_correlation(found, tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


def test_refusals(found, tmp_path, undrawn):
    write_correlation(found, tmp_path / "r")
    for refuse in (lambda: write_correlation(found, tmp_path / "r"),
                   lambda: check_correlation(tmp_path / "r")):  # fmt: skip
        with pytest.raises(OutputError, match="exists already"):
            refuse()
    check_correlation(tmp_path / "r", force=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "overall.tsv").touch()  # a report of an enrichment
    with pytest.raises(OutputError, match=r"only a folder with correlation\.json"):
        check_correlation(tmp_path / "other", force=True)
