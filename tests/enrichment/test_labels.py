"""Labels of scored variants, from columns and from labelled files; and which rows are tested."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from enrichment.flat import write_table

from mfdvep.enrichment.keys import key_of
from mfdvep.enrichment.labels import read_labels
from mfdvep.enrichment.score_table import ScoreTable
from mfdvep.enrichment.selecting import select_rows
from mfdvep.errors import InputError

HEADER = """##fileformat=VCFv4.3
##INFO=<ID=LABEL,Number=A,Type=Integer,Description="x">
##INFO=<ID=MATCH,Number=.,Type=String,Description="x">
##INFO=<ID=ELEMENT,Number=1,Type=String,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def vcf(tmp_path, *records):
    lines = [
        "\t".join([chrom, str(pos), ".", ref, alt, ".", ".", info])
        for chrom, pos, ref, alt, info in records
    ]
    path = tmp_path / "labelled.vcf"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return path


def table(tmp_path, variants, **columns):
    chrom, pos, ref, alt = zip(*variants, strict=True)
    path = tmp_path / "scores.parquet"
    scores = {"s": np.arange(len(pos), dtype=float)}
    data = {"chrom": chrom, "pos": pos, "ref": ref, "alt": alt, **columns, **scores}
    pq.write_table(pa.table(data), path)
    return path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("chr1", 5, "A", "C"), ("1", 5, "a", "c")),
        (("chrM", 5, "A", "C"), ("MT", 5, "A", "C")),
        (("1", 5, "AT", "AC"), ("1", 6, "T", "C")),  # trimmed on the left
        (("1", 5, "TA", "CA"), ("1", 5, "T", "C")),  # and on the right
        (("1", 5, "AT", "A"), ("1", 6, "T", "")),
    ],
)
def test_spellings_of_one_variant(one, other):
    assert key_of(*one) == key_of(*other)


def test_other_variants_have_other_keys():
    keys = {key_of("1", 5, "A", "C"), key_of("1", 5, "C", "A"), key_of("2", 5, "A", "C")}
    assert len(keys | {key_of("1", 6, "A", "C"), key_of("1", 5, "A", "G")}) == 5


def test_columns_of_the_scores(tmp_path):
    path = write_table(
        tmp_path / "t.parquet",
        np.zeros((1, 3)),
        np.array([True, False, True]),
        match=["a", "a,b", None],
        element=["e", None, "f"],
    )
    found = read_labels(ScoreTable(path, exclude=["label"]), "label")
    assert found.values.tolist() == [1.0, 0.0, 1.0]
    assert found.matches == (("a",), ("a", "b"), ())
    assert found.elements == ("e", "", "f")


def test_labels_of_a_vcf_are_joined_by_variant(tmp_path):
    scores = table(
        tmp_path,
        [("1", 10, "A", "C"), ("1", 10, "A", "G"), ("2", 7, "AT", "A"), ("2", 9, "G", "T")],
    )
    labelled = vcf(
        tmp_path,
        ("chr2", 7, "AT", "A", "LABEL=1;MATCH=p,q;ELEMENT=e1"),
        ("chr1", 10, "A", "C,G", "LABEL=0,.;MATCH=p"),
    )
    found = read_labels(ScoreTable(scores), "LABEL", labelled=labelled)
    np.testing.assert_array_equal(found.values, [0.0, np.nan, 1.0, np.nan])
    assert found.matches == (("p",), (), ("p", "q"), ())
    assert found.elements == ("", "", "e1", "")


def test_a_variant_that_is_there_twice_adds_its_groups(tmp_path):
    scores = table(tmp_path, [("1", 10, "A", "C")])
    twice = [("1", 10, "A", "C", f"LABEL=0;MATCH={group}") for group in "pq"]
    labels = read_labels(ScoreTable(scores), "LABEL", labelled=vcf(tmp_path, *twice))
    assert labels.matches == (("p", "q"),)


def test_a_variant_with_two_labels_is_refused(tmp_path):
    scores = table(tmp_path, [("1", 10, "A", "C")])
    labelled = vcf(tmp_path, ("1", 10, "A", "C", "LABEL=0"), ("1", 10, "A", "C", "LABEL=1"))
    with pytest.raises(InputError, match=r"1:10 A>C is there twice, with LABEL=0 and LABEL=1"):
        read_labels(ScoreTable(scores), "LABEL", labelled=labelled)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (("1", 10, "C", "A", "LABEL=1"), "1 are with REF and ALT swapped"),
        (("7", 10, "A", "C", "LABEL=1"), "contigs of the scores begin 1, of the labels 7"),
        (("1", 10, "G", "C", "LABEL=1"), "1:10 is A>C in the scores and has REF G in the labels"),
        (("1", 999, "A", "C", "LABEL=1"), "are both of one assembly"),
    ],
)
def test_how_scores_and_labels_differ(tmp_path, record, said):
    scores = table(tmp_path, [("1", 10, "A", "C")])
    with pytest.raises(InputError, match="none of the 1 variants") as error:
        read_labels(ScoreTable(scores), "LABEL", labelled=vcf(tmp_path, record))
    assert said in str(error.value)


