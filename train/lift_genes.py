"""Write the genes of DATA/expression with their places on the GRCh38 sequence of DATA/regulome45.

    python train/lift_genes.py DATA -o runs/genes.GRCh38.tsv

No chain file is needed: both folders hold peaks of the same experiments, one in GRCh37, one lifted
to GRCh38. Where peaks of the same length stand at the same distance again and again, that distance
is the assemblies' offset there, to the base. A gene is lifted where the offsets on both sides of
its start site agree. The table has chrom (the contig of the FASTA), tss (0-based on it), strand,
gene_id, gene_name, chrom_hg19, tss_hg19, and split: that of the MFD model regulome45.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

from mfdvep.enrichment.sets.tables import Table
from mfdvep.errors import MfdvepError
from mfdvep.expression.bins import BIN, MARKS, bin_starts
from mfdvep.expression.genes import Tss, read_genes
from mfdvep.files import Parts, check_outputs
from mfdvep.genomics.genes import without_version
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import bed_lines
from mfdvep.model.tracks import TrackTable, tsv

SUPPORT = 3
"""Pairs of peaks that must share an offset to the base; by chance two hardly ever do."""
NEIGHBOURHOOD = 1_000_000
"""Bases within which they must lie."""
REACH_BETWEEN = 500_000
"""Most bases from a start site to the nearest pair on either side."""
REACH_BEYOND = 20_000
"""Most bases to it where there is one on one side alone."""
SLACK = 10
"""Bases by which the offsets on both sides may differ; a tenth of a bin."""
SPLITS = {"chr20": "test", "chr21": "validation", "chr1": "validation"}
GTEX = "variants/gtex.v8.whole_blood.independent_eqtls.on_sequence.tsv.gz"
_WINDOW = re.compile(r"(chr\w+)_(\d+)_(\d+)")

Peaks = dict[str, np.ndarray]  # contig -> int64 (n, 2), 0-based half-open


@dataclass(frozen=True)
class Anchors:
    """Pairs of the same peak in both assemblies, on one chromosome, by rising place.

    Attributes
    ----------
    start, end
        int64 (n,) in GRCh37.
    offset
        int64 (n,): GRCh38 minus GRCh37.
    """

    start: np.ndarray
    end: np.ndarray
    offset: np.ndarray


def place_of(contig: str) -> tuple[str, int]:
    """Return the chromosome of a contig, and where its first base lies there."""
    window = _WINDOW.fullmatch(contig)
    return (window[1], int(window[2])) if window else (contig, 0)


def read_peaks(path: Path, lengths: Mapping[str, int] | None = None) -> Peaks:
    """Return the peaks of a BED by chromosome, in true coordinates.

    Parameters
    ----------
    lengths
        Of the contigs that are pieces of chromosomes; peaks that touch their ends were cut there
        and are left out. None: the contigs are chromosomes.
    """
    found = defaultdict(list)
    for line in bed_lines(path):
        if lengths is not None and (line.start == 0 or line.end >= lengths[line.chrom]):
            continue
        chrom, first = place_of(line.chrom)
        found[chrom].append((line.start + first, line.end + first))
    return {chrom: np.array(sorted(set(rows)), np.int64) for chrom, rows in found.items()}


def pair_peaks(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return all pairs of peaks of one length: int64 (p, 3) of start, end and offset.

    Parameters
    ----------
    before, after
        (n, 2) and (m, 2): peaks of one experiment on one chromosome, in GRCh37 and GRCh38.
    """
    size = after[:, 1] - after[:, 0]
    order = np.argsort(size, kind="stable")
    own = before[:, 1] - before[:, 0]
    first, last = (np.searchsorted(size[order], own, side) for side in ("left", "right"))
    n = last - first
    left = np.repeat(np.arange(len(before)), n)
    right = order[np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)]
    offset = after[right, 0] - before[left, 0]
    return np.stack([before[left, 0], before[left, 1], offset], axis=1)


