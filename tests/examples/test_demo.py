"""The demonstration: the bundled model on the example gives what examples/expected.tsv says."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import numpy as np
import pytest
import show_effects

from mfdvep.genomics.genome import Genome
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# the cohesin that CTCF holds; CTCFL, which binds its motif; ZNF143, whose peaks lie on CTCF's
AT_CTCF_SITES = {"CTCF", "CTCFL", "RAD21", "SMC3", "ZNF143"}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with Genome(EXAMPLES / "genome.fa") as genome:
        scorer = Scorer(load_model(), genome, device="cpu")
        matrix = folder / "effects.parquet"
        score_vcf(EXAMPLES / "variants.vcf.gz", scorer, folder / "o.vcf.gz", matrix=matrix)
    return matrix


@pytest.fixture(scope="module")
def effects(matrix):
    return read_effects(matrix)


@pytest.fixture(scope="module")
def scored(effects):
    return show_effects.join(effects, show_effects.read_truth(EXAMPLES / "truth.tsv"))[0]


def test_the_expected_output_comes_out(effects, scored, tmp_path):
    with open(EXAMPLES / "expected.tsv", newline="") as handle:
        expected = list(csv.DictReader(handle, delimiter="\t"))
    (tmp_path / "found.tsv").write_text(show_effects.tsv(scored, effects.tracks))
    with open(tmp_path / "found.tsv", newline="") as handle:
        found = list(csv.DictReader(handle, delimiter="\t"))
    for row, wanted in zip(found, expected, strict=True):
        assert [row[name] for name in ("id", "alt")] == [wanted[name] for name in ("id", "alt")]
        for kind in ("combined", "biological", "technical"):
            assert float(row[kind]) == pytest.approx(float(wanted[kind]), abs=1e-4)


def test_the_query_of_the_readme_finds_an_effect_by_its_tracks_name(matrix, effects):
    text = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    (query,) = (line for line in text.splitlines() if "demo/effects.parquet" in line)
    found = duckdb.sql(query.replace("demo/effects.parquet", str(matrix))).fetchall()
    rows = [i for i, v in enumerate(effects.variants) if v.pos == 1610]
    expected = effects.effect_of("CTCF/K562/X0253")[rows]
    assert [row[:4] for row in found] == [
        (v.chrom, v.pos, v.ref, v.alt) for v in (effects.variants[i] for i in rows)
    ]
    assert [row[4] for row in found] == expected.tolist()
    assert len(rows) > 0


def test_breaking_ctcf_is_a_loss_of_ctcf_binding(effects, scored):
    """Mean over the SNVs and indels that break a planted CTCF site."""
    broken = [a for a in scored if (a.truth["motif"], a.truth["effect"]) == ("CTCF", "break")]
    change = np.mean([allele.combined for allele in broken], axis=0)  # (O,)
    targets = np.array(effects.tracks["target"])
    assert change[targets == "CTCF"].mean() < -0.2
    lost = targets[np.argsort(change)[:10]]
    assert np.isin(lost, list(AT_CTCF_SITES)).sum() >= 5


def test_repairing_ctcf_is_a_gain(scored):
    made = [a for a in scored if (a.truth["motif"], a.truth["effect"]) == ("CTCF", "make")]
    assert np.mean([allele.own[0] for allele in made]) > 0
