"""Trains an MFD model against its adversary, with checkpoints from which a run goes on exactly.

Source: science.md "Independence" (MFD eq. 3, 4) and "Training data".
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mfdvep import __version__
from mfdvep.errors import OutputError, TrainingError
from mfdvep.model.checkpoint import save_model
from mfdvep.model.device import computes_in_bfloat16, pick_device
from mfdvep.model.independence import Predictors, dependence
from mfdvep.model.metadata import MetadataSchema
from mfdvep.model.mfd import Features, MFDModel
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.evaluation import validation_scores
from mfdvep.training.objective import base_rates, learning_rate, masked_bce, track_weights
from mfdvep.training.recipe import Recipe
from mfdvep.training.sampling import Batch, batches

Progress = Callable[[int, int, dict[str, float]], None]
CHECKPOINT, LOG, MODEL = "checkpoint.pt", "log.jsonl", "model"


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
    TrainingError
        The set has no training or no validation bins.
    """

    def __init__(
        self, recipe: Recipe, data: TrainingSet, output: str | Path, *, device: str = "auto"
    ) -> None:
        self.recipe, self.config, self.data = recipe, recipe.training, data
        self.output = Path(output)
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
        torch.manual_seed(self.config.seed)
        schema = MetadataSchema.fit(recipe.model, data.tracks)
        self.model = MFDModel(recipe.model, schema, data.tracks)
        rates = torch.from_numpy(base_rates(data, self.rows)).float()
        with torch.no_grad():
            self.model.bias.copy_(torch.logit(rates))
        self.model.to(self.device)
        self.weight = track_weights(rates, self.config.track_balance).to(self.device)
        self.predictors = Predictors(recipe.model.n_latent // 2, recipe.model.predictor_hidden).to(
            self.device
        )
        self.optimiser = self._adam(self.model)
        self.adversary = self._adam(self.predictors)
        self.step, self.epoch, self.batch = 0, 0, 0
        self.best: dict[str, Any] = {"loss": math.inf, "step": 0, "state": None}
        precise = self.config.precision == "float32"
        self.bfloat16 = not precise and (
            self.config.precision == "bfloat16" or computes_in_bfloat16(self.device)
        )

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
            The loss or its gradient is not finite; no parameter has been changed.
        """
        codes, keep, labels, mask = (
            torch.from_numpy(x).to(self.device)
            for x in (batch.codes, batch.keep, batch.labels, batch.mask)
        )
        rate = learning_rate(self.config, self.step)
        for group in self.optimiser.param_groups + self.adversary.param_groups:
            group["lr"] = rate
        with self._autocast():
            features = self.model.features(codes, keep)
        with self._autocast():
            detached = Features(*(half.detach() for half in features))
            adversary_loss = -dependence(detached, self.predictors)
        self._check(adversary_loss)
        self.adversary.zero_grad(set_to_none=True)
        adversary_loss.backward()
        self.adversary.step()

        loss = bce = masked_bce(
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
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self._check(loss + norm)
        self.optimiser.step()
        return {"bce": bce.item(), "dependence": -adversary_loss.item(), "norm": norm.item()}

    def _check(self, value: Tensor) -> None:
        if not torch.isfinite(value):
            where = self.output / CHECKPOINT
            remedy = f"the last good checkpoint is {where}; " if where.exists() else ""
            raise TrainingError(
                f"step {self.step}: the loss or its gradient is not finite; {remedy}"
                "lower learning_rate or clip_norm, or set precision to float32, and start again"
            )

    def run(self, *, resume: bool = False, progress: Progress | None = None) -> dict[str, Any]:
        """Train to the end, write the best model to OUTPUT/model, and return its summary.

        Parameters
        ----------
        resume
            Go on from OUTPUT/checkpoint.pt as if the run had not stopped.
        progress
            Called after every step with (step, steps, losses).

        Raises
        ------
        OutputError
            The output exists and `resume` is not set.
        TrainingError
            Nothing to resume, a checkpoint of another run, or a loss that is not finite.
        """
        if resume:
            self.load_checkpoint()
        elif self.output.exists() and any(self.output.iterdir()):
            raise OutputError(
                f"{self.output} exists; go on with --resume, or choose another folder"
            )
        self.output.mkdir(parents=True, exist_ok=True)
        start, bins, stale = time.monotonic(), 0, 0
        self.model.train()
        with open(self.output / LOG, "a", encoding="utf-8") as log:
            stream = self._batches()
            while self.step < self.config.steps:
                batch = next(stream)
                losses = self.train_step(batch)
                self.step += 1
                bins += len(batch.labels)
                entry: dict[str, Any] = {
                    "step": self.step,
                    "epoch": self.epoch,
                    **losses,
                    "bins_per_s": bins / (time.monotonic() - start),
                }
                if self.step % self.config.validate_every == 0 or self.step == self.config.steps:
                    entry |= self.validate()
                    stale = (self.step - self.best["step"]) // self.config.validate_every
                log.write(json.dumps(entry) + "\n")
                log.flush()
                if progress is not None:
                    progress(self.step, self.config.steps, entry)
                if self.config.patience and stale >= self.config.patience:
                    break
                if self.step % self.config.checkpoint_every == 0:
                    # the generator moves on only when asked for the next batch
                    self.save_checkpoint(self.epoch, self.batch + 1)
        return self._finish()

    def validate(self) -> dict[str, float]:
        """Return loss and mean AUROC on the validation bins, and keep the best weights."""
        self.model.eval()
        with self._autocast():
            scores = validation_scores(self.model, self.data, self.validation_rows)
        self.model.train()
        if scores["validation_bce"] < self.best["loss"]:
            state = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}
            self.best = {"loss": scores["validation_bce"], "step": self.step, "state": state}
        return scores

    def _identity(self) -> dict[str, Any]:
        """What must agree for a checkpoint to belong to this run."""
        return {
            "model": self.recipe.model.to_dict(),
            "training": asdict(self.config),
            "data": self.data.fingerprint,
        }

    def save_checkpoint(self, epoch: int, batch: int) -> None:
        """Write everything that the next step depends on; replaces the last one at once."""
        part = self.output / f"{CHECKPOINT}.part"
        torch.save(
            {
                "identity": json.dumps(self._identity(), sort_keys=True),
                "place": (self.step, epoch, batch),
                "best": self.best,
                "model": self.model.state_dict(),
                "predictors": self.predictors.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "adversary": self.adversary.state_dict(),
            },
            part,
        )
        os.replace(part, self.output / CHECKPOINT)

    def load_checkpoint(self) -> None:
        """Go to the place of OUTPUT/checkpoint.pt.

        Raises
        ------
        TrainingError
            No checkpoint, an unreadable one, or one of another recipe or training set.
        """
        path = self.output / CHECKPOINT
        if not path.exists():
            raise TrainingError(f"{path}: no checkpoint to resume from; start without --resume")
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file
            raise TrainingError(f"{path}: not a readable checkpoint: {error}") from error
        if state["identity"] != json.dumps(self._identity(), sort_keys=True):
            raise TrainingError(
                f"{path}: made by another recipe or training set; "
                "resume with the same ones, or choose another output folder"
            )
        self.step, self.epoch, self.batch = state["place"]
        self.best = state["best"]
        for name in ("model", "predictors", "optimiser", "adversary"):
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
