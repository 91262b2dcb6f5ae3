"""The trainer: exact resume, refusals, and that it learns."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from training.simulated import TRACKS, simulate

from mfdvep.errors import InputError, OutputError, TrainingError
from mfdvep.model.checkpoint import load_model
from mfdvep.model.config import ModelConfig, Variable
from mfdvep.training.recipe import Recipe, TrainingConfig
from mfdvep.training.trainer import CHECKPOINT, LOG, MODEL, Trainer


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("set") / "set", n_bins=400)[0]


def recipe(**training) -> Recipe:
    variables = (
        Variable("target", "biological", roles=("direct", "interact")),
        Variable("assay", "technical", roles=("direct", "interact")),
    )
    model = ModelConfig(
        variables, width=8, biological_hidden=8, technical_hidden=8, predictor_hidden=16
    )
    values = {
        "steps": 6,
        "sequences": 4,
        "bins_per_sequence": 8,
        "warmup_steps": 2,
        "validate_every": 3,
        "checkpoint_every": 4,
        "precision": "float32",
    }
    return Recipe("test", model, TrainingConfig(**{**values, **training}))


def log_of(folder) -> list[dict]:
    entries = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [
        {k: v for k, v in entry.items() if k not in ("bins_per_s", "waiting")} for entry in entries
    ]


def test_the_same_seed_gives_the_same_run(data, tmp_path):
    for name in ("a", "b"):
        Trainer(recipe(), data, tmp_path / name).run()
    Trainer(recipe(seed=1), data, tmp_path / "c").run()
    assert log_of(tmp_path / "a") == log_of(tmp_path / "b") != log_of(tmp_path / "c")
    weights = [(tmp_path / n / MODEL / "model.safetensors").read_bytes() for n in "ab"]
    assert weights[0] == weights[1]


class StopError(Exception):
    pass


@pytest.mark.parametrize("stop_at", [5, 6, 11])
def test_a_run_that_was_stopped_goes_on_exactly(data, tmp_path, stop_at):
    """Stopped after the checkpoints at 4 and 8; an epoch has 12 batches or so."""
    plan = recipe(steps=16, average=0.9, adversary_steps=2, biological_alone=0.5, accumulate=2)
    plan = replace(plan, model=replace(plan.model, dropout=0.3))
    Trainer(plan, data, tmp_path / "whole").run()

    def stop(step, total, entry):
        if step == stop_at:
            raise StopError

    with pytest.raises(StopError):
        Trainer(plan, data, tmp_path / "cut").run(progress=stop)
    Trainer(plan, data, tmp_path / "cut").run(resume=True)
    whole, cut = log_of(tmp_path / "whole"), log_of(tmp_path / "cut")
    assert cut == whole  # one line a step: what came after the checkpoint is not kept twice
    assert whole[0]["epoch"] == 0 < whole[-1]["epoch"]
    first, second = (load_model(tmp_path / n / MODEL).state_dict() for n in ("whole", "cut"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not (tmp_path / "cut" / CHECKPOINT).exists()


def test_a_checkpoint_of_another_recipe_is_refused(data, tmp_path):
    trainer = Trainer(recipe(), data, tmp_path / "run")
    (tmp_path / "run").mkdir()
    trainer.save_checkpoint()
    with pytest.raises(TrainingError, match="another recipe or training set"):
        Trainer(recipe(learning_rate=0.1), data, tmp_path / "run").run(resume=True)


def test_a_damaged_checkpoint_is_refused(data, tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"not one")
    with pytest.raises(TrainingError, match="not a readable checkpoint"):
        Trainer(recipe(), data, tmp_path).run(resume=True)


def test_nothing_to_resume(data, tmp_path):
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        Trainer(recipe(), data, tmp_path / "run").run(resume=True)


def test_an_existing_run_is_not_overwritten(data, tmp_path):
    (tmp_path / CHECKPOINT).touch()
    with pytest.raises(OutputError, match="--resume"):
        Trainer(recipe(), data, tmp_path).run()


@pytest.mark.parametrize("resume", [False, True])
def test_a_finished_run_is_left_alone(data, tmp_path, resume):
    (tmp_path / MODEL).mkdir()
    (tmp_path / CHECKPOINT).touch()
    with pytest.raises(OutputError, match=r"finished: .*choose another output"):
        Trainer(recipe(), data, tmp_path).run(resume=resume)


def test_an_output_that_is_a_file(data, tmp_path):
    path = tmp_path / "file"
    path.write_text("work")
    for output, resume, says in (
        (path, False, "not a folder"),
        (path, True, "not a folder"),
        (path / "run", False, "cannot be made"),
    ):
        with pytest.raises(OutputError, match=says):
            Trainer(recipe(), data, output).run(resume=resume)
    assert path.read_text() == "work"


def test_a_folder_of_something_else_is_left_alone(data, tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match=r"holds thesis\.txt"):
        Trainer(recipe(), data, tmp_path).run()


def test_a_run_killed_before_its_first_checkpoint_starts_over(data, tmp_path):
    (tmp_path / LOG).write_text('{"step": 1, "bce": 9.0}\n{"step"')
    Trainer(recipe(), data, tmp_path).run()
    assert [entry["step"] for entry in log_of(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_a_torn_line_of_the_log_is_not_kept(data, tmp_path):
    trainer = Trainer(recipe(), data, tmp_path)
    trainer.save_checkpoint()
    (tmp_path / LOG).write_text('{"step": 0}\n{"step": 1}\n{"st')
    Trainer(recipe(), data, tmp_path).run(resume=True)
    assert [entry["step"] for entry in log_of(tmp_path)] == [0, 1, 2, 3, 4, 5, 6]


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_checkpoint(data, tmp_path):
    trainer = Trainer(recipe(steps=10), data, tmp_path / "run")

    def spoil(step, total, entry):
        if step == 5:
            with torch.no_grad():
                trainer.model.bias[0] = math.nan

    with pytest.raises(TrainingError, match=r"step 5: .*last good checkpoint is .*checkpoint\.pt"):
        trainer.run(progress=spoil)
    state = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)
    assert state["place"][0] == 4
    assert torch.isfinite(state["model"]["bias"]).all()
    assert not (tmp_path / "run" / MODEL).exists()


def test_a_validation_loss_that_is_not_finite_stops_the_run(data, tmp_path):
    trainer = Trainer(recipe(), data, tmp_path / "run")

    def spoil(step, total, entry):
        trainer.model.latent_norm.running_var.fill_(math.nan)  # only evaluation reads it

    with pytest.raises(TrainingError, match="step 3: the validation loss is not finite"):
        trainer.run(progress=spoil)
    assert not (tmp_path / "run" / MODEL).exists()


def first_batch(trainer):
    _, _, batch = next(trainer._batches())
    return batch


@pytest.mark.parametrize("part", ["model", "predictors"])
def test_a_gradient_that_is_not_finite_does_not_change_what_it_belongs_to(data, tmp_path, part):
    trainer = Trainer(recipe(), data, tmp_path / "run")
    trainer.model.train()
    watched = getattr(trainer.learner, part)
    next(watched.parameters()).register_hook(lambda gradient: gradient * math.nan)
    parameters = [*trainer.model.parameters(), *watched.parameters()]
    before = [parameter.detach().clone() for parameter in parameters]
    with pytest.raises(TrainingError, match="not finite"):
        trainer.train_step(first_batch(trainer))
    assert all(torch.equal(a, b) for a, b in zip(before, parameters, strict=True))


def test_the_adversarys_gradient_is_clipped(data, tmp_path):
    trainer = Trainer(recipe(clip_norm=1e-4), data, tmp_path / "run")
    trainer.model.train()
    trainer.train_step(first_batch(trainer))
    for module in (trainer.model, trainer.learner.predictors):
        norms = [p.grad.norm() for p in module.parameters() if p.grad is not None]
        assert torch.stack(norms).norm().item() == pytest.approx(1e-4, rel=1e-2)


def test_validation_multiplies_in_float32(data, tmp_path, monkeypatch):
    trainer = Trainer(recipe(precision="bfloat16"), data, tmp_path / "run")
    computed = {"features": set(), "logits": set()}
    for name, seen in computed.items():
        method = getattr(trainer.learner.kept, name)

        def watched(*args, method=method, seen=seen):
            seen.add(torch.is_autocast_enabled("cpu"))
            return method(*args)

        monkeypatch.setattr(trainer.learner.kept, name, watched)
    trainer.validate()
    assert computed == {"features": {True}, "logits": {False}}


def test_the_kept_weights_are_a_running_mean(data, tmp_path):
    trainer = Trainer(recipe(steps=3, average=0.75, validate_every=3), data, tmp_path / "run")
    seen = []

    def watch(step, total, entry):
        seen.append({k: v.clone() for k, v in trainer.model.state_dict().items()})

    trainer.run(progress=watch)
    kept = load_model(tmp_path / "run" / MODEL).state_dict()
    for name in ("bias", "trunk.stem.weight", "latent_norm.running_var"):
        expected = seen[0][name]  # the mean starts at the first step's
        for state in seen[1:]:
            expected = 0.75 * expected + 0.25 * state[name]
        torch.testing.assert_close(kept[name], expected, msg=name)


@pytest.mark.parametrize("step", [5, 6])
def test_an_interrupt_between_steps_keeps_them(data, tmp_path, step):
    """At 6, validation has just ended the run: it must not go on past its end."""
    plan = recipe(steps=9, learning_rate=1e-9, validate_every=2, patience=2)
    Trainer(plan, data, tmp_path / "whole").run()
    trainer = Trainer(plan, data, tmp_path / "cut")

    def interrupt(done, total, entry):
        if done == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.run(progress=interrupt)
    assert trainer.saved_step == step
    Trainer(plan, data, tmp_path / "cut").run(resume=True)
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "whole")


@pytest.mark.parametrize(
    "where",
    [
        "mfdvep.training.learner.Learner.step",
        "mfdvep.training.trainer.Trainer.train_step",
        "mfdvep.training.trainer.Trainer.validate",
    ],
)
def test_an_interrupt_within_a_step_keeps_the_last_checkpoint(data, tmp_path, monkeypatch, where):
    trainer = Trainer(recipe(), data, tmp_path / "run")

    def interrupt(*args, **options):
        raise KeyboardInterrupt

    def arm(step, total, entry):
        if step == 5:
            monkeypatch.setattr(where, interrupt)

    with pytest.raises(KeyboardInterrupt):
        trainer.run(progress=arm)
    assert trainer.saved_step == 4


def test_a_part_of_one_bin_is_refused(data, tmp_path):
    plan = recipe(sequences=4, bins_per_sequence=1, accumulate=4)
    with pytest.raises(TrainingError, match="fewer than 2 bins, which have no variance"):
        Trainer(plan, data, tmp_path / "run").run()


def test_early_stop(data, tmp_path):
    plan = recipe(steps=100, learning_rate=1e-9, validate_every=1, patience=3)
    trainer = Trainer(plan, data, tmp_path / "run")
    assert trainer.run()["steps"] < 100
    assert trainer.step - trainer.best["step"] == 3


def test_a_set_without_validation_is_refused(data, tmp_path):
    only_train = replace(data, contig_split=("train", "train"))
    with pytest.raises(TrainingError, match="0 validation bins"):
        Trainer(recipe(), only_train, tmp_path / "run")


@pytest.mark.parametrize(("contig", "split"), [(0, "training"), (1, "validation")])
def test_a_split_without_any_label_is_refused(data, tmp_path, contig, split):
    labelled = data.labelled.copy()
    labelled[:, contig] = False
    with pytest.raises(TrainingError, match=f"no {split} bin has a label"):
        Trainer(recipe(), replace(data, labelled=labelled), tmp_path / "run")


def test_bins_of_another_size_are_refused(data, tmp_path):
    with pytest.raises(InputError, match="bins of 64 bases; the model's are of 128"):
        Trainer(recipe(), replace(data, bin_size=64), tmp_path / "run")


def test_biases_start_at_the_base_rates(data, tmp_path):
    trainer = Trainer(recipe(), data, tmp_path / "run")
    rows = data.rows("train")
    rates = data.labels(rows).mean(0)
    assert np.allclose(torch.sigmoid(trainer.model.bias).detach(), rates, atol=0.01)
    assert len(TRACKS) == len(rates)


@pytest.mark.gpu
def test_training_on_a_gpu(data, tmp_path):
    Trainer(recipe(), data, tmp_path / "run", device="cuda").run()
    assert (tmp_path / "run" / MODEL).exists()
