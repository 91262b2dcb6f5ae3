"""The whole of 1000 Genomes' sites on chr1:1-1 Mb through `mfdvep score`; run with -m bench -s."""

from __future__ import annotations

import os

import pytest
import torch

from mfdvep.genomics.genome import Genome
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

pytestmark = [pytest.mark.bench, pytest.mark.realdata]


@pytest.mark.parametrize("shifts", [1, 11])
def test_all_sites(real_data, tmp_path, shifts, capsys):
    torch.set_num_threads(os.cpu_count() or 1)
    vcf = real_data / "variants" / "1000g.chr1.sites.vcf.gz"
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        scorer = Scorer(load_model(), genome, shifts=shifts)
        matrix = tmp_path / "m.parquet"
        summary = score_vcf(vcf, scorer, tmp_path / "out.vcf.gz", matrix=matrix)
    assert summary.records == 8987
    assert summary.alleles == sum(summary.status.values()) == len(read_effects(matrix))
    with capsys.disabled():
        windows = summary.status["OK"] * 2 * 2 * shifts
        print(
            f"\n{shifts} shifts: {summary.alleles} alleles, "
            f"{ {k: n for k, n in summary.status.items() if n} }, {summary.seconds:.0f} s, "
            f"{summary.alleles / summary.seconds:.1f} alleles/s, "
            f"{windows / summary.seconds:.0f} windows/s on {scorer.device}"
        )
