"""Which people of a cohort, and which are in one file and not in the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfdvep.errors import InputError
from mfdvep.genomics.text import TextStream


@dataclass(frozen=True)
class People:
    """The people who get burdens, in order.

    Attributes
    ----------
    ids
        In the order of the file that names them, else of the cohort.
    counts
        in_cohort; in_samples_file, None without one; used; only_in_cohort and only_in_samples_file
        with their ids.
    """

    ids: tuple[str, ...]
    counts: dict[str, Any]


def choose_people(cohort: Sequence[str], path: str | Path | None, *, name: str) -> People:
    """Return the people of a cohort that a file names, or all.

    Parameters
    ----------
    cohort
        Ids, each once.
    path
        One id a line; empty lines and lines that start with "#" are skipped. None: all people.
    name
        Of the cohort's file, for messages.

    Raises
    ------
    InputError
        It cannot be read; an id twice (line named); none of them is in the cohort.
    """
    if path is None:
        counts = {"in_cohort": len(cohort), "in_samples_file": None, "used": len(cohort)}
        return People(tuple(cohort), {**counts, "only_in_cohort": [], "only_in_samples_file": []})
    line_of: dict[str, int] = {}
    with closing(TextStream(path)) as text:
        for number, line in enumerate(text, start=1):
            person = line.strip()
            if not person or person.startswith("#"):
                continue
            if person in line_of:
                raise InputError(
                    f"{path}:{number}: person {person!r} is on line {line_of[person]} too; give "
                    "each once"
                )
            line_of[person] = number
    known = set(cohort)
    used = tuple(person for person in line_of if person in known)
    if not used:
        example = next(iter(line_of), "nothing")
        raise InputError(
            f"{path}: none of its {len(line_of):,} people is in {name}: it has {example!r}, the "
            f"cohort {cohort[0]!r}; expected an id a line, as in the #CHROM line"
        )
    return People(
        used,
        {
            "in_cohort": len(cohort),
            "in_samples_file": len(line_of),
            "used": len(used),
            "only_in_cohort": [person for person in cohort if person not in line_of],
            "only_in_samples_file": [person for person in line_of if person not in known],
        },
    )
