"""The Parquet matrix: what is written comes back, by track name too; parts join to one file."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import SMALL_TRACKS
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring import matrix
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.matrix import EffectWriter, join_matrices, read_effects

STORAGES = ("float32", "float16")


def batch(n: int, seed: int = 0, *, tracks: TrackTable = SMALL_TRACKS) -> EffectBatch:
    """Random effects of n alleles, of which every second was not scored."""
    effects = np.random.default_rng(seed).normal(size=(3, n, len(tracks))).astype(np.float32)
    effects[:, 1::2] = np.nan
    status = ([VariantStatus.OK, VariantStatus.STAR] * n)[:n]
    variants = tuple(Variant("chr1", 10 + i, "A", "C" * (i + 1), i, 1) for i in range(n))
    return EffectBatch(variants, tuple(status), *effects, tracks=tracks)


def rows(whole: EffectBatch, start: int, stop: int) -> EffectBatch:
    cut = slice(start, stop)
    effects = (getattr(whole, kind)[cut] for kind in KINDS)
    return EffectBatch(whole.variants[cut], whole.status[cut], *effects, tracks=whole.tracks)


def write(path: Path, *batches: EffectBatch, storage: str = "float32") -> Path:
    with EffectWriter(path, SMALL_TRACKS, {"scale": "logit"}, storage=storage) as writer:
        for one in batches:
            writer.write(one)
    return path


def join(parts: Iterable[Path], path: Path, *, storage: str = "float32") -> Path:
    join_matrices(parts, path, tracks=SMALL_TRACKS, provenance={"scale": "logit"}, storage=storage)
    return path


def group_sizes(path: Path) -> list[int]:
    groups = pq.ParquetFile(path).metadata
    return [groups.row_group(i).num_rows for i in range(groups.num_row_groups)]


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """A full disk: no file grows beyond this."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("storage", STORAGES)
def test_batches_come_back_as_one(tmp_path, storage):
    parts = [batch(3, 1), batch(0), batch(2, 2)]
    found = read_effects(write(tmp_path / "m.parquet", *parts, storage=storage))
    assert found.variants == parts[0].variants + parts[2].variants
    assert found.status == parts[0].status + parts[2].status
    for kind in KINDS:
        expected = np.concatenate([getattr(part, kind) for part in parts]).astype(storage)
        assert getattr(found, kind).dtype == np.float32
        assert np.array_equal(getattr(found, kind), expected, equal_nan=True)
    assert found.tracks == SMALL_TRACKS
    assert found.provenance == {"scale": "logit", "storage": storage}


@pytest.mark.parametrize(("storage", "element"), [("float32", "float"), ("float16", "halffloat")])
def test_the_file_is_plain_parquet(tmp_path, storage, element):
    table = pq.read_table(write(tmp_path / "m.parquet", batch(2), storage=storage))
    names = ["record", "allele", "chrom", "pos", "ref", "alt", "status", *KINDS]
    assert table.column_names == names
    assert str(table.schema.field("combined").type) == (
        f"fixed_size_list<element: {element} not null>[5]"
    )
    assert table["combined"].is_valid().to_pylist() == [True, False]  # null where not scored
    assert json.loads(table.schema.metadata[b"mfdvep"])["tracks"]["target"][0] == "CTCF"
    assert json.loads(table.schema.metadata[b"mfdvep.tracks"]) == list(SMALL_TRACKS.names)


def test_float16_is_smaller_and_differences_were_taken_before(tmp_path):
    """1.0001 - 1 is 0.0001; as float16 the two are the same number."""
    effects = np.full((1, 5), np.float32(1.0001) - np.float32(1))
    one = EffectBatch(
        (Variant("1", 5, "A", "C", 0, 1),), (VariantStatus.OK,), *[effects] * 3, SMALL_TRACKS
    )
    found = read_effects(write(tmp_path / "m.parquet", one, storage="float16")).combined
    assert np.allclose(found, 1e-4, rtol=2e-3, atol=0)
    many = batch(500)
    sizes = [write(tmp_path / s, many, storage=s).stat().st_size for s in STORAGES]
    assert sizes[1] < sizes[0]


def test_text_that_is_no_utf8_is_marked(tmp_path):
    one = rows(batch(1), 0, 1)
    chrom = b"chr\xff".decode("utf-8", "surrogateescape")
    one = EffectBatch((Variant(chrom, 5, "A", "C", 0, 1),), one.status, *one_kinds(one))
    assert read_effects(write(tmp_path / "m.parquet", one)).variants[0].chrom == "chr\ufffd"


def one_kinds(one: EffectBatch) -> tuple:
    return (*(getattr(one, kind) for kind in KINDS), one.tracks)


def test_rows_are_gathered_into_groups_of_one_size(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix, "_ROW_GROUP", 5)
    parts = [write(tmp_path / f"{seed}", batch(3, seed)) for seed in range(4)]
    assert group_sizes(write(tmp_path / "a", *(batch(3, seed) for seed in range(4)))) == [5, 5, 2]
    assert group_sizes(join(parts, tmp_path / "b")) == [5, 5, 2]
    assert group_sizes(write(tmp_path / "c", batch(11))) == [5, 5, 1]
    assert group_sizes(write(tmp_path / "d", batch(10))) == [5, 5]
    found = read_effects(tmp_path / "b")
    expected = np.concatenate([batch(3, seed).combined for seed in range(4)])
    assert np.array_equal(found.combined, expected, equal_nan=True)


