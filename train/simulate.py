"""Write simulated data on which the whole journey can be gone, with known biology and bias.

    python train/simulate.py -o runs/simulated

Writes genome.fa (+ .fai), experiments.tsv, peaks/, sites.bed and variants.vcf.gz (+ .tbi). Then
`mfdvep prepare`, `train`, `evaluate` and `score` as in train/README.md.
"""

from __future__ import annotations

import gzip
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import pysam

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))  # its motifs and chains

from build_genome import Contig
from regulation import experiments, find_sites, positions
from simulation import build_contig, draw_peaks, draw_variants

LINE = 60
HEADER = """\
##fileformat=VCFv4.3
##source=train/simulate.py, seed {seed}: simulated, from no person
##reference=genome.fa
{contigs}
##FILTER=<ID=PASS,Description="All filters passed">
##INFO=<ID=CAUSE,Number=1,Type=String,Description="What ALT breaks: biological (a motif), \
technical (a word that a lab or an assay is biased to), none">
##INFO=<ID=SITE,Number=1,Type=String,Description="The motif or word that is broken">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines, each ended by a newline, the same bytes on every system."""
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("ascii"))


def write_genome(folder: Path, contigs: Sequence[Contig]) -> None:
    """Write genome.fa and its index."""
    lines = []
    for contig in contigs:
        text = contig.text()
        lines += [f">{contig.name}", *(text[i : i + LINE] for i in range(0, len(text), LINE))]
    write_lines(folder / "genome.fa", lines)
    pysam.faidx(str(folder / "genome.fa"))


def write_experiments(folder: Path, rng: random.Random, contigs: Sequence[Contig]) -> None:
    """Write sites.bed, experiments.tsv and a narrowPeak file an experiment."""
    sites = {contig.name: find_sites(contig.text()) for contig in contigs}
    write_lines(
        folder / "sites.bed",
        (f"{name}\t{s.start}\t{s.end}\t{s.name}\t0\t{s.strand}" for name in sites
         for s in sites[name]),
    )  # fmt: skip
    rows = experiments()
    write_lines(
        folder / "experiments.tsv", ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    )
    places = {name: positions(found) for name, found in sites.items()}
    (folder / "peaks").mkdir()
    for row in rows:
        lines = [
            f"{contig.name}\t{start}\t{end}\t.\t0\t.\t0\t-1\t-1\t{summit - start}\n"
            for contig in contigs
            for start, end, summit in draw_peaks(rng, row, places[contig.name], len(contig.bases))
        ]
        # no time and no file name in the header: the same bytes every time
        packed = gzip.compress("".join(lines).encode("ascii"), mtime=0)
        (folder / row["peaks"]).write_bytes(packed)


def write_variants(folder: Path, rng: random.Random, contig: Contig, *, header: str, each: int):
    """Write variants.vcf.gz and its index: SNVs of one contig, by position."""
    text = contig.text()
    records = []
    drawn = sorted(draw_variants(rng, text, find_sites(text), each=each))
    for n, (start, ref, alt, cause, site) in enumerate(drawn):
        info = f"CAUSE={cause}" + (f";SITE={site}" if site else "")
        records.append(f"{contig.name}\t{start + 1}\tsim{n:04d}\t{ref}\t{alt}\t.\tPASS\t{info}")
    plain = folder / "variants.vcf"
    write_lines(plain, [*header.splitlines(), *records])
    pysam.tabix_compress(str(plain), f"{plain}.gz", force=True)
    plain.unlink()
    pysam.tabix_index(f"{plain}.gz", preset="vcf", force=True)


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Folder to write; must not hold a simulation yet.")  # fmt: skip
@click.option("--seed", type=int, default=20251125, show_default=True)
@click.option("--contigs", type=click.IntRange(min=3), default=6, show_default=True,
              help="The last one is for testing, and has the variants.")  # fmt: skip
@click.option("--bases", type=click.IntRange(min=20_000), default=786_432, show_default=True,
              help="Bases a contig.")  # fmt: skip
@click.option("--variants", type=click.IntRange(min=1), default=40, show_default=True,
              help="Variants a motif or word, at most.")  # fmt: skip
def main(output: Path, seed: int, contigs: int, bases: int, variants: int) -> None:
    """Write a simulated genome, the peaks of 36 experiments, and labelled variants."""
    if (output / "genome.fa").exists():
        raise click.ClickException(f"{output}: holds a simulation already; remove it first")
    output.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    made = [build_contig(rng, f"sim{i + 1}", bases) for i in range(contigs)]
    write_genome(output, made)
    write_experiments(output, rng, made)
    lines = "\n".join(f"##contig=<ID={c.name},length={len(c.bases)}>" for c in made)
    header = HEADER.format(seed=seed, contigs=lines)
    write_variants(output, rng, made[-1], header=header, each=variants)


if __name__ == "__main__":
    main()
