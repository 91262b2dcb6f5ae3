"""Listed tracks: the largest first; and the long table, which has every allele."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import SMALL_TRACKS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring import sparse
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.sparse import LongWriter, join_long, select_tracks

NAN = float("nan")
PROVENANCE = {"scale": "logit", "top_k": 2, "min_abs": 0.5}


def batch(combined, *, tracks: TrackTable = SMALL_TRACKS, first: int = 0) -> EffectBatch:
    """Alleles with these combined effects; biological 10 and technical 20 more; NaN: a STAR."""
    effects = np.array(combined, dtype=np.float32).reshape(len(combined), len(tracks))
    n = len(effects)
    status = [VariantStatus.STAR if np.isnan(row).any() else VariantStatus.OK for row in effects]
    variants = tuple(Variant("chr1", 10 + first + i, "A", "C", first + i, 1) for i in range(n))
    return EffectBatch(variants, tuple(status), effects, effects + 10, effects + 20, tracks=tracks)


FOUR = [
    [0.1, -0.9, 0.0, 0.6, 0.4],
    [NAN] * 5,
    [0.1, 0.2, 0.3, 0.4, -0.4],
    [0.5, -0.5, 0.5, -0.5, 0.5],
]


def selected(combined, **options) -> list[list[int]]:
    found = select_tracks(batch(combined), **options)
    assert all(columns.dtype == np.int64 for columns in found)
    return [columns.tolist() for columns in found]


@pytest.mark.parametrize(
    ("top_k", "min_abs", "expected"),
    [
        (2, 0, [[1, 3], [], [3, 4], [0, 1]]),  # ties in the order of the columns
        (2, 0.5, [[1, 3], [], [], [0, 1]]),  # at least: 0.5 itself is listed
        (3, 0.5, [[1, 3], [], [], [0, 1, 2]]),
        (5, 0, [[1, 3, 4, 0], [], [3, 4, 2, 1, 0], [0, 1, 2, 3, 4]]),
        (99, 0.3, [[1, 3, 4], [], [3, 4, 2], [0, 1, 2, 3, 4]]),
        (5, 1e9, [[], [], [], []]),
        (0, 0, [[], [], [], []]),
    ],
)
def test_the_largest_in_size_come_first(top_k, min_abs, expected):
    assert selected(FOUR, top_k=top_k, min_abs=min_abs) == expected


def test_a_bound_is_compared_as_the_float32_that_is_stored():
    assert selected([[0.1, 0.3, 0, 0, 0]], top_k=5, min_abs=0.1) == [[1, 0]]


def test_zeros_are_not_listed():
    assert selected([[0.0, -0.0, 1e-45, -0.0, 0.0]], top_k=3, min_abs=0) == [[2]]


def test_no_alleles_and_no_tracks():
    assert select_tracks(batch([]), top_k=3, min_abs=0) == []
    none = batch([], tracks=TrackTable({"experiment": ()}))
    assert select_tracks(none, top_k=3, min_abs=0) == []


@given(
    effects=arrays(np.float32, (3, 5), elements=st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 1.5])),
    top_k=st.integers(0, 7),
    min_abs=st.sampled_from([0, 0.5, 0.75, 1.5]),
)
def test_as_a_sort_of_each_allele_alone(effects, top_k, min_abs):
    def alone(row: list[float]) -> list[int]:
        order = sorted(range(5), key=lambda column: (-abs(row[column]), column))
        return [column for column in order if abs(row[column]) >= min_abs and row[column]][:top_k]

    expected = [alone(row) for row in effects.tolist()]
    assert selected(effects, top_k=top_k, min_abs=min_abs) == expected


@pytest.mark.parametrize("options", [(-1, 0), (1, -0.1), (1, NAN)])
def test_numbers_below_zero_are_refused(options):
    top_k, min_abs = options
    with pytest.raises(InputError, match="expected numbers of at least 0"):
        select_tracks(batch(FOUR), top_k=top_k, min_abs=min_abs)


def write(path: Path, *batches: EffectBatch, top_k: int = 2, min_abs: float = 0.5) -> Path:
    with LongWriter(path, SMALL_TRACKS, PROVENANCE) as writer:
        for one in batches:
            writer.write(one, select_tracks(one, top_k=top_k, min_abs=min_abs))
    return path


def join(parts: list[Path], path: Path) -> Path:
    join_long(parts, path, tracks=SMALL_TRACKS, provenance=PROVENANCE)
    return path


def test_a_row_for_each_listed_track_and_one_for_an_allele_without(tmp_path):
    table = pq.read_table(write(tmp_path / "l.parquet", batch(FOUR)))
    variant = ["record", "allele", "chrom", "pos", "ref", "alt", "status"]
    assert table.column_names == [*variant, "track", *KINDS, "technical_share", "quantile"]
    assert table["quantile"].null_count == 6  # no table of a background
    shares = table["technical_share"].to_pylist()
    expected = [19.1 / 28.2, 20.6 / 31.2, None, None, 20.5 / 31, 19.5 / 29]
    assert shares == [x if x is None else pytest.approx(x, rel=1e-6) for x in expected]
    table = table.drop_columns(["technical_share", "quantile"])
    found = [tuple(row.values()) for row in table.to_pylist()]
    f = np.float32
    assert found == [
        (0, 1, "chr1", 10, "A", "C", "OK", "GATA1/K562/E1", f(-0.9), f(-0.9) + 10, f(-0.9) + 20),
        (0, 1, "chr1", 10, "A", "C", "OK", "open/E3", f(0.6), f(0.6) + 10, f(0.6) + 20),
        (1, 1, "chr1", 11, "A", "C", "STAR", None, None, None, None),
        (2, 1, "chr1", 12, "A", "C", "OK", None, None, None, None),
        (3, 1, "chr1", 13, "A", "C", "OK", "CTCF/K562/E0", 0.5, 10.5, 20.5),
        (3, 1, "chr1", 13, "A", "C", "OK", "GATA1/K562/E1", -0.5, 9.5, 19.5),
    ]


def test_a_track_without_halves_has_no_share(tmp_path):
    one = batch([[0.5, 0, 0, 0, 0]])
    one.biological[:], one.technical[:] = 0, 0
    table = pq.read_table(write(tmp_path / "l.parquet", one))
    assert table["combined"].to_pylist() == [0.5]
    assert table["technical_share"].to_pylist() == [None]


def test_types_and_metadata(tmp_path):
    schema = pq.read_schema(write(tmp_path / "l.parquet", batch(FOUR)))
    assert str(schema.field("track").type).startswith("dictionary<values=string")
    numbers = (*KINDS, "technical_share")
    assert {str(schema.field(name).type) for name in numbers} == {"float"}
    about = json.loads(schema.metadata[b"mfdvep"])
    assert about["provenance"] == PROVENANCE
    assert about["tracks"]["target"][0] == "CTCF"
    assert json.loads(schema.metadata[b"mfdvep.tracks"]) == list(SMALL_TRACKS.names)


def test_tracks_of_one_name(tmp_path):
    tracks = TrackTable({"assay": ("ChIP", "DNase", "ChIP")})
    with LongWriter(tmp_path / "l.parquet", tracks, {}) as writer:
        one = batch([[1, 2, 3]], tracks=tracks)
        writer.write(one, select_tracks(one, top_k=3, min_abs=0))
    table = pq.read_table(tmp_path / "l.parquet")
    assert table["track"].to_pylist() == ["ChIP", "DNase", "ChIP"]
    assert table["combined"].to_pylist() == [3, 2, 1]


@given(cuts=st.lists(st.integers(0, 12), max_size=5))
def test_the_joined_file_does_not_depend_on_the_cuts(tmp_path_factory, cuts):
    folder = tmp_path_factory.mktemp("cuts")
    effects, edges = FOUR * 3, [0, *sorted(cuts), 12]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "_ROW_GROUP", 4)
        parts = [
            write(folder / f"{i}", batch(effects[start:stop], first=start))
            for i, (start, stop) in enumerate(pairwise(edges))
        ]
        joined = join(parts, folder / "joined")
        direct = write(folder / "direct", batch(effects))
        again = join([joined], folder / "again")
    metadata = pq.ParquetFile(joined).metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sizes == [4] * 4 + [2]  # 6 rows for FOUR
    assert joined.read_bytes() == direct.read_bytes() == again.read_bytes()


def test_no_parts_are_an_empty_table(tmp_path):
    path = join([], tmp_path / "l.parquet")
    assert pq.read_table(path).num_rows == 0
    assert pq.read_schema(path).equals(pq.read_schema(write(tmp_path / "w", batch(FOUR))))


def test_duckdb_reads_it(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = join([write(tmp_path / "part", batch(FOUR))], tmp_path / "l.parquet")
    query = f"SELECT track, biological FROM '{path}' WHERE pos = 13 ORDER BY biological"
    assert duckdb.sql(query).fetchall() == [("GATA1/K562/E1", 9.5), ("CTCF/K562/E0", 10.5)]
    query = f"SELECT status FROM '{path}' WHERE track IS NULL"
    assert duckdb.sql(query).fetchall() == [("STAR",), ("OK",)]


def test_it_is_not_a_matrix(tmp_path):
    path = write(tmp_path / "l.parquet", batch(FOUR))
    with pytest.raises(InputError, match="not a matrix of effects"):
        read_effects(path)


def test_what_is_not_a_part_or_cannot_be_written(tmp_path):
    (tmp_path / "text").write_text("no")
    with pytest.raises(OutputError, match="text: no part of this output"):
        join([tmp_path / "text"], tmp_path / "l.parquet")
    with pytest.raises(OutputError, match=r"l\.parquet: cannot be written"):
        join([], tmp_path / "none" / "l.parquet")
