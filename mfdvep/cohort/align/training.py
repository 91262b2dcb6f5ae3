"""Trains an alignment, with checkpoints from which a run goes on exactly.

Source: ContIG, section 3.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfdvep.cohort.align import model_folder
from mfdvep.cohort.align.objective import alignment_loss
from mfdvep.cohort.align.people import Inputs, gather
from mfdvep.cohort.align.preparing import Preparation, constant_columns
from mfdvep.cohort.align.settings import NONE, AlignSettings
from mfdvep.cohort.align.splitting import SPLITS, split_people
from mfdvep.cohort.align.tables import digests_of
from mfdvep.errors import InputError
from mfdvep.model.device import computes_in_bfloat16, pick_device
from mfdvep.training import run_folder
from mfdvep.training.run_folder import LOG, MODEL

Progress = Callable[[int, int, dict[str, float]], None]


class AlignTrainer:
    """One run.

    Parameters
    ----------
    inputs
        Tables of the cohort.
    settings
        How to train.
    output
        Folder of the run: log.jsonl, a line an epoch, checkpoint.pt while it lasts, model/ at
        its end.
    device
        "auto", "cpu", "cuda", ...
    command
        As typed, for the model's record.

    Raises
    ------
    InputError
        As from `gather`, `split_people`, `Preparation.fit`, `Aligner` and `pick_device`; no two
        people of the validation have one modality, so that no epoch would be better than another.
    """

    def __init__(
        self,
        inputs: Inputs,
        settings: AlignSettings,
        output: str | Path,
        *,
        device: str = "auto",
        command: str = "",
    ) -> None:
        self.settings, self.output, self.command = settings, Path(output), command
        self.people = gather(inputs, mode=settings.people, need_covariates=settings.adjust != NONE)
        self.splits = split_people(
            self.people.families,
            validation=settings.validation,
            test=settings.test,
            seed=settings.seed,
        )
        self._rows = {name: np.flatnonzero(self.splits == name) for name in SPLITS}
        validated = self.people.present[self._rows["validation"]]  # (v, M)
        if validated.sum(axis=0).max() < 2:
            raise InputError(
                f"no two of {len(validated)} validation people have one modality; give more people "
                "or a larger validation"
            )
        self.preparation = Preparation.fit(
            inputs, self.people, self._rows["train"], adjust=settings.adjust
        )
        self.device = pick_device(device)
        self.aligner = model_folder.new_aligner(settings, self.preparation).to(self.device)
        arrays = self.preparation.apply(inputs, self.people)
        self._images = torch.from_numpy(arrays.images).to(self.device)
        self._genetics = [torch.from_numpy(own).to(self.device) for own in arrays.genetics]
        self._present = torch.from_numpy(arrays.present).to(self.device)
        self._optimiser = torch.optim.AdamW(
            self.aligner.parameters(), lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )  # fmt: skip
        auto = settings.precision == "auto" and self.device.type == "cuda"
        self._bfloat16 = settings.precision == "bfloat16" or (
            auto and computes_in_bfloat16(self.device)
        )
        self._inputs: list[dict[str, Any]] = [
            {"name": t.name, "path": str(Path(t.path).absolute()), **digests_of(t.path)}
            for t in inputs.tables
        ]
        self._n_genetics = len(inputs.genetics)
        if inputs.covariates is not None:  # also of those that a model does not use
            self._inputs[-1]["columns"] = inputs.covariates.columns
        self._constant = constant_columns(self.preparation, inputs.tables)
        self.epoch, self.step = 0, 0
        self.saved_epoch: int | None = None  # of the checkpoint
        self.best: dict[str, Any] = {"loss": math.inf, "epoch": 0, "state": None}

    @property
    def counts(self) -> dict[str, Any]:
        """Who is in which file, what became of them, and how many are in each split."""
        splits = {name: len(rows) for name, rows in self._rows.items()}
        return {**self.people.counts, "splits": splits, "constant_columns": self._constant}

    def run(self, *, resume: bool = False, progress: Progress | None = None) -> dict[str, Any]:
        """Train to the end, write the best model to OUTPUT/model, and return its summary.

        Interrupted between two epochs, e.g. by `progress`, it writes a checkpoint of the last one.

        Parameters
        ----------
        resume
            Go on from OUTPUT/checkpoint.pt as if the run had not stopped.
        progress
            Called after every epoch with (epoch, epochs, losses).

        Raises
        ------
        OutputError
            The output is a finished run, or one to resume and `resume` is not set, or no run.
        TrainingError
            Nothing to resume, a checkpoint of another run, or a loss that is not finite.
        """
        run_folder.open_run(self.output, resume=resume)
        if resume:
            self._load_checkpoint()
            run_folder.cut_log(self.output, self.step)
        whole = True
        with open(self.output / LOG, "a" if resume else "w", encoding="utf-8") as log:
            try:
                while not self._done():
                    whole = False
                    loss = self._train_epoch()
                    self.epoch += 1
                    entry = {"step": self.step, "epoch": self.epoch, "loss": loss,
                             "validation_loss": self.loss_of("validation")}  # fmt: skip
                    for what in ("loss", "validation_loss"):
                        run_folder.check_finite(
                            self.output, entry[what], f"epoch {self.epoch}: {what}"
                        )
                    self._keep_best(entry["validation_loss"])
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                    whole = True
                    if progress is not None:
                        progress(self.epoch, self.settings.epochs, entry)
                    if self.epoch % self.settings.checkpoint_every == 0 and not self._done():
                        self._save_checkpoint()
            except KeyboardInterrupt:
                if whole and self.epoch > (self.saved_epoch or 0):
                    self._save_checkpoint()
                raise
        return self._finish()

    def loss_of(self, split: str) -> float:
        """Return the loss of a split, as training has it: among as many people at once."""
        self.aligner.eval()
        total, n = 0.0, 0
        with torch.no_grad():
            for rows in self._batches(self._rows[split]):
                total += self._loss(rows).item() * len(rows)
                n += len(rows)
        return total / n

    def _done(self) -> bool:
        stale = self.epoch - self.best["epoch"]
        return self.epoch >= self.settings.epochs or 0 < self.settings.patience <= stale

    def _train_epoch(self) -> float:
        """Go once through the training people, and return the mean loss."""
        self.aligner.train()
        seed = self.settings.seed
        order = np.random.default_rng([seed, self.epoch]).permutation(self._rows["train"])
        total, n = 0.0, 0
        for rows in self._batches(order):
            # of dropout, so that a run can go on from any epoch
            draw = np.random.SeedSequence([seed, self.step]).generate_state(1)[0]
            torch.manual_seed(int(draw))
            self._optimiser.zero_grad(set_to_none=True)
            loss = self._loss(rows)
            if loss.requires_grad:  # not in a batch with nobody to tell apart
                loss.backward()
                self._optimiser.step()
            self.step += 1
            total += loss.item() * len(rows)
            n += len(rows)
        return total / n

    def _batches(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yield rows in parts of nearly one size, so that none has few people to tell apart."""
        n_parts = math.ceil(len(rows) / self.settings.batch)
        yield from np.array_split(rows, n_parts)

    def _loss(self, rows: np.ndarray) -> Tensor:
        at = torch.from_numpy(rows).to(self.device)
        present = self._present[at]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16):
            image = self.aligner.compared_image(self._images[at])
            genetics = [
                self.aligner.compared_genetic(m, own[at[present[:, m]]])
                for m, own in enumerate(self._genetics)
            ]
        return alignment_loss(
            image, genetics, present,
            temperature=self.settings.temperature, weight=self.settings.image_weight,
        )  # fmt: skip

    def _keep_best(self, loss: float) -> None:
        if loss < self.best["loss"]:
            held = self.aligner.state_dict()
            state = {name: value.detach().cpu().clone() for name, value in held.items()}
            self.best = {"loss": loss, "epoch": self.epoch, "state": state}

    def _identity(self) -> str:
        """What must agree for a checkpoint to belong to this run."""
        files = [
            {key: value for key, value in own.items() if key not in ("path", "columns")}
            for own in self._inputs
        ]
        columns = self.preparation.columns
        identity = {"settings": asdict(self.settings), "inputs": files, "columns": columns}
        return json.dumps(identity, sort_keys=True)

    def _save_checkpoint(self) -> None:
        run_folder.write_checkpoint(
            self.output,
            {
                "identity": self._identity(),
                "place": (self.epoch, self.step),
                "best": self.best,
                "aligner": self.aligner.state_dict(),
                "optimiser": self._optimiser.state_dict(),
            },
        )
        self.saved_epoch = self.epoch

    def _load_checkpoint(self) -> None:
        state = run_folder.read_checkpoint(self.output, self._identity(), self.device)
        self.epoch, self.step = state["place"]
        self.best, self.saved_epoch = state["best"], self.epoch
        self.aligner.load_state_dict(state["aligner"])
        self._optimiser.load_state_dict(state["optimiser"])

    def _finish(self) -> dict[str, Any]:
        summary = {"epochs": self.epoch, "best_epoch": self.best["epoch"],
                   "validation_loss": self.best["loss"]}  # fmt: skip
        about = {
            "command": self.command,
            "torch": torch.__version__,
            "device": self.device.type,
            "precision": "bfloat16" if self._bfloat16 else "float32",
            "inputs": {"images": self._inputs[0],
                       "genetics": self._inputs[1 : 1 + self._n_genetics],
                       "covariates": self._inputs[1 + self._n_genetics :]},
            "counts": self.counts,
            **summary,
        }  # fmt: skip
        model_folder.save(self.output / MODEL, self.best["state"], self.settings,
                          self.preparation, self.people, self.splits, about)  # fmt: skip
        (self.output / run_folder.CHECKPOINT).unlink(missing_ok=True)
        return summary
