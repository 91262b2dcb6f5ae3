"""The track table, in memory and in a file."""

from __future__ import annotations

import pytest
from conftest import SMALL_TRACKS

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable


def test_a_table_comes_back_the_same(tmp_path):
    table = TrackTable({**SMALL_TRACKS.columns, "note": ('a "b"', "", "c\td", "e", "é")})
    table.write(tmp_path / "t.tsv")
    assert TrackTable.read(tmp_path / "t.tsv") == table


def test_a_byte_order_mark_is_no_part_of_a_column_name(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"\xef\xbb\xbfa\tb\r\n1\t2\r\n")
    assert TrackTable.read(tmp_path / "t.tsv") == TrackTable({"a": ("1",), "b": ("2",)})


def test_names_are_readable():
    assert SMALL_TRACKS.names[0] == "CTCF/K562/E0"
    assert SMALL_TRACKS.names[3] == "open/E3"


def test_a_column_is_told_by_the_nearest():
    with pytest.raises(InputError, match=r"table; nearest: target$"):
        SMALL_TRACKS["tarjet"]
    with pytest.raises(InputError, match=r"table; it has: experiment, assay"):
        SMALL_TRACKS["organ"]


def test_counts_of_values_and_of_combinations():
    """The most frequent first, those as frequent in order; what is not known is a value too."""
    assert SMALL_TRACKS.count(["target"]) == [(("CTCF",), 2), (("open",), 2), (("GATA1",), 1)]
    assert SMALL_TRACKS.count(["biosample"]) == [(("K562",), 3), (("",), 1), (("HepG2",), 1)]
    assert SMALL_TRACKS.count(["lab", "target"]) == [
        (("a", "CTCF"), 1),
        (("a", "open"), 1),
        (("b", "CTCF"), 1),
        (("b", "GATA1"), 1),
        (("b", "open"), 1),
    ]
    assert SMALL_TRACKS.take([]).count(["lab"]) == []
    with pytest.raises(InputError, match="nearest: lab"):
        SMALL_TRACKS.count(["target", "labs"])


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "empty"), ("a\ta\n1\t2\n", "repeated"), ("a\tb\n1\n", ":2: 1 fields")],
)
def test_tables_refused(tmp_path, text, says):
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(InputError, match=says):
        TrackTable.read(tmp_path / "t.tsv")


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        TrackTable.read(tmp_path / "none.tsv")


def test_a_field_too_long_for_a_table_is_one_line(tmp_path):
    (tmp_path / "t.tsv").write_text("a\tb\n" + "x" * 200_000 + "\ty\n")
    with pytest.raises(InputError, match="cannot read the table: field larger than"):
        TrackTable.read(tmp_path / "t.tsv")
