"""Files of regenie and SAIGE-GENE+, by readers written from their documentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cohort.small import write_cohort, write_scores
from cohort.test_burden import PEOPLE, Case, equal_effects

from mfdvep.errors import InputError, OutputError


def read_regenie(annotations: Path, setlist: Path, masks: Path, weights_col: int = 4):
    """Return sets {name: (chrom, pos, variants)}, annotations and masks, checked as regenie does.

    Its documentation, "Options", "Input" of gene-based testing: white space between fields;
    "Set list file: ... the set/gene name followed by a chromosome and physical position for the
    set/gene, then by a comma-separated list of variants"; annotation file: variant, set,
    annotation, and with --weights-col the weight; mask file: "a mask name followed by a
    comma-separated list of categories". --strict-check-burden: all variants of the set list are
    in the annotation file for the set, all categories of masks in the annotation file.
    """
    of: dict[tuple[str, str], tuple[str, float]] = {}
    for line in annotations.read_text().splitlines():
        fields = line.split()
        assert len(fields) == 4
        assert (fields[0], fields[1]) not in of  # one annotation in a set
        of[fields[0], fields[1]] = (fields[2], float(fields[weights_col - 1]))
    sets = {}
    for line in setlist.read_text().splitlines():
        name, chrom, pos, variants = line.split()
        assert name not in sets
        assert chrom in {*map(str, range(1, 24)), "X", "Y", "M"}
        sets[name] = (chrom, int(pos), variants.split(","))
        assert all((variant, name) in of for variant in sets[name][2])
    assert len(of) == sum(len(variants) for *_, variants in sets.values())
    known = {category for category, _ in of.values()}
    defined = {}
    for line in masks.read_text().splitlines():
        mask, categories = line.split()
        defined[mask] = categories.split(",")
        assert set(defined[mask]) <= known
    return sets, of, defined


def read_saige(path: Path) -> dict[str, dict[str, list[str]]]:
    """Return set -> var, anno and weight, of the same lengths and with markers CHROM:POS:REF:ALT.

    Source: "Set-based test", step 2, and the example with weights of its repository.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for line in path.read_text().splitlines():
        name, kind, *values = line.split()
        assert kind not in found.setdefault(name, {})
        found[name][kind] = values
    for kinds in found.values():
        assert list(kinds) == ["var", "anno", "weight"]
        assert len({len(values) for values in kinds.values()}) == 1
        assert all(len(marker.split(":")) == 4 for marker in kinds["var"])
    return found


@pytest.fixture
def case(tmp_path) -> Case:
    made = Case(tmp_path)
    lines = [
        "chr1 10 rs1 A C . GT 0/1 0/0 1/1",
        "chr1 20 rs2 A G,T . GT 1/2 0/1 ./.",
        "chr1 40 . G A . GT 0|0 1|. 0|1",
    ]
    write_cohort(made.cohort, PEOPLE, lines)
    return made


def test_regenie(case):
    case.run(weights=["absolute", "signed", "unweighted"], regenie=case.folder / "sets")
    made = sorted(path.name for path in case.folder.glob("sets.*"))
    assert made == ["sets.biological_absolute.annotations", "sets.masks", "sets.setlist",
                    "sets.unweighted.annotations"]  # fmt: skip
    rest = case.folder / "sets.setlist", case.folder / "sets.masks"
    sets, of, masks = read_regenie(case.folder / made[0], *rest)
    assert sets == {
        "left": ("1", 1, ["rs1", "chr1:20:A:G", "chr1:20:A:T"]),
        "right": ("1", 16, ["chr1:20:A:G", "chr1:20:A:T", "chr1:40:G:A"]),
    }
    weights = {variant: weight for (variant, _), (_, weight) in of.items()}
    assert weights == {"rs1": 0.5, "chr1:20:A:G": 2, "chr1:20:A:T": 3, "chr1:40:G:A": 10}
    assert masks == {"scored": ["scored"]}
    _, ones, _ = read_regenie(case.folder / made[3], *rest)
    assert {weight for _, weight in ones.values()} == {1.0}


