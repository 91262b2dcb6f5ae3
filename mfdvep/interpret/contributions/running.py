"""Sites and targets to scores, a few sites at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.variants import VariantStatus
from mfdvep.interpret.attribution import Attribution, AttributionOptions, attribute_stretches
from mfdvep.interpret.mutagenesis import FLANK, Mutagenesis, mutate
from mfdvep.interpret.sequences import Site
from mfdvep.interpret.targets import HALVES, Target
from mfdvep.interpret.windows import stretch_bases
from mfdvep.model.mfd import MFDModel

METHODS = ("ig", "gradient", "ism")
_AT_ONCE = 4  # sites, or one more: REF and ALT of a variant stay together

Progress = Callable[[int, None], None]


@dataclass(frozen=True)
class Settings:
    """How sites are attributed.

    Attributes
    ----------
    method
        One of `METHODS`.
    shifts, strand
        Of the windows: rising offsets, and "both", "forward" or "reverse".
    flank
        For "ism": bases on each side of the centre.
    device
        "auto", "cpu", "cuda", ...
    """

    method: str
    shifts: tuple[int, ...]
    strand: str = "both"
    flank: int = FLANK
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"method {self.method!r}; expected {', '.join(METHODS)}")


@dataclass(frozen=True)
class Chunk:
    """Some sites in order, and the scores of those that are OK, in the same order."""

    sites: tuple[Site, ...]
    found: Attribution | Mutagenesis

    @property
    def scored(self) -> list[Site]:
        """The sites that the rows of `found` are of."""
        return [site for site in self.sites if site.status is VariantStatus.OK]


def halves_of(targets: Sequence[Target], which: str) -> list[Target]:
    """Return the targets by half.

    Parameters
    ----------
    which
        One of `HALVES`; or "all": combined, biological and technical, of which a target with one
        half, such as a direct feature, has that one alone.

    Raises
    ------
    InputError
        Another half, or one that a target does not have.
    """
    found = []
    for target in targets:
        if which != "all":
            found.append(target.half(which))
            if found[-1].is_silent:
                raise InputError(f"{target.name} has no {which} half; give --half combined")
            continue
        halves = [target.half(half) for half in HALVES[1:]]
        halves = [half for half in halves if not half.is_silent]
        found += [target, *halves] if len(halves) == 2 else halves
    return found


def run(
    model: MFDModel,
    sites: Iterable[Site],
    targets: Sequence[Target],
    settings: Settings,
    *,
    progress: Progress | None = None,
) -> Iterator[Chunk]:
    """Yield all sites with their scores; what is not OK has none.

    Parameters
    ----------
    progress
        Told how many sites are done; the total is not known.

    Raises
    ------
    InputError, ModelError
        As for `attribute_stretches` and `mutate`.
    """
    done = 0
    waiting = iter(sites)
    while some := _some(waiting):
        codes = [site.codes for site in some if site.status is VariantStatus.OK]
        none = np.empty((0, stretch_bases(settings.shifts)), dtype=np.uint8)
        stacked = np.stack(codes) if codes else none
        found: Attribution | Mutagenesis
        if settings.method == "ism":
            found = mutate(
                model,
                stacked,
                targets,
                flank=settings.flank,
                shifts=settings.shifts,
                strand=settings.strand,
                device=settings.device,
            )
        else:
            found = attribute_stretches(
                model,
                stacked,
                targets,
                shifts=settings.shifts,
                strand=settings.strand,
                options=AttributionOptions(settings.method),
                device=settings.device,
            )
        done += len(some)
        if progress is not None:
            progress(done, None)
        yield Chunk(some, found)


def _some(waiting: Iterator[Site]) -> tuple[Site, ...]:
    """Return the next sites, with the ALT of a REF that would be the last."""
    some = tuple(islice(waiting, _AT_ONCE))
    if some and some[-1].allele == "REF":
        some += tuple(islice(waiting, 1))
    return some
