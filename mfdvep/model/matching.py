"""Which trained experiments match what is said of one, wholly or as well as any do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mfdvep.errors import InputError
from mfdvep.model.metadata import Encoding, MetadataSchema
from mfdvep.model.tracks import TrackTable


@dataclass(frozen=True)
class Like:
    """Trained experiments (their rows) that match some of what is said, in which columns."""

    rows: tuple[int, ...]
    said: Mapping[str, str]

    def __str__(self) -> str:
        if not self.said:
            return f"all {len(self.rows)} trained experiments"
        values = ", ".join(f"{column}={value}" for column, value in self.said.items())
        return f"the {len(self.rows)} with {values}"


class Matching:
    """Finds the trained experiments that carry given values.

    Parameters
    ----------
    schema
        Of the model.
    tracks
        The T trained experiments.
    bias
        float64 (T,), theirs.
    """

    def __init__(self, schema: MetadataSchema, tracks: TrackTable, bias: np.ndarray) -> None:
        self.tracks, self.bias = tracks, bias
        self._encodings = {e.variable.column: e for e in schema.encodings}
        self._coded = {c: e.encode(tracks[c]) for c, e in self._encodings.items()}
        # (T,) each: equal where the model sees no difference, as of 1 and 1.0
        self._classes = {
            c: np.unique(x, axis=0, return_inverse=True)[1].reshape(-1).tolist()
            for c, x in self._coded.items()
        }

    def __len__(self) -> int:
        return len(self.tracks)

    def count(self, name: str, said: Mapping[str, str]) -> int:
        """Return how many trained experiments carry all these values.

        Raises
        ------
        InputError
            One value that training has not seen; `name` is the track that it is said of.
        """
        try:
            found = int(self._carry(said).sum())
            if len(said) == 1 and not found:
                [(column, value)] = said.items()
                self._refuse(column, value)
        except InputError as error:
            raise InputError(
                f"virtual track {name}: {error}; mfdvep tracks --count {' '.join(said)} lists them"
            ) from error
        return found

    def like(self, said: Mapping[str, str], *, tells: Sequence[str] | None) -> Like:
        """Return the experiments that match all that is said, or else most of it.

        Among as many values, those of the columns that tell most: of the columns `tells`, by the
        entropy that is left in them; None: of the bias, by the squared error of the mean of the
        other experiments with the same values.
        """
        for n in range(len(said), 0, -1):
            found: list[tuple[float, int, Like]] = []
            for columns in combinations(said, n):
                some = {column: said[column] for column in columns}
                rows = np.flatnonzero(self._carry(some))
                if len(rows):
                    lacking = self._error(columns) if tells is None else self._left(columns, tells)
                    found.append((lacking, len(found), Like(tuple(rows.tolist()), some)))
            if found:
                return min(found)[2]
        return Like(tuple(range(len(self))), {})

    def _carry(self, said: Mapping[str, str]) -> np.ndarray:
        """Return which experiments carry all these values, bool (T,)."""
        met = np.ones(len(self), dtype=bool)
        for column, value in said.items():
            encoding, coded = self._encodings[column], self._coded[column]
            wanted = encoding.encode((value,))[0]
            if encoding.vocabulary:  # all of the values that a cell names, if it names several
                met &= (coded[:, wanted != 0] != 0).all(1)
            else:
                met &= (coded == wanted).all(1)
        return met

    def _refuse(self, column: str, value: str) -> None:
        """Raise InputError for a value that no experiment carries, but for a number in between."""
        encoding = self._encodings[column]
        if not encoding.vocabulary and value:
            low, high = _range(encoding, self.tracks[column])
            if low <= float(value) <= high:
                return
            raise InputError(
                f"{column} {value} is beyond what training has seen, {low:g} to {high:g}"
            )
        raise InputError(
            f"no trained experiment has {column} {value!r}, so its weights were not trained"
        )

    def _groups(self, columns: Sequence[str]) -> list[tuple[int, ...]]:
        """Return what tells apart the values of each experiment in some columns, T tuples."""
        return list(zip(*(self._classes[column] for column in columns), strict=True))

    def _left(self, columns: Sequence[str], of: Sequence[str]) -> float:
        """Return the entropy, in bits, of columns `of` once these are known."""
        return _entropy(self._groups([*columns, *of])) - _entropy(self._groups(columns))

    def _error(self, columns: Sequence[str]) -> float:
        """Return the mean squared error of a bias by the mean of the others with these values.

        An experiment that is alone with its values has the mean of all others.
        """
        _, group = np.unique(np.array(self._groups(columns)), axis=0, return_inverse=True)
        group = group.reshape(-1)
        n = np.bincount(group)[group]
        total = np.bincount(group, self.bias)[group]
        alone = n == 1
        n, total = np.where(alone, len(self), n), np.where(alone, self.bias.sum(), total)
        others = (total - self.bias) / np.maximum(n - 1, 1)
        return float(((self.bias - others) ** 2).mean())


def _range(encoding: Encoding, values: Sequence[str]) -> tuple[float, float]:
    known = [float(value) for value in values if value]
    return (min(known), max(known)) if known else (encoding.mean, encoding.mean)


def _entropy(values: Sequence[tuple[int, ...]]) -> float:
    share = np.array(list(Counter(values).values())) / len(values)
    return float(-(share * np.log2(share)).sum())
