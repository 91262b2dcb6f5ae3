"""A run in two processes is the run in one: same losses, same weights, to rounding."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from training.simulated import RECIPE, simulate

from mfdvep.model.checkpoint import load_model

LOSSES = ("bce", "dependence", "norm", "validation_bce")


def run(n_processes: int, folder, recipe, data, *more: str) -> list[dict]:
    command = ["-m", "mfdvep", "train", str(recipe), "--data", str(data), "-o", str(folder)]
    if n_processes > 1:
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
        command = [*launch, str(n_processes), *command]
    done = subprocess.run(
        [sys.executable, *command, "--device", "cpu", "--threads", "1", "-q", *more],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("extra", ["independence = 0.1", "independence = 0\naccumulate = 3"])
def test_two_processes_give_what_one_gives(tmp_path, extra):
    """With parts it is enough that processes with 3 and 2 sequences meet in the same number."""
    data = simulate(tmp_path / "set", n_bins=400)[0]
    recipe = tmp_path / "recipe.toml"
    five = RECIPE.replace("sequences = 4", "sequences = 5")
    more = f"{extra}\nwarmup_steps = 0\nbiological_alone = 0.3\nclip_norm = 0.5\n"
    recipe.write_text(f"{five}{more}learning_rate = 3e-3\n")
    alone, both = (run(n, tmp_path / str(n), recipe, data.folder) for n in (1, 2))
    assert len(alone) == len(both) == 4
    if "accumulate" in extra:  # the parts are others, and so is their BatchNorm
        assert all(np.isfinite(entry[name]) for entry in both for name in LOSSES[:3])
        return
    for a, b in zip(alone, both, strict=True):
        for name in (name for name in LOSSES if name in a):
            assert b[name] == pytest.approx(a[name], rel=1e-3), (a["step"], name)
    recipe.write_text(f"{five}{more}learning_rate = 1e-12\n")
    run(1, tmp_path / "0", recipe, data.folder)
    start, one, two = (weights(tmp_path / name / "model") for name in "012")
    assert (two - one).norm() < 0.02 * (one - start).norm()


def weights(folder) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in load_model(folder).parameters()])


def test_all_processes_end_at_the_same_step(tmp_path):
    """An early stop is the first process's to decide; the others would wait for it for ever."""
    data = simulate(tmp_path / "set", n_bins=400)[0]
    recipe = tmp_path / "recipe.toml"
    early = RECIPE.replace("validate_every = 4", "validate_every = 1").replace(
        "steps = 4", "steps = 99"
    )
    recipe.write_text(f"{early}learning_rate = 1e-9\npatience = 2\n")
    steps = [x["step"] for x in run(2, tmp_path / "two", recipe, data.folder)]
    assert steps == list(range(1, len(steps) + 1))
    assert 3 <= len(steps) < 99


def test_fewer_sequences_than_processes_are_refused(tmp_path):
    data = simulate(tmp_path / "set", n_bins=400)[0]
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.replace("sequences = 4", "sequences = 1"))
    with pytest.raises(AssertionError, match="1 sequences a step for 2 processes"):
        run(2, tmp_path / "two", recipe, data.folder)
