"""Trains an MFD model against its adversary, with checkpoints from which a run goes on exactly.

Source: science.md "Independence" (MFD eq. 3, 4) and "Training data".
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mfdvep import __version__
from mfdvep.errors import TrainingError
from mfdvep.model.checkpoint import save_model
from mfdvep.model.device import computes_in_bfloat16, pick_device
from mfdvep.model.independence import Predictors, dependence
from mfdvep.model.metadata import MetadataSchema
from mfdvep.model.mfd import Features, MFDModel
from mfdvep.training import objective, run_folder
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.evaluation import check_bins, held_out_features, validation_scores
from mfdvep.training.recipe import Recipe
from mfdvep.training.run_folder import CHECKPOINT, LOG, MODEL
from mfdvep.training.sampling import Batch, batches

Progress = Callable[[int, int, dict[str, float]], None]
_STATES = ("model", "predictors", "optimiser", "adversary")  # what a checkpoint holds


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
        The set's bins are not of the model's size; no such device.
    TrainingError
        The set has no training or no validation bins, or none of them has a label.
    """

    def __init__(
        self, recipe: Recipe, data: TrainingSet, output: str | Path, *, device: str = "auto"
    ) -> None:
        self.recipe, self.config, self.data = recipe, recipe.training, data
        self.output = Path(output)
        check_bins(data)
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
        schema = MetadataSchema.fit(recipe.model, data.tracks)
        self.model = MFDModel(recipe.model, schema, data.tracks)
        rates = torch.from_numpy(objective.base_rates(data, self.rows)).float()
        with torch.no_grad():
            self.model.bias.copy_(torch.logit(rates))
        self.model.to(self.device)
        self.weight = objective.track_weights(rates, self.config.track_balance).to(self.device)
        self.predictors = Predictors(recipe.model.n_latent // 2, recipe.model.predictor_hidden).to(
            self.device
        )
        self.optimiser = self._adam(self.model)
        self.adversary = self._adam(self.predictors)
        self.step, self.epoch, self.batch = 0, 0, 0
        self.saved_step: int | None = None  # of the checkpoint
        self.best: dict[str, Any] = {"loss": math.inf, "step": 0, "state": None}
        kind = self.config.precision
        auto = kind == "auto" and computes_in_bfloat16(self.device)
        self.bfloat16 = auto or kind == "bfloat16"

    def _adam(self, module: torch.nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            module.parameters(),
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            amsgrad=True,
        )

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def _batches(self) -> Iterator[Batch]:
        """Yield batches for ever from the current place, which the loop moves on."""
        while True:
            for item in batches(
                self.data,
                self.rows,
                n_sequences=self.config.sequences,
                k=self.config.bins_per_sequence,
                max_shift=self.config.max_shift,
                seed=self.config.seed,
                epoch=self.epoch,
                first=self.batch,
            ):
                yield item
                self.batch += 1
            self.epoch, self.batch = self.epoch + 1, 0

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Return the losses of one step of the adversary and one of the model.

        Raises
        ------
        TrainingError
            A loss or a gradient is not finite; no parameter has been changed. (The running
            statistics of BatchNorm, which training does not read, have moved.)
        """
        codes, keep, labels, mask = (
            torch.from_numpy(x).to(self.device)
            for x in (batch.codes, batch.keep, batch.labels, batch.mask)
        )
        rate = objective.learning_rate(self.config, self.step)
        for group in self.optimiser.param_groups + self.adversary.param_groups:
            group["lr"] = rate
        with self._autocast():
            features = self.model.features(codes, keep)
            detached = Features(*(half.detach() for half in features))
            adversary_loss = -dependence(detached, self.predictors)
        self.adversary.zero_grad(set_to_none=True)
        adversary_loss.backward()
        adversary_norm = self._clip(self.predictors)

        loss = bce = objective.masked_bce(
            self.model.logits(features).combined, labels.float(), mask, self.weight
        )
        if self.config.independence:
            self.predictors.requires_grad_(False)
            with self._autocast():
                penalty = dependence(features, self.predictors)
            self.predictors.requires_grad_(True)
            loss = bce + self.config.independence * penalty
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = self._clip(self.model)
        # both, before either is changed
        total = adversary_loss + adversary_norm + loss + norm
        self._check(total.item(), "the loss or its gradient")
        self.adversary.step()
        self.optimiser.step()
        return {"bce": bce.item(), "dependence": -adversary_loss.item(), "norm": norm.item()}

    def _clip(self, module: torch.nn.Module) -> Tensor:
        return torch.nn.utils.clip_grad_norm_(module.parameters(), self.config.clip_norm)

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
        run_folder.open_run(self.output, resume=resume)
        if resume:
            self.load_checkpoint()
            run_folder.cut_log(self.output, self.step)
        start, bins, whole = time.monotonic(), 0, True
        self.model.train()
        with open(self.output / LOG, "a" if resume else "w", encoding="utf-8") as log:
            stream = self._batches()
            try:
                while not self._done():
                    whole = False
                    batch = next(stream)
                    entry: dict[str, Any] = self.train_step(batch)
                    self.step += 1
                    bins += len(batch.labels)
                    rate = bins / (time.monotonic() - start)
                    entry = {"step": self.step, "epoch": self.epoch, **entry, "bins_per_s": rate}
                    last = self.step == self.config.steps
                    if last or self.step % self.config.validate_every == 0:
                        entry |= self.validate()
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                    whole = True
                    if progress is not None:
                        progress(self.step, self.config.steps, entry)
                    if self.step % self.config.checkpoint_every == 0 and not self._done():
                        self.save_checkpoint(self.epoch, self.batch + 1)
            except KeyboardInterrupt:
                if whole and self.step > (self.saved_step or 0):
                    # the generator moves on only when asked for the next batch
                    self.save_checkpoint(self.epoch, self.batch + 1)
                raise
        return self._finish()

    def _done(self) -> bool:
        """Whether all steps are done, or the last validations did not make the loss smaller."""
        stale = (self.step - self.best["step"]) // self.config.validate_every
        return self.step >= self.config.steps or 0 < self.config.patience <= stale

    def validate(self) -> dict[str, float]:
        """Return loss and mean AUROC on the validation bins, and keep the best weights.

        Raises
        ------
        TrainingError
            The loss is not finite.
        """
        self.model.eval()
        with self._autocast():
            features = held_out_features(self.model, self.data, self.validation_rows)
        scores = validation_scores(self.model, self.data, self.validation_rows, features)
        self.model.train()
        self._check(scores["validation_bce"], "the validation loss")
        if scores["validation_bce"] < self.best["loss"]:
            state = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}
            self.best = {"loss": scores["validation_bce"], "step": self.step, "state": state}
        return scores

    def _identity(self) -> str:
        """What must agree for a checkpoint to belong to this run."""
        training, data = asdict(self.config), self.data.fingerprint
        identity = {"model": self.recipe.model.to_dict(), "training": training, "data": data}
        return json.dumps(identity, sort_keys=True)

    def save_checkpoint(self, epoch: int, batch: int) -> None:
        """Write everything that the next step depends on; replaces the last one at once."""
        state = {
            "identity": self._identity(),
            "place": (self.step, epoch, batch),
            "best": self.best,
            **{name: getattr(self, name).state_dict() for name in _STATES},
        }
        run_folder.write_checkpoint(self.output, state)
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
        for name in _STATES:
            getattr(self, name).load_state_dict(state[name])

    def _finish(self) -> dict[str, Any]:
        self.model.load_state_dict(self.best["state"])
        summary = {"steps": self.step, "best_step": self.best["step"], "bce": self.best["loss"]}
        about = {
            "name": self.recipe.name,
            **self.recipe.about,
            "training_set": self.data.fingerprint,
            "training": {**asdict(self.config), **summary},
            "trained_with": {"mfdvep": __version__, "torch": torch.__version__},
        }
        save_model(self.model.eval(), self.output / MODEL, about=about)
        (self.output / CHECKPOINT).unlink(missing_ok=True)
        return summary
