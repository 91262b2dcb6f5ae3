"""Who is in which file, and who takes part. Pure numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfdvep.cohort.align.tables import PersonTable
from mfdvep.errors import InputError

INNER, OUTER = "inner", "outer"
USED = "used"


@dataclass(frozen=True)
class Inputs:
    """The tables of a cohort.

    Attributes
    ----------
    images
        An image, or its embedding, of each person.
    genetics
        At least one, of different names.
    covariates
        None for none.
    """

    images: PersonTable
    genetics: tuple[PersonTable, ...]
    covariates: PersonTable | None = None

    def __post_init__(self) -> None:
        names = [table.name for table in self.tables]
        if twice := [name for name, n in Counter(names).items() if n > 1]:
            raise InputError(
                f"two inputs are named {twice[0]!r}; give them names of their own: NAME=FILE"
            )
        for table in self.genetics:
            if table.values.ndim != 2:
                raise InputError(f"{table.path}: images as genetics; expected columns of numbers")
        if not self.genetics:
            raise InputError("no genetics; give at least one table")

    @property
    def tables(self) -> tuple[PersonTable, ...]:
        """All: images, genetics, covariates."""
        more = () if self.covariates is None else (self.covariates,)
        return (self.images, *self.genetics, *more)


@dataclass(frozen=True)
class People:
    """The n people who take part, in the order of the images.

    Attributes
    ----------
    iids, families
        n names each; a person without a family is one alone, of the own name.
    image_rows
        int64 (n,): rows of the images.
    genetic_rows
        int64 (M, n): rows of each genetic table; -1 where the person is not in it, or has values
        that are not known.
    covariate_rows
        int64 (n,); None where covariates are not needed.
    left_out
        Every other person of any file -> why.
    counts
        For each file, and over all: who is in it, and what became of them; the parts add up.
    """

    iids: tuple[str, ...]
    families: tuple[str, ...]
    image_rows: np.ndarray
    genetic_rows: np.ndarray
    covariate_rows: np.ndarray | None
    left_out: dict[str, str]
    counts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.iids)

    @property
    def present(self) -> np.ndarray:
        """Who has which genetic table, bool (n, M)."""
        return (self.genetic_rows >= 0).T


def gather(inputs: Inputs, *, mode: str, need_covariates: bool) -> People:
    """Return who takes part, and why others do not.

    An image is needed, and every genetic table ("inner") or at least one ("outer").

    Parameters
    ----------
    need_covariates
        Whether covariates are needed too, if there are any.

    Raises
    ------
    InputError
        Nobody takes part.
    """
    rows = [_rows(table) for table in inputs.tables]
    image, genetic = rows[0], rows[1 : 1 + len(inputs.genetics)]
    covariate = rows[-1] if inputs.covariates is not None and need_covariates else None
    everyone = dict.fromkeys(iid for table in inputs.tables for iid in table.iids)
    why = {iid: _reason(iid, inputs, image, genetic, covariate, mode) for iid in everyone}
    iids = tuple(iid for iid in everyone if why[iid] == USED)
    counts: dict[str, Any] = {"people": len(everyone), **_sorted(why.values()), "files": {}}
    for table in inputs.tables:
        parts = _sorted(why[iid] for iid in table.iids)
        unknown = int((~table.known).sum())
        counts["files"][table.name] = {"people": len(table.iids), "unknown_values": unknown,
                                       **parts}  # fmt: skip
    if not iids:
        found = ", ".join(f"{n} {reason}" for reason, n in _sorted(why.values()).items())
        raise InputError(
            f"nobody of {inputs.images.path} takes part ({found}); are the names (iid) of all "
            "files of one kind?"
        )
    counts["present"] = {
        table.name: sum(iid in own for iid in iids)
        for table, own in zip(inputs.genetics, genetic, strict=True)
    }
    families = _families(inputs, iids)
    counts["families"] = len(set(families))
    return People(
        iids=iids,
        families=families,
        image_rows=np.array([image[iid] for iid in iids]),
        genetic_rows=np.array([[own.get(iid, -1) for iid in iids] for own in genetic]),
        covariate_rows=None if covariate is None else np.array([covariate[iid] for iid in iids]),
        left_out={iid: reason for iid, reason in why.items() if reason != USED},
        counts=counts,
    )


def _rows(table: PersonTable) -> dict[str, int]:
    """Return the row of each person whose numbers are known."""
    known = table.known
    return {iid: row for row, iid in enumerate(table.iids) if known[row]}


def _reason(
    iid: str,
    inputs: Inputs,
    image: dict[str, int],
    genetic: Sequence[dict[str, int]],
    covariate: dict[str, int] | None,
    mode: str,
) -> str:
    if iid not in image:
        return f"without {inputs.images.name}"
    has = [iid in own for own in genetic]
    if not any(has):
        return "without genetics"
    if mode == INNER and not all(has):
        return f"without {inputs.genetics[has.index(False)].name}"
    if covariate is not None and iid not in covariate:
        return "without covariates"
    return USED


def _families(inputs: Inputs, iids: Sequence[str]) -> tuple[str, ...]:
    """Return the family of each person, of the last table that says it."""
    of: dict[str, str] = {}
    for table in inputs.tables:
        if table.families is not None:
            of |= {iid: fid for iid, fid in zip(table.iids, table.families, strict=True) if fid}
    # a space is in no name of a table, so a person alone shares no family's
    return tuple(of.get(iid, f"{iid} alone") for iid in iids)


def _sorted(reasons: Any) -> dict[str, int]:
    found = Counter(reasons)
    return {USED: found.pop(USED, 0), **dict(sorted(found.items()))}
