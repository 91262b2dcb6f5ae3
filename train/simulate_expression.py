"""Write simulated genes, histone marks and expression, with a planted rule.

    python train/simulate_expression.py -o runs/simulated_expression

Writes genes.tsv, genes.gtf, expression.tsv, marks.tsv, peaks/ and truth.tsv. Then

    cd runs/simulated_expression
    mfdvep expression prepare genes.tsv expression.tsv marks.tsv -o profiles.parquet \\
      --test sim5 --validation sim6

The rule: in a cell, a gene is high if it has a peak of H3K4me3 just downstream of its start site
and no domain of H3K27me3 over it. Half of the genes of a contig are high. Those that are not have,
a third each, no peak of H3K4me3; one as strong just upstream, which counts for nothing; or the
peak and the domain. So neither a mark alone nor a profile in the wrong direction tells. The other
marks are drawn without regard to expression. Cells are drawn apart, and the signals of the second
are three times those of the first.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

CELLS = ("sim-A", "sim-B")
SCALES = (1.0, 3.0)
"""What the signals of each cell are multiplied with."""
CONTIGS = 6
MARKS = ("H3K27me3", "H3K36me3", "H3K4me1", "H3K4me3", "H3K9me3")
CAUSES = ("active", "none", "upstream", "repressed")
"""Why a gene is high, the first, or not."""
GAP = 12_000, 20_000
"""Bases from a start site to the next: no two genes share a bin."""
_SIGNAL = {"H3K27me3": 4.0, "H3K36me3": 5.0, "H3K4me1": 6.0, "H3K4me3": 15.0, "H3K9me3": 4.0}

Peak = tuple[str, int, int, float]
"""Contig, start, end (0-based, half-open), signal."""


@dataclass(frozen=True)
class Simulation:
    """n genes in two cells.

    Attributes
    ----------
    ids, chroms, strands
        n texts each.
    tss
        int64 (n,), 0-based.
    causes
        str (2, n), each of `CAUSES`.
    expression
        float64 (2, n), as RPKM with three places.
    peaks
        (cell, mark) -> peaks, in order of contig and place.
    """

    ids: tuple[str, ...]
    chroms: tuple[str, ...]
    strands: tuple[str, ...]
    tss: np.ndarray
    causes: np.ndarray
    expression: np.ndarray
    peaks: dict[tuple[str, str], tuple[Peak, ...]]

    @property
    def is_high(self) -> np.ndarray:
        """What the rule says: bool (2, n)."""
        return self.causes == "active"


def simulate(*, seed: int = 20201208, genes: int = 720) -> Simulation:
    """Return a simulation; the same for a seed.

    Parameters
    ----------
    genes
        A multiple of 12, so that half of the genes of each of six contigs are high.
    """
    if genes < 12 or genes % (2 * CONTIGS):
        raise ValueError(f"{genes} genes; expected a multiple of {2 * CONTIGS}")
    rng = np.random.default_rng(seed)
    each = genes // CONTIGS
    tss = np.concatenate([np.cumsum(rng.integers(*GAP, each)) for _ in range(CONTIGS)])
    chroms = tuple(f"sim{i + 1}" for i in range(CONTIGS) for _ in range(each))
    strands = tuple(rng.choice(["+", "-"], genes).tolist())
    causes = np.empty((len(CELLS), genes), dtype="<U9")
    expression = np.empty((len(CELLS), genes))
    peaks: dict[tuple[str, str], tuple[Peak, ...]] = {}
    for c, cell in enumerate(CELLS):
        for contig in range(CONTIGS):
            n = each // 2
            low = rng.choice(CAUSES[1:], each - n)
            causes[c, contig * each : (contig + 1) * each] = rng.permutation(
                np.concatenate([np.full(n, CAUSES[0]), low])
            )
        # the classes do not touch, so that the median parts them as the rule does
        high = rng.normal(4.0, 0.7, genes).clip(2.5, 8.0)
        low = rng.normal(0.7, 0.4, genes).clip(0.0, 1.5)
        levels = np.where(causes[c] == "active", high, low)
        expression[c] = np.round(2**levels - 1, 3)
        drawn: dict[str, list[Peak]] = {mark: [] for mark in MARKS}
        for i in range(genes):
            for mark, first, stop in _marks_of(str(causes[c, i]), rng):
                start, end = _on_genome(int(tss[i]), strands[i], first, stop)
                signal = _SIGNAL[mark] * SCALES[c] * float(rng.lognormal(0.0, 0.3))
                drawn[mark].append((chroms[i], max(start, 0), end, round(signal, 3)))
        for mark, found in drawn.items():
            peaks[cell, mark] = tuple(sorted(found))
    return Simulation(
        ids=tuple(f"ENSG{i + 1:011d}" for i in range(genes)),
        chroms=chroms,
        strands=strands,
        tss=tss,
        causes=causes,
        expression=expression,
        peaks=peaks,
    )


def _marks_of(cause: str, rng: np.random.Generator) -> list[tuple[str, int, int]]:
    """Return marks of a gene: first base and end, from the start site, in its direction."""
    jitter = int(rng.integers(-50, 51))
    found = []
    if cause in ("active", "repressed"):
        found.append(("H3K4me3", 200 + jitter, 1400 + jitter))
    if cause == "upstream":
        found.append(("H3K4me3", -1400 + jitter, -200 + jitter))
    if cause == "repressed":
        found.append(("H3K27me3", -2500 + 10 * jitter, 2500 + 10 * jitter))
    if rng.random() < 0.5:
        at = int(rng.integers(-4500, 3500))
        found.append(("H3K4me1", at, at + 1000))
    if rng.random() < 0.5:
        found.append(("H3K36me3", 2000 + jitter, 5000))
    if rng.random() < 0.2:
        found.append(("H3K9me3", -4000 + 10 * jitter, 4000 + 10 * jitter))
    return found


def _on_genome(tss: int, strand: str, first: int, stop: int) -> tuple[int, int]:
    """Return bases [first, stop) of a gene's direction as start and end on the genome."""
    return (tss + first, tss + stop) if strand == "+" else (tss - stop + 1, tss - first + 1)


