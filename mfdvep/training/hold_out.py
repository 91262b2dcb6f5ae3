"""Experiments left out of training, so that how well metadata alone predict them can be measured.

Their labels count as missing everywhere, their metadata still make output weights, and their bias
is borrowed. Which bins a set has was decided by all its experiments, these too: see `prepare`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mfdvep.errors import InputError
from mfdvep.model.config import ModelConfig, Variable
from mfdvep.model.metadata import Encoding, MetadataSchema
from mfdvep.model.selection import select_names
from mfdvep.model.tracks import TrackTable
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.recipe import Recipe

PARTNERS = ("target", "biosample")
"""Columns in which an experiment drawn at random shares its values with a trained one."""


@dataclass(frozen=True)
class HoldOut:
    """The experiments that a run leaves out, as `rows` of its `tracks`, ascending; often none."""

    tracks: TrackTable
    rows: tuple[int, ...] = ()

    @classmethod
    def of(cls, recipe: Recipe, tracks: TrackTable) -> HoldOut:
        """Return what a recipe holds out of these tracks; see `TrainingConfig.hold_out`.

        Raises
        ------
        InputError
            An unknown name; nothing left to train; a model without metadata; an experiment with
            a value of one of the model's columns that no trained experiment has: what it adds to
            the output weights would never have been trained. Or as from `choose`.
        """
        wanted = recipe.training.hold_out
        if not wanted:
            return cls(tracks)
        variables = recipe.model.variables
        if not variables:
            raise InputError(
                "hold_out: a model without metadata cannot predict an experiment that it was not "
                "trained on; leave hold_out out"
            )
        if isinstance(wanted, int):
            rng = np.random.default_rng(recipe.training.seed)
            return cls(tracks, tuple(choose(tracks, wanted, variables=variables, rng=rng)))
        held = cls(tracks, tuple(select_names(tracks, wanted, option="hold_out")))
        if len(held.rows) == len(tracks):
            raise InputError(
                f"hold_out: names all {len(tracks)} experiments; none is left to train"
            )
        held._check_values(variables)
        return held

    def _check_values(self, variables: Iterable[Variable]) -> None:
        carries, names = _values(variables, self.tracks)
        alone = carries & ~carries[self.trained].any(0)  # (O, V); only of held-out tracks
        found = [
            f"{self.tracks.names[row]} has {names[value]}" for row, value in np.argwhere(alone)
        ]
        if found:
            more = f" (and {len(found) - 3} more such values)" if len(found) > 3 else ""
            raise InputError(
                f"hold_out: {', '.join(found[:3])}{more}, which no trained experiment has, so its "
                "output weights would not be trained; keep one that has it, or take the column "
                "out of the recipe"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Full names of the experiments held out, in the table's order."""
        return tuple(self.tracks.names[row] for row in self.rows)

    @property
    def trained(self) -> np.ndarray:
        """Which tracks are trained, (O,) bool."""
        trained = np.ones(len(self.tracks), dtype=bool)
        trained[list(self.rows)] = False
        return trained

    def mask(self, data: TrainingSet) -> TrainingSet:
        """Return the set with every label of the held-out experiments missing."""
        return replace(data, labelled=data.labelled & self.trained[:, None])

    def schema(self, config: ModelConfig) -> MetadataSchema:
        """Return the encodings that the trained experiments alone define; see `Encoding.fit`."""
        return MetadataSchema.fit(config, self.tracks.take(np.flatnonzero(self.trained)))

    def borrow(self, values: Tensor) -> Tensor:
        """Return values (O,), those of held-out tracks replaced by what trained ones suggest.

        That is the mean over the trained tracks of the same target, or over all trained tracks
        where the target is not known, or no trained one has it.
        """
        trained = torch.from_numpy(self.trained)
        out = values.detach().clone()
        targets = self.tracks.columns.get("target", ("",) * len(self.tracks))
        for row in self.rows:
            same = torch.tensor([t == targets[row] != "" for t in targets]) & trained
            out[row] = values[same if same.any() else trained].mean()
        return out


def choose(
    tracks: TrackTable, n: int, *, variables: Iterable[Variable], rng: np.random.Generator
) -> list[int]:
    """Return the rows of n experiments drawn at random, all of whose values others carry.

    Every value of the model's columns, and of `PARTNERS` where the table has them, that one of
    the n has is that of an experiment that remains, too. Others may not be drawn.

    Raises
    ------
    InputError
        Fewer than n could be drawn.
    """
    columns = {variable.column: variable for variable in variables}
    for column in PARTNERS:
        if column in tracks.columns:
            columns.setdefault(column, Variable(column, "biological"))
    carries, _ = _values(columns.values(), tracks)
    left = carries.sum(0)  # (V,) tracks that remain and carry each value
    drawn: list[int] = []
    for row in rng.permutation(len(tracks)):
        if len(drawn) < n and (left[carries[row]] > 1).all():
            left -= carries[row]
            drawn.append(int(row))
    if len(drawn) < n:
        raise InputError(
            f"hold_out: {n} of {len(tracks)} experiments; {len(drawn)} could be drawn so that "
            "each of their values is that of one that remains; hold out fewer, or name them"
        )
    return sorted(drawn)


def _values(variables: Iterable[Variable], tracks: TrackTable) -> tuple[np.ndarray, list[str]]:
    """Return which values each track carries, (O, V) bool, and what they are, in words.

    A number has two: known, and not known.
    """
    carries, names = [], []
    for variable in variables:
        cells = tracks[variable.column]
        encoding = Encoding.fit(variable, cells)
        encoded = encoding.encode(cells) != 0
        if not encoding.vocabulary:
            encoded[:, 0] = ~encoded[:, 1]  # a number may be the mean, which is encoded as 0
        carries.append(encoded)
        values = [repr(value) for value in encoding.vocabulary] or ["of a number", "''"]
        names += [f"{variable.column} {value}" for value in values]
    return np.concatenate(carries, axis=1), names
