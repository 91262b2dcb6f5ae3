"""A training recipe: one TOML file that, with a training set, defines a run."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mfdvep.errors import InputError
from mfdvep.model.config import ModelConfig, from_mapping

# smallest and largest value of each number of a TrainingConfig
_BOUNDS: dict[str, tuple[int, float]] = {
    "steps": (1, math.inf),
    "sequences": (1, math.inf),
    "accumulate": (1, math.inf),
    "bins_per_sequence": (1, 48),  # with max_shift, less than what pads the contigs of a set
    "learning_rate": (0, math.inf),
    "warmup_steps": (0, math.inf),
    "weight_decay": (0, math.inf),
    "clip_norm": (0, math.inf),
    "independence": (0, math.inf),
    "independence_from": (0, math.inf),
    "independence_warmup": (0, math.inf),
    "adversary_steps": (1, math.inf),
    "biological_alone": (0, 1),
    "track_balance": (0, math.inf),
    "average": (0, 1),
    "max_shift": (0, 64),  # half a bin
    "validate_every": (1, math.inf),
    "validation_bins": (0, math.inf),
    "patience": (0, math.inf),
    "checkpoint_every": (1, math.inf),
    "seed": (0, math.inf),
}
_ABOVE = ("learning_rate", "clip_norm")  # these may not be as small as their bound
_BELOW = ("average",)  # nor these as large
_CHOICES = {
    "precision": ("auto", "float32", "bfloat16"),
    "penalty": ("pearson", "information"),
}


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is fitted. Defaults that the paper states are the paper's.

    Attributes
    ----------
    steps
        Optimiser steps; the learning rate rises for `warmup_steps`, then falls along a cosine.
    sequences
        Sequences a step.
    accumulate
        Parts of a step's sequences that go through the model one after the other, for less memory;
        BatchNorm, the penalty and the predictors see one part, so results are not those of 1.
    bins_per_sequence
        Neighbouring bins read from one sequence (see `Trunk`); 1 is the published procedure.
    learning_rate, weight_decay, clip_norm
        Adam's step size (the paper: 1e-3), decoupled decay, largest gradient norm.
    amsgrad
        Divide by the largest second moment so far, as in the paper. Gradients of the first steps,
        a hundred times as large as later ones, then keep all later steps small.
    independence
        lambda of eq. 4; 0 leaves the penalty out (the predictors are trained all the same).
    penalty
        "pearson", as in eq. 3, or "information", which has a gradient where r is near 1.
    independence_from, independence_warmup
        First step with the penalty, and steps over which lambda then rises from 0: features that
        are kept apart from the start are slow to become useful.
    adversary_steps
        Steps of the predictors for each step of the model, or for each part of it.
    biological_alone
        Share of the loss that the biological half has to bear alone, with the track's bias: what
        biology can explain then goes through biology, and technique is left with the rest. 0 is
        eq. 4.
    track_balance
        Each track's loss is divided by the entropy of its base rate to this power; 0 is eq. 4 as
        printed, in which broad tracks outweigh narrow ones by their larger entropy. A track's
        weight does not move the probabilities that are best for it.
    average
        Decay of the running mean of the weights over steps, which is what is validated and kept;
        .99 is a mean over about the last 100 steps. 0: the weights themselves.
    max_shift
        Each sequence is moved by up to so many bases, at random; half are reverse complemented.
    validate_every, validation_bins, patience
        Steps between validations, bins used (0: all), validations without a smaller loss after
        which the run ends (0: never).
    checkpoint_every
        Steps between resumable checkpoints.
    hold_out
        Experiments that are not trained, to measure how well their metadata alone predict them:
        their names, ids or files of names (see `select_names`), or how many to draw at random,
        by the seed. Their bias becomes the mean of the trained tracks' of the same target.
    precision
        "float32", "bfloat16", or "auto": bfloat16 where the device computes in it.
    seed
        Of the initial weights and of all sampling.
    """

    steps: int
    sequences: int = 256
    accumulate: int = 1
    bins_per_sequence: int = 1
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    amsgrad: bool = True
    independence: float = 1e-3
    penalty: str = "pearson"
    independence_from: int = 0
    independence_warmup: int = 0
    adversary_steps: int = 1
    biological_alone: float = 0.0
    track_balance: float = 0.0
    average: float = 0.0
    max_shift: int = 3
    validate_every: int = 500
    validation_bins: int = 4096
    patience: int = 0
    checkpoint_every: int = 200
    hold_out: int | tuple[str, ...] = ()
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name in _BOUNDS:
                _check_number(item.name, getattr(self, item.name), whole=item.type == "int")
        object.__setattr__(self, "hold_out", _hold_out(self.hold_out))
        if self.sequences * self.bins_per_sequence < 2:
            raise InputError(
                f"training: {self.sequences} sequences of {self.bins_per_sequence} bins a step; "
                "expected at least 2 bins, so that they have a variance"
            )
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"training: {name} {getattr(self, name)!r}; expected {' or '.join(allowed)}"
                )


