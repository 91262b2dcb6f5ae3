"""The bundled model's features of real cCREs, against windows of the background of like GC."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from mfdvep.genomics.genome import Genome
from mfdvep.interpret.features.extraction import write_features
from mfdvep.interpret.label_sets.classes import read_classes
from mfdvep.interpret.label_sets.label_set import write_label_set
from mfdvep.interpret.probes.fitting import Fitting
from mfdvep.interpret.probes.probing import probe
from mfdvep.interpret.probes.tasks import ProbeOptions
from mfdvep.model.checkpoint import load_model

pytestmark = pytest.mark.realdata


def test_ctcf_elements_are_told_from_the_background_by_biology(tmp_path, real_data):
    with gzip.open(real_data / "variants" / "ccre.hg38.bed.gz", "rt") as handle:
        lines = [line for line in handle if "CA-CTCF" in line]
    (tmp_path / "some.bed").write_text("".join(lines[::12]))
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        found = read_classes(tmp_path / "some.bed", genome=genome, background=2,
                             rng=np.random.default_rng(0))  # fmt: skip
        files = write_label_set(found, tmp_path / "set")
        summary = write_features(files["regions"], load_model(), tmp_path / "f.parquet",
                                 genome=genome)  # fmt: skip
    assert summary.n_rows == len(found.name)
    options = ProbeOptions(n_folds=4, match="gc", fitting=Fitting(penalties=(0.01,)))
    result = probe({"regulome45": tmp_path / "f.parquet"}, files["labels"], options=options)
    rows = {row["half"]: row["auroc"] for row in result.summary}
    assert rows["biological"] > 0.65
    assert rows["biological"] > rows["technical"]
    assert rows["gc"] == pytest.approx(0.5, abs=0.1)
