"""A small world: a genome, genes, a model of marks, a calibration, and a head made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from conftest import make_model, random_bases, write_fasta

from mfdvep.errors import InputError
from mfdvep.expression.bins import MARKS
from mfdvep.expression.calibration import MarkCalibration
from mfdvep.expression.genes import Tss
from mfdvep.expression.model import ExpressionModel
from mfdvep.expression.network import Autoencoder, ExpressionNetwork, Head, Heads
from mfdvep.expression.predicted import MarkPredictor
from mfdvep.expression.scaling import Scale
from mfdvep.expression.variants.pairs import GeneEffects
from mfdvep.expression.variants.readout import Readout
from mfdvep.model.tracks import TrackTable

CELLS = ("K562", "HepG2")
SHA = "5" * 64
PLUS = Tss("ENSG1", "ONE", "chr1", 9000, "+")
MINUS = Tss("ENSG2", "TWO", "chr1", 14_100, "-")
N_BASES = 24_000


def tracks() -> TrackTable:
    """Return a track a cell and mark, and one that is of no mark."""
    pairs = [(cell, mark) for cell in CELLS for mark in MARKS] + [("K562", "CTCF")]
    return TrackTable(
        {
            "experiment": tuple(f"E{i}" for i in range(len(pairs))),
            "assay": ("ChIP",) * len(pairs),
            "target": tuple(mark for _, mark in pairs),
            "biosample": tuple(cell for cell, _ in pairs),
            "lab": tuple("ab"[i % 2] for i in range(len(pairs))),
        }
    )


def mfd_model():
    model = make_model(tracks())
    model.provenance = {"name": "small", "sha256": SHA}
    return model


def calibration(cells=CELLS, marks=MARKS, sha256: str = SHA) -> MarkCalibration:
    """Return log1p(signal) as it rises with the log-odds, with a bend at 0."""
    knots = {
        (cell, mark): np.array([[-30, 0, 30], [0, 3 + 0.1 * i, 4 + 0.2 * i + 0.3 * j]], float)
        for i, cell in enumerate(cells)
        for j, mark in enumerate(marks)
    }
    provenance = {"model": {"name": "small", "sha256": sha256}}
    return MarkCalibration(tuple(cells), tuple(marks), knots, provenance)


class LinearNetwork(torch.nn.Module):
    """A weighted sum of the scaled marks, and a constant a cell."""

    def __init__(self, n_cells: int, seed: int = 0) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.weight = torch.nn.Parameter(torch.randn(len(MARKS), 100, generator=draw) / 100)
        self.bias = torch.nn.Parameter(torch.arange(n_cells, dtype=torch.float32))

    def forward(self, scaled: torch.Tensor, cell: torch.Tensor) -> torch.Tensor:
        return torch.tanh((scaled * self.weight).sum((1, 2))) + self.bias[cell]


class HandMadeModel:
    """As `ExpressionModel`, of a network whose output can be had with numpy."""

    target = "label"

    def __init__(self, cells=CELLS, marks=MARKS, seed: int = 0) -> None:
        self.cells, self.marks = tuple(cells), tuple(marks)
        self.network = LinearNetwork(len(cells), seed)
        self.provenance = {"name": "by hand", "sha256": "e" * 64}
        self.about: dict = {}

    def cell_number(self, cell: str) -> int:
        if cell not in self.cells:
            raise InputError(f"cell {cell!r}: the model of expression knows {self.cells}")
        return self.cells.index(cell)

    def scaled(self, signal, cell: str) -> torch.Tensor:
        return torch.log1p(torch.as_tensor(signal)) / (1 + self.cell_number(cell))


def expression_model(cells=CELLS) -> ExpressionModel:
    """Return an untrained model of expression."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        n = 10 + len(cells)
        heads = Heads([Head(n, 0.0)], torch.zeros(n), torch.ones(n))
        network = ExpressionNetwork(Autoencoder(len(MARKS), 10), heads, len(cells))
    scale = Scale(np.full((len(cells), len(MARKS)), 0.7, dtype=np.float32))
    return ExpressionModel(network, cells=cells, marks=MARKS, target="label", scale=scale, about={})


def readout(**options) -> Readout:
    return Readout(HandMadeModel(), calibration(), mfd_sha256=SHA, **options)


def effects_on(genome, *, batch_size: int = 64, cells=None, **options) -> GeneEffects:
    read = readout(cells=cells)
    predictor = MarkPredictor(
        mfd_model(), read.cells, read.marks, device="cpu", batch_size=batch_size
    )
    return GeneEffects(predictor, read, genome, **options)


BASES = random_bases(N_BASES, 11)
CONTIGS = {"chr1": BASES, "chr2": random_bases(9000, 12), "chrN": "N" * 14_000 + BASES[:400]}
GENES = (
    PLUS,
    Tss("ENSG2", "TWO", "chr1", 15_500, "-"),
    Tss("ENSG3", "", "chr1", 300, "+"),  # its first bins are before the contig
    Tss("ENSG4", "FOUR", "chrN", 9000, "-"),  # of N alone
    Tss("ENSG5", "FIVE", "chrUn", 9000, "-"),
)
HEADER = """##fileformat=VCFv4.3
##contig=<ID=chr1,length=24000>
##contig=<ID=chr2>
##contig=<ID=chr3>
##contig=<ID=chrN>
##INFO=<ID=XX,Number=1,Type=String,Description="of another tool">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tSAMPLE
"""


def other(base: str) -> str:
    """Return another base; of the complement it is the complement."""
    return {"A": "C", "T": "G", "C": "A", "G": "T"}[base]


def record(pos: int, ref: str, alt: str, *, name: str = ".", chrom: str = "chr1") -> str:
    return f"{chrom}\t{pos}\t{name}\t{ref}\t{alt}\t9.90\t.\tXX=a%2C b\tGT\t0/1\n"


def snv(pos: int, *, chrom: str = "chr1", **options) -> str:
    ref = CONTIGS[chrom][pos - 1]
    return record(pos, ref, other(ref), chrom=chrom, **options)


def write_world(folder: Path) -> dict[str, Path]:
    """Write genome, genes and a VCF with an ALT of many kinds; return their paths."""
    genes = ["chrom\ttss\tstrand\tgene_id\tgene_name"]
    # one of them again, elsewhere
    again = replace(GENES[0], chrom="chr2")
    genes += [f"{g.chrom}\t{g.tss}\t{g.strand}\t{g.id}\t{g.name}" for g in (*GENES, again)]
    (folder / "genes.tsv").write_text("\n".join(genes) + "\n")
    at = BASES[8800]
    lines = [
        snv(200),  # of a gene at the contig's end
        snv(8700, name="rs1;rs2"),
        record(8801, at, f"{other(at)},{at}{other(at)}AC,<DEL>,*"),
        record(8901, BASES[8900:8907], BASES[8900]),
        record(9001, BASES[9000], BASES[9000]),  # ALT is REF
        record(9101, other(BASES[9100]), BASES[9100]),  # REF is not the genome's
        record(9201, BASES[9200], "."),
        snv(12_600),  # of two genes
        snv(23_000),  # of none
        snv(14_300, chrom="chrN"),
        snv(100, chrom="chr2"),
        record(5, "A", "C", chrom="chr3"),
    ]
    (folder / "in.vcf").write_text(HEADER + "".join(lines))
    write_fasta(folder / "genome.fa", CONTIGS)
    return {name: folder / name for name in ("genes.tsv", "in.vcf", "genome.fa")}
