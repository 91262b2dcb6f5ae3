"""The Parquet matrix: what is written comes back, and what is not one is refused."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import SMALL_TRACKS

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.scoring.effects import KINDS, EffectBatch, EffectWriter, read_effects


def batch(n: int, seed: int = 0) -> EffectBatch:
    rng = np.random.default_rng(seed)
    effects = rng.normal(size=(3, n, 5)).astype(np.float32)
    status = [VariantStatus.OK, VariantStatus.STAR] * n
    effects[:, 1::2] = np.nan
    variants = tuple(Variant("chr1", 10 + i, "A", "C" * (i + 1), i, 1) for i in range(n))
    return EffectBatch(variants, tuple(status[:n]), *effects, tracks=SMALL_TRACKS)


def test_batches_come_back_as_one(tmp_path):
    writer = EffectWriter(tmp_path / "m.parquet", SMALL_TRACKS, {"scale": "logit"})
    parts = [batch(3, 1), batch(0), batch(2, 2)]
    for part in parts:
        writer.write(part)
    writer.close()
    found = read_effects(tmp_path / "m.parquet")
    assert found.variants == parts[0].variants + parts[2].variants
    assert found.status == parts[0].status + parts[2].status
    for kind in KINDS:
        expected = np.concatenate([getattr(part, kind) for part in parts])
        assert getattr(found, kind).dtype == np.float32
        assert np.array_equal(getattr(found, kind), expected, equal_nan=True)
    assert found.tracks == SMALL_TRACKS
    assert found.provenance == {"scale": "logit"}


def test_the_file_is_plain_parquet(tmp_path):
    writer = EffectWriter(tmp_path / "m.parquet", SMALL_TRACKS, {})
    writer.write(batch(2))
    writer.close()
    table = pq.read_table(tmp_path / "m.parquet")
    names = ["record", "allele", "chrom", "pos", "ref", "alt", "status", *KINDS]
    assert table.column_names == names
    assert str(table.schema.field("combined").type).startswith("fixed_size_list<element: float")
    assert table["combined"].is_valid().to_pylist() == [True, False]  # null where not scored
    assert json.loads(table.schema.metadata[b"mfdvep"])["tracks"]["target"][0] == "CTCF"


def test_rows_are_gathered_into_large_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("mfdvep.scoring.effects._ROW_GROUP", 5)
    writer = EffectWriter(tmp_path / "m.parquet", SMALL_TRACKS, {})
    for seed in range(4):
        writer.write(batch(3, seed))
    writer.close()
    groups = pq.ParquetFile(tmp_path / "m.parquet").metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [6, 6]
    assert len(read_effects(tmp_path / "m.parquet")) == 12


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        EffectWriter(tmp_path / "none" / "m.parquet", SMALL_TRACKS, {})


def test_other_files_are_refused(tmp_path):
    (tmp_path / "m.parquet").write_text("no")
    for name in ("m.parquet", "none.parquet"):
        with pytest.raises(InputError, match="not a matrix of effects"):
            read_effects(tmp_path / name)