def find_anchors(pairs: np.ndarray) -> Anchors:
    """Return the pairs whose offset others near them have too.

    A pair stays if at least `SUPPORT` different peaks within `NEIGHBOURHOOD` have its offset; of
    several pairs at one place, that with the most such peaks. A pair that differs from the two
    that stand on either side of it, which agree, is left out.

    Parameters
    ----------
    pairs
        (p, 3), of all experiments on one chromosome, see `pair_peaks`.
    """
    pairs = np.unique(pairs, axis=0)  # a peak that two experiments share counts once
    order = np.lexsort((pairs[:, 0], pairs[:, 2]))
    start, end, offset = pairs[order].T
    support = np.zeros(len(order), np.int64)
    edges = [0, *(np.flatnonzero(np.diff(offset)) + 1), len(order)] if len(order) else [0]
    for low, high in pairwise(edges):
        of = start[low:high]
        support[low:high] = np.searchsorted(of, of + NEIGHBOURHOOD, "right") - np.searchsorted(
            of, of - NEIGHBOURHOOD, "left"
        )
    best: dict[int, int] = {}
    for i in np.flatnonzero(support >= SUPPORT):
        if support[i] > support[best.setdefault(int(start[i]), int(i))]:
            best[int(start[i])] = int(i)
    kept = np.array([best[at] for at in sorted(best)], np.int64)
    found = offset[kept]
    stays = np.ones(len(kept), dtype=bool)
    if len(kept) > 4:
        around = np.stack([found[:-4], found[1:-3], found[3:-1], found[4:]])
        agree = (np.ptp(around, axis=0) == 0) & (found[2:-2] != around[0])
        stays[2:-2] = ~agree
    kept = kept[stays]
    return Anchors(start[kept], end[kept], offset[kept])


def lift(at: int, anchors: Anchors) -> tuple[int | None, str]:
    """Return a place of GRCh37 in GRCh38, both 0-based, and "lifted"; or None and why not.

    Parameters
    ----------
    at
        In GRCh37, on the chromosome of the anchors.
    """
    over = np.flatnonzero((anchors.start <= at) & (at < anchors.end))
    if len(over):  # a peak has the same length in both: no base came or went within it
        offsets, n = np.unique(anchors.offset[over], return_counts=True)
        return at + int(offsets[n.argmax()]), "lifted"
    before = np.flatnonzero(anchors.end <= at)
    after = np.flatnonzero(anchors.start > at)
    left = before[anchors.end[before].argmax()] if len(before) else None
    right = after[0] if len(after) else None
    to_left = at - int(anchors.end[left]) if left is not None else REACH_BETWEEN + 1
    to_right = int(anchors.start[right]) - at if right is not None else REACH_BETWEEN + 1
    nearest = left if to_left <= to_right else right
    if max(to_left, to_right) > REACH_BETWEEN:
        if min(to_left, to_right) > REACH_BEYOND:
            return None, "no pair of peaks near"
    elif abs(int(anchors.offset[left]) - int(anchors.offset[right])) > SLACK:
        return None, "offsets on both sides differ"
    return at + int(anchors.offset[nearest]), "lifted"


def lift_genes(
    genes: Iterable[Tss], anchors: Mapping[str, Anchors], contigs: Mapping[str, int]
) -> tuple[list[tuple[Tss, Tss]], Counter[str]]:
    """Return genes as they were and on the contigs, and what came of all of them.

    Parameters
    ----------
    genes
        In GRCh37.
    anchors
        By chromosome.
    contigs
        Lengths by the FASTA's names, see `place_of`.
    """
    pieces = defaultdict(list)
    for contig, length in contigs.items():
        chrom, first = place_of(contig)
        pieces[chrom].append((contig, first, first + length))
    found, counts = [], Counter[str]()
    for gene in genes:
        if gene.chrom not in anchors:
            counts["chromosome not on the sequence"] += 1
            continue
        at, why = lift(gene.tss, anchors[gene.chrom])
        if at is None:
            counts[why] += 1
            continue
        moved = Tss(gene.id, gene.name, gene.chrom, at, gene.strand)
        bins = bin_starts(moved)
        low, high = int(bins.min()), int(bins.max()) + BIN
        for contig, start, end in pieces[gene.chrom]:
            if start <= low and high <= end:
                found.append((gene, Tss(gene.id, gene.name, contig, at - start, gene.strand)))
                counts["lifted"] += 1
                break
        else:
            counts["lifted, but 5 kb on both sides are not on the sequence"] += 1
    return found, counts


