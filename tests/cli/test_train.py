"""`mfdvep train`: an interrupt keeps the steps, and --resume goes on from them."""

from __future__ import annotations

import os
import signal

import pytest
from training.simulated import RECIPE, simulate

from mfdvep.training.trainer import CHECKPOINT, MODEL, Trainer


@pytest.fixture
def args(tmp_path):
    (tmp_path / "r.toml").write_text(RECIPE)
    simulate(tmp_path / "set", n_bins=200)
    data, output = str(tmp_path / "set"), str(tmp_path / "run")
    return ["train", str(tmp_path / "r.toml"), "--data", data, "-o", output, "-q"]


def test_an_interrupt_within_a_step_keeps_it_and_resume_goes_on(run, args, tmp_path, monkeypatch):
    step = Trainer.train_step

    def interrupted(self, batch):
        if self.step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Trainer, "train_step", interrupted)
    code, _, err = run(*args)
    assert code == 130
    assert "--resume goes on from step 2" in err
    assert (tmp_path / "run" / CHECKPOINT).exists()
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.undo()


def test_a_second_interrupt_does_not_wait(run, args, tmp_path, monkeypatch):
    def interrupted(self, batch):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("went on")

    monkeypatch.setattr(Trainer, "train_step", interrupted)
    code, _, err = run(*args)
    assert code == 130
    assert "no step is kept" in err
    assert not (tmp_path / "run" / CHECKPOINT).exists()


def test_resume(run, args, tmp_path):
    def interrupt(step, total, entry):
        if step == 3:
            raise KeyboardInterrupt

    from mfdvep.training.dataset import TrainingSet
    from mfdvep.training.recipe import Recipe

    trainer = Trainer(Recipe.read(args[1]), TrainingSet.open(args[3]), args[5])
    with pytest.raises(KeyboardInterrupt):
        trainer.run(progress=interrupt)
    code, _, err = run(*args, "--resume")
    assert code == 0
    assert f"{tmp_path / 'run' / MODEL}: best of 4 steps" in err
    for more in ([], ["--resume"]):
        code, _, err = run(*args, *more)
        assert code == 1
        assert "finished" in err