@pytest.mark.parametrize("storage", STORAGES)
@given(cuts=st.lists(st.integers(0, 23), max_size=6))
def test_the_joined_file_does_not_depend_on_the_cuts(tmp_path_factory, storage, cuts):
    folder = tmp_path_factory.mktemp("cuts")
    whole, edges = batch(23), [0, *sorted(cuts), 23]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "_ROW_GROUP", 4)
        parts = [
            write(folder / f"{i}", rows(whole, start, stop), storage=storage)
            for i, (start, stop) in enumerate(pairwise(edges))
        ]
        joined = join(parts, folder / "joined", storage=storage)
        direct = write(folder / "direct", whole, storage=storage)
    assert joined.read_bytes() == direct.read_bytes()


@pytest.mark.parametrize("storage", STORAGES)
def test_no_parts_are_an_empty_matrix(tmp_path, storage):
    found = read_effects(join([], tmp_path / "m.parquet", storage=storage))
    assert len(found) == 0
    assert found.combined.shape == (0, 5)
    assert found.tracks == SMALL_TRACKS


QUERY = """
    SELECT {kind}[list_position(decode(value)::JSON::VARCHAR[], '{name}')]
    FROM '{path}', parquet_kv_metadata('{path}') WHERE key = 'mfdvep.tracks' AND pos <= 12
"""


@pytest.mark.parametrize("storage", STORAGES)
def test_duckdb_finds_an_effect_by_the_name_of_its_track(tmp_path, storage):
    duckdb = pytest.importorskip("duckdb")
    path = write(tmp_path / "m.parquet", batch(5), storage=storage)
    effects = read_effects(path)
    for name in SMALL_TRACKS.names:
        for kind in KINDS:
            found = duckdb.sql(QUERY.format(kind=kind, name=name, path=path)).fetchall()
            first, missing, third = (value for (value,) in found)
            assert missing is None  # not scored
            assert [first, third] == effects.effect_of(name, kind)[[0, 2]].tolist()
    missing = duckdb.sql(QUERY.format(kind="combined", name="none", path=path)).fetchall()
    assert missing == [(None,)] * 3


def test_the_query_of_the_documentation_works(tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    path = write(tmp_path / "m.parquet", batch(5))
    query = re.search(r"SELECT .*?pos = 1000", matrix.__doc__, re.DOTALL)[0]
    query = query.replace("m.parquet", str(path)).replace("CTCF/K562/X0001", "open/K562/E2")
    found = duckdb.sql(query.replace("1000", "10")).fetchall()
    assert found == [("chr1", 10, "A", "C", float(batch(5).combined[0, 2]))]


def test_duckdb_opens_an_empty_matrix(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = join([], tmp_path / "m.parquet")
    assert duckdb.sql(QUERY.format(kind="combined", name="x", path=path)).fetchall() == []


def test_another_storage_is_refused(tmp_path):
    with pytest.raises(InputError, match="storage 'int8'; expected float32 or float16"):
        write(tmp_path / "m.parquet", storage="int8")
    assert not (tmp_path / "m.parquet").exists()


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(OutputError, match=r"m\.parquet: cannot be written"):
        write(tmp_path / "none" / "m.parquet")


@pytest.mark.parametrize("n_bytes", [0, 2, 600, 10_000])
def test_a_disk_that_is_full(tmp_path, n_bytes):
    """At the first bytes, in the only row group, and in the second of them."""
    parts = [write(tmp_path / "part", batch(5000))]
    with largest_file(n_bytes), pytest.raises(OutputError, match="cannot be written"):
        join(parts, tmp_path / "m.parquet")


def test_a_disk_that_is_full_at_the_footer(tmp_path):
    part = write(tmp_path / "part", batch(5))
    with largest_file(part.stat().st_size - 1), pytest.raises(OutputError, match="cannot be"):
        write(tmp_path / "m.parquet", batch(5))


def test_an_error_of_another_kind_is_not_hidden(tmp_path):
    def interrupted() -> Iterator[Path]:
        yield write(tmp_path / "part", batch(5))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        join(interrupted(), tmp_path / "m.parquet")


def test_closing_twice(tmp_path):
    with EffectWriter(tmp_path / "m.parquet", SMALL_TRACKS, {}) as writer:
        writer.write(batch(5))
        writer.close()
    assert len(read_effects(tmp_path / "m.parquet")) == 5


def test_parts_that_are_not_of_this_output(tmp_path):
    (tmp_path / "text").write_text("no")
    whole = write(tmp_path / "whole", batch(5))
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:-20])
    write(tmp_path / "other", batch(5), storage="float16")
    for name in ("text", "cut", "other", "none"):
        with pytest.raises(OutputError, match=f"{name}: no part of this output .*begin anew"):
            join([whole, tmp_path / name], tmp_path / "m.parquet")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "m.parquet").write_text("no")
    for name in ("m.parquet", "none.parquet"):
        with pytest.raises(InputError, match="not a matrix of effects"):
            read_effects(tmp_path / name)


def test_other_parquet_is_refused(tmp_path):
    table = pq.read_table(write(tmp_path / "m.parquet", batch(5)))
    pq.write_table(table.drop_columns("technical"), tmp_path / "two.parquet")
    pq.write_table(table.replace_schema_metadata(), tmp_path / "plain.parquet")
    for name in ("two", "plain"):
        with pytest.raises(InputError, match="not a matrix of effects"):
            read_effects(tmp_path / f"{name}.parquet")