def read_anchors(data: Path, contigs: Mapping[str, int]) -> dict[str, Anchors]:
    """Return the anchors of each chromosome, of all cells and marks that both folders have."""
    table = TrackTable.read(data / "regulome45" / "experiments.tsv")
    pairs = defaultdict(list)
    rows = zip(table["biosample"], table["target"], table["peaks"], table["assay"], strict=True)
    for cell, mark, path, assay in rows:
        source = data / "expression" / "marks" / f"{cell}.{mark}.hg19.bed.gz"
        if assay != "Histone ChIP-seq" or mark not in MARKS or not source.is_file():
            continue
        before, after = read_peaks(source), read_peaks(data / "regulome45" / path, contigs)
        for chrom in before.keys() & after.keys():
            pairs[chrom].append(pair_peaks(before[chrom], after[chrom]))
    return {chrom: find_anchors(np.concatenate(found)) for chrom, found in pairs.items()}


def read_gtex(path: Path) -> dict[str, int]:
    """Return the start sites, 0-based, that GTEx's distances are measured from, by gene id."""
    found: dict[str, int] = {}
    with Table(path, ("pos", "gene_id", "tss_distance")) as table:
        for number, line in table:
            fields = table.fields(number, line)
            pos, gene, distance = (fields[table.place[name]] for name in table.place)
            found[without_version(gene)] = int(pos) - int(distance) - 1
    return found


def agreement(genes: Sequence[Tss], gtex: Mapping[str, int]) -> dict[str, int]:
    """Return how many genes have GTEx's start site, to the base, within 10, 100, 1000 bases.

    Genes of GTEx that are none of these, such as those that code for no protein, do not count.
    """
    gaps = [
        abs(gene.tss + place_of(gene.chrom)[1] - gtex[gene.id]) for gene in genes if gene.id in gtex
    ]
    return {
        "in both": len(gaps),
        **{f"within {most}": sum(gap <= most for gap in gaps) for most in (0, 10, 100, 1000)},
    }


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--force", is_flag=True, help="Overwrite the output.")
def main(data: Path, output: Path, force: bool) -> None:
    """Write the genes of DATA/expression that lie on the sequence of DATA/regulome45."""
    source = data / "expression" / "genes.hg19.tsv.gz"
    try:
        check_outputs({"output": output}, [source, data / GTEX], force=force)
        with Genome(data / "regulome45" / "genome.fa.gz") as genome:
            contigs = genome.contigs
        genes = read_genes(source)
        anchors = read_anchors(data, contigs)
        found, counts = lift_genes(genes.genes, anchors, contigs)
        found.sort(key=lambda pair: (list(contigs).index(pair[1].chrom), pair[1].tss))
        columns = {
            "chrom": [gene.chrom for _, gene in found],
            "tss": [gene.tss for _, gene in found],
            "strand": [gene.strand for _, gene in found],
            "gene_id": [gene.id for _, gene in found],
            "gene_name": [gene.name for _, gene in found],
            "chrom_hg19": [gene.chrom for gene, _ in found],
            "tss_hg19": [gene.tss for gene, _ in found],
            "split": [SPLITS.get(gene.chrom, "train") for _, gene in found],
        }
        with Parts(output) as parts:
            parts.write_text(output, tsv(columns))
        agrees = agreement([gene for _, gene in found], read_gtex(data / GTEX))
    except MfdvepError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(genes.genes):,} genes ({len(genes.duplicates)} more twice in the table)")
    for why, n in counts.most_common():
        click.echo(f"  {n:,}  {why}")
    n_anchors = sum(len(found.start) for found in anchors.values())
    click.echo(f"{n_anchors:,} pairs of peaks on {len(anchors)} chromosomes")
    click.echo("split of the MFD model: " + ", ".join(
        f"{n} {split}" for split, n in Counter(columns["split"]).most_common()
    ))  # fmt: skip
    click.echo("start sites of GTEx: " + ", ".join(f"{n} {what}" for what, n in agrees.items()))


if __name__ == "__main__":
    main()
