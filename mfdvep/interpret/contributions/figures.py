"""Which figures a chunk gives: one a place and target, REF and ALT side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from matplotlib.figure import Figure

from mfdvep.interpret.contributions.plots import heat_map_figure, logo_figure, panel_of
from mfdvep.interpret.contributions.running import Chunk, Settings
from mfdvep.interpret.mutagenesis import Mutagenesis
from mfdvep.interpret.sequences import Site
from mfdvep.interpret.windows import centre_of

LOGO_FLANK = 30  # bases on each side of the centre
_METHODS = {
    "ig": "integrated gradients",
    "gradient": "gradient x input",
    "ism": "in-silico mutagenesis",
}


def draw(
    chunk: Chunk, settings: Settings, *, flank: int = LOGO_FLANK
) -> Iterator[tuple[str, Figure]]:
    """Yield a label and a figure for each place and target of a chunk.

    Logos have a row for each half that is not combined, or the one that there is; heat maps of
    mutagenesis have all.

    Parameters
    ----------
    flank
        Bases of a logo on each side of its middle, which is the variant's centre, or where a
        region has the largest scores; a heat map has all that were changed.
    """
    centre = centre_of(settings.shifts)
    at = 0
    for _, alike in groupby(chunk.scored, key=lambda site: (site.name, bool(site.allele))):
        together = list(alike)
        # a variant is a pair of REF and ALT; what has the same name otherwise stands alone
        size = 2 if together[0].allele else 1
        for first in range(0, len(together), size):
            sites = together[first : first + size]
            rows = range(at, at + len(sites))
            at += len(sites)
            for name, members in _by_name(chunk):
                panels = []
                for row, site in zip(rows, sites, strict=True):
                    scores, start = _scores(chunk, row, members)
                    is_ism = isinstance(chunk.found, Mutagenesis)
                    wide = settings.flank if is_ism else flank
                    middle = centre if is_ism or site.allele else _busiest(site, scores, flank)
                    panels.append(
                        panel_of(site, scores, centre=centre, flank=wide, first=start, shown=middle)
                    )
                unit = chunk.found.targets[members[0]].unit
                title = f"{sites[0].name}: {name}\n{_how(settings)}"
                figure = heat_map_figure if settings.method == "ism" else logo_figure
                yield f"{sites[0].name} {name}", figure(panels, title=title, unit=unit)


def _by_name(chunk: Chunk) -> Iterator[tuple[str, list[int]]]:
    """Yield each target's name, and the indices of its halves that are drawn."""
    targets = chunk.found.targets
    for name in dict.fromkeys(target.name for target in targets):
        members = [t for t, target in enumerate(targets) if target.name == name]
        halves = [t for t in members if targets[t].which != "combined"]
        yield name, members if isinstance(chunk.found, Mutagenesis) else halves or members


def _scores(chunk: Chunk, row: int, members: list[int]) -> tuple[dict[str, np.ndarray], int]:
    """Return the rows of a panel, and the site's base that they begin at."""
    found = chunk.found
    if isinstance(found, Mutagenesis):
        return {found.targets[t].which: found.effects[row, t] for t in members}, found.first
    return {found.targets[t].which: found.scores[row, t] for t in members}, 0


def _busiest(site: Site, rows: dict[str, np.ndarray], flank: int) -> int:
    """Return the base of a region round which the scores are largest in size, in sum."""
    size = np.sum([np.abs(row) for row in rows.values()], axis=0)
    around = np.convolve(size, np.ones(2 * flank + 1), mode="same")
    low, high = max(site.marked[0], 0), min(site.marked[1], len(size))
    # a region that the logo holds whole stands in its middle
    if high - low <= 2 * flank + 1:
        return (low + high) // 2
    low, high = low + flank, high - flank
    return low + int(around[low:high].argmax())


def _how(settings: Settings) -> str:
    """Return what scores are, in words."""
    n, strand = len(settings.shifts), settings.strand
    shifts = "one window" if n == 1 else f"mean of {n} shifts"
    strands = "both strands" if strand == "both" else f"{strand} strand"
    return f"{_METHODS[settings.method]}, {shifts}, {strands}"
