"""Where labels and elements come from: a labelled VCF, columns of a table, or of a matrix."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from enrichment.flat import QUICK, write_table
from enrichment.test_correlation import NAMES, TRACKS, N, draw, rows
from scipy import stats

from mfdvep.enrichment.correlation import ALL, correlate
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.matrix import EffectWriter

HEADER = """##fileformat=VCFv4.3
##contig=<ID=1>
##INFO=<ID=ACTIVITY,Number=A,Type=Float,Description="x">
##INFO=<ID=ELEMENT,Number=1,Type=String,Description="x">
##INFO=<ID=CELL,Number=1,Type=String,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


@pytest.mark.parametrize(("asked", "names"), [(None, set(NAMES)), ("CELL", {"HepG2", "HEK"})])
def test_labels_and_elements_of_a_vcf(tmp_path, asked, names):
    scores, label, element = draw()
    cell = ["HepG2" if i < 40 else "HEK" for i in range(N)]
    path = write_table(tmp_path / "s.parquet", scores, np.zeros(N), per_contig=N)
    records = [
        f"1\t{i * 10_000 + 1}\t.\tA\tC\t.\t.\tACTIVITY={y:.9g};ELEMENT={e};CELL={c}\n"
        for i, (y, e, c) in enumerate(zip(label, element, cell, strict=True))
    ]
    (tmp_path / "l.vcf").write_text(HEADER + "".join(records))
    found = correlate(path, "ACTIVITY", labelled=tmp_path / "l.vcf", element=asked, options=QUICK)
    assert set(found.elements["element"]) == {ALL, *names}
    for name in names:
        which = np.array([name in of for of in zip(element, cell, strict=True)])
        own = rows(found.elements, element=name)
        expected = [stats.pearsonr(row[which], label[which]).statistic for row in scores]
        assert own["pearson"] == pytest.approx(expected, abs=1e-6)
    assert found.settings["labelled"]["file"] == "l.vcf"


@pytest.mark.parametrize(("column", "asked"), [("element", None), ("ELEMENT", None),
                                               ("region", "region")])  # fmt: skip
def test_elements_that_are_numbers_are_no_scores(tmp_path, column, asked):
    scores, label, _ = draw()
    numbers = {column: [i % 3 + 1 for i in range(N)]}
    path = write_table(tmp_path / "s.parquet", scores, label, **numbers)
    found = correlate(path, "label", element=asked, options=QUICK)
    assert set(found.elements["element"]) == {ALL, "1", "2", "3"}
    assert set(found.elements["track"]) == {f"s{i}" for i in range(TRACKS)}


def test_a_matrix_with_labels_and_elements(tmp_path):
    rng = np.random.default_rng(6)
    effects = (1e-20 * rng.standard_normal((3, N, 2))).astype(np.float32)
    effects[:, 5] = np.nan  # one that was not scored
    status = [VariantStatus.STAR if i == 5 else VariantStatus.OK for i in range(N)]
    variants = tuple(Variant("chr1", 10 + i, "A", "C", i, 1) for i in range(N))
    tracks = TrackTable({"id": ("a", "b")})
    path = tmp_path / "m.parquet"
    with EffectWriter(path, tracks, {"scale": "logit"}, storage="float32") as writer:
        writer.write(EffectBatch(variants, tuple(status), *effects, tracks=tracks))
    label = rng.standard_normal(N)
    texts = {"LABEL": [f"{y!r}" for y in label.tolist()], "ELEMENT": ["x", "y"] * (N // 2)}
    table = pq.read_table(path)
    for name, values in texts.items():
        table = table.append_column(name, pa.array(values))
    pq.write_table(table, path)
    found = correlate(path, options=QUICK)
    assert found.settings["kinds"] == ["combined", "biological", "technical"]
    assert found.counts["unscored"] == {"STAR": 1}
    ok = np.arange(N) != 5
    for kind, of in zip(found.settings["kinds"], effects, strict=True):
        for name in (ALL, "x", "y"):
            which = ok & np.array([name in (ALL, e) for e in texts["ELEMENT"]])
            own = rows(found.elements, kind=kind, element=name)
            expected = [stats.pearsonr(x, label[which]) for x in of[which].T.astype(float) * 1e20]
            assert own["pearson"] == pytest.approx([r.statistic for r in expected], abs=1e-8)
            assert own["pearson_p"] == pytest.approx([r.pvalue for r in expected], abs=1e-8)
            assert own["track"].tolist() == ["a", "b"]
            assert set(own["n"]) == {which.sum()}
