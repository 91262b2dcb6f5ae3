"""Real variants on real sequence with the bundled model; skipped where there is no real data."""

from __future__ import annotations

import cyvcf2
import numpy as np
import pytest

from mfdvep.genomics.genome import Genome
from mfdvep.genomics.vcf import open_vcf
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.windows import alleles_of

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def scorer(real_data):
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        yield Scorer(load_model(), genome, shifts=1, strand="forward", device="cpu")


def test_a_subset_of_1000_genomes(scorer, real_data, tmp_path):
    """Every 60th record of the 8,987; the benchmark scores all of them."""
    source = cyvcf2.VCF(str(real_data / "variants" / "1000g.chr1.sites.vcf.gz"))
    lines = [str(record) for record in source][::60]
    (tmp_path / "in.vcf").write_text(source.raw_header + "".join(lines))
    out, matrix = tmp_path / "out.vcf.gz", tmp_path / "m.parquet"
    summary = score_vcf(tmp_path / "in.vcf", scorer, out, matrix=matrix)
    assert summary.records == len(lines) == 150
    assert summary.status["OK"] == summary.alleles == sum(summary.status.values())
    effects = read_effects(matrix)
    assert np.isfinite(effects.combined).all()
    assert (np.abs(effects.combined).max(1) > 0).all()
    annotated = list(cyvcf2.VCF(str(out)))
    assert [(r.CHROM, r.POS, r.REF, r.ALT) for r in annotated] == [
        (r.CHROM, r.POS, r.REF, r.ALT) for r in cyvcf2.VCF(str(tmp_path / "in.vcf"))
    ]


def test_one_allele_alone_or_in_a_batch(scorer, real_data):
    with open_vcf(real_data / "variants" / "1000g.chr1.sites.vcf.gz") as reader:
        variants = [alleles_of(record)[0] for record in list(reader)[::700]]
    together = scorer.score(variants).combined
    alone = np.concatenate([scorer.score([v]).combined for v in variants])
    assert np.allclose(together, alone, rtol=0, atol=1e-6)
