"""`mfdvep expression score` against the trunk alone; run with -m bench -s.

Sites of 1000 Genomes on chr1:1-1 Mb, with start sites every 25 kb, so that about half of the sites
are in reach of one. The floor is a plain forward pass of the trunk over as many windows, in the
same batches, in the same run, before and after it. On a CPU seconds are those of the process, so
that others on the machine count less; with one thread.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from mfdvep.expression.calibration import read_calibration
from mfdvep.expression.genes import GeneList, Tss
from mfdvep.expression.model import load_expression_model
from mfdvep.expression.predicted import MarkPredictor
from mfdvep.expression.variants.pairs import GeneEffects
from mfdvep.expression.variants.pipeline import Sources, score_expression
from mfdvep.expression.variants.reach import GenesInReach
from mfdvep.expression.variants.readout import Readout
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import Regions
from mfdvep.model.checkpoint import EXPRESSION, load_model, model_folder
from mfdvep.model.device import windows_at_once

pytestmark = [pytest.mark.bench, pytest.mark.realdata]

REGION = "chr1:800000-{end}"
FLOOR_BATCHES = 8


def clock(device: torch.device) -> float:
    return time.process_time() if device.type == "cpu" else time.monotonic()


def trunk_rate(model, size: int) -> float:
    """Return windows a second of the trunk alone, one strand each."""
    device = next(model.parameters()).device
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (size, 1153), np.uint8))
    codes = codes.to(device)
    with torch.inference_mode():
        model.features(codes)
        began = clock(device)
        for _ in range(FLOOR_BATCHES):
            model.features(codes).biological.cpu()
    return FLOOR_BATCHES * size / (clock(device) - began)


@pytest.mark.parametrize("end", [815_000, 870_000])
def test_sites_near_genes(real_data, tmp_path, capsys, end):
    model, folder = load_model(), model_folder("simplechrome4", EXPRESSION)
    calibration = folder / "calibration.json"
    readout = Readout(
        load_expression_model(),
        read_calibration(calibration),
        mfd_sha256=model.provenance["sha256"],
    )
    predictor = MarkPredictor(model, readout.cells, readout.marks)
    device = next(model.parameters()).device
    size = windows_at_once(device, model.config.width, engine="plain")
    genes = [
        Tss(f"G{i}", "", "chr1", at, "+-"[i % 2])
        for i, at in enumerate(range(25_000, 10**6, 25_000))
    ]
    table = tmp_path / "genes.tsv"
    table.write_text("of no file")
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        effects = GeneEffects(predictor, readout, genome)
        torch.set_num_threads(1)
        before = trunk_rate(model, size)
        began = clock(device)
        record = score_expression(
            real_data / "variants" / "1000g.chr1.sites.vcf.gz",
            effects,
            GenesInReach(genes, genome),
            tmp_path / "out.vcf.gz",
            table=tmp_path / "out.parquet",
            sources=Sources(GeneList(str(table), tuple(genes), len(genes), (), 0), calibration),
            regions=Regions.parse([REGION.format(end=end)]),
        )
        seconds = clock(device) - began
        after = trunk_rate(model, size)
    floor = (before + after) / 2
    n = 2 * record["timing"]["windows"]  # both strands
    with capsys.disabled():
        print(
            f"\n{record['alleles']} alleles, {record['pairs']} pairs, {n} windows in "
            f"{seconds:.1f} s: {n / seconds:.0f} windows/s; the trunk alone {before:.0f} before, "
            f"{after:.0f} after: {n / seconds / floor:.2f} of it; "
            f"{record['pairs'] / seconds:.1f} pairs/s; {size} at once on {device}"
        )
