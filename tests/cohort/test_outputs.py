"""Each output is read back by another tool, with the same people, columns and numbers."""

from __future__ import annotations

import csv
import gzip
import json

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from cohort.test_burden import Case

from mfdvep.cohort import outputs
from mfdvep.errors import InputError

h5py, anndata = pytest.importorskip("h5py"), pytest.importorskip("anndata")
COLUMNS = ["left, a|biological_absolute", "left, a|unweighted", "right|biological_absolute",
           "right|unweighted"]  # fmt: skip


@pytest.fixture
def case(tmp_path) -> Case:
    made = Case(tmp_path)
    made.regions.write_text("chr1\t0\t30\tleft, a\nchr1\t15\t50\tright\n")
    made.run()
    made.expected = made.values()
    return made


def test_duckdb_reads_the_parquet(case):
    found = duckdb.sql(f"SELECT * FROM '{case.output}'").fetchnumpy()
    assert list(found) == ["iid", *COLUMNS]
    assert found["iid"].tolist() == ["ann", "bob", "cat"]
    for name, column in zip(COLUMNS, case.expected.T, strict=True):
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], column)
    assert pq.read_schema(case.output).field("iid").type == "string"


@pytest.mark.parametrize("ending", ["tsv", "tsv.gz"])
def test_text_is_whole_and_keeps_every_digit(case, ending):
    case.output = case.folder / f"b.{ending}"
    case.run()
    data = case.output.read_bytes()
    text = (gzip.decompress(data) if ending == "tsv.gz" else data).decode()
    header, *rows = csv.reader(text.splitlines(), delimiter="\t")
    assert header == ["iid", *COLUMNS]
    assert [row[0] for row in rows] == ["ann", "bob", "cat"]
    numbers = np.array([row[1:] for row in rows], dtype=np.float32)
    np.testing.assert_array_equal(numbers, case.expected)


def test_hdf5_is_as_contig_reads_it(case):
    """As its get_burden_data does: both text files by read_csv without header, rows of G."""
    case.output = case.folder / "combined_burdens.h5"
    case.run()

    def names(what):
        path = case.folder / f"combined_burdens_{what}.txt"
        return pd.read_csv(path, header=None).to_numpy().flatten()

    assert names("colnames").tolist() == COLUMNS
    assert names("iid").tolist() == ["ann", "bob", "cat"]
    with h5py.File(case.output) as file:
        assert file["G"].shape == (3, 4)
        np.testing.assert_array_equal(file["G"][np.array([0, 2])], case.expected[[0, 2]])
        assert json.loads(file.attrs["provenance"])["scores"]["model"]["name"] == "toy"
    assert (case.folder / "combined_burdens.stats.json").is_file()


def test_anndata_reads_its_own(case):
    case.output = case.folder / "b.h5ad"
    case.run()
    found = anndata.read_h5ad(case.output)
    assert found.obs_names.tolist() == ["ann", "bob", "cat"]
    assert found.var_names.tolist() == COLUMNS
    assert found.var["region"].tolist() == ["left, a", "left, a", "right", "right"]
    assert found.var["weighting"].tolist() == ["biological_absolute", "unweighted"] * 2
    np.testing.assert_array_equal(found.X, case.expected)
    assert json.loads(found.uns["provenance"])["cohort"]["field"] == "GT"


def test_what_is_not_installed_is_named_before_any_work(case, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(outputs.importlib, "import_module", missing)
    case.output = case.folder / "c.h5ad"
    with pytest.raises(InputError, match=r"c\.h5ad: \.h5ad needs anndata: pip install 'mfdvep\[co"):
        case.run()