def test_saige(case):
    case.run(saige=case.folder / "sets")
    found = read_saige(case.folder / "sets.biological_absolute.group.txt")
    assert found["left"]["var"] == ["chr1:10:A:C", "chr1:20:A:G", "chr1:20:A:T"]
    assert found["left"]["weight"] == ["0.5", "2", "3"]
    assert found["right"]["anno"] == ["scored"] * 3
    assert (case.folder / "sets.unweighted.group.txt").is_file()


def test_the_weighted_sum_of_a_set_is_the_burden(case):
    """What regenie's --build-mask sum makes of them: the dosages by the weights."""
    case.run(weights=["absolute"], regenie=case.folder / "s")
    paths = (
        case.folder / f"s.{n}" for n in ("biological_absolute.annotations", "setlist", "masks")
    )
    sets, of, _ = read_regenie(*paths)
    dosages = {
        "rs1": [1, 0, 2], "chr1:20:A:G": [1, 1, 1], "chr1:20:A:T": [1, 0, 0.5],
        "chr1:40:G:A": [0, 0.5, 1],
    }  # fmt: skip
    for column, (name, (*_, variants)) in enumerate(sets.items()):
        total = sum(of[variant, name][1] * np.array(dosages[variant]) for variant in variants)
        np.testing.assert_allclose(case.values()[:, column], total)


def test_variants_that_do_not_count_are_in_no_set(case):
    case.run(maf_max=0.25, regenie=case.folder / "s")
    paths = (case.folder / f"s.{n}" for n in ("unweighted.annotations", "setlist", "masks"))
    sets, *_ = read_regenie(*paths)
    assert sets["left"][2] == ["chr1:20:A:T"]


def test_a_region_on_two_contigs_makes_two_sets(case):
    case.regions.write_text("chrX\t0\t50\tPLCXD1\nchrY\t5\t50\tPLCXD1\nchrX\t0\t50\tXG\n")
    write_scores(case.scores, ["X:10:A:C", "Y:10:A:C"], equal_effects([1.0, 2.0]))
    lines = [f"chr{x} 10 . A C . GT 0/1 0 0/1" for x in "XY"]
    write_cohort(case.cohort, PEOPLE, lines)
    case.run(weights=["absolute"], regenie=case.folder / "s")
    paths = (
        case.folder / f"s.{n}" for n in ("biological_absolute.annotations", "setlist", "masks")
    )
    sets, *_ = read_regenie(*paths)
    assert sets == {
        "PLCXD1.X": ("X", 1, ["chrX:10:A:C"]), "PLCXD1.Y": ("Y", 6, ["chrY:10:A:C"]),
        "XG": ("X", 1, ["chrX:10:A:C"]),
    }  # fmt: skip
    np.testing.assert_allclose(case.values(), [[3, 1], [0, 0], [3, 1]])


def test_refusals(case):
    prefix = case.folder / "s"
    with pytest.raises(InputError, match="need weights that are at least 0"):
        case.run(weights=["signed"], saige=prefix)
    (case.folder / "s.masks").write_text("")
    with pytest.raises(OutputError, match=r"s\.masks exists"):
        case.run(regenie=prefix, force=False)
    case.regions.write_text("chr1\t0\t30\tmy gene\n")
    with pytest.raises(InputError, match=r"region 'my gene': .* no spaces"):
        case.run(regenie=prefix)
    case.run()  # which is no matter of other outputs


@pytest.mark.parametrize(
    ("second", "match"),
    [
        ("chr1 40 rs1 G A . GT 0/1 0/0 0/0", "variant rs1 at chr1:40:G:A is at chr1:10:A:C too"),
        ("chr1 10 rs9 A C . GT 0/1 0/0 0/0", "variant chr1:10:A:C at chr1:10:A:C is at"),
    ],
)
def test_ids_of_two_variants_are_refused(case, second, match):
    write_cohort(case.cohort, PEOPLE, ["chr1 10 rs1 A C . GT 0/1 0/0 1/1", second])
    with pytest.raises(InputError, match=match):
        case.run(regenie=case.folder / "s")
    case.run()
