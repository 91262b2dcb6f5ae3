"""The file of profiles: read back, the same bytes, and refused where it is another."""

from __future__ import annotations

from dataclasses import fields, replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mfdvep.errors import InputError
from mfdvep.expression.bins import MARKS
from mfdvep.expression.genes import Tss
from mfdvep.expression.profiles import Profiles, read_profiles, write_profiles


@pytest.fixture(scope="module")
def made() -> Profiles:
    """5,000 genes, more than a row group has, in two cells, two of them without expression."""
    rng = np.random.default_rng(1)
    n = 5_000
    expression = rng.random((2, n), dtype=np.float32)
    expression[0, :2] = np.nan
    return Profiles(
        genes=tuple(Tss(f"ENSG{i}", "", f"chr{i % 3}", i, "+-"[i % 2]) for i in range(n)),
        split=np.array(["train", "left_out"] * (n // 2)),
        cells=("a", "b"),
        marks=MARKS[:2],
        signal=rng.random((2, n, 2, 100), dtype=np.float32).round(),
        expression=expression,
        thresholds=np.array([0.5, 0.25], dtype=np.float32),
        provenance={"counts": {"kept": n}},
    )


def test_what_is_written_is_read_back(made, tmp_path):
    write_profiles(tmp_path / "a.parquet", made)
    again = read_profiles(tmp_path / "a.parquet")
    for field in fields(Profiles):
        before, after = getattr(made, field.name), getattr(again, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(after, before)
            assert after.dtype == before.dtype
        else:
            assert after == before
    assert len(again) == 5_000


def test_the_same_profiles_make_the_same_bytes(made, tmp_path):
    for name in ("a", "b"):
        write_profiles(tmp_path / name, made)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_another_reader_sees_the_same(made, tmp_path):
    path = tmp_path / "a.parquet"
    write_profiles(path, made)
    query = f"select cell, count(*), sum(label), count(label) from '{path}' group by 1 order by 1"
    for i, (cell, n, high, known) in enumerate(duckdb.sql(query).fetchall()):
        assert (cell, n, known) == (made.cells[i], 5_000, 4_998 if i == 0 else 5_000)
        assert high == np.nansum(made.labels(i))
    query = f"select profile from '{path}' where cell = 'b' and gene_id = 'ENSG4999'"
    ((profile,),) = duckdb.sql(query).fetchall()
    np.testing.assert_array_equal(profile, made.signal[1, 4_999].reshape(-1))


def test_other_files_are_refused(made, tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(InputError, match="not a file of profiles"):
        read_profiles(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(InputError, match="no metadata of mfdvep expression prepare"):
        read_profiles(path)
    write_profiles(path, made)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="make one with mfdvep expression prepare"):
        read_profiles(path)


def test_rows_in_another_order_are_refused(made, tmp_path):
    few = replace(
        made,
        genes=made.genes[:4],
        split=made.split[:4],
        signal=made.signal[:, :4],
        expression=made.expression[:, :4],
    )
    path = tmp_path / "a.parquet"
    write_profiles(path, few)
    table = pq.read_table(path)
    for order in ([4, 5, 6, 7, 0, 1, 2, 3], [1, 0, 2, 3, 4, 5, 6, 7]):
        pq.write_table(table.take(order), path)
        with pytest.raises(InputError, match="not in the order"):
            read_profiles(path)
    pq.write_table(table.slice(0, 7), path)
    with pytest.raises(InputError, match="not as many rows"):
        read_profiles(path)
