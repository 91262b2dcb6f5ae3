"""Tables of people: each form is read, each way to be wrong is refused."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mfdvep.cohort.align.tables import read_people
from mfdvep.errors import InputError


def write(path, text):
    path.write_text(text)
    return path


def array(folder, values, names="a\nb\n"):
    np.save(folder / "e.npy", values)
    (folder / "e.iid.txt").write_text(names)
    return folder / "e.npy"


def test_a_tab_separated_table(tmp_path):
    path = write(tmp_path / "prs.v1.tsv", "iid\tage\tsex\n007\t50\t1\nNA\t\t0\nb\tNA\tnan\n")
    found = read_people(path)
    assert found.name == "prs"
    assert found.iids == ("007", "NA", "b")  # names stay text, whatever they look like
    assert found.columns == ("age", "sex")
    np.testing.assert_array_equal(found.values, [[50, 1], [np.nan, 0], [np.nan, np.nan]])
    assert found.known.tolist() == [True, False, False]
    assert found.families is None


def test_a_byte_order_mark_changes_no_name(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"\xef\xbb\xbfiid\tx\n007\t1\n7\t2\n")
    assert read_people(tmp_path / "t.tsv").iids == ("007", "7")


def test_names_as_plink_has_them(tmp_path):
    path = write(tmp_path / "c.tsv", "#FID\tIID\tpc1\nf1\ta\t1\n0\tb\t2\n\tc\t3\n")
    found = read_people(path, name="covariates")
    assert (found.name, found.iids, found.columns) == ("covariates", ("a", "b", "c"), ("pc1",))
    assert found.families == ("f1", "", "")


def test_compressed_text_and_chosen_columns(tmp_path):
    (tmp_path / "c.tsv.gz").write_bytes(gzip.compress(b"iid\tx\tsite\ty\na\t1\tLeeds\t2\n"))
    found = read_people(tmp_path / "c.tsv.gz", columns=["y", "x"])
    assert found.columns == ("y", "x")
    assert found.values.tolist() == [[2, 1]]


def test_parquet(tmp_path):
    pq.write_table(
        pa.table({"iid": ["a", "b"], "G|w": pa.array([1.5, None], pa.float32()),
                  "n": pa.array([1, 2], pa.int32())}),
        tmp_path / "b.parquet",
    )  # fmt: skip
    found = read_people(tmp_path / "b.parquet")
    assert found.columns == ("G|w", "n")
    np.testing.assert_array_equal(found.values, np.float32([[1.5, 1], [np.nan, 2]]))
    assert found.values.dtype == np.float32


@pytest.mark.parametrize(("shape", "expected"), [((2, 3), (2, 3)), ((2, 4, 5), (2, 1, 4, 5)),
                                                 ((2, 3, 4, 5), (2, 3, 4, 5))])  # fmt: skip
def test_arrays(tmp_path, shape, expected):
    values = np.arange(np.prod(shape)).reshape(shape)
    found = read_people(array(tmp_path, values))
    assert found.values.shape == expected
    np.testing.assert_array_equal(found.values.ravel(), values.ravel())
    assert found.columns == (("0", "1", "2") if len(shape) == 2 else ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("iid\tx\na\t1\nb\t2\na\t3\n", r"1 people are there more than once: 'a'"),
        ("iid\tx\na\t1\n\t2\n", "person 2 has no name"),
        ("name\tx\na\t1\n", "no column 'iid'; it has 'name', 'x'"),
        ("iid\na\n", "no column beside the names"),
        ("iid\tx\n", "no people"),
        ("iid\tx\na\tred\n", "column 'x' is string; expected numbers"),
        ("iid\tx\tx\na\t1\t2\n", "column 'x' twice"),
        ("iid\tx\na\t1\t2\n", "cannot read the table of people"),
        ("", "cannot read the table of people"),
    ],
)
def test_refused_tables(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_people(write(tmp_path / "t.tsv", text))


def test_a_missing_column_names_the_nearest(tmp_path):
    path = write(tmp_path / "t.tsv", "iid\tage\tbmi\na\t1\t2\n")
    with pytest.raises(InputError, match=r"no column of numbers 'agee' .*nearest: age"):
        read_people(path, columns=["agee"])
    with pytest.raises(InputError, match="it has 'age', 'bmi'"):
        read_people(path).select(["zzzz"])


@pytest.mark.parametrize(
    ("values", "names", "message"),
    [
        (np.zeros(2), "a\nb\n", r"float64 \(2,\); expected numbers"),
        (np.zeros((2, 0)), "a\nb\n", "expected numbers"),
        (np.array([["x"], ["y"]]), "a\nb\n", "expected numbers"),
        (np.zeros((3, 1)), "a\nb\n", "3 rows, but .*e.iid.txt has 2 names"),
        (np.zeros((2, 1)), "a\na\n", "more than once"),
    ],
)
def test_refused_arrays(tmp_path, values, names, message):
    with pytest.raises(InputError, match=message):
        read_people(array(tmp_path, values, names))


def test_an_array_without_names_or_that_is_none(tmp_path):
    path = array(tmp_path, np.zeros((2, 1)))
    (tmp_path / "e.iid.txt").unlink()
    with pytest.raises(InputError, match="cannot read the names of the rows"):
        read_people(path)
    path.write_bytes(b"no array")
    with pytest.raises(InputError, match="cannot read the array"):
        read_people(path)
    with pytest.raises(InputError, match="cannot read the table"):
        read_people(tmp_path / "absent.tsv")
