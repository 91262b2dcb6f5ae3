"""Trains an MFD model against its adversary, with checkpoints from which a run goes on exactly.

Source: science.md "Independence" (MFD eq. 3, 4) and "Training data".
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mfdvep import __version__
from mfdvep.errors import TrainingError
from mfdvep.model.checkpoint import save_model
from mfdvep.model.device import pick_device
from mfdvep.model.mfd import MFDModel
from mfdvep.model.processes import first_does, n_processes, of_first, process
from mfdvep.overlap import ahead
from mfdvep.training import objective, run_folder
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.evaluation import check_bins, held_out_features, validation_scores
from mfdvep.training.hold_out import HoldOut
from mfdvep.training.learner import Learner
from mfdvep.training.recipe import Recipe
from mfdvep.training.run_folder import CHECKPOINT, LOG, MODEL
from mfdvep.training.sampling import Batch, batches

Progress = Callable[[int, int, dict[str, float]], None]


class Trainer:
    """One training run.

    Parameters
    ----------
    recipe
        What to train and how.
    data
        The training set.
    output
        Folder of the run: log.jsonl, checkpoint.pt while it lasts, model/ at its end.
    device
        "auto", "cpu", "cuda", ...

    Raises
    ------
    InputError
        The set's bins are not of the model's size; no such device; or as from `HoldOut.of`.
    TrainingError
        The set has no training or no validation bins, or none of them has a label; fewer
        sequences a step than processes.
    """

    def __init__(
        self, recipe: Recipe, data: TrainingSet, output: str | Path, *, device: str = "auto"
    ) -> None:
        self.held_out = HoldOut.of(recipe, data.tracks)
        recipe, data = recipe.override(hold_out=self.held_out.names), self.held_out.mask(data)
        self.recipe, self.config, self.data = recipe, recipe.training, data
        self.output = Path(output)
        self.writes = process() == 0  # of a run in several processes the first does, for all
        check_bins(data)
        if self.config.sequences < n_processes():
            raise TrainingError(
                f"{self.config.sequences} sequences a step for {n_processes()} processes; "
                "expected at least one each: raise sequences in the recipe"
            )
        self.device = pick_device(device)
        self.rows = data.rows("train")
        validation = data.rows("validation")
        if not len(self.rows) or not len(validation):
            raise TrainingError(
                f"{data.folder}: {len(self.rows)} training and {len(validation)} validation bins; "
                "prepare the set with --validation naming contigs that have peaks"
            )
        n = self.config.validation_bins or len(validation)
        every = max(1, len(validation) // n)
        self.validation_rows = validation[::every][:n]
        for split, rows in (("training", self.rows), ("validation", self.validation_rows)):
            objective.check_labels(data, rows, split)
        torch.manual_seed(self.config.seed)
        model = MFDModel(recipe.model, self.held_out.schema(recipe.model), data.tracks)
        rates = torch.from_numpy(objective.base_rates(data, self.rows)).float()
        rates = self.held_out.borrow(rates)
        with torch.no_grad():
            model.bias.copy_(torch.logit(rates))
        weight = objective.track_weights(rates, self.config.track_balance)
        self.learner = Learner(recipe, model, weight, self.device)
        self.model = self.learner.model
        self.step, self.epoch, self.batch = 0, 0, 0
        self.saved_step: int | None = None  # of the checkpoint
        self.best: dict[str, Any] = {"loss": math.inf, "step": 0, "state": None}

    def _batches(self) -> Iterator[tuple[int, int, Batch]]:
        """Yield (epoch, number in it, batch) for ever, from the current place on."""
        epoch, first = self.epoch, self.batch
        while True:
            for number, item in enumerate(
                batches(
                    self.data,
                    self.rows,
                    n_sequences=self.config.sequences,
                    k=self.config.bins_per_sequence,
                    max_shift=self.config.max_shift,
                    seed=self.config.seed,
                    epoch=epoch,
                    first=first,
                    share=(process(), n_processes()),
                ),
                first,
            ):
                yield epoch, number, item
            epoch, first = epoch + 1, 0

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Return the losses of one step; see `Learner.step`.

        Raises
        ------
        TrainingError
            A loss or a gradient is not finite; the model's parameters have not been changed.
        """
        losses = self.learner.step(batch, self.step)
        if not losses.pop("finite"):
            self._check(math.nan, "the loss or its gradient")
        return losses

    def _check(self, value: float, what: str) -> None:
        run_folder.check_finite(self.output, value, f"step {self.step}: {what}")

    def run(self, *, resume: bool = False, progress: Progress | None = None) -> dict[str, Any]:
        """Train to the end, write the best model to OUTPUT/model, and return its summary.

        Interrupted between two steps, e.g. by `progress`, it writes a checkpoint of the last one.
        Within a step it cannot: the one before stays, see `saved_step`.

        Parameters
        ----------
        resume
            Go on from OUTPUT/checkpoint.pt as if the run had not stopped.
        progress
            Called after every step with (step, steps, losses).

        Raises
        ------
        OutputError
            The output is a finished run, or one to resume and `resume` is not set, or no run.
        TrainingError
            Nothing to resume, a checkpoint of another run, or a loss that is not finite.
        """
        first_does(lambda: run_folder.open_run(self.output, resume=resume))
        if resume:
            self.load_checkpoint()
        if resume and self.writes:
            run_folder.cut_log(self.output, self.step)
        log_file = self.output / LOG if self.writes else os.devnull
        start, bins, waited, whole = time.monotonic(), 0, 0.0, True
        self.model.train()
        with (
            open(log_file, "a" if resume else "w", encoding="utf-8") as log,
            closing(ahead(self._batches())) as stream,
        ):
            try:
                while not self._done():
                    before = time.monotonic()
                    epoch, number, batch = next(stream)
                    waited += time.monotonic() - before
                    whole = False
                    entry: dict[str, Any] = self.train_step(batch)
                    self.step, self.epoch, self.batch = self.step + 1, epoch, number + 1
                    bins += len(batch.labels) * n_processes()
                    seconds = time.monotonic() - start
                    entry = {
                        "step": self.step,
                        "epoch": epoch,
                        **entry,
                        "bins_per_s": bins / seconds,
                        "waiting": waited / seconds,
                    }
                    last = self.step == self.config.steps
                    if last or self.step % self.config.validate_every == 0:
                        entry |= of_first(self.validate() if self.writes else None)
                        self._check(entry["validation_bce"], "the validation loss")
                        self._keep_best(entry["validation_bce"])
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                    whole = True
                    if progress is not None:
                        progress(self.step, self.config.steps, entry)
                    if self.step % self.config.checkpoint_every == 0 and not self._done():
                        self.save_checkpoint()
            except KeyboardInterrupt:
                if whole and self.step > (self.saved_step or 0):
                    self.save_checkpoint()
                raise
        return self._finish()

    def _done(self) -> bool:
        """Whether all steps are done, or the last validations did not make the loss smaller."""
        stale = (self.step - self.best["step"]) // self.config.validate_every
        return self.step >= self.config.steps or 0 < self.config.patience <= stale

    def validate(self) -> dict[str, float]:
        """Return loss and mean AUROC on the validation bins."""
        model = self.learner.kept.eval()
        with self.learner.autocast():
            features = held_out_features(model, self.data, self.validation_rows)
        return validation_scores(model, self.data, self.validation_rows, features)

    def _keep_best(self, loss: float) -> None:
        if loss < self.best["loss"]:
            held = self.learner.kept.state_dict()
            state = {k: v.detach().cpu().clone() for k, v in held.items()}
            self.best = {"loss": loss, "step": self.step, "state": state}

    def _identity(self) -> str:
        """What must agree for a checkpoint to belong to this run."""
        training, data = asdict(self.config), self.data.fingerprint
        identity = {"model": self.recipe.model.to_dict(), "training": training, "data": data}
        return json.dumps(identity, sort_keys=True)

    def save_checkpoint(self) -> None:
        """Write everything that the next step depends on; replaces the last one at once."""
        if self.writes:
            place = (self.step, self.epoch, self.batch)
            state = {"identity": self._identity(), "place": place, "best": self.best}
            run_folder.write_checkpoint(self.output, state | self.learner.state())
        self.saved_step = self.step

    def load_checkpoint(self) -> None:
        """Go to the place of OUTPUT/checkpoint.pt.

        Raises
        ------
        TrainingError
            An unreadable checkpoint, or one of another recipe or training set.
        """
        state = run_folder.read_checkpoint(self.output, self._identity(), self.device)
        self.step, self.epoch, self.batch = state["place"]
        self.best, self.saved_step = state["best"], self.step
        self.learner.load(state)

    def _finish(self) -> dict[str, Any]:
        self.model.load_state_dict(self.best["state"])
        with torch.no_grad():
            self.model.bias.copy_(self.held_out.borrow(self.model.bias))
        summary = {"steps": self.step, "best_step": self.best["step"], "bce": self.best["loss"]}
        about = {
            "name": self.recipe.name,
            **self.recipe.about,
            "training_set": self.data.fingerprint,
            "training": {**asdict(self.config), **summary},
            "trained_with": {"mfdvep": __version__, "torch": torch.__version__},
        }
        if self.writes:
            save_model(self.model.eval(), self.output / MODEL, about=about)
            (self.output / CHECKPOINT).unlink(missing_ok=True)
        return summary
