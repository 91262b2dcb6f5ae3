"""One step of training: the predictors against the model, the model against the peaks and them.

Source: science.md "Independence" (MFD eq. 3, 4).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mfdvep.errors import TrainingError
from mfdvep.model.device import computes_in_bfloat16
from mfdvep.model.independence import Predictors, dependence, information
from mfdvep.model.mfd import Features, MFDModel
from mfdvep.model.processes import add_up_gradients, least, n_processes, process, total
from mfdvep.training import objective
from mfdvep.training.recipe import Recipe
from mfdvep.training.sampling import Batch

_PENALTIES = {"pearson": dependence, "information": information}
_STATES = ("model", "averaged", "predictors", "optimiser", "adversary")


class Learner:
    """A model, its predictors and what moves both.

    Parameters
    ----------
    model
        Moved to the device.
    weight
        (O,) factor of each track's loss.
    """

    def __init__(
        self, recipe: Recipe, model: MFDModel, weight: Tensor, device: torch.device
    ) -> None:
        self.config, self.plain, self.device = recipe.training, recipe.model.plain, device
        self.model, self.weight = model.to(device), weight.to(device)
        decay = get_ema_multi_avg_fn(self.config.average)
        self.averaged = AveragedModel(self.model, multi_avg_fn=decay, use_buffers=True)
        self.predictors = Predictors(recipe.model.n_latent // 2, recipe.model.predictor_hidden).to(
            device
        )
        self.optimiser = self._adam(self.model)
        self.adversary = self._adam(self.predictors)
        auto = self.config.precision == "auto" and computes_in_bfloat16(device)
        self.bfloat16 = auto or self.config.precision == "bfloat16"

    def _adam(self, module: torch.nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            module.parameters(),
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            amsgrad=self.config.amsgrad,
        )

    def autocast(self) -> torch.autocast:
        """Return the context in which the network computes in the run's precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on."""
        return {name: getattr(self, name).state_dict() for name in _STATES}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        for name in _STATES:
            getattr(self, name).load_state_dict(state[name])

    @property
    def kept(self) -> MFDModel:
        """The model that is validated and kept: of averaged weights, see `TrainingConfig`."""
        module = self.averaged.module
        assert isinstance(module, MFDModel)
        return module

    def step(self, batch: Batch, number: int) -> dict[str, float]:
        """Move predictors and model once; return the losses of the step.

        Parameters
        ----------
        batch
            This process's share of the step's sequences, at least one for each of its parts.
        number
            Of the step, from 0: rate and lambda depend on it.

        Raises
        ------
        TrainingError
            A part of the step in one process has fewer than 2 bins.

        Returns
        -------
        dict
            "bce": of the combined prediction, over all processes and parts; "dependence": what
            the predictors found, of C at most; "norm": of the model's gradient; "finite": 0 if
            one of them is not, or the gradient: the model has then not been changed, but the
            running statistics of BatchNorm, and perhaps the predictors, have.
        """
        strength = objective.penalty(self.config, number)
        rate = objective.learning_rate(self.config, number)
        for group in self.optimiser.param_groups + self.adversary.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        count = total(torch.tensor(float(np.count_nonzero(batch.mask)), device=self.device))
        # of dropout, so that a run can go on from any step, and processes draw their own
        draw = np.random.SeedSequence([self.config.seed, number, process()])
        torch.manual_seed(int(draw.generate_state(1)[0]))
        # as many parts everywhere, since processes meet in each
        n_parts = min(self.config.accumulate, least(len(batch.codes), self.device))
        parts = list(batch.parts(n_parts)) if n_parts else []
        if not parts or any(len(part.labels) < 2 for part in parts):
            raise TrainingError(
                f"step {number}: a process or part of the step has fewer than 2 bins, which have "
                "no variance; raise sequences or bins_per_sequence, or lower accumulate"
            )
        bce, found, finite = torch.zeros((), device=self.device), 0.0, True
        for codes, keep, labels, mask in map(self._on_device, parts):
            with self.autocast():
                features = self.model.features(codes, keep)
            found_here, fine = self._challenge(Features(*(half.detach() for half in features)))
            found, finite = found + found_here / n_parts, finite and fine
            logits = self.model.logits(features)
            loss = objective.masked_bce(logits.combined, labels, mask, self.weight, count=count)
            bce += loss.detach()
            if (share := self.config.biological_alone) and not self.plain:
                alone = objective.masked_bce(
                    logits.biological + self.model.bias, labels, mask, self.weight, count=count
                )
                loss = (1 - share) * loss + share * alone
            if strength and not self.plain:
                # every process has the same penalty, and the run's loss is their sum
                factor = strength / (n_parts * n_processes())
                loss = loss + factor * self._penalty(features)
            loss.backward()
        norm = self._clip(self.model)
        bce = total(bce)
        finite = finite and bool(torch.isfinite(bce + norm))
        if finite:
            self.optimiser.step()
            self.averaged.update_parameters(self.model)
        return {"bce": bce.item(), "dependence": found, "norm": norm.item(), "finite": finite}

    def _on_device(self, part: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        tensors = [torch.from_numpy(x) for x in (part.codes, part.keep, part.labels, part.mask)]
        if self.device.type == "cuda":
            tensors = [x.pin_memory().to(self.device, non_blocking=True) for x in tensors]
        codes, keep, labels, mask = tensors
        return codes, keep, labels.float(), mask

    def _penalty(self, features: Features) -> Tensor:
        self.predictors.requires_grad_(False)
        with self.autocast():
            penalty = _PENALTIES[self.config.penalty](features, self.predictors)
        self.predictors.requires_grad_(True)
        return penalty

    def _challenge(self, features: Features) -> tuple[float, bool]:
        """Return the dependence that the predictors find, and make them better at it.

        The second value is False if a loss or gradient of theirs is not finite.
        """
        if self.plain:
            return 0.0, True
        self.predictors.solve(features)
        found, finite = 0.0, True
        for step in range(self.config.adversary_steps):
            with self.autocast():
                loss = -dependence(features, self.predictors)
            self.adversary.zero_grad(set_to_none=True)
            (loss / n_processes()).backward()
            norm = self._clip(self.predictors)
            finite = finite and bool(torch.isfinite(loss + norm))
            if finite:
                self.adversary.step()
            found = found if step else -loss.item()
        return found, finite

    def _clip(self, module: torch.nn.Module) -> Tensor:
        add_up_gradients(module.parameters())
        return torch.nn.utils.clip_grad_norm_(module.parameters(), self.config.clip_norm)
