"""Burdens of 1,092 people of 1000 Genomes in genes of chr1:1-1 Mb, against plain numpy.

No gene annotation with these coordinates is at hand: a gene is 5 kb to both sides of its TSS, which
is a GTEx eQTL's position less its distance from it (GRCh38).
"""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pyarrow.parquet as pq
import pytest
from oracles import plain_burdens

from mfdvep.cohort.options import BurdenOptions
from mfdvep.cohort.running import burden
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import Regions
from mfdvep.model.checkpoint import load_model
from mfdvep.model.selection import select
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

pytestmark = pytest.mark.realdata
AROUND = 5000  # bases


@pytest.fixture(scope="module")
def genes(real_data) -> dict[str, list[tuple[str, int, int]]]:
    path = real_data / "variants" / "gtex.v8.whole_blood.independent_eqtls.on_sequence.tsv.gz"
    with gzip.open(path, "rt") as handle:
        rows = [row for row in csv.DictReader(handle, delimiter="\t") if row["chrom"] == "chr1"]
    tss = {row["gene_id"]: int(row["pos"]) - int(row["tss_distance"]) for row in rows}
    return {gene: [("chr1", max(at - AROUND, 0), at + AROUND)] for gene, at in tss.items()}


def lies_in(pos, ref, alt, start, end):
    """Whether a base that differs, that is deleted, or that stands before an insertion is in it."""
    same = 0
    while same < min(len(ref), len(alt)) and ref[same] == alt[same]:
        same += 1
    first = pos - 1 + same - (same == len(ref))
    return first < end and start < max(first + 1, pos - 1 + len(ref))


def test_1092_people_equal_an_independent_computation(real_data, genes, tmp_path):
    cohort = real_data / "variants" / "1000g.chr1.1092samples.vcf.gz"
    fasta = real_data / "regulome45" / "genome.fa.gz"
    model = load_model()
    tracks = select(model.tracks, where=['target == "CTCF"'])
    scores = tmp_path / "m.parquet"
    inside = Regions({"chr1": [(s, e) for parts in genes.values() for _, s, e in parts]})
    with Genome(fasta) as genome:
        scorer = Scorer(model, genome, tracks=tracks, shifts=1)
        score_vcf(cohort, scorer, tmp_path / "o.vcf", matrix=scores, regions=inside)
    regions = tmp_path / "genes.bed"
    lines = [f"{c}\t{s}\t{e}\t{gene}\n" for gene, parts in genes.items() for c, s, e in parts]
    regions.write_text("".join(lines))
    stats = burden(
        cohort,
        scores,
        regions,
        tmp_path / "b.parquet",
        options=BurdenOptions(weights=["absolute", "signed", "unweighted"], maf_max=0.05),
    )
    table = pq.read_table(scores).to_pylist()
    weights = {}
    for row in table:
        if row["status"] == "OK":
            effects = np.array(row["biological"], dtype=float)
            place = row["chrom"], row["pos"], row["ref"], row["alt"]
            weights[place] = np.array([np.abs(effects).mean(), effects.mean(), 1.0])
    expected = plain_burdens.burdens(cohort, weights, genes, maf_max=0.05, lies_in=lies_in)
    found = pq.read_table(tmp_path / "b.parquet").drop_columns("iid")
    values = np.stack([column.to_numpy() for column in found.columns], axis=1)
    assert values.shape == (1092, 3 * 13)
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)
    counts = stats["counts"]
    alts = counts["cohort_alts"]
    assert alts["records"] == alts["alts"] == 962  # the one with a bad END too
    assert alts["used"] + sum(alts["left_out"].values()) == alts["alts"]
    assert alts["used"] == 227
    assert counts["regions"]["with_variants"] == 4
