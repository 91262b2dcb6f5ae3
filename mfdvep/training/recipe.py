"""A training recipe: one TOML file that, with a training set, defines a run."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mfdvep.errors import InputError
from mfdvep.model.config import ModelConfig, from_mapping


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is fitted. Defaults that the paper states are the paper's.

    Attributes
    ----------
    steps
        Optimiser steps; the learning rate rises for `warmup_steps`, then falls along a cosine.
    sequences
        Sequences a step.
    bins_per_sequence
        Neighbouring bins read from one sequence (see `Trunk`); 1 is the published procedure.
    learning_rate, weight_decay, clip_norm
        AMSGrad's step size (the paper: 1e-3), decoupled decay, largest gradient norm.
    independence
        lambda of eq. 4; 0 leaves the penalty out (the predictors are trained all the same).
    track_balance
        Each track's loss is divided by the entropy of its base rate to this power; 0 is eq. 4 as
        printed, in which broad tracks outweigh narrow ones by their larger entropy. A track's
        weight does not move the probabilities that are best for it.
    max_shift
        Each sequence is moved by up to so many bases, at random; half are reverse complemented.
    validate_every, validation_bins, patience
        Steps between validations, bins used (0: all), validations without a smaller loss after
        which the run ends (0: never).
    checkpoint_every
        Steps between resumable checkpoints.
    precision
        "float32", "bfloat16", or "auto": bfloat16 where the device computes in it.
    seed
        Of the initial weights and of all sampling.
    """

    steps: int
    sequences: int = 256
    bins_per_sequence: int = 1
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    independence: float = 1e-3
    track_balance: float = 0.0
    max_shift: int = 3
    validate_every: int = 500
    validation_bins: int = 4096
    patience: int = 0
    checkpoint_every: int = 200
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "sequences", "bins_per_sequence", "validate_every"):
            if getattr(self, name) < 1:
                raise InputError(f"training: {name} is {getattr(self, name)}; expected at least 1")
        if self.checkpoint_every < 1 or self.learning_rate <= 0 or self.clip_norm <= 0:
            raise InputError(
                "training: checkpoint_every, learning_rate and clip_norm must be above 0"
            )
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise InputError(
                f"training: precision {self.precision!r}; expected auto, float32 or bfloat16"
            )


@dataclass(frozen=True)
class Recipe:
    """One run: its name, training set, output folder, model and training configuration.

    Attributes
    ----------
    about
        Free text for the model's config.json, e.g. licence and sources.
    """

    name: str
    model: ModelConfig
    training: TrainingConfig
    data: str = ""
    output: str = ""
    about: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """Return the recipe in a TOML file.

        Raises
        ------
        InputError
            No such file, not TOML, an unknown or missing key, or a value that does not fit.
        """
        try:
            with open(path, "rb") as handle:
                values = tomllib.load(handle)
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path}: not a readable recipe: {error}") from error
        sections = {
            "model": {**values.get("model", {}), "variables": values.pop("metadata", [])},
            "training": values.get("training", {}),
        }
        return from_mapping(
            cls,
            {
                "name": Path(path).stem,
                **values,
                "model": ModelConfig.from_dict(sections["model"], where=f"{path} [model]"),
                "training": from_mapping(
                    TrainingConfig, sections["training"], where=f"{path} [training]"
                ),
            },
            where=str(path),
        )

    def override(self, **training: Any) -> Recipe:
        """Return the recipe with some training values replaced; None leaves a value as it is."""
        given = {k: v for k, v in training.items() if v is not None}
        return replace(self, training=replace(self.training, **given))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for logs, checkpoints and model cards."""
        return asdict(self)
