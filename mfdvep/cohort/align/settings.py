"""How images and genetics are aligned: every choice of a run, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from mfdvep.cohort.align.people import INNER, OUTER
from mfdvep.errors import InputError

RESIDUALISE, ADD, NONE = "residualise", "add", "none"
ADJUST = (RESIDUALISE, ADD, NONE)
IMAGE_ENCODERS, GENETIC_ENCODERS = ("linear", "mlp", "cnn"), ("linear", "mlp")
PRECISIONS = ("auto", "float32", "bfloat16")
_CHOICES = {"people": (INNER, OUTER), "adjust": ADJUST, "image_encoder": IMAGE_ENCODERS,
            "genetic_encoder": GENETIC_ENCODERS, "precision": PRECISIONS}  # fmt: skip
# smallest and largest; the smallest is allowed but where it is 0 and the number a rate
_BOUNDS: dict[str, tuple[float, float]] = {
    "validation": (1e-6, 0.9), "test": (1e-6, 0.9), "width": (1, math.inf),
    "hidden": (1, math.inf), "projection": (1, math.inf), "dropout": (0, 0.95),
    "temperature": (1e-3, math.inf), "image_weight": (0, 1), "epochs": (1, math.inf),
    "batch": (2, math.inf), "learning_rate": (1e-12, math.inf), "weight_decay": (0, math.inf),
    "patience": (0, math.inf), "checkpoint_every": (1, math.inf), "seed": (0, math.inf),
}  # fmt: skip


@dataclass(frozen=True)
class AlignSettings:
    """Defaults that the paper states are the paper's.

    Attributes
    ----------
    people
        "outer": everybody with an image and at least one genetic modality; "inner": with all.
    adjust
        "residualise": covariates are taken from images and genetics by linear regression;
        "add": they are further inputs of each genetic encoder; "none": they are not used.
    validation, test
        Shares of people.
    image_encoder, genetic_encoder
        "linear", "mlp" (one hidden layer), or for images "cnn".
    width
        Numbers of an encoder's output, the embedding.
    hidden
        Of an MLP, and channels of a CNN's last level.
    projection
        Numbers that are compared: of a head that only training uses.
    dropout
        In the MLPs.
    temperature, image_weight
        Of the loss, see `alignment_loss`.
    epochs, batch, learning_rate, weight_decay
        Of AdamW: batches of so many people.
    patience
        Epochs without a smaller validation loss after which training ends; 0: never.
    checkpoint_every
        Epochs between checkpoints.
    precision
        "auto": bfloat16 on a GPU that computes in it, else float32.
    seed
        Of the split, the first weights, the order of people and dropout.

    Raises
    ------
    InputError
        A value out of its bounds, or not one of its choices.

    Source: ContIG, sections 3 and 4 (projection 128, temperature .1, lambda .75).
    """

    people: str = OUTER
    adjust: str = RESIDUALISE
    validation: float = 0.15
    test: float = 0.2
    image_encoder: str = "mlp"
    genetic_encoder: str = "linear"
    width: int = 64
    hidden: int = 128
    projection: int = 128
    dropout: float = 0.0
    temperature: float = 0.1
    image_weight: float = 0.75
    epochs: int = 200
    batch: int = 256
    learning_rate: float = 3e-4
    weight_decay: float = 0.3
    patience: int = 20
    checkpoint_every: int = 10
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise InputError(f"{name} {value!r}; expected {', '.join(choices)}")
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high or math.isnan(value):
                raise InputError(f"{name} {value}; expected from {low:g} to {high:g}")
        if self.validation + self.test >= 1:
            raise InputError(
                f"validation {self.validation} and test {self.test} leave no training people; "
                "expected shares whose sum is below 1"
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AlignSettings:
        """Return the settings in a model's config.json; raises InputError for others."""
        if set(values) != (names := {field.name for field in fields(cls)}):
            raise InputError(f"settings {sorted(set(values) ^ names)} are missing or not known")
        return cls(**values)