def _hold_out(value: Any) -> int | tuple[str, ...]:
    given = (value,) if isinstance(value, str) else value
    if isinstance(given, list | tuple) and all(isinstance(name, str) for name in given):
        return tuple(given)
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    raise InputError(f"training: hold_out is {value!r}; expected a number, or a list of names")


def _check_number(name: str, value: Any, *, whole: bool) -> None:
    low, high = _BOUNDS[name]
    kind = "a whole number" if whole else "a number"
    bounds = f"above {low}" if name in _ABOVE else f"at least {low}"
    most = "below" if name in _BELOW else "at most"
    expected = f"{kind}, {bounds}" + (f" and {most} {high}" if high < math.inf else "")
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not (fits and low <= value <= high and math.isfinite(value)) or (
        (name in _ABOVE and value == low) or (name in _BELOW and value == high)
    ):
        raise InputError(f"training: {name} is {value!r}; expected {expected}")


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

    def __post_init__(self) -> None:
        for name in ("name", "data", "output"):
            if not isinstance(value := getattr(self, name), str):
                raise InputError(f"{name} is {value!r}; expected text")
        try:  # now, not when the trained model is written
            json.dumps(_table(self.about, "about"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"about: holds a value that is not JSON: {error}") from error

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
        except (OSError, ValueError) as error:  # not TOML, or not UTF-8
            raise InputError(f"{path}: not a readable recipe: {error}") from error
        variables = values.pop("metadata", [])
        if not isinstance(variables, list) or not all(isinstance(v, dict) for v in variables):
            raise InputError(f"{path}: metadata: expected [[metadata]], one such table a column")
        model, training = (
            _table(values.get(name, {}), f"{path}: {name}") for name in ("model", "training")
        )
        return from_mapping(
            cls,
            {
                "name": Path(path).stem,
                **values,
                "model": ModelConfig.from_dict(
                    {**model, "variables": variables}, where=f"{path} [model]"
                ),
                "training": from_mapping(TrainingConfig, training, where=f"{path} [training]"),
            },
            where=str(path),
        )

    def override(self, **training: Any) -> Recipe:
        """Return the recipe with some training values replaced; None leaves a value as it is."""
        given = {k: v for k, v in training.items() if v is not None}
        return replace(self, training=replace(self.training, **given))

    def in_steps(self, steps: int | None) -> Recipe:
        """Return the recipe drawn out or cut short to so many steps; None leaves it as it is.

        What is counted in steps of the schedule keeps its share of the run: both warm-ups, where
        the penalty begins, validations, and how far the weights' mean reaches back.
        """
        config = self.training
        if steps is None or steps == config.steps:
            return self
        share = steps / config.steps
        return self.override(
            steps=steps,
            warmup_steps=round(config.warmup_steps * share),
            independence_from=round(config.independence_from * share),
            independence_warmup=round(config.independence_warmup * share),
            validate_every=max(1, round(config.validate_every * share)),
            average=max(0.0, 1 - (1 - config.average) / share) if config.average else 0.0,
        )

    def without_metadata(self) -> Recipe:
        """Return the recipe of the plain baseline: same trunk, free output weights, no penalty."""
        model = replace(self.model, variables=(), plain=True)
        training = replace(self.training, independence=0.0, biological_alone=0.0)
        return replace(self, model=model, training=training)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for logs, checkpoints and model cards."""
        return asdict(self)


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} is {value!r}; expected a table")
    return value
