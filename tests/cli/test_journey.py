"""The whole journey as typed: simulate, prepare, train, evaluate, score, and a training cut off.

The recipe is train/simulated.toml with a model and numbers so small that all of it takes seconds.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cyvcf2 import VCF

from mfdvep.scoring.matrix import read_effects
from mfdvep.training.dataset import TrainingSet

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-W", "error"]
MFDVEP = [*PYTHON, "-m", "mfdvep"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
KINDS = ("combined", "biological", "technical")
SEQUENCES = 4
SMALL = {
    "width": 8, "n_latent": 24, "biological_hidden": 8, "technical_hidden": 8,
    "predictor_hidden": 8, "sequences": SEQUENCES, "bins_per_sequence": 1, "warmup_steps": 2,
    "validate_every": 40, "checkpoint_every": 15,
}  # fmt: skip


def typed(folder: Path, *command: str) -> str:
    """Run a command in a folder; return its standard output."""
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def small(recipe: str, **values: object) -> str:
    """Return a recipe with some of its numbers replaced, all of which it must have."""
    for name, value in values.items():
        recipe, n = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", recipe)
        assert n == 1, name
    return recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with simulated data, a training set, and a finished run."""
    folder = tmp_path_factory.mktemp("journey")
    sizes = ["--contigs", "3", "--bases", "40960", "--variants", "2"]
    typed(folder, *PYTHON, str(ROOT / "train" / "simulate.py"), "-o", "sim", *sizes)
    data = ["sim/experiments.tsv", "-f", "sim/genome.fa", "-o", "set"]
    typed(folder, *MFDVEP, "prepare", *data, "--validation", "sim2", "--test", "sim3")
    n_batches = len(TrainingSet.open(folder / "set").rows("train")) // SEQUENCES  # an epoch
    recipe = (ROOT / "train" / "simulated.toml").read_text(encoding="utf-8")
    (folder / "recipe.toml").write_text(small(recipe, **SMALL, steps=2 * n_batches + 1))
    typed(folder, *training("run"))
    return folder


def training(output: str) -> list[str]:
    """Return the command that trains the recipe into a folder."""
    return [*MFDVEP, "train", "recipe.toml", "--data", "set", "-o", output, "--threads", "1"]


def test_training_goes_through_all_bins_twice(folder):
    log = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in log[-2:]] == [1, 2]
    assert all(np.isfinite(entry["bce"]) for entry in log)
    assert 0 < log[-1]["validation_auroc"] < 1


def test_evaluate(folder):
    command = ["evaluate", "run/model", "--data", "set", "--group-by", "lab", "-o", "metrics.json"]
    table = typed(folder, *MFDVEP, *command, "--threads", "1").splitlines()
    metrics = json.loads((folder / "metrics.json").read_text())
    experiments = (folder / "sim" / "experiments.tsv").read_text().splitlines()[1:]
    names = [line.split("\t")[0] for line in experiments]
    assert [track["track"].split("/")[-1] for track in metrics["tracks"]] == names
    assert metrics["contigs"] == ["sim3"]
    labs = metrics["summary"]["groups"]["lab"]
    assert labs.keys() == {"East", "North", "South"}
    assert {line.split("\t")[0] for line in table[1:5]} == {"all", *labs}
    for row in (*metrics["tracks"], metrics["summary"]["all"], *labs.values()):
        figures = [row[f"{kind}_{metric}"] for kind in KINDS for metric in ("auroc", "auprc")]
        assert all(0 <= figure <= 1 for figure in figures if figure is not None)
    assert metrics["summary"]["all"]["n_tracks"] > 0


def test_score(folder):
    vcf = "sim/variants.vcf.gz"
    command = [vcf, "-f", "sim/genome.fa", "-m", "run/model", "--matrix", "effects.parquet"]
    typed(folder, *MFDVEP, "score", *command, "-o", "out.vcf.gz", "--shifts", "1", "--threads", "1")
    given, scored = ([str(r).split("\t")[:7] for r in VCF(str(folder / name))]
                     for name in (vcf, "out.vcf.gz"))  # fmt: skip
    assert scored == given
    assert len(given) > 20
    assert {r.INFO["MFD_STATUS"] for r in VCF(str(folder / "out.vcf.gz"))} == {"OK"}
    effects = read_effects(folder / "effects.parquet")
    for kind in KINDS:
        values = getattr(effects, kind)
        assert values.shape == (len(given), 36)
        assert np.isfinite(values).all()
        assert np.abs(values).max() > 0


def test_a_training_that_was_interrupted_gives_the_same_bytes(folder):
    process = subprocess.Popen(training("cut"), cwd=folder, env=ENVIRONMENT,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    log, waited = folder / "cut" / "log.jsonl", time.monotonic() + 300  # it takes 3 s when idle
    try:
        while not (log.is_file() and log.read_bytes().count(b"\n") > 19):  # a checkpoint was at 15
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < waited
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=300)[1]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "--resume goes on from step" in said
    assert not (folder / "cut" / "model").exists()
    typed(folder, *training("cut"), "--resume")
    whole, cut = (folder / name / "model" / "model.safetensors" for name in ("run", "cut"))
    assert cut.read_bytes() == whole.read_bytes()
