"""Regions of a BED with classes, such as cCREs, and windows of the background beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import Regions, bed_lines
from mfdvep.genomics.sequences import N_CODE, WINDOW_BASES
from mfdvep.interpret.features.tiling import window_starts
from mfdvep.interpret.label_sets.label_set import UNKNOWN, LabelSet
from mfdvep.scoring.windows import MAX_N

AGAINST = ("rest", "background", "both")
BACKGROUND = "background"
_ATTEMPTS = 100  # places tried for one window of the background


def read_classes(
    path: str | Path,
    *,
    column: int = 4,
    genome: Genome | None = None,
    background: int = 0,
    against: str = "both",
    rng: np.random.Generator,
) -> LabelSet:
    """Return the regions with a task a class, and windows of the background.

    Parameters
    ----------
    column
        1-based column of the BED with the class; ENCODE's own files have it in the sixth.
    genome
        The reference; needed for a background.
    background
        Windows for each region: of its length, anywhere on its contig where no region of the BED
        is and where at most half of the model's window is N.
    against
        What a class is told from: "rest", the regions of other classes; "background"; "both".

    Raises
    ------
    InputError
        What `bed_lines` refuses; a line without such a column, or a region twice; another
        `against`, or one without a background; a background without a genome, or none of it
        finds a place.
    """
    if against not in AGAINST or (against == "background" and not background):
        raise InputError(
            f"against {against!r} with {background} windows of background; expected "
            f"{', '.join(AGAINST)}, and windows for 'background'"
        )
    places, classes = [], []
    for line in bed_lines(path):
        if len(line.rest) < column - 3:
            raise InputError(
                f"{path}: {line.chrom}:{line.start}-{line.end} has no column {column} with a "
                "class; name the column with --class-column"
            )
        places.append((line.chrom, line.start, line.end))
        classes.append(line.rest[column - 4])
    if not places:
        raise InputError(f"{path}: no region in it; give one with a line")
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise InputError(f"{path}: {twice[0]}:{twice[1]}-{twice[2]} is there twice; keep one")
    added = _background(places, genome, background, rng) if background else []
    names = sorted(set(classes) - {""})
    if taken := sorted({BACKGROUND, "name", "chrom", "start", "end"} & set(names)):
        raise InputError(
            f"{path}: a class is called {taken[0]}, which the table of labels has for itself; "
            "rename it"
        )
    all_places, of = [*places, *added], np.array([*classes, *[BACKGROUND] * len(added)])
    labels = np.zeros((len(of), len(names)), dtype=np.int8)
    for i, name in enumerate(names):
        others = of != name
        labels[~others, i] = 1
        if against != "both":
            is_background = np.arange(len(of)) >= len(places)
            labels[others & (is_background == (against == "rest")), i] = UNKNOWN
    chrom, start, end = zip(*all_places, strict=True)
    return LabelSet(
        name=[f"{c}:{s}-{e}" for c, s, e in all_places],
        chrom=chrom,
        start=np.array(start, dtype=np.int64),
        end=np.array(end, dtype=np.int64),
        tasks=names,
        labels=labels,
        counts={"regions": len(places), "background": len(added), "tasks": len(names)},
    )


def _background(
    places: Sequence[tuple[str, int, int]],
    genome: Genome | None,
    n_each: int,
    rng: np.random.Generator,
) -> list[tuple[str, int, int]]:
    """Return windows outside all regions, of their lengths and contigs, no two the same."""
    if genome is None:
        raise InputError("a background is drawn from the reference; give it with -f")
    stretches: dict[str, list[tuple[int, int]]] = {}
    for chrom, start, end in places:
        stretches.setdefault(chrom, []).append((start, end))
    taken = Regions(stretches)
    found: dict[tuple[str, int, int], None] = {}
    for chrom, start, end in places:
        contig = genome.resolve(chrom)
        length = end - start
        room = 0 if contig is None else genome.contigs[contig] - length
        for _ in range(n_each if contig is not None and room > 0 else 0):
            for _ in range(_ATTEMPTS):
                at = int(rng.integers(room + 1))
                place = (chrom, at, at + length)
                if place in found or taken.overlaps(chrom, at, at + max(length, 1)):
                    continue
                if _is_known(genome, str(contig), at, at + length):
                    found[place] = None
                    break
    if not found:
        raise InputError(
            f"{genome.path}: no place for a background on the contigs of the regions; give the "
            "reference that they are of"
        )
    return list(found)


def _is_known(genome: Genome, contig: str, start: int, end: int) -> bool:
    starts = window_starts(start, end)
    stretch = genome.fetch(contig, int(starts[0]), int(starts[-1]) + WINDOW_BASES)
    return bool((stretch == N_CODE).mean() <= MAX_N)