def write_simulation(made: Simulation, folder: Path) -> None:
    """Write the files that `mfdvep expression prepare` takes, and what is true, into a folder."""
    genes = list(zip(made.chroms, made.tss.tolist(), made.strands, made.ids, strict=True))
    names = [f"SIM{i + 1}" for i in range(len(genes))]
    _write(
        folder / "genes.tsv",
        "chrom\ttss\tstrand\tgene_id\tgene_name",
        (f"{c}\t{t}\t{s}\t{i}\t{name}" for (c, t, s, i), name in zip(genes, names, strict=True)),
    )
    _write(
        folder / "genes.gtf",
        "#!simulated by train/simulate_expression.py",
        (
            f"{c}\tsim\tgene\t{max(t - 2999, 1) if s == '-' else t + 1}\t"
            f"{t + 1 if s == '-' else t + 3000}\t.\t{s}\t.\t"
            f'gene_id "{i}.1"; gene_type "protein_coding"; gene_name "{name}";'
            for (c, t, s, i), name in zip(genes, names, strict=True)
        ),
    )
    header = "\t".join(["gene_id", *CELLS])
    values = (
        f"{i}\t{a:.3f}\t{b:.3f}" for i, (a, b) in zip(made.ids, made.expression.T, strict=True)
    )
    _write(folder / "expression.tsv", header, values)
    causes = (f"{i}\t{a}\t{b}" for i, (a, b) in zip(made.ids, made.causes.T, strict=True))
    _write(folder / "truth.tsv", header, causes)
    (folder / "peaks").mkdir()
    for (cell, mark), peaks in made.peaks.items():
        lines = "".join(f"{c}\t{start}\t{end}\t{v:.3f}\n" for c, start, end, v in peaks)
        # no time and no file name in the header: the same bytes every time
        packed = gzip.compress(lines.encode("ascii"), mtime=0)
        (folder / "peaks" / f"{cell}.{mark}.bed.gz").write_bytes(packed)
    sheet = (f"{cell}\t{mark}\tpeaks/{cell}.{mark}.bed.gz" for cell, mark in made.peaks)
    _write(folder / "marks.tsv", "cell\tmark\tpath", sheet)


def _write(path: Path, header: str, lines: Iterable[str]) -> None:
    """Write lines, the same bytes on every system."""
    path.write_bytes("".join(f"{line}\n" for line in (header, *lines)).encode("ascii"))


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Folder to write; must not hold a simulation yet.")  # fmt: skip
@click.option("--seed", type=int, default=20201208, show_default=True)
@click.option("--genes", type=click.IntRange(min=120), default=720, show_default=True,
              help="A multiple of 12.")  # fmt: skip
def main(output: Path, seed: int, genes: int) -> None:
    """Write simulated genes, their marks in two cells, and their expression."""
    if (output / "genes.tsv").exists():
        raise click.ClickException(f"{output}: holds a simulation already; remove it first")
    try:
        made = simulate(seed=seed, genes=genes)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    output.mkdir(parents=True, exist_ok=True)
    write_simulation(made, output)


if __name__ == "__main__":
    main()
