"""Running the command in this process."""

from __future__ import annotations

import pytest

from mfdvep.cli.main import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `mfdvep ARGS` in this process; return exit code, stdout and stderr."""

    def call(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["mfdvep", *args])
        with pytest.raises(SystemExit) as stop:
            main()
        return (stop.value.code, *capsys.readouterr())

    return call
