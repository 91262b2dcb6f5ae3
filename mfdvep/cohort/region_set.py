"""Named regions: genes of a GTF, or lines of a BED, and which of them a stretch lies in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mfdvep.enrichment.keys import key_of
from mfdvep.errors import InputError
from mfdvep.genomics.genes import Gene, read_annotation
from mfdvep.genomics.regions import bed_lines

_GTF, _BED = (".gtf", ".gtf.gz"), (".bed", ".bed.gz")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a region: its name, contig, and 0-based half-open ends."""

    name: str
    chrom: str
    start: int
    end: int


class RegionSet:
    """Regions by name, each of one or more stretches, whose overlaps count once.

    Contigs that mean the same, such as chr1 and 1, are one.

    Attributes
    ----------
    names
        In the order of the file.
    starts
        Of each region: contig of its stretches, without "chr" -> 0-based start of the first there.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        number: dict[str, int] = {}
        self.starts: list[dict[str, int]] = []
        edges: dict[str, list[tuple[int, int, int]]] = {}
        for part in parts:
            contig = bare(part.chrom)
            i = number.setdefault(part.name, len(number))
            if i == len(self.starts):
                self.starts.append({})
            self.starts[i][contig] = min(self.starts[i].get(contig, part.start), part.start)
            if part.start < part.end:
                edges.setdefault(contig, []).extend([(part.start, 1, i), (part.end, -1, i)])
        self.names = tuple(number)
        self._edges: dict[str, list[int]] = {}
        self._inside: dict[str, list[tuple[int, ...]]] = {}
        for contig, found in edges.items():
            self._sweep(contig, sorted(found))

    def __len__(self) -> int:
        return len(self.names)

    def of(self, contig: str, start: int, end: int) -> tuple[int, ...]:
        """Return the regions that have a base of a stretch, 0-based half-open, in order.

        Parameters
        ----------
        contig
            Without "chr", as `bare` gives it.
        """
        edges = self._edges.get(contig)
        if edges is None:
            return ()
        first, last = bisect_right(edges, start) - 1, bisect_left(edges, end) - 1
        inside = self._inside[contig]
        if first == last:
            return inside[first] if first >= 0 else ()
        together = {i for at in range(max(first, 0), last + 1) for i in inside[at]}
        return tuple(sorted(together))

    def _sweep(self, contig: str, edges: list[tuple[int, int, int]]) -> None:
        """Note which regions lie between an edge and the next."""
        active: Counter[int] = Counter()
        positions: list[int] = []
        inside: list[tuple[int, ...]] = []
        for position, step, i in edges:
            active[i] += step
            if not active[i]:
                del active[i]
            if positions and positions[-1] == position:
                inside[-1] = tuple(sorted(active))
            else:
                positions.append(position)
                inside.append(tuple(sorted(active)))
        self._edges[contig], self._inside[contig] = positions, inside


def bare(chrom: str) -> str:
    """Return a contig's name without "chr", "M" for the mitochondrion."""
    return key_of(chrom, 1, "A", "C")[0]


def read_regions(path: str | Path, *, upstream: int = 0, downstream: int = 0) -> RegionSet:
    """Return the regions of a BED or GTF.

    Parameters
    ----------
    path
        NAME.bed or NAME.gtf, plain or .gz. BED: column 4 names a region, lines of one name are one
        region, and a line without a name (or ".") is called CHROM:START-END, 1-based closed. GTF:
        genes, by their name where it is one gene's alone, else by their id without version.
    upstream, downstream
        Bases added to a gene, by its strand; the start is at least 0.

    Raises
    ------
    InputError
        See `bed_lines` and `read_annotation`; another ending; nothing in it; bases to be added to
        a BED, or to a gene without strand.
    """
    name = str(path).lower()
    if name.endswith(_GTF):
        parts = _genes(path, upstream, downstream)
    elif name.endswith(_BED):
        if upstream or downstream:
            raise InputError(
                f"{path}: --upstream and --downstream are for genes of a GTF; widen a BED with "
                "bedtools slop"
            )
        parts = [_named(*line) for line in _lines(path)]
    else:
        raise InputError(f"--regions {path}: expected NAME.bed or NAME.gtf, plain or .gz")
    if not parts:
        raise InputError(f"{path}: no region in it; give a BED with a line")
    if wrong := next((part.name for part in parts if not part.name.isprintable()), None):
        raise InputError(f"{path}: region {wrong!r} has letters that are no UTF-8; rename it")
    return RegionSet(parts)


def _lines(path: str | Path) -> Iterable[tuple[str, int, int, str]]:
    for line in bed_lines(path):
        yield line.chrom, line.start, line.end, line.rest[0] if line.rest else ""


def _named(chrom: str, start: int, end: int, name: str) -> Part:
    name = name.strip()
    return Part(name if name not in ("", ".") else f"{chrom}:{start + 1}-{end}", chrom, start, end)


def _genes(path: str | Path, upstream: int, downstream: int) -> list[Part]:
    genes = read_annotation(path).genes
    ids = {gene.name: {gene.id} for gene in genes}
    for gene in genes:
        ids[gene.name].add(gene.id)
    return [_around(gene, ids[gene.name], upstream, downstream, path) for gene in genes]


def _around(gene: Gene, ids: set[str], upstream: int, downstream: int, path: str | Path) -> Part:
    if gene.strand not in ("+", "-") and upstream != downstream:
        raise InputError(
            f"{path}: gene {gene.id} has the strand {gene.strand!r}, so that upstream is not "
            "known; give the same --upstream and --downstream"
        )
    left, right = (upstream, downstream) if gene.strand != "-" else (downstream, upstream)
    name = gene.name if gene.name and len(ids) == 1 else gene.id
    return Part(name, gene.chrom, max(gene.start - left, 0), gene.end + right)
