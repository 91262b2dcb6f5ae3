"""`mfdvep sweep`: options in, a table out."""

from __future__ import annotations

import pytest
from training.simulated import RECIPE, simulate

from mfdvep.training.trainer import Trainer


@pytest.fixture
def args(tmp_path):
    (tmp_path / "r.toml").write_text(RECIPE)
    simulate(tmp_path / "set", n_bins=600)
    data, output = str(tmp_path / "set"), str(tmp_path / "sweep")
    return ["sweep", str(tmp_path / "r.toml"), "--data", data, "-o", output, "--device", "cpu"]


def test_a_table(run, args, tmp_path):
    code, out, err = run(*args, "--independence", "0,0.01", "--seeds", "3", "--steps", "2")
    assert code == 0
    assert out == (tmp_path / "sweep" / "sweep.tsv").read_text()
    assert [line.split("\t")[:2] for line in out.splitlines()[1:3]] == [["0", "3"], ["0.01", "3"]]
    assert "2/2: lambda-0.01.seed-3" in err


@pytest.mark.parametrize("option", [["--seeds", "a"], ["--independence", "-1"], ["--seeds", "1.5"]])
def test_refused(run, args, option):
    code, _, err = run(*args, *option)
    assert code == 2
    assert "expected numbers of at least 0" in err


def test_an_interrupt_says_how_to_go_on(run, args, monkeypatch):
    def interrupted(self, batch):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "train_step", interrupted)
    code, _, err = run(*args, "--seeds", "1")
    assert code == 130
    assert "the same command goes on from here" in err
