"""A correlation as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from mfdvep.enrichment.correlation import Correlation
from mfdvep.enrichment.report.correlation_readings import (
    effect_of,
    largest,
    passing,
    picking,
    unit_of,
)
from mfdvep.enrichment.report.terminal import aligned, wrapped
from mfdvep.enrichment.report.wording import interval, plural, probability, shortened, signed

N_TOP = 5
_NAME = 26  # letters of a track's name


def correlation_table(found: Correlation) -> str:
    """Return what fits a screen, in lines of at most 100 columns.

    A line a kind: how many tracks rise and fall with the label at q < 0.05, by Spearman over all
    variants. Then the five tracks of largest |Spearman| of each kind, and where variants name
    elements their mean over elements. "." is what is not defined.
    """
    counts, key = found.counts, found.settings["labels"]
    first = f"{counts['used']:,} variants used of {counts['rows']:,}: correlation with {key}"
    if counts["elements"]:
        first += f"; {plural(counts['elements'], 'element')}"
    said = [first, "", *_passing(found), "", *_largest(found)]
    if note := picking(found, n=N_TOP):
        said += [f"  {note}"]
    if flagged := found.settings["flagged"]:
        said += ["", *(f"note: {sentence}" for sentence in flagged)]
    return "\n".join(part for line in said for part in wrapped(line)) + "\n"


def _passing(found: Correlation) -> list[str]:
    unit = unit_of(found)
    header = ["q < 0.05 by Spearman, all variants", f"{unit}s", "rise", "fall"]
    lines = [[f"  {effect_of(found, row['kind'])}", f"{row['n']:,}", f"{row['rise']:,}",
              f"{row['fall']:,}"] for row in passing(found)]  # fmt: skip
    return aligned([header, *lines])


def _largest(found: Correlation) -> Iterator[str]:
    has_means = bool(found.means)
    header = ["largest |Spearman|", "Spearman", "95 %", "q"]
    header += ["element mean", "95 %"] * has_means
    top = largest(found, n=N_TOP)
    lines = []
    for row in (row for own in top.values() for row in own):
        line = [f"  {shortened(row['track'], _NAME)}", signed(row["spearman"]),
                _interval(row, "spearman"), probability(row["spearman_q"])]  # fmt: skip
        if has_means:
            line += [signed(row["mean_spearman"]), _interval(row, "mean_spearman")]
        lines.append(line)
    first, *texts = aligned([header, *lines])
    yield first
    remaining = iter(texts)
    for kind, own in top.items():
        yield kind if own else f"{kind}: no correlation is defined"
        for _ in own:
            yield next(remaining)


def _interval(row: dict, name: str) -> str:
    return interval(row[f"{name}_low"], row[f"{name}_high"], text=signed)
