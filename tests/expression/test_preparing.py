"""Profiles of a few genes and of a simulation: splits, labels, counts, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyBigWig
import pytest
from expression.made import simulated_profiles

from mfdvep.errors import InputError
from mfdvep.expression.preparing import PrepareOptions, prepare_profiles
from mfdvep.expression.profiles import SPLITS
from mfdvep.expression.sheet import read_sheet

GENES = [  # contig, start site, strand, id
    ("chr1", 6_000, "+", "ENSG1"),
    ("chr1", 30_000, "-", "ENSG2"),
    ("chr2", 6_000, "+", "ENSG3"),
    ("chr2", 30_000, "-", "ENSG4"),
    ("chr3", 6_000, "+", "ENSG5"),
    ("chr3", 30_000, "-", "ENSG6"),
]
EXPRESSION = {"ENSG1": (1, 5), "ENSG2": (3, 1), "ENSG3": (0, 9), "ENSG4": (9, 0),
              "ENSG5": (0, 9), "ENSG6": (9, 0)}  # fmt: skip
OPTIONS = PrepareOptions(contigs={"validation": ["chr2"], "test": ["3"]})


def lines(rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def write(folder, *, genes=GENES, expression=EXPRESSION, marks=None, cells=("K562", "HUVEC")):
    """Write the three inputs; each cell has two marks, of which one has a peak on each contig."""
    rows = [("chrom", "tss", "strand", "gene_id"), *genes]
    (folder / "genes.tsv").write_text(lines(rows))
    values = [(gene, *of) for gene, of in expression.items()]
    (folder / "expression.tsv").write_text(lines([("gene_id", "K562", "HUVEC"), *values]))
    peaks = lines([(f"chr{i}", 6_000, 6_050, 4) for i in (1, 2, 3)])
    (folder / "peaks.bed").write_text(peaks)
    (folder / "none.bed").write_text("")
    files = {"H3K4me3": "peaks.bed", "H3K27me3": "none.bed"}
    marks = marks or [(cell, mark, path) for cell in cells for mark, path in files.items()]
    (folder / "marks.tsv").write_text(lines([("cell", "mark", "path"), *marks]))
    return folder


def prepare(folder, options=OPTIONS):
    return prepare_profiles(
        folder / "genes.tsv",
        folder / "expression.tsv",
        read_sheet(folder / "marks.tsv"),
        options=options,
    )


def test_a_small_set_whole(tmp_path):
    made = prepare(write(tmp_path))
    assert made.cells == ("K562", "HUVEC")
    assert made.marks == ("H3K27me3", "H3K4me3")  # in the order of the five
    assert made.signal.shape == (2, 6, 2, 100)
    assert made.signal[0, 0, 1, 50] == 2.0  # half of the bin x 4
    assert np.count_nonzero(made.signal) == 2 * 3
    assert made.split.tolist() == ["train", "train", "validation", "validation", "test", "test"]
    assert made.thresholds.tolist() == [2.0, 3.0]
    assert made.labels(0).tolist() == [0, 1, 0, 1, 0, 1]
    assert made.provenance["marks"]["K562"]["H3K4me3"] == str(tmp_path / "peaks.bed")
    assert made.log_expression(0).tolist() == pytest.approx(np.log2([2, 4, 1, 10, 1, 10]))
    assert {split: made.rows(split).tolist() for split in SPLITS} == {
        "train": [0, 1], "validation": [2, 3], "test": [4, 5], "left_out": []}  # fmt: skip
    with pytest.raises(ValueError, match="split 'dev'"):
        made.rows("dev")


def test_the_threshold_is_of_training_genes_alone(tmp_path):
    """Whatever the expression of the others, nothing of the training genes changes."""
    before = prepare(write(tmp_path))
    changed = {gene: tuple(1000 * x for x in of) if gene > "ENSG2" else of
               for gene, of in EXPRESSION.items()}  # fmt: skip
    after = prepare(write(tmp_path, expression=changed))
    assert after.thresholds.tolist() == before.thresholds.tolist()
    assert not np.array_equal(after.expression, before.expression)
    train = before.rows("train")
    for cell in range(2):
        assert (after.labels(cell)[train] == before.labels(cell)[train]).all()
    np.testing.assert_array_equal(after.signal, before.signal)


def test_a_number_as_threshold_is_for_all_cells(tmp_path):
    made = prepare(write(tmp_path), replace(OPTIONS, threshold=2.5))
    assert made.thresholds.tolist() == [2.5, 2.5]


def test_left_out_genes_are_in_no_other_split(tmp_path):
    contigs = {"validation": [], "test": ["chr2"], "left_out": ["chr3"]}
    made = prepare(write(tmp_path), PrepareOptions(contigs=contigs))
    assert made.rows("left_out").tolist() == [4, 5]
    assert made.rows("test").tolist() == [2, 3]


def test_genes_without_marks_or_expression_are_counted(tmp_path):
    genes = [*GENES, ("chrUn", 9, "+", "ENSG7"), GENES[0], ("chr1", 9_000, "+", "ENSG8.3")]
    expression = {
        **EXPRESSION, "ENSG2": ("NA", 1), "ENSG8.1": (7, ""), "ENSG99": (1, 1), "ENSG1.9": (0, 0)
    }  # fmt: skip
    made = prepare(write(tmp_path, genes=genes, expression=expression))
    counts = made.provenance["counts"]
    assert [gene.id for gene in made.genes] == [f"ENSG{i}" for i in (1, 2, 3, 4, 5, 6, 8)]
    assert counts["contig_without_marks"] == {"chrUn": 1}
    assert counts["duplicates"] == 1
    assert counts["genes_read"] == 9 == counts["kept"] + 1 + 1
    assert sum(counts["split"].values()) == counts["kept"] == 7
    assert counts["without_expression"] == {"K562": 1, "HUVEC": 1}
    assert counts["expression_rows"] == 9
    assert (counts["expression_duplicates"], counts["expression_of_other_genes"]) == (1, 1)
    assert np.isnan(made.labels(0)[1])
    assert made.expression[:, 0].tolist() == [1, 5]  # the first of ENSG1 counts
    assert made.expression[0, -1] == 7  # whatever the version
    assert counts["labels"]["K562"]["train"] == [1, 1, 1]
    assert counts["bins_with_signal"]["K562"] == {"H3K27me3": 0, "H3K4me3": 3 + 1}


def test_a_gene_beyond_the_end_of_its_contig_is_left_out_and_named(tmp_path):
    with pyBigWig.open(str(tmp_path / "a.bw"), "w") as file:
        file.addHeader([("1", 30_000), ("2", 40_000), ("3", 40_000)])
        file.addEntries(["1"], [6_000], ends=[6_050], values=[4.0])
    genes = [*GENES, ("chr1", 29_999, "+", "ENSG9")]
    write(tmp_path, genes=genes, expression={**EXPRESSION, "ENSG9": (3, 1)},
          marks=[("K562", "H3K4me3", "a.bw"), ("HUVEC", "H3K4me3", "peaks.bed")])  # fmt: skip
    made = prepare(tmp_path)
    assert made.provenance["counts"]["beyond_contig"] == ["ENSG2"]
    assert "ENSG9" in {gene.id for gene in made.genes}
    assert made.signal[0, 0, 0, 50] == 2.0
    assert made.signal.shape[1] == made.provenance["counts"]["kept"] == 6


def test_a_cell_without_a_mark_is_refused(tmp_path):
    marks = [("K562", "H3K4me3", "peaks.bed"), ("K562", "H3K27me3", "none.bed"),
             ("HUVEC", "H3K4me3", "peaks.bed")]  # fmt: skip
    write(tmp_path, marks=marks)
    with pytest.raises(InputError, match=r"marks\.tsv: no H3K27me3 of HUVEC, which other cells"):
        prepare(tmp_path)


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([("K562", "H3K4me3", "no.bed")], r"marks\.tsv:2: no file .*no\.bed; paths are relative"),
        ([("K562", "", "peaks.bed")], r"marks\.tsv:2: cell, mark or path is empty"),
        ([("K562", "H3K4me3", "peaks.bed")] * 2, r"marks\.tsv:3: K562 has H3K4me3 a second time"),
        ([("#",)], "no line below the header"),
        ([("HeLa", "H3K4me3", "peaks.bed")], "no column 'HeLa' for cell HeLa; it has gene_id, K5"),
    ],
)
def test_a_wrong_sheet_is_refused(tmp_path, marks, message):
    write(tmp_path, marks=marks)
    with pytest.raises(InputError, match=message):
        prepare(tmp_path)


def test_a_column_that_only_has_the_cell_in_its_name_is_proposed(tmp_path):
    write(tmp_path)
    table = tmp_path / "expression.tsv"
    table.write_text(table.read_text().replace("K562", "rpkm_K562"))
    with pytest.raises(InputError, match=r"rpkm_K562; e\.g\. --expression-column 'rpkm_\{cell\}'"):
        prepare(tmp_path)


def test_one_column_for_several_cells_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"'K562' for 2 cells; expected \{cell\} in it"):
        prepare(write(tmp_path), replace(OPTIONS, expression_column="K562"))


def test_ids_that_do_not_match_are_shown_three_of_each(tmp_path):
    write(tmp_path, expression=dict.fromkeys(("TP53", "MYC", "GATA1", "SP1"), (1, 2)))
    message = "none of 4 ids is of a gene: it has TP53, MYC, GATA1, the genes have ENSG1, ENSG2, EN"
    with pytest.raises(InputError, match=message):
        prepare(tmp_path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-0.5, r"tsv:2: expression '-0\.5' in HUVEC; expected a number from 0"),
        ("inf", "tsv:2: expression 'inf'"),
        ("high", "tsv:2: expression in HUVEC 'high' is no number"),
    ],
)
def test_expression_that_is_none_is_refused(tmp_path, value, message):
    write(tmp_path, expression={**EXPRESSION, "ENSG1": (1, value)})
    with pytest.raises(InputError, match=message):
        prepare(tmp_path)


def test_a_threshold_that_makes_one_class_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="K562: of 2 train genes 0 are above the threshold 3 and 2 are not"
    ):
        prepare(write(tmp_path), replace(OPTIONS, threshold=3.0))


def test_one_class_in_a_split_is_refused(tmp_path):
    write(tmp_path, expression={**EXPRESSION, "ENSG5": (9, 9)})
    with pytest.raises(InputError, match="K562: of 2 test genes 2 are above the threshold 2 and 0"):
        prepare(tmp_path)


def test_one_class_among_genes_left_out_is_kept(tmp_path):
    # such as chrY in cells of a woman
    write(tmp_path, expression={**EXPRESSION, "ENSG5": (0, 0), "ENSG6": (0, 0)})
    made = prepare(tmp_path, PrepareOptions(contigs={"test": ["chr2"], "left_out": ["chr3"]}))
    assert made.provenance["counts"]["labels"]["K562"]["left_out"] == [0, 2, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (PrepareOptions(contigs={"test": ["chr9"]}), "test contig chr9: no gene lies there"),
        (replace(OPTIONS, expression_column="x_{cell}"), "no column 'x_K562' for cell K562"),
    ],
)
def test_options_are_checked_before_marks_are_read(tmp_path, options, message):
    write(tmp_path)
    (tmp_path / "peaks.bed").write_text("not a BED\n")
    with pytest.raises(InputError, match=message):
        prepare(tmp_path, options)


def test_a_cell_without_known_training_genes_is_refused(tmp_path):
    write(tmp_path, expression={**EXPRESSION, "ENSG1": ("", 5), "ENSG2": ("NA", 1)})
    with pytest.raises(InputError, match="K562: no training gene has a known expression"):
        prepare(tmp_path)


@pytest.mark.parametrize(
    ("contigs", "message"),
    [
        ({"test": ["chr9"]}, "test contig chr9: no gene lies there; genes are on chr1, chr2, chr3"),
        ({"test": ["chr2"], "validation": ["2"]}, "contig 2 is in test and validation"),
        ({"test": ["1"], "validation": ["2", "3"]}, "no gene is left for training"),
    ],
)
def test_wrong_splits_are_refused(tmp_path, contigs, message):
    with pytest.raises(InputError, match=message):
        prepare(write(tmp_path), PrepareOptions(contigs=contigs))


def test_marks_of_other_contigs_are_refused(tmp_path):
    write(tmp_path)
    (tmp_path / "peaks.bed").write_text("NC_000001.11\t6000\t6050\t4\n")
    message = "genes have chr1, chr2, chr3, marks have NC_000001.11; are they of one assembly"
    with pytest.raises(InputError, match=message):
        prepare(tmp_path)


def test_the_planted_rule_is_in_profiles_and_labels(tmp_path):
    made, truth = simulated_profiles(tmp_path)
    k4, k27 = made.marks.index("H3K4me3"), made.marks.index("H3K27me3")
    for cell in range(2):
        assert (made.labels(cell) == truth.is_high[cell]).all()
        signal = made.signal[cell]
        rule = (signal[:, k4, 55:60].min(axis=1) > 0) & (signal[:, k27, 50] == 0)
        assert (rule == truth.is_high[cell]).all()
