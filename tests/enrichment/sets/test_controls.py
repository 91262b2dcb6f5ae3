"""Controls have the positive's bases, are near it, and are no positive."""

from __future__ import annotations

import pytest
from conftest import random_bases, write_fasta
from enrichment.sets.simulated import reconcile, write_tsv

from mfdvep.enrichment.sets.controls import ControlRules, build_controls
from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome

#         1234567890
SMALL = "ACGTNACGAA"
COLUMNS = ("chrom", "pos", "ref", "alt", "maf", "gene_id")


@pytest.fixture
def build(tmp_path):
    def call(rows, contigs=None, **rules):
        fasta = write_fasta(tmp_path / "g.fa", contigs or {"chr1": SMALL})
        rows = [dict(zip(COLUMNS, row, strict=False)) for row in rows]
        path = write_tsv(tmp_path / "p.tsv", COLUMNS, rows)
        with Genome(fasta) as genome:
            found = build_controls(path, genome, ControlRules(**rules))
        reconcile(found)
        return found

    return call


def ids(found, label) -> list[str]:
    return sorted(v.id for v in found.variants if v.label == label)


def test_every_other_place_of_the_same_base(build):
    found = build([("chr1", 1, "A", "T", 0.1, "G.1")], per_positive=9)
    assert ids(found, 0) == ["chr1_10_A_T", "chr1_6_A_T", "chr1_9_A_T"]
    assert all(v.values["match_group"] == ("chr1_1_A_T",) for v in found.variants)
    positive = found.variants[0]
    assert (positive.values["maf"], positive.values["gene"]) == (0.1, ("G.1",))
    assert found.counts[1].removed["for want of a position like the positive's"] == 6
    assert found.contigs == {"chr1": 10}


def test_the_distance(build):
    assert ids(build([("chr1", 1, "A", "T")], per_positive=9, distance=8), 0) == [
        "chr1_6_A_T",
        "chr1_9_A_T",
    ]


def test_the_trinucleotide(build):
    """ACG at 6 to 8 is at 1 to 3 too; GAA ends the contig; beyond an end is N."""
    assert ids(build([("chr1", 7, "C", "T")], per_positive=9, context=3), 0) == ["chr1_2_C_T"]
    with pytest.raises(InputError, match="1 without a position like its own"):
        build([("chr1", 1, "A", "T")], context=3)


def test_no_positive_is_a_control_and_one_may_serve_two(build):
    rows = [("chr1", 1, "A", "T"), ("chr1", 6, "A", "T"), ("chr1", 9, "A", "T")]
    found = build(rows, per_positive=1)
    assert ids(found, 0) == ["chr1_10_A_T"]
    control = found.variants[-1]
    assert control.values["match_group"] == ("chr1_1_A_T", "chr1_6_A_T", "chr1_9_A_T")
    assert found.counts[1].removed["drawn for several positives, and there once"] == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("chr1", 1, "A", "AT"), "not an SNV, for which no control is drawn"),
        (("chr1", 1, "AC", "A"), "not an SNV, for which no control is drawn"),
        (("chr1", 1, "A", "<DEL>"), "with other letters than ACGT, symbolic or *"),
        (("chr1", 1, "A", "."), "without an ALT"),
        (("chr1", 2, "A", "T"), "with a REF that the genome has not"),
        (("chr1", 11, "A", "T"), "off the genome"),
        (("chr1", 0, "A", "T"), "off the genome"),
        (("chr2", 1, "A", "T"), "off the genome"),
        (("chr1", 1, "a", "t"), "the same variant again"),
        (("1", 1, "A", "T"), "the same variant again"),
        (("chr1", 4, "T", "A"), "without a position like its own"),
    ],
)
def test_positives_that_are_left_out(build, row, reason):
    found = build([("chr1", 1, "A", "T"), row])
    assert ids(found, 1) == ["chr1_1_A_T"]
    assert found.counts[0].removed[reason] == 1


def test_drawn_with_a_seed_and_as_the_rules_say(build):
    bases = {"chr1": random_bases(3000, 1), "chr2": random_bases(800, 2)}
    rows = [
        (chrom, pos, bases[chrom][pos - 1], "ACGT"["CGTA".index(bases[chrom][pos - 1])])
        for chrom in bases
        for pos in range(5, 790, 60)
    ]
    first = build(rows, bases, per_positive=3, distance=300, context=3, seed=7)
    again = build(rows, bases, per_positive=3, distance=300, context=3, seed=7)
    other = build(rows, bases, per_positive=3, distance=300, context=3, seed=8)
    assert first.variants == again.variants
    assert ids(first, 0) != ids(other, 0)
    taken = {(v.chrom, v.pos) for v in first.variants if v.label == 1}
    for control in (v for v in first.variants if v.label == 0):
        assert (control.chrom, control.pos) not in taken
        around = bases[control.chrom][control.pos - 2 : control.pos + 1]
        for name in control.values["match_group"]:
            chrom, pos, ref, alt = name.split("_")
            assert (chrom, ref, alt) == (control.chrom, control.ref, control.alt)
            assert 0 < abs(int(pos) - control.pos) <= 300
            assert bases[chrom][int(pos) - 2 : int(pos) + 1] == around


def test_refusals(build, tmp_path):
    with pytest.raises(InputError, match=r"no positive with a control: .* of one assembly\?"):
        build([("chr9", 1, "A", "T")])
    with pytest.raises(InputError, match="expected at least 1 control"):
        build([("chr1", 1, "A", "T")], per_positive=0)
    with pytest.raises(InputError, match=r"p.tsv:2: 'chr1' 'x' 'A'; expected contig, 1-based"):
        build([("chr1", "x", "A", "T")])
