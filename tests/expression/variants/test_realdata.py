"""Real variants near a real gene, with the bundled models; skipped where there is no real data."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from expression.variants.worlds import calibration

from mfdvep.expression.genes import GeneList, Tss
from mfdvep.expression.model import load_expression_model
from mfdvep.expression.predicted import MarkPredictor, gene_windows
from mfdvep.expression.variants.pairs import GeneEffects
from mfdvep.expression.variants.pipeline import Sources, score_expression
from mfdvep.expression.variants.reach import GenesInReach
from mfdvep.expression.variants.readout import Readout
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import Regions
from mfdvep.model.checkpoint import load_model

pytestmark = pytest.mark.realdata

SAMD11 = Tss("ENSG00000187634", "SAMD11", "1", 924_879, "+")


def test_sites_of_1000_genomes_near_a_start_site(real_data, tmp_path):
    """All but the calibration is real; an SNV is as when every window is run again."""
    model, head = load_model(), load_expression_model()
    maps = calibration(cells=head.cells, sha256=model.provenance["sha256"])
    readout = Readout(head, maps, mfd_sha256=model.provenance["sha256"])
    predictor = MarkPredictor(model, readout.cells, readout.marks, device="cpu")
    (tmp_path / "genes").write_text("")
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        effects = GeneEffects(predictor, readout, genome)
        record = score_expression(
            real_data / "variants" / "1000g.chr1.sites.vcf.gz",
            effects,
            GenesInReach([SAMD11], genome),
            tmp_path / "out.vcf.gz",
            table=tmp_path / "out.parquet",
            sources=Sources(
                GeneList(str(tmp_path / "genes"), (SAMD11,), 1, (), 0), tmp_path / "none"
            ),
            regions=Regions.parse(["chr1:924500-924600,chr1:980000-980200"]),
        )
        windows = gene_windows(genome, SAMD11)[1]
    assert record["status"]["OK"] == record["alleles"]
    assert record["alleles_with_gene"] == record["pairs"] == 2
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(rows) == 2 * 4 + record["alleles_without_gene"]
    first = [row for row in rows if row["pos"] == 924_533]
    assert [row["cell"] for row in first] == ["GM12878", "HeLa-S3", "HUVEC", "K562"]
    assert {row["distance"] for row in first} == {924_532 - SAMD11.tss}
    # the SNV's base is found in the windows by hand
    starts = SAMD11.tss - 5000 + 100 * np.arange(100) + 50 - 576
    changed = windows.copy()
    for i, start in enumerate(starts):
        if start <= 924_532 < start + 1153:
            assert changed[i, 924_532 - start] == 0  # A
            changed[i, 924_532 - start] = 2  # G
    assert (changed != windows).any(axis=1).sum() in (11, 12)
    before, after = (predictor.profile(each)[None] for each in (windows, changed))
    value, baseline = readout.value, readout.baseline
    found = {name: [row[name] for row in first] for name in ("combined", "h3k4me3_combined")}
    np.testing.assert_allclose([row["reference"] for row in first], value(before)[0], rtol=1e-6)
    np.testing.assert_allclose(found["combined"], (value(after) - value(before))[0], atol=1e-6)
    assert np.abs(found["combined"]).max() > 1e-5
    np.testing.assert_allclose(
        found["h3k4me3_combined"], (baseline(after) - baseline(before))[0], atol=1e-6
    )
