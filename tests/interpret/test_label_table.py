"""Tables of labels: what is read, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mfdvep.errors import InputError
from mfdvep.interpret.probes.label_table import read_labels

TEXT = (
    "#name\tchrom\tstart\tend\tliver\tbrain\tnote\n"
    "r1\tchr1\t0\t9\t1\t\ta\n"
    "r2\tchr2\t5\t9\tFalse\tNA\tb\n"
)


def test_text_and_parquet(tmp_path):
    text = tmp_path / "l.tsv"
    text.write_text(TEXT)
    table = read_labels(text, ["brain", "liver"])
    assert table.tasks == ("liver", "brain")
    assert table.labels.tolist() == [[1, -1], [0, -1]]
    assert (table.name, table.chrom) == (["r1", "r2"], ["chr1", "chr2"])
    assert table.end.tolist() == [9, 9]
    columns = {"name": ["r1", "r2"], "a": [True, None], "b": np.array([0, 1]), "c": ["", "1"]}
    pq.write_table(pa.table(columns), tmp_path / "l.parquet")
    table = read_labels(tmp_path / "l.parquet")
    assert table.labels.tolist() == [[1, 0, -1], [-1, 1, 1]]
    assert table.chrom is None
    assert not table.has_places


@pytest.mark.parametrize(
    ("text", "tasks", "told"),
    [
        (TEXT, ("livre",), "no task 'livre'; nearest: liver"),
        (TEXT, (), "row 1, task 'note': label 'a' is not 0, 1 or empty"),
        ("name\tx\nr\t2\n", (), "label '2' is not 0, 1"),
        ("a\tb\n1\t1\n", (), "no column name, nor chrom, start and end"),
        ("name\tchrom\nr\tc\n", (), "no task: every column"),
        ("name\tx\tx\n", (), "columns repeated: x"),
        ("name\tx\n", (), "no row below"),
        ("name\tx\nr\n", (), ":2: 1 tab-separated columns, expected 2"),
        ("chrom\tstart\tend\tx\nc\ta\t1\t1\n", (), "column start: .*; expected whole numbers"),
    ],
)
def test_refusals(tmp_path, text, tasks, told):
    path = tmp_path / "l.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_labels(path, tasks)
