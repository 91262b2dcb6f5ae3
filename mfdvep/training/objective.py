"""What a training step minimises, apart from the penalty: losses, their weights, the step size."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mfdvep.errors import TrainingError
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.recipe import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Return the rate of a step: linear warm-up, then a cosine down to 1 % of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def penalty(config: TrainingConfig, step: int) -> float:
    """Return lambda at a step: 0 at first, then it rises linearly over the warm-up's steps."""
    since = step + 1 - config.independence_from
    return config.independence * min(1.0, max(0, since) / (config.independence_warmup + 1))


def masked_bce(
    logits: Tensor, labels: Tensor, mask: Tensor, weight: Tensor, *, count: Tensor
) -> Tensor:
    """Return the sum of the binary cross-entropy over the labels that are not missing, by `count`.

    Parameters
    ----------
    logits, labels, mask
        Each (n, O); mask is False where a label is missing.
    weight
        (O,) factor of each track's loss.
    count
        Labels of the step that are not missing, over all its parts and processes.
    """
    loss = F.binary_cross_entropy_with_logits(logits, labels, weight=weight, reduction="none")
    return (loss * mask).sum() / count.clamp_min(1)


def track_weights(rates: Tensor, balance: float) -> Tensor:
    """Return the factor of each track's loss, (O,): its entropy to the power -balance.

    The factors are scaled so that the loss starts where it would without them, and the penalty
    keeps its weight beside it.
    """
    entropy = -(torch.xlogy(rates, rates) + torch.xlogy(1 - rates, 1 - rates))
    weight = entropy**-balance
    return weight * (entropy.sum() / (weight * entropy).sum())


def base_rates(data: TrainingSet, rows: np.ndarray) -> np.ndarray:
    """Return each track's share of positive bins among its labelled ones, (O,), never 0 or 1."""
    positive = np.zeros(len(data.tracks))
    labelled = np.zeros(len(data.tracks))
    for part in np.array_split(rows, max(1, len(rows) // 4096)):
        mask = data.label_mask(part)
        positive += (data.labels(part) * mask).sum(0)
        labelled += mask.sum(0)
    return (positive + 0.5) / (labelled + 1)


def check_labels(data: TrainingSet, rows: np.ndarray, split: str) -> None:
    """Raise TrainingError if none of these bins of a split has a label."""
    if not data.labelled[:, np.unique(data.bin_contig[rows])].any():
        raise TrainingError(
            f"{data.folder}: no {split} bin has a label; prepare the set with --validation "
            "naming contigs that experiments cover, and others for training"
        )
