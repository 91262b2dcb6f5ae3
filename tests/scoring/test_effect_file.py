"""A matrix read a part at a time gives what the whole gives, and holds no more than it returns."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import SMALL_TRACKS
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring import effect_file, matrix
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.matrix import EffectWriter, read_effects
from mfdvep.scoring.variant_file import texts_of

N = 23
STATUS = (VariantStatus.OK, VariantStatus.STAR, VariantStatus.OK)


def batch(n: int, tracks: TrackTable = SMALL_TRACKS) -> EffectBatch:
    """Random effects of n alleles, of which every third was not scored."""
    effects = np.random.default_rng(n).normal(size=(3, n, len(tracks))).astype(np.float32)
    effects[:, 1::3] = np.nan
    variants = tuple(Variant("chr1", 10 + i, "A", "C" * (i % 5 + 1), i, 1) for i in range(n))
    return EffectBatch(variants, (STATUS * n)[:n], *effects, tracks=tracks)


def write(path: Path, whole: EffectBatch, storage: str = "float32") -> Path:
    with EffectWriter(path, whole.tracks, {"scale": "logit"}, storage=storage) as writer:
        writer.write(whole)
    return path


@pytest.fixture(scope="module", params=["float32", "float16"])
def path(request, tmp_path_factory) -> Path:
    """Row groups of 8, 8 and 7."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "_ROW_GROUP", 8)
        return write(tmp_path_factory.mktemp("m") / "m.parquet", batch(N), request.param)


def test_the_variants(path):
    file, whole = EffectFile(path), read_effects(path)
    found = file.variants()
    assert len(file) == N
    assert found.chrom == ["chr1"] * N
    assert found.pos.tolist() == list(range(10, 10 + N))
    assert found.pos.dtype == np.int64
    assert (found.ref[3], found.alt[3]) == ("A", "CCCC")
    assert found.status == [str(status) for status in whole.status]
    assert (file.path, file.kinds, file.extra) == (str(path), KINDS, ())
    assert (file.tracks, file.provenance) == (SMALL_TRACKS, whole.provenance)


def test_named_effects(tmp_path):
    """Two tracks, three alleles of which the second was not scored."""
    effects = np.array([[1, 2], [np.nan, np.nan], [3, 4]], dtype=np.float32)
    variants = tuple(Variant("1", pos, "A", "C", pos, 1) for pos in (5, 6, 7))
    one = EffectBatch(
        variants, STATUS, effects, effects * 10, -effects, TrackTable({"id": ("a", "b")})
    )
    file = EffectFile(write(tmp_path / "m.parquet", one))
    every = np.ones(3, dtype=bool)
    combined = file.effects("combined", slice(None), every)
    assert np.array_equal(combined, [[1, np.nan, 3], [2, np.nan, 4]], equal_nan=True)
    assert file.effects("biological", slice(1, 2), every == [1, 0, 1]).tolist() == [[20, 40]]
    assert file.effects("technical", slice(0, 2), every == [0, 0, 1]).tolist() == [[-3], [-4]]


@pytest.mark.parametrize("kind", KINDS)
@given(
    bounds=st.tuples(*[st.none() | st.integers(-6, 6)] * 2, st.sampled_from([None, 1, 2, -1])),
    rows=st.lists(st.booleans(), min_size=N, max_size=N),
    size=st.integers(1, 9),
)
def test_parts_are_those_of_the_whole(path, kind, bounds, rows, size):
    columns, rows = slice(*bounds), np.array(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(effect_file, "_BATCH", size)
        found = EffectFile(path).effects(kind, columns, rows)
    expected = getattr(read_effects(path), kind)[rows][:, columns].T
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert np.array_equal(found, expected, equal_nan=True)


def test_an_empty_matrix(tmp_path):
    file = EffectFile(write(tmp_path / "m.parquet", batch(0)))
    assert len(file) == 0
    assert file.variants().chrom == []
    assert file.effects("combined", slice(None), np.zeros(0, dtype=bool)).shape == (5, 0)


def test_no_more_is_held_than_what_is_returned(tmp_path, monkeypatch):
    """Four tracks of 200 over 20,000 alleles: 0.3 MB of 16."""
    tracks = TrackTable({"track": tuple(map(str, range(200)))})
    file = EffectFile(write(tmp_path / "m.parquet", batch(20_000, tracks)))
    monkeypatch.setattr(effect_file, "_MOST_THREADS", 2)
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    tracemalloc.start()
    pa.set_memory_pool(pool)
    try:
        found = file.effects("combined", slice(10, 14), np.ones(20_000, dtype=bool))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        pa.set_memory_pool(before)
        tracemalloc.stop()
    row_group, file_size = 4096 * 200 * 4, 20_000 * 200 * 4
    assert found.nbytes == 320_000
    assert peak < found.nbytes + row_group
    assert 0 < pool.max_memory() < 3 * row_group < file_size


def test_texts():
    column = pa.chunked_array([["a", None], ["a", "1.50"], []], type=pa.string())
    assert texts_of(column) == ["a", None, "a", "1.50"]
    assert texts_of(pa.chunked_array([[True, False, None]])) == ["1", "0", None]
    assert texts_of(pa.chunked_array([[1, 0, None]])) == ["1", "0", None]
    assert texts_of(pa.chunked_array([[0.5, None]])) == ["0.5", None]


def test_a_column_that_is_not_there(path):
    with pytest.raises(InputError, match="no column 'LABEL' of the input; it has none; mfdvep sc"):
        EffectFile(path).text("LABEL")
    with pytest.raises(InputError, match="no column 'pos'"):
        EffectFile(path).text("pos")


def test_arguments_that_do_not_fit(path):
    file = EffectFile(path)
    with pytest.raises(InputError, match="kind 'logit'; expected combined, biological, technical"):
        file.effects("logit", slice(None), np.ones(N, dtype=bool))
    for rows in (np.arange(N), np.ones(N - 1, dtype=bool)):
        with pytest.raises(InputError, match=r"m\.parquet: rows are .*; expected bool \(23,\)"):
            file.effects("combined", slice(None), rows)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("no")
    table = pq.read_table(write(tmp_path / "m.parquet", batch(5)))
    pq.write_table(table.drop_columns("technical"), tmp_path / "two")
    pq.write_table(table.drop_columns("status"), tmp_path / "no-status")
    pq.write_table(table.replace_schema_metadata(), tmp_path / "plain")
    pq.write_table(table.replace_schema_metadata({"mfdvep": "[]"}), tmp_path / "other")
    fewer = '{"tracks": {"track": ["a"]}, "provenance": {}}'
    pq.write_table(table.replace_schema_metadata({"mfdvep": fewer}), tmp_path / "fewer")
    for name in ("text", "none", "two", "no-status", "plain", "other", "fewer"):
        with pytest.raises(InputError, match=f"{name}: not a matrix of effects .*--matrix"):
            EffectFile(tmp_path / name)


def test_a_file_that_was_changed(tmp_path):
    path = write(tmp_path / "m.parquet", batch(5))
    file = EffectFile(path)
    data = path.read_bytes()
    path.write_bytes(bytes(len(data) // 2))
    with pytest.raises(InputError, match=r"m\.parquet: cannot be read .* damaged: get it again"):
        file.effects("combined", slice(None), np.ones(5, dtype=bool))
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        file.variants()
