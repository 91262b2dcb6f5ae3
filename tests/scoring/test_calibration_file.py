"""A table of quantiles comes back from its file as it was, and another file is refused."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import SMALL_TRACKS
from scoring.backgrounds import effects_of, matrix_of, table_of

from mfdvep import read_calibration
from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.scoring.calibration_file import write_calibration
from mfdvep.scoring.effects import KINDS


@pytest.fixture
def path(tmp_path):
    write_calibration(table_of(effects_of(400), tmp_path), tmp_path / "c.parquet")
    return tmp_path / "c.parquet"


def test_it_comes_back(path, tmp_path):
    made, found = table_of(effects_of(400), tmp_path), read_calibration(path)
    assert (found.names, found.about) == (made.names, made.about)
    assert np.array_equal(found.ranks, made.ranks)
    for kind in KINDS:
        assert found.sizes[kind].dtype == np.float32
        assert np.array_equal(found.sizes[kind], made.sizes[kind])
    assert (found.path, found.sha256) == (str(path), sha256(path))
    assert (found.n, found.cap) == (360, 1 - 1 / 360)


def test_it_is_plain_parquet(path):
    table = pq.read_table(path)
    assert table.column_names == ["track", "kind", "sizes"]
    assert table["track"].to_pylist() == [*SMALL_TRACKS.names, None] * 3
    assert table["kind"].to_pylist() == [kind for kind in KINDS for _ in range(6)]
    about = json.loads(table.schema.metadata[b"mfdvep.calibration"])
    assert (about["n"], about["cap"], about["ranks"][-1]) == (360, 1 - 1 / 360, 359)
    assert about["background"]["file"] == "background.parquet"
    assert table.schema.field("sizes").type.list_size == len(about["ranks"])


def changed(table: pa.Table, **about) -> pa.Table:
    made = json.loads(table.schema.metadata[b"mfdvep.calibration"])
    text = json.dumps({key: value for key, value in {**made, **about}.items() if value is not None})
    return table.replace_schema_metadata({"mfdvep.calibration": text})


def test_other_files_are_refused(path, tmp_path):
    table = pq.read_table(path)
    lists = table.schema.field("sizes").type
    numbers = table["sizes"].combine_chunks().flatten().to_numpy()[::-1].copy()
    falling = pa.FixedSizeListArray.from_arrays(pa.array(numbers), type=lists)
    (tmp_path / "text").write_text("no")
    (tmp_path / "half").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    matrix_of(effects_of(5), tmp_path / "matrix")
    for name, other in {
        "fewer": table[:-1],
        "order": table[::-1],
        "one": table.drop_columns("sizes"),
        "falling": table.set_column(2, table.schema.field("sizes"), falling),
        "plain": table.replace_schema_metadata(),
        "n": changed(table, n=361),
        "ranks": changed(table, ranks=[0, 359]),
        "model": changed(table, model=None),
    }.items():
        pq.write_table(other, tmp_path / name)
    names = ("none", "text", "half", "matrix", "fewer", "order", "one", "falling", "plain", "n",
             "ranks", "model")  # fmt: skip
    for name in names:
        with pytest.raises(InputError, match=f"{name}: not a whole table of quantiles .*mfdvep ca"):
            read_calibration(tmp_path / name)


def test_damaged_bytes_are_refused(path):
    data = bytearray(path.read_bytes())
    data[200:1200] = bytes(1000)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"c\.parquet: not a whole table"):
        read_calibration(path)