def test_a_label_that_is_no_number(tmp_path):
    scores = table(tmp_path, [("1", 10, "A", "C")], kind=["causal"])
    with pytest.raises(InputError, match="row 1: label kind='causal'; expected a number"):
        read_labels(ScoreTable(scores), "kind")


def test_no_such_key(tmp_path):
    scores = table(tmp_path, [("1", 10, "A", "C")])
    with pytest.raises(InputError, match="no column 'LABEL'"):
        read_labels(ScoreTable(scores), "LABEL")
    labelled = vcf(tmp_path, ("1", 10, "A", "C", "LABEL=1"))
    with pytest.raises(InputError, match="declares no INFO LABLE; nearest: LABEL"):
        read_labels(ScoreTable(scores), "LABLE", labelled=labelled)


def test_every_row_is_counted_once(tmp_path):
    variants = [("1", 10, "A", "C"), ("1", 11, "A", "C"), ("1", 12, "A", "C"), ("1", 10, "A", "C")]
    path = table(tmp_path, variants, label=["1", None, "0", "1"])
    scores = ScoreTable(path)
    found = select_rows(scores, read_labels(scores, "label"), tracks=[0])
    assert found.rows.tolist() == [0, 2]
    assert found.counts == {
        "rows": 4,
        "unscored": {},
        "unlabelled": 1,
        "duplicates": 1,
        "not_finite": 0,
        "not_in_baseline": 0,
        "used": 2,
    }


def test_scores_that_are_no_numbers_are_left_out(tmp_path):
    path = write_table(
        tmp_path / "t.parquet", np.array([[0, np.nan, 2], [1, 2, np.inf]]), np.array([1, 0, 1])
    )
    scores = ScoreTable(path, exclude=["label"])
    labels = read_labels(scores, "label")
    found = select_rows(scores, labels, tracks=[0, 1])
    assert found.rows.tolist() == [0]
    assert found.counts["not_finite"] == 2
    # a score that nobody asked for takes nothing out
    assert select_rows(scores, labels, tracks=[1]).rows.tolist() == [0, 1]


def test_rows_of_one_variant_with_two_labels(tmp_path):
    path = table(tmp_path, [("1", 10, "A", "C"), ("chr1", 10, "A", "C")], label=["1", "0"])
    scores = ScoreTable(path)
    with pytest.raises(InputError, match="rows 1 and 2 are one variant, 1:10 A>C"):
        select_rows(scores, read_labels(scores, "label"), tracks=[0])


def test_contigs_come_together_in_the_order_of_the_file(tmp_path):
    variants = [(c, 10 + i, "A", "C") for i, c in enumerate(["2", "1", "2", "10", "1"])]
    scores = ScoreTable(table(tmp_path, variants, label=["1", "0", "1", "0", "1"]))
    assert select_rows(scores, read_labels(scores, "label"), tracks=[0]).rows.tolist() == [
        0,
        2,
        1,
        4,
        3,
    ]


def test_variants_that_the_baseline_has_not(tmp_path):
    scores = ScoreTable(
        table(tmp_path, [("1", 10, "A", "C"), ("1", 11, "A", "C")], label=["1", "0"])
    )
    (tmp_path / "b").mkdir()
    baseline = ScoreTable(table(tmp_path / "b", [("1", 9, "G", "T"), ("chr1", 11, "A", "C")]))
    found = select_rows(
        scores,
        read_labels(scores, "label"),
        tracks=[0],
        baseline=baseline,
        baseline_tracks=[0],
    )
    assert found.rows.tolist() == [1]
    assert found.baseline_rows.tolist() == [1]
    assert found.counts["not_in_baseline"] == 1


def test_a_row_that_repeats_a_variant_adds_its_groups(tmp_path):
    variants = [("1", 10, "A", "C"), ("1", 20, "A", "C"), ("1", 20, "A", "C")]
    path = table(tmp_path, variants, label=["1", "0", "0"], match_group=["p", "p", "q"])
    scores = ScoreTable(path)
    found = select_rows(scores, read_labels(scores, "label"), tracks=[0])
    assert found.matches == (("p",), ("p", "q"))
    assert found.counts["duplicates"] == 1


def test_a_baseline_without_a_number_for_a_variant(tmp_path):
    variants = [("1", 10, "A", "C"), ("1", 11, "A", "C")]
    scores = ScoreTable(table(tmp_path, variants, label=["1", "0"]))
    (tmp_path / "b").mkdir()
    path = table(tmp_path / "b", variants, t=[np.nan, 1.0])
    labels = read_labels(scores, "label")
    for tracks, n in (([0], 1), ([1], 2)):
        found = select_rows(
            scores, labels, tracks=[0], baseline=ScoreTable(path), baseline_tracks=tracks
        )
        assert len(found.rows) == n
        assert found.counts["not_in_baseline"] == 2 - n


def test_a_variant_that_was_measured_in_two_elements(tmp_path):
    variants = [("1", 10, "A", "C"), ("1", 10, "A", "C")]
    path = table(tmp_path, variants, label=["0.5", "2"], element=["a", "b"])
    scores = ScoreTable(path)
    found = select_rows(scores, read_labels(scores, "label"), tracks=[0], by_element=True)
    assert found.rows.tolist() == [0, 1]
