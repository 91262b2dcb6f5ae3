"""train/simulate_cohort.py: files that agree with each other, and with what is said of them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import cyvcf2
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from cohort_drawing import MISSING, CohortPlan
from cohort_simulation import TRACKS, simulate
from simulate_cohort import main, write_cohort

from mfdvep.cohort.options import BurdenOptions
from mfdvep.cohort.running import burden
from mfdvep.genomics.genome import Genome
from mfdvep.scoring.matrix import read_effects

PLAN = CohortPlan(people=200, genes=6, planted=2, rare=12, common=20, seed=3)


@pytest.fixture(scope="module")
def cohort():
    return simulate(PLAN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cohort):
    path = tmp_path_factory.mktemp("cohort")
    write_cohort(cohort, path)
    return path


def test_the_same_bytes_for_a_seed(tmp_path, folder, cohort):
    write_cohort(simulate(PLAN), tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
    assert (simulate(replace(PLAN, seed=4)).trait != cohort.trait).all()


def test_genotypes_and_effects_are_of_the_genome(folder, cohort):
    effects = read_effects(folder / "effects.parquet")
    assert effects.tracks.columns == TRACKS
    with Genome(folder / "genome.fa") as genome:
        records = list(cyvcf2.VCF(str(folder / "cohort.vcf.gz")))
        for record, variant in zip(records, effects.variants, strict=True):
            assert genome.base(record.CHROM, record.start) == record.REF == variant.ref
            assert (variant.pos, [variant.alt]) == (record.POS, record.ALT)
            assert variant.alt != variant.ref
    calls = np.stack([np.array([[0, 1, MISSING, 2][g] for g in r.gt_types]) for r in records])
    np.testing.assert_array_equal(calls, cohort.genotypes[:, cohort.has_genotypes])
    np.testing.assert_array_equal(effects.biological, cohort.biological)
    np.testing.assert_allclose(effects.combined, effects.biological + effects.technical)
    assert 0.005 < (calls == MISSING).mean() < 0.015


def test_burdens_are_those_of_the_command(tmp_path, folder, cohort):
    burden(
        folder / "cohort.vcf.gz", folder / "effects.parquet", folder / "genes.bed",
        tmp_path / "b.parquet",
        options=BurdenOptions(weights=("biological", "unweighted"),
                              where=('experiment == "SIM1"',)),
    )  # fmt: skip
    found = pq.read_table(tmp_path / "b.parquet").to_pandas().set_index("iid")
    for weighted, form in ((True, "biological_absolute"), (False, "unweighted")):
        own = found[[f"{gene}|{form}" for gene in cohort.gene_names]].to_numpy()
        expected = cohort.burdens(weighted=weighted)[cohort.has_genotypes]
        np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-7)


def test_people_have_families_covariates_and_images(folder, cohort):
    with open(folder / "covariates.tsv", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert [row["iid"] for row in rows] == cohort.iid
    known = np.array([row["pc1"] != "" for row in rows])
    np.testing.assert_array_equal(known, cohort.has_genotypes)
    sizes = np.unique(cohort.fid, return_counts=True)[1]
    assert (sizes == 2).sum() == 20
    assert sizes.max() == 2
    images = np.load(folder / "images.npy")
    names = (folder / "images.iid.txt").read_text().split()
    assert images.shape == (cohort.has_image.sum(), 16, 16)
    assert names == [iid for iid, has in zip(cohort.iid, cohort.has_image, strict=True) if has]
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["people"]["with_both"] == (cohort.has_image & cohort.has_genotypes).sum()
    assert {own["gene"] for own in truth["planted"]} == {
        cohort.gene_names[g] for g in cohort.planted
    }


def test_what_is_said_of_the_draws():
    cohort = simulate(CohortPlan(people=3000, genes=20, seed=1, common=20))
    people = cohort.has_genotypes
    assert abs(np.corrcoef(cohort.pcs[people, 0], cohort.ancestry[people])[0, 1]) > 0.9
    pairs = np.flatnonzero(np.array(cohort.fid)[1:] == np.array(cohort.fid)[:-1])
    common = cohort.genotypes.astype(float)
    common[cohort.genotypes == MISSING] = np.nan
    common = np.nan_to_num(common - np.nanmean(common, axis=1, keepdims=True))
    common = common[common.var(1) > 0.2]
    alike = [np.corrcoef(common[:, i], common[:, i + 1])[0, 1] for i in pairs]
    assert np.mean(alike) == pytest.approx(0.5, abs=0.05)  # siblings share half
    for h2 in (0.0, 0.5, 1.0):
        one = simulate(CohortPlan(people=3000, genes=20, h2=h2, seed=2))
        burdens = one.burdens(weighted=True)[:, one.planted]
        x = np.column_stack([np.ones(3000), burdens])
        rest = one.trait - x @ np.linalg.lstsq(x, one.trait, rcond=None)[0]
        assert 1 - rest.var() / one.trait.var() == pytest.approx(h2, abs=0.05)
        shown = np.column_stack([np.ones(3000), one.embeddings])
        rest = one.trait - shown @ np.linalg.lstsq(shown, one.trait, rcond=None)[0]
        assert 1 - rest.var() / one.trait.var() == pytest.approx(0.8, abs=0.06)


def test_the_command(tmp_path):
    done = CliRunner().invoke(main, ["-o", str(tmp_path / "c"), "--people", "40", "--genes", "3",
                                     "--planted", "1", "--h2", "0"])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "c" / "truth.json").read_text())["realised_h2"] == 0
    again = CliRunner().invoke(main, ["-o", str(tmp_path / "c")])
    assert "holds a cohort already" in again.output
    many = CliRunner().invoke(main, ["-o", str(tmp_path / "d"), "--genes", "3"])
    assert many.exit_code == 2
