"""Metadata of experiments as numbers, with frozen vocabularies, and as output weights.

Source: science.md "Network" 3 (MFD: the two static hypernetworks).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfdvep.errors import InputError
from mfdvep.model.config import ModelConfig, Variable
from mfdvep.model.tracks import TrackTable

MISSING = ""  # an empty cell: a category of its own
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True)
class Encoding:
    """How one variable becomes columns of numbers, fixed once from the training experiments.

    Attributes
    ----------
    variable
        The variable.
    vocabulary
        Its categories in column order, MISSING first; empty for a number.
    direct
        Which of the encoded columns are direct features.
    mean, sd
        Of the known values of a number; it is encoded as (z-score, 1 if missing).
    """

    variable: Variable
    vocabulary: tuple[str, ...] = ()
    direct: tuple[int, ...] = ()
    mean: float = 0.0
    sd: float = 1.0

    @classmethod
    def fit(cls, variable: Variable, values: tuple[str, ...]) -> Encoding:
        """Return the encoding that these values define.

        Raises
        ------
        InputError
            A number that is not one, or a year without four digits; the row is named.
        """
        is_direct = "direct" in variable.roles
        if variable.kind == "number":
            known = [_number(variable, v) for v in values if v != MISSING]
            sd = float(np.std(known)) if known else 0.0
            mean = float(np.mean(known)) if known else 0.0
            return cls(variable, direct=(0,) if is_direct else (), mean=mean, sd=sd or 1.0)
        counts = Counter(part for value in values for part in set(_parts(variable, value)))
        vocabulary = (MISSING, *sorted(set(counts) - {MISSING}))
        direct = tuple(
            i
            for i, value in enumerate(vocabulary)
            if is_direct and counts[value] >= variable.direct_min_count
        )
        return cls(variable, vocabulary, direct)

    @property
    def n_columns(self) -> int:
        """Number of encoded columns."""
        return len(self.vocabulary) or 2

    @property
    def direct_names(self) -> list[str]:
        """Name of each direct feature, e.g. "target=CTCF"; a number's is its column's."""
        column = self.variable.column
        if not self.vocabulary:
            return [column for _ in self.direct]
        return [f"{column}={self.vocabulary[i]}" for i in self.direct]

    def encode(self, values: tuple[str, ...]) -> np.ndarray:
        """Return the encoded values, float32 (O, n_columns).

        Raises
        ------
        InputError
            A value that the vocabulary does not hold (the nearest are named).
        """
        out = np.zeros((len(values), self.n_columns), dtype=np.float32)
        position = {value: i for i, value in enumerate(self.vocabulary)}
        for row, value in enumerate(values):
            if self.variable.kind == "number":
                if value == MISSING:
                    out[row, 1] = 1.0
                else:
                    out[row, 0] = (_number(self.variable, value) - self.mean) / self.sd
                continue
            for part in _parts(self.variable, value):
                if part not in position:
                    near = get_close_matches(part, self.vocabulary, n=3)
                    raise InputError(
                        f"{self.variable.column} {part!r} is not in the model's vocabulary"
                        + (f"; nearest: {', '.join(near)}" if near else "")
                    )
                out[row, position[part]] = 1.0
        return out


def _number(variable: Variable, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(f"{variable.column} {value!r} is not a number; leave it empty if unknown")
    return number


def _parts(variable: Variable, value: str) -> list[str]:
    """Return the categories that a cell names; MISSING if it names none."""
    if variable.kind == "year" and value != MISSING:
        match = _YEAR.search(value)
        if match is None:
            raise InputError(f"{variable.column} {value!r} holds no year of four digits")
        return [match.group()]
    parts = value.split(variable.separator) if variable.separator else [value]
    return [part.strip() for part in parts if part.strip()] or [MISSING]


@dataclass(frozen=True)
class MetadataSchema:
    """The frozen encodings of all variables, in the order of the configuration."""

    encodings: tuple[Encoding, ...]

    @classmethod
    def fit(cls, config: ModelConfig, tracks: TrackTable) -> MetadataSchema:
        """Return the encodings that the training experiments define; see `Encoding.fit`."""
        return cls(tuple(Encoding.fit(v, tracks[v.column]) for v in config.variables))

    @classmethod
    def from_list(cls, config: ModelConfig, items: list[Mapping[str, Any]]) -> MetadataSchema:
        """Return the schema that `to_list` wrote."""
        return cls(
            tuple(
                Encoding(
                    variable,
                    tuple(item["vocabulary"]),
                    tuple(item["direct"]),
                    item["mean"],
                    item["sd"],
                )
                for variable, item in zip(config.variables, items, strict=True)
            )
        )

    def to_list(self) -> list[dict[str, Any]]:
        """Return the encodings as plain data, in the order of the variables."""
        return [
            {
                "column": e.variable.column,
                "vocabulary": list(e.vocabulary),
                "direct": list(e.direct),
                "mean": e.mean,
                "sd": e.sd,
            }
            for e in self.encodings
        ]

    def group(self, name: str) -> tuple[Encoding, ...]:
        """Return the encodings of one group."""
        return tuple(e for e in self.encodings if e.variable.group == name)


class HyperNetwork(nn.Module):
    """Output weights of one half, (O, n_features), made from the experiments' metadata.

    The first columns are the direct features, the rest come from the interacting variables.

    Parameters
    ----------
    encodings
        The group's variables.
    tracks
        The O experiments; their encoded metadata become buffers.
    n_features
        C / 2.
    hidden
        Width of the two hidden layers.
    """

    direct: Tensor
    inputs: Tensor

    def __init__(
        self, encodings: tuple[Encoding, ...], tracks: TrackTable, *, n_features: int, hidden: int
    ) -> None:
        super().__init__()
        self.encodings = encodings
        self.direct_names = [name for e in encodings for name in e.direct_names]
        n_free = n_features - len(self.direct_names)
        mixed = [e for e in encodings if "interact" in e.variable.roles]
        if n_free < 0 or (n_free > 0 and not mixed):
            raise InputError(
                f"{encodings[0].variable.group} half: {len(self.direct_names)} direct features "
                f"for {n_features} latent features, {len(mixed)} interacting variables; widen the "
                "model, raise direct_min_count, or let a variable interact"
            )
        self._mixed = mixed if n_free else []
        direct, inputs = self._encoded(tracks)
        self.register_buffer("direct", direct, persistent=False)
        self.register_buffer("inputs", inputs, persistent=False)
        self.embeddings = nn.ModuleList(
            nn.Sequential(nn.Linear(e.n_columns, e.variable.width), nn.GELU())
            if e.variable.width
            else nn.Identity()
            for e in self._mixed
        )
        n_in = sum(e.variable.width or e.n_columns for e in mixed)
        self.mixer = (
            nn.Sequential(
                nn.Linear(n_in, hidden),
                nn.GELU(),
                nn.Linear(hidden, hidden),
                nn.GELU(),
                nn.Linear(hidden, n_free),
            )
            if n_free
            else nn.Identity()
        )
        if n_free:
            self._initialise(sum(e.variable.width or 1 for e in mixed))

    def _initialise(self, n_active: int) -> None:
        """Draw weights so that tracks differ from the start, and psi sums to logits of size 1.

        One of a variable's many columns is set, so a layer's usual scale, 1 / sqrt(columns), would
        make all tracks nearly the same: a model of two simulated targets then learned neither in
        300 steps (AUROC .64), with this scale one of them in 150 (.76).
        """
        for layer in self.embeddings.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight)
        first, second, last = (m for m in self.mixer.modules() if isinstance(m, nn.Linear))
        nn.init.normal_(first.weight, std=(2 / n_active) ** 0.5)
        nn.init.normal_(second.weight, std=(2 / second.in_features) ** 0.5)
        nn.init.normal_(last.weight, std=0.5 / (last.in_features * last.out_features) ** 0.5)

    def forward(self) -> Tensor:
        """Return psi, (O, n_features)."""
        return self._weights(self.direct, self.inputs)

    def of(self, tracks: TrackTable) -> Tensor:
        """Return psi of experiments with these metadata, (n, n_features), on this one's device.

        Raises
        ------
        InputError
            A value that a vocabulary does not hold; see `Encoding.encode`.
        """
        direct, inputs = self._encoded(tracks)
        device = self.direct.device
        return self._weights(direct.to(device), inputs.to(device))

    def _encoded(self, tracks: TrackTable) -> tuple[Tensor, Tensor]:
        """Return the direct columns of experiments, and those that are mixed."""
        coded = {e: e.encode(tracks[e.variable.column]) for e in self.encodings}
        direct = [coded[e][:, list(e.direct)] for e in self.encodings]
        mixed = [coded[e] for e in self._mixed] or [np.empty((0, 0))]
        joined = [torch.from_numpy(np.concatenate(x, axis=1)) for x in (direct, mixed)]
        return joined[0], joined[1]

    def _weights(self, direct: Tensor, inputs: Tensor) -> Tensor:
        if not self._mixed:
            return direct
        parts = inputs.split([e.n_columns for e in self._mixed], dim=1)
        embedded = [layer(x) for layer, x in zip(self.embeddings, parts, strict=True)]
        return torch.cat([direct, self.mixer(torch.cat(embedded, dim=1))], dim=1)


class FreeWeights(nn.Module):
    """Output weights (O, n_features) that no metadata make anew.

    Those of the plain baseline, which are trained, and those of a model with virtual tracks.
    """

    def __init__(self, psi: Tensor, direct_names: Sequence[str] = ()) -> None:
        super().__init__()
        self.direct_names = list(direct_names)
        self.psi = nn.Parameter(psi)

    @classmethod
    def drawn(cls, n_tracks: int, n_features: int) -> FreeWeights:
        """Return random weights, of which a logit has a variance of about 1."""
        return cls(torch.randn(n_tracks, n_features) / (2 * n_features) ** 0.5)

    def forward(self) -> Tensor:
        """Return psi, (O, n_features)."""
        return self.psi
