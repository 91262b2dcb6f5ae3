"""A flat table of scores: which columns are scores, and what comes of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import SMALL_TRACKS

from mfdvep.enrichment.score_table import ScoreTable, open_scores
from mfdvep.errors import InputError
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.matrix import join_matrices

COLUMNS = {
    "chrom": ["1", "1", "X"],
    "pos": [5, 9, 2],
    "ref": ["A", "C", "G"],
    "alt": ["T", "CC", "A"],
    "label": [True, False, None],
    "match_group": ["m1", "m1", None],
    "phyloP": pa.array([0.25, None, -3.0], pa.float32()),
    "consequence": ["missense", None, "intron"],
    "rank": pa.array([1, None, 3], pa.int16()),
    "phyloP.100": [1.0, 2.0, 1e300],
    "MAF": [0.5, 0.01, 0.1],
}


def write(path: Path, **changed: object) -> Path:
    """The table of three variants with columns changed, or left out where None."""
    columns = {k: v for k, v in {**COLUMNS, **changed}.items() if v is not None}
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


def test_columns_of_numbers_are_scores(tmp_path):
    table = ScoreTable(write(tmp_path / "t.parquet"))
    assert len(table) == 3
    assert table.kinds == ("score",)
    assert table.tracks.columns == {"track": ("phyloP", "rank", "phyloP.100")}
    assert table.tracks.names == ("phyloP", "rank", "phyloP.100")
    assert table.extra == ("label", "match_group", "consequence", "MAF")
    assert (table.path, table.provenance) == (str(tmp_path / "t.parquet"), {})
    fewer = ScoreTable(tmp_path / "t.parquet", exclude=["rank", "no such column"])
    assert fewer.tracks.names == ("phyloP", "phyloP.100")
    assert "rank" in fewer.extra


def test_the_variants(tmp_path):
    found = ScoreTable(write(tmp_path / "t.parquet")).variants()
    assert (found.chrom, found.pos.tolist()) == (["1", "1", "X"], [5, 9, 2])
    assert found.pos.dtype == np.int64
    assert (found.ref, found.alt, found.status) == (["A", "C", "G"], ["T", "CC", "A"], ["OK"] * 3)


def test_contigs_and_positions_of_other_types(tmp_path):
    path = write(tmp_path / "t.parquet", chrom=[1, 1, 2], pos=pa.array([5, 9, 2], pa.uint32()))
    found = ScoreTable(path).variants()
    assert (found.chrom, found.pos.dtype) == (["1", "1", "2"], np.int64)


def test_texts_of_what_is_no_score(tmp_path):
    table = ScoreTable(write(tmp_path / "t.parquet"), exclude=["MAF"])
    assert table.text("label") == ["1", "0", None]
    assert table.text("match_group") == ["m1", "m1", None]
    assert table.text("consequence") == ["missense", None, "intron"]
    assert table.text("MAF") == ["0.5", "0.01", "0.1"]


@pytest.mark.parametrize(
    ("label", "texts"),
    [
        ([1, 0, 1], ["1", "0", "1"]),
        (pa.array(["1", None, "x"], pa.large_string()), ["1", None, "x"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
    ],
)
def test_labels_of_other_types(tmp_path, label, texts):
    assert ScoreTable(write(tmp_path / "t.parquet", label=label)).text("label") == texts


def test_scores_of_rows(tmp_path):
    table = ScoreTable(write(tmp_path / "t.parquet"), exclude=["MAF"])
    every = np.ones(3, dtype=bool)
    found = table.effects("score", slice(None), every)
    expected = [[0.25, np.nan, -3], [1, np.nan, 3], [1, 2, np.inf]]
    assert np.array_equal(found, expected, equal_nan=True)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert table.effects("score", slice(1, 2), every == [1, 0, 1]).tolist() == [[1, 3]]


def test_arguments_that_do_not_fit(tmp_path):
    table = ScoreTable(write(tmp_path / "t.parquet"))
    with pytest.raises(InputError, match="kind 'combined'; expected score"):
        table.effects("combined", slice(None), np.ones(3, dtype=bool))
    with pytest.raises(InputError, match=r"rows are int64 \(3,\); expected bool \(3,\)"):
        table.effects("score", slice(None), np.arange(3))
    with pytest.raises(InputError, match=r"'phyloP' among .* they are label, match_group, conseq"):
        table.text("phyloP")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ref": None, "alt": None}, "no column ref, alt; it has chrom, pos, label, .* expected"),
        ({"pos": ["5", "9", "2"]}, "column pos is string; expected integers"),
        ({"phyloP": None, "rank": None, "phyloP.100": None, "MAF": None}, "no column of numbers"),
    ],
)
def test_tables_without_what_is_needed(tmp_path, changed, message):
    with pytest.raises(InputError, match=rf"t\.parquet: {message}"):
        ScoreTable(write(tmp_path / "t.parquet", **changed))


def test_a_column_that_is_there_twice(tmp_path):
    table = pa.table(COLUMNS)
    pq.write_table(table.append_column("MAF", table["MAF"]), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="twice: MAF"):
        ScoreTable(tmp_path / "t.parquet")


def test_values_that_are_no_text(tmp_path):
    with pytest.raises(InputError, match=r"column label is list<.*; expected text, numbers"):
        ScoreTable(write(tmp_path / "t.parquet", label=[[1], [2], [3]])).text("label")
    with pytest.raises(InputError, match="1 rows have no ref"):
        ScoreTable(write(tmp_path / "t.parquet", ref=["A", None, "C"])).variants()


def test_a_file_that_is_gone(tmp_path):
    table = ScoreTable(write(tmp_path / "t.parquet"))
    (tmp_path / "t.parquet").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        table.variants()


def test_either_kind_of_file_is_opened(tmp_path):
    flat = open_scores(write(tmp_path / "t.parquet"), exclude=["MAF"])
    assert isinstance(flat, ScoreTable)
    assert "MAF" in flat.extra
    join_matrices([], tmp_path / "m.parquet", tracks=SMALL_TRACKS, provenance={})
    assert isinstance(open_scores(tmp_path / "m.parquet"), EffectFile)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("no")
    for name in ("text", "none"):
        with pytest.raises(InputError, match=f"{name}: no Parquet file .*; give a matrix of mfd"):
            open_scores(tmp_path / name)
    pq.write_table(pa.table({"CHROM": ["1"]}), tmp_path / "t")
    with pytest.raises(InputError, match="no column chrom, pos, ref, alt; it has CHROM; expected"):
        open_scores(tmp_path / "t")
    described = pa.table({"chrom": ["1"]}).replace_schema_metadata({"mfdvep": "{}"})
    pq.write_table(described, tmp_path / "m")
    with pytest.raises(InputError, match="m: not a matrix of effects"):
        open_scores(tmp_path / "m")
