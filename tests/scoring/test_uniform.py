"""Quantiles of real variants that no table has seen are uniform; of larger effects they are not."""

from __future__ import annotations

import cyvcf2
import numpy as np
import pytest
from scipy import stats

from mfdvep.genomics.genome import Genome
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring.calibrating import calibrate, score_background
from mfdvep.scoring.calibration import Calibration
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.matrix import EffectWriter, read_effects
from mfdvep.scoring.scorer import Scorer

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def common(real_data, tmp_path_factory):
    """Effects of every third variant with AF of 0.05 or more, at one shift."""
    folder = tmp_path_factory.mktemp("common")
    source = cyvcf2.VCF(str(real_data / "variants" / "1000g.chr1.sites.vcf.gz"))
    lines = [str(record) for record in source if not record.ALT[1:] and record.INFO["AF"] >= 0.05]
    (folder / "in.vcf").write_text(source.raw_header + "".join(lines[::3]))
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        scorer = Scorer(load_model(), genome, shifts=1, strand="forward", device="cpu")
        score_background(folder / "in.vcf", scorer, folder / "m.parquet", min_af=0.05)
    found = read_effects(folder / "m.parquet")
    assert len(found) > 1000
    assert found.scored.all()
    return found


def rows(batch: EffectBatch, of: np.ndarray, *, times: float = 1) -> EffectBatch:
    effects = {kind: getattr(batch, kind)[of] * np.float32(times) for kind in KINDS}
    variants, status = (tuple(every[i] for i in of) for every in (batch.variants, batch.status))
    return EffectBatch(variants, status, **effects, tracks=batch.tracks,
                       provenance=batch.provenance)  # fmt: skip


def rejected(table: Calibration, batch: EffectBatch) -> np.ndarray:
    """Return which of the tracks, and the largest effects, are not uniform, for each kind.

    Kolmogorov and Smirnov's test of two samples, at a false discovery rate of 5 %.
    """
    found = table.quantiles(batch)
    n = table.n * len(batch) / (table.n + len(batch))
    p = []
    for kind in KINDS:
        for quantiles in [*getattr(found, kind).T, found.largest[kind]]:
            distance = stats.kstest(np.abs(quantiles), "uniform").statistic
            p.append(stats.kstwobign.sf(distance * np.sqrt(n)))
    return stats.false_discovery_control(p).reshape(len(KINDS), -1) < 0.05


@pytest.fixture(scope="module")
def halves(common, tmp_path_factory):
    """The table of a random half of the variants, and the rows of the others."""
    order = np.random.default_rng(0).permutation(len(common))
    own, others = np.array_split(order, 2)
    path = tmp_path_factory.mktemp("half") / "m.parquet"
    with EffectWriter(path, common.tracks, common.provenance) as writer:
        writer.write(rows(common, own))
    return calibrate(path), others


def test_held_out_variants_are_uniform(common, halves):
    """On 442 tracks and over them, for three kinds of effects."""
    table, others = halves
    assert not rejected(table, rows(common, others)).any()


def test_larger_effects_are_not(common, halves):
    table, others = halves
    assert rejected(table, rows(common, others, times=1.5)).mean() > 0.9


def test_gains_and_losses_are_balanced(common):
    """No kind of effect leans to one side by more than a tenth."""
    for kind in KINDS:
        assert (getattr(common, kind) > 0).mean() == pytest.approx(0.5, abs=0.1)
