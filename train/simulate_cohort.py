"""Write a simulated cohort: genotypes, effects, images, covariates, phenotypes, and the truth.

    python train/simulate_cohort.py -o runs/cohort

Writes into the folder
- cohort.vcf.gz (+ .tbi): genotypes; genome.fa (+ .fai): the contig; genes.bed:
  the genes, each with the 4,000 bases upstream;
- effects.parquet: the variants' effects as `mfdvep score --matrix` writes them;
- embeddings.npy (n, 64) and images.npy (n, 16, 16), each with NAME.iid.txt, a name a line;
- covariates.tsv: iid, fid, age, sex, pc1, pc2; phenotypes.tsv: iid, trait, case;
- truth.json: what was planted.

cohort_simulation.py says how it is drawn; examples/cohort/README.md what to do with it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import click
import numpy as np
import pysam
from cohort_drawing import CAUSAL, CohortPlan
from cohort_simulation import CONTIG, TRACKS, Cohort, simulate

from mfdvep import __version__
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable, tsv
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import EffectWriter

LINE = 60
GENOTYPES = np.array(["0/0", "0/1", "1/1", "./."])
HEADER = """\
##fileformat=VCFv4.3
##source=train/simulate_cohort.py, seed {seed}: simulated, from no person
##reference=genome.fa
##contig=<ID={contig},length={length}>
##FILTER=<ID=PASS,Description="All filters passed">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{people}
"""


def write_genome(cohort: Cohort, folder: Path) -> None:
    """Write genome.fa and its index, and genes.bed (0-based, half-open)."""
    text = cohort.sequence.tobytes().decode("ascii")
    lines = [f">{CONTIG}", *(text[i : i + LINE] for i in range(0, len(text), LINE))]
    _write_lines(folder / "genome.fa", lines)
    pysam.faidx(str(folder / "genome.fa"))
    places = [cohort.gene_region(g) for g in range(cohort.plan.genes)]
    _write_lines(
        folder / "genes.bed",
        [f"{CONTIG}\t{start}\t{end}\t{name}\t0\t+"
         for name, (start, end) in zip(cohort.gene_names, places, strict=True)],
    )  # fmt: skip


def write_genotypes(cohort: Cohort, folder: Path) -> None:
    """Write cohort.vcf.gz and its index: people with genotypes, one SNV a record."""
    people = np.flatnonzero(cohort.has_genotypes)
    head = HEADER.format(
        seed=cohort.plan.seed,
        contig=CONTIG,
        length=len(cohort.sequence),
        people="\t".join(cohort.iid[i] for i in people),
    )
    calls = GENOTYPES[cohort.genotypes[:, people]]
    rows = zip(cohort.start + 1, cohort.ref, cohort.alt, calls, strict=True)
    records = [
        f"{CONTIG}\t{pos}\tv{i}\t{ref}\t{alt}\t.\tPASS\t.\tGT\t" + "\t".join(row)
        for i, (pos, ref, alt, row) in enumerate(rows)
    ]
    plain = folder / "cohort.vcf"
    _write_lines(plain, [*head.splitlines(), *records])
    pysam.tabix_compress(str(plain), f"{plain}.gz", force=True)
    plain.unlink()
    pysam.tabix_index(f"{plain}.gz", preset="vcf", force=True)


def write_effects(cohort: Cohort, folder: Path) -> None:
    """Write effects.parquet, and what a run of `mfdvep score` would say of itself in it."""
    tracks = TrackTable(TRACKS)
    rows = enumerate(zip(cohort.start + 1, cohort.ref, cohort.alt, strict=True))
    variants = tuple(Variant(CONTIG, int(pos), ref, alt, i, 1) for i, (pos, ref, alt) in rows)
    with Genome(folder / "genome.fa") as genome:
        reference = genome.record
    # the simulation is the model: its effects tell one from another
    digest = hashlib.sha256(cohort.combined.tobytes()).hexdigest()
    provenance = {
        "mfdvep": __version__,
        "command": f"python train/simulate_cohort.py --seed {cohort.plan.seed}",
        "model": {"name": "simulated-cohort", "sha256": digest},
        "reference": reference,
        "n_tracks": len(tracks),
        "scale": "logit",
    }
    batch = EffectBatch(
        variants=variants,
        status=(VariantStatus.OK,) * len(variants),
        combined=cohort.combined,
        biological=cohort.biological,
        technical=cohort.technical,
        tracks=tracks,
        provenance=provenance,
    )
    with EffectWriter(folder / "effects.parquet", tracks, provenance) as writer:
        writer.write(batch)


def write_people(cohort: Cohort, folder: Path) -> None:
    """Write images and embeddings of the people who have them, covariates and phenotypes."""
    shown = np.flatnonzero(cohort.has_image)
    for name, values in (("embeddings", cohort.embeddings), ("images", cohort.images)):
        np.save(folder / f"{name}.npy", values[shown])
        _write_lines(folder / f"{name}.iid.txt", [cohort.iid[i] for i in shown])
    covariates = {"age": cohort.age, "sex": cohort.sex, "pc1": cohort.pcs[:, 0],
                  "pc2": cohort.pcs[:, 1]}  # fmt: skip
    names = {"iid": cohort.iid, "fid": cohort.fid}
    for file, columns in (
        ("covariates", {**names, **_as_text(covariates)}),
        ("phenotypes", {"iid": cohort.iid, **_as_text(cohort.phenotypes)}),
    ):
        (folder / f"{file}.tsv").write_text(tsv(columns), encoding="utf-8")


def write_cohort(cohort: Cohort, folder: Path) -> None:
    """Write all files of a cohort into a folder that is there."""
    write_genome(cohort, folder)
    write_genotypes(cohort, folder)
    write_effects(cohort, folder)
    write_people(cohort, folder)
    text = json.dumps(cohort.truth(), indent=1)
    (folder / "truth.json").write_text(f"{text}\n", encoding="utf-8")


def _as_text(columns: dict[str, np.ndarray]) -> dict[str, list[str]]:
    """Return numbers with six digits that count, and nothing for one that is not known."""
    return {
        name: ["" if np.isnan(value) else f"{value:.6g}" for value in values]
        for name, values in columns.items()
    }


def _write_lines(path: Path, lines: list[str]) -> None:
    """Write lines, each ended by a newline, the same bytes on every system."""
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("ascii"))


@click.command()
@click.option("-o", "--output", "--out", type=click.Path(path_type=Path), required=True,
              help="Folder to write; must not hold a cohort yet.")  # fmt: skip
@click.option("--people", type=click.IntRange(min=20), default=3000, show_default=True)
@click.option("--genes", type=click.IntRange(min=2), default=60, show_default=True)
@click.option("--planted", type=click.IntRange(min=1), default=5, show_default=True,
              help="Genes that cause the trait.")  # fmt: skip
@click.option("--h2", type=click.FloatRange(0, 1), default=0.5, show_default=True,
              help="Share of the trait that burdens cause.")  # fmt: skip
@click.option("--causal", type=click.Choice(CAUSAL), default=CAUSAL[0], show_default=True,
              help="Which burden causes it.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
def main(output: Path, **given: object) -> None:
    """Write a simulated cohort: from no person, with a trait whose genes are known."""
    if given["planted"] > given["genes"]:  # type: ignore[operator]
        raise click.BadParameter("more planted genes than genes")
    if (output / "truth.json").exists():
        raise click.ClickException(f"{output}: holds a cohort already; remove it first")
    output.mkdir(parents=True, exist_ok=True)
    write_cohort(simulate(CohortPlan(**given)), output)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
