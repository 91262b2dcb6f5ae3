"""What the tests of a cluster share: an input of 20 chunks in sections, and scorers of it."""

from __future__ import annotations

from pathlib import Path

import pysam
from conftest import make_model, random_bases, write_fasta

from mfdvep.scoring.scorer import Scorer

N_CHUNKS, PER_CHUNK, N_BASES = 20, 8, 400_000
BASES = random_bases(N_BASES, seed=31)
OPTIONS = {"shifts": 1, "strand": "forward", "batch_size": 8, "engine": "plain"}
HEADER = (
    f"##fileformat=VCFv4.3\n##contig=<ID=chr1,length={N_BASES}>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
TABLES = ("m.parquet", "l.parquet", "o.skipped.tsv", "o_mqc.json")


def positions() -> list[int]:
    """Return places of N_CHUNKS times PER_CHUNK records."""
    n = N_CHUNKS * PER_CHUNK
    return [1000 + i * (N_BASES - 2000) // n for i in range(n)]


def line(pos: int, alt: str | None = None) -> str:
    ref = BASES[pos - 1]
    return f"chr1\t{pos}\trs{pos}\t{ref}\t{alt or 'ACGT'['ACGT'.index(ref) - 1]}\t.\tPASS\t.\n"


def fill(folder: Path, lines: list[str] | None = None) -> Path:
    """Write the genome and the indexed input; return the folder."""
    folder.mkdir(exist_ok=True)
    write_fasta(folder / "g.fa", {"chr1": BASES})
    found = [line(p, "*" if p % 9 == 0 else None) for p in positions()] if lines is None else lines
    (folder / "in.vcf").write_text(HEADER + "".join(found))
    pysam.tabix_compress(str(folder / "in.vcf"), str(folder / "in.vcf.gz"), force=True)
    pysam.tabix_index(str(folder / "in.vcf.gz"), preset="vcf", force=True)
    return folder


def outputs(folder: Path) -> dict:
    """Return the options of `score_vcf` for all outputs, of which none is there yet."""
    folder.mkdir()
    return {
        "output": folder / "o.vcf.gz",
        "matrix": folder / "m.parquet",
        "long": folder / "l.parquet",
        "stats": folder / "o.stats.json",
        "index": True,
    }


def local(genome, **options) -> Scorer:
    return Scorer(make_model(), genome, device="cpu", **{**OPTIONS, **options})
