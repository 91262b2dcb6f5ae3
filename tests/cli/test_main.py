"""The command line as a whole: help, exit codes, one line an error."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mfdvep.cli.main import COMMANDS, main, mfdvep
from mfdvep.errors import InputError


def test_help_lists_every_command(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"Example:\n    mfdvep {name}" in out


def test_version(run):
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("mfdvep, version ")


@pytest.mark.parametrize("args", [["nonsense"], ["score"], ["score", "a.vcf", "--top-k", "x"]])
def test_usage_is_2(run, args):
    code, _, err = run(*args)
    assert code == 2
    assert "Error:" in err


def test_an_error_is_one_line_and_1(run, tmp_path):
    code, out, err = run("score", "a.vcf", "-f", str(tmp_path / "none.fa"))
    assert (code, out) == (1, "")
    assert err.startswith("mfdvep: error: ")
    assert err.count("\n") == 1


def test_an_interrupt_is_130(run, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("mfdvep.model.checkpoint.bundled_models", interrupt)
    assert run("models")[0] == 130


def test_a_bug_is_not_hidden(monkeypatch):
    """Only errors that mfdvep raises on purpose are shown as one line."""

    def fail():
        raise ValueError("a bug")

    monkeypatch.setattr("mfdvep.model.checkpoint.bundled_models", fail)
    assert isinstance(CliRunner().invoke(mfdvep, ["models"]).exception, ValueError)
    monkeypatch.setattr("sys.argv", ["mfdvep", "models"])
    with pytest.raises(ValueError, match="a bug"):
        main()


def test_models_lists_what_is_bundled(run):
    code, out, _ = run("models")
    assert code == 0
    assert "regulome45\t442 tracks\tsha256 " in out


def test_the_message_is_kept_whole(run, monkeypatch):
    def fail():
        raise InputError("here: found this; do that")

    monkeypatch.setattr("mfdvep.model.checkpoint.bundled_models", fail)
    assert run("models") == (1, "", "mfdvep: error: here: found this; do that\n")
