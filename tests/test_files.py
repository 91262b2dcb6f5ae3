"""Outputs are checked before any work, and appear together."""

from __future__ import annotations

import pytest

from mfdvep.errors import OutputError
from mfdvep.files import Parts, check_outputs


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({"output": "a", "matrix": "./a"}, "matrix ./a is the output too"),
        ({"output": "in.vcf"}, "output in.vcf is an input"),
        ({"output": "link"}, "output link is an input"),
        ({"matrix": "folder"}, "is a folder"),
        ({"stats": "none/a"}, "no folder none"),
    ],
)
def test_outputs_refused_even_by_force(tmp_path, monkeypatch, outputs, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.vcf").touch()
    (tmp_path / "link").symlink_to("in.vcf")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=says):
        check_outputs(outputs, ["in.vcf"], force=True)


def test_existing_files_need_force(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match="exists"):
        check_outputs({"output": tmp_path / "a"}, [])
    check_outputs({"output": tmp_path / "a", "matrix": None, "stats": "-"}, ["-"], force=True)


def test_parts_appear_together_or_not_at_all(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    with Parts(a, None, b) as parts:
        parts[a].write_text("1")
        parts[b].write_text("2")
        assert not a.exists()
    assert (a.read_text(), b.read_text()) == ("1", "2")
    parts = Parts(a)
    parts[a].write_text("3")
    parts.__exit__(RuntimeError)
    assert a.read_text() == "1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_part_that_was_not_written_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"), Parts(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())
