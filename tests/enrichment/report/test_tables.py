"""Tables on disk: they read back equal, and nothing is rounded."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.enrichment.report.tables import rows, with_metadata, write_parquet, write_tsv
from mfdvep.model.tracks import TrackTable


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_any_number_reads_back(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("t") / "t.tsv"
    write_tsv(path, {"x": np.array(values)})
    assert [float(row["x"]) for row in read(path)] == values


def test_cells(tmp_path):
    columns = {
        "name": ["a\tb", 'say "x"', None],
        "n": np.array([1, 2**53 + 1, -3]),
        "p": np.array([1e-320, np.nan, np.inf]),
        "small": np.array([0.1, 1e-8, np.nan], dtype=np.float32),
        "label": np.array([True, False, True]),
    }
    write_tsv(tmp_path / "t.tsv", columns)
    found = read(tmp_path / "t.tsv")
    assert [row["name"] for row in found] == ["a\tb", 'say "x"', ""]
    assert [row["n"] for row in found] == ["1", "9007199254740993", "-3"]
    assert [row["p"] for row in found] == ["1e-320", "", "inf"]
    assert [row["small"] for row in found] == ["0.1", "1e-08", ""]
    assert [row["label"] for row in found] == ["1", "0", "1"]


def test_parquet_reads_back(tmp_path):
    columns = {
        "t": ["a", None],
        "n": np.array([1, 2]),
        "p": np.array([np.nan, 0.1]),
        "m": [None, 2],
    }
    write_parquet(tmp_path / "t.parquet", columns)
    found = pq.read_table(tmp_path / "t.parquet").to_pydict()
    assert found == {"t": ["a", None], "n": [1, 2], "p": [None, 0.1], "m": [None, 2]}


def test_empty_tables(tmp_path):
    for columns in ({}, {"a": [], "b": np.zeros(0)}):
        write_tsv(tmp_path / "t.tsv", columns)
        write_parquet(tmp_path / "t.parquet", columns)
        assert read(tmp_path / "t.tsv") == []
        assert pq.read_table(tmp_path / "t.parquet").num_rows == 0
        assert rows(columns) == []


def test_rows_are_plain():
    columns = {"kind": np.array(["a"]), "n": np.array([2]), "x": np.array([np.nan])}
    assert rows(columns) == [{"kind": "a", "n": 2, "x": None}]
    assert type(rows(columns)[0]["n"]) is int


def test_metadata_of_tracks():
    """By name; tracks with one name in their order; a name that is taken gets a prefix."""
    table = TrackTable({"id": ("E1", "E2", "E2"), "auroc": ("a", "b", "c")})
    tracks = {
        "track": ["E2", "E2", "E1", "other"],
        "kind": ["x"] * 4,
        "auroc": [0.1, 0.2, 0.3, 0.4],
    }
    found = with_metadata(tracks, table)
    assert list(found) == ["track", "id", "metadata_auroc", "kind", "auroc"]
    assert found["metadata_auroc"] == ["b", "c", "a", None]
    assert found["auroc"] == [0.1, 0.2, 0.3, 0.4]
