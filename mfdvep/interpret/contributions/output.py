"""Attributions as a file, or as a folder with figures and tracks for a genome browser.

A folder has

- `scores.parquet`, see `mfdvep.interpret.contributions.table`;
- `summary.tsv`: a row a site and target, without the scores;
- `settings.json`: model, reference, method, shifts, command;
- `bedgraph/`: a file a target and half, where sites lie on a genome;
- `figures/`: logos, or heat maps of mutagenesis, of the first sites, as PNG and SVG.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mfdvep.files import Parts
from mfdvep.folders import check_file_or_folder, new_folder, write_json, writing
from mfdvep.interpret.contributions.bedgraph import BedGraphs, file_names
from mfdvep.interpret.contributions.figures import LOGO_FLANK, draw
from mfdvep.interpret.contributions.running import Chunk, Settings
from mfdvep.interpret.contributions.table import ScoreWriter, write_npz
from mfdvep.interpret.mutagenesis import Mutagenesis
from mfdvep.plotting import save_figures

MARKER = "scores.parquet"
FILES = (".parquet", ".npz")
N_FIGURES = 12


@dataclass
class Summary:
    """What was written.

    Attributes
    ----------
    status
        Status -> sites; an allele is one.
    rough
        Sites whose integrated gradients miss the sum by more than the tolerance.
    longer
        Sites of which only the middle fits into a window.
    figures
        Figures that were drawn.
    """

    status: Counter[str] = field(default_factory=Counter)
    rough: int = 0
    longer: int = 0
    figures: int = 0

    def add(self, chunk: Chunk) -> None:
        """Count the sites of a chunk."""
        self.status.update(str(site.status) for site in chunk.sites)
        self.longer += sum(
            site.marked[0] < 0 or site.marked[1] > len(site.codes) for site in chunk.scored
        )
        if not isinstance(chunk.found, Mutagenesis):
            self.rough += int((~chunk.found.converged).sum())


def check(output: str | Path, inputs: Sequence[Path], *, force: bool = False) -> None:
    """Refuse an output that cannot be written or would destroy something, before any work.

    Raises
    ------
    OutputError
        See `check_file_or_folder`.
    """
    check_file_or_folder(output, inputs, files=FILES, marker=MARKER, force=force)


def write(
    chunks: Iterable[Chunk],
    output: str | Path,
    settings: Settings,
    *,
    about: dict[str, Any],
    n_figures: int = N_FIGURES,
    logo_flank: int = LOGO_FLANK,
    force: bool = False,
) -> Summary:
    """Write chunks as they come to NAME.parquet, NAME.npz, or else to a folder.

    Parameters
    ----------
    about
        Goes with the scores, as JSON.
    n_figures
        Of a folder: figures of so many places, at most.
    logo_flank
        Bases of a logo on each side of the centre.
    force
        Replace an earlier output.

    Raises
    ------
    OutputError
        It exists without `force`, or cannot be written whole.
    """
    output = Path(output)
    summary = Summary()
    counted = _counted(chunks, summary)
    if output.suffix not in FILES:
        with new_folder(output, marker=MARKER, force=force) as part, writing(output):
            _fill(part, counted, settings, about, summary, n_figures, logo_flank)
        return summary
    with Parts(output) as parts, writing(output):
        if output.suffix == ".npz":
            write_npz(parts[output], counted, about)
        else:
            with ScoreWriter(parts[output], settings.method, about) as writer:
                for chunk in counted:
                    writer.write(chunk)
    return summary


def _counted(chunks: Iterable[Chunk], summary: Summary) -> Iterator[Chunk]:
    for chunk in chunks:
        summary.add(chunk)
        yield chunk


def _fill(
    folder: Path,
    chunks: Iterable[Chunk],
    settings: Settings,
    about: dict[str, Any],
    summary: Summary,
    n_figures: int,
    logo_flank: int,
) -> None:
    write_json(folder / "settings.json", about)
    graphs, kept, places = BedGraphs(), list[tuple[str, Any]](), 0
    with (
        ScoreWriter(folder / MARKER, settings.method, about) as writer,
        open(folder / "summary.tsv", "w", newline="", encoding="utf-8") as handle,
    ):
        rows = csv.writer(handle, delimiter="\t", lineterminator="\n")
        rows.writerow(_HEADER)
        for chunk in chunks:
            writer.write(chunk)
            rows.writerows(_summary_rows(chunk))
            graphs.add(chunk)
            if places < n_figures:
                kept += draw(chunk, settings, flank=logo_flank)
                places += len(
                    {(site.name, site.allele) for site in chunk.scored if site.allele != "ALT"}
                )
    if kept:
        (folder / "figures").mkdir()
        names = file_names([label for label, _ in kept])
        save_figures(
            dict(zip(names, (figure for _, figure in kept), strict=True)), folder / "figures"
        )
        summary.figures = len(kept)
    (folder / "bedgraph").mkdir()
    if not graphs.write(folder / "bedgraph", f"mfdvep {settings.method}"):
        (folder / "bedgraph").rmdir()


_HEADER = (
    "name", "allele", "chrom", "status", "target", "half", "unit", "value", "baseline", "delta",
    "n_steps", "converged", "largest", "largest_at",
)  # fmt: skip


def _summary_rows(chunk: Chunk) -> Iterator[list[Any]]:
    """Yield the cells of `_HEADER`; empty where there is none, as of mutagenesis' value."""
    i = 0
    for site in chunk.sites:
        head = [site.name, site.allele, site.chrom or "", str(site.status)]
        if not len(site.codes):
            yield head + [""] * (len(_HEADER) - len(head))
            continue
        found = chunk.found
        for t, target in enumerate(found.targets):
            cells = [target.name, target.which, target.unit]
            if isinstance(found, Mutagenesis):
                scores, first = found.importance()[i, t], found.first
                cells += [""] * 5
            else:
                scores, first = found.scores[i, t], 0
                numbers = (found.value[i, t], found.baseline[t], found.delta[i, t])
                cells += ["" if x != x else f"{x:.6g}" for x in numbers]
                cells += [str(found.n_steps[i]), str(bool(found.converged[i])).lower()]
            top = int(abs(scores).argmax())
            place = int(site.positions[first + top])
            cells += [f"{scores[top]:.6g}", str(place + 1) if place >= 0 else ""]
            yield head + cells
        i += 1
