"""Labels of any origin, and the files that they go to."""

from __future__ import annotations

import cyvcf2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from enrichment.sets.simulated import reconcile, write_tsv

from mfdvep.enrichment.sets.label import label_by_bed, label_by_column, label_two_files
from mfdvep.enrichment.sets.labelled import Labelled, LabelledSet, check_target, publish
from mfdvep.errors import InputError, OutputError

COLUMNS = ("chrom", "pos", "ref", "alt", "label", "match_group", "element", "score")
TABLE = [
    ("1", 10, "A", "C", "1", "m1", "NA", "0.5"),
    ("1", 20, "G", "T", "0", "m1,m2", "NA", "-2"),
    ("1", 30, "G", "T", "NA", "m1", "NA", "NA"),
]
VCF = """\
##fileformat=VCFv4.2
##INFO=<ID=CLASS,Number=A,Type=Integer,Description="">
##INFO=<ID=LABEL,Number=A,Type=Integer,Description="">
##INFO=<ID=KNOWN,Number=0,Type=Flag,Description="">
##INFO=<ID=ELEMENT,Number=.,Type=String,Description="">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def labels(found) -> dict[str, float]:
    reconcile(found)
    return {variant.id: variant.label for variant in found.variants}


@pytest.fixture
def table(tmp_path):
    def write(rows=TABLE, name="t.tsv"):
        return write_tsv(
            tmp_path / name, COLUMNS, [dict(zip(COLUMNS, r, strict=False)) for r in rows]
        )

    return write


@pytest.fixture
def vcf(tmp_path):
    def write(*records, name="v.vcf"):
        path = tmp_path / name
        lines = [
            f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}\n"
            for chrom, pos, ref, alt, info in records
        ]
        path.write_text(VCF + "".join(lines))
        return path

    return write


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
def test_of_a_table(table, name):
    found = label_by_column(table(name=name))
    assert labels(found) == {"1_10_A_C": 1, "1_20_G_T": 0}
    assert found.variants[1].values == {"match_group": ("m1", "m2")}
    assert found.counts[0].removed["without a label"] == 1


def test_quantities_of_a_column(table):
    assert labels(label_by_column(table(), "score")) == {"1_10_A_C": 0.5, "1_20_G_T": -2}


@pytest.mark.parametrize("values", [[True, False], [1, 0], [1.0, 0.0]])
def test_of_traitgym(tmp_path, values):
    columns = {"chrom": ["1", "2"], "pos": [1, 2], "ref": ["A", "C"], "alt": ["G", "T"]}
    pq.write_table(pa.table({**columns, "label": values, "x": [1, 2]}), tmp_path / "t.parquet")
    assert labels(label_by_column(tmp_path / "t.parquet")) == {"1_1_A_G": 1, "2_2_C_T": 0}


def test_of_an_info_key(vcf):
    """Of several ALTs each has its own; what has no letters is counted."""
    path = vcf(
        ("1", 5, "A", "C,G,<DEL>", "CLASS=1,0,1"),
        ("1", 6, "A", ".", "CLASS=1"),
        ("1", 7, "a", "c", "X"),
    )  # fmt: skip
    found = label_by_column(path, "CLASS")
    assert labels(found) == {"1_5_A_C": 1, "1_5_A_G": 0}
    assert found.counts[0].removed == {
        "without an ALT": 1,
        "with other letters than ACGT, symbolic or *": 1,
        "without a label": 1,
    }


@pytest.mark.parametrize("info", ["CLASS=1", "CLASS=1,0,1", "CLASS=1,0;CLASS=1,0"])
def test_an_info_key_that_has_not_one_value_an_alt_is_refused(vcf, info):
    """As `score --labels` refuses it."""
    path = vcf(("1", 5, "A", "C", "CLASS=0"), ("1", 6, "A", "C,G", info))
    says = r"v\.vcf: record 2 at 1:6: INFO CLASS (has [13] values|is there twice)"
    with pytest.raises(InputError, match=says):
        label_by_column(path, "CLASS")


def test_an_info_key_that_is_not_declared_is_no_label(vcf):
    with pytest.raises(InputError, match="has the labels; of a VCF, one that its header"):
        label_by_column(vcf(("1", 5, "A", "C", "KIND=0"), ("1", 6, "A", "C", "KIND=1")), "KIND")


def test_a_flag_is_a_label_of_every_alt(vcf):
    """A flag is false where it is absent."""
    path = vcf(("1", 5, "A", "C,G", "X;KNOWN"), ("1", 6, "A", "C", "."))
    assert labels(label_by_column(path, "KNOWN")) == {"1_5_A_C": 1, "1_5_A_G": 1, "1_6_A_C": 0}


def test_an_alt_in_several_elements_is_there_for_each(table):
    rows = [("1", 10, "A", "C", "0.5", "NA", "e1"), ("1", 10, "A", "C", "0.7", "NA", "e2")]
    found = label_by_column(table(rows))
    assert sorted(v.label for v in found.variants) == [0.5, 0.7]


def test_labels_that_contradict_each_other(table):
    rows = [*TABLE, ("1", 10, "A", "C", "0"), ("chr1", 10, "A", "C", "1"),
            ("1", 20, "G", "T", "0"), ("2", 1, "A", "C", "1")]  # fmt: skip
    found = label_by_column(table(rows))
    assert labels(found) == {"1_20_G_T": 0, "2_1_A_C": 1}
    assert found.counts[0].removed["with both labels"] == 3
    assert found.counts[0].removed["the same variant again"] == 1


def test_of_a_bed(vcf, tmp_path):
    (tmp_path / "b.bed").write_text("chr1\t9\t20\n")
    path = vcf(*(("1", pos, "A", "C", ".") for pos in (9, 10, 20, 21)), ("1", 8, "AC", "A", "."))
    expected = {"1_9_A_C": 0, "1_10_A_C": 1, "1_20_A_C": 1, "1_21_A_C": 0, "1_8_AC_A": 0}
    assert labels(label_by_bed(path, tmp_path / "b.bed")) == expected


def test_of_two_files(vcf):
    """chr makes no difference; what is in both is left out of both."""
    one = vcf(("1", 1, "A", "C", "."), ("1", 2, "A", "C", "."), name="a.vcf")
    two = vcf(("chr1", 2, "A", "C", "."), ("chr1", 3, "A", "C", "."), name="b.vcf")
    found = label_two_files(one, two)
    assert labels(found) == {"1_1_A_C": 1, "chr1_3_A_C": 0}
    assert [counts.removed["in both files"] for counts in found.counts] == [1, 1]


def test_one_variant_however_it_is_spelled(vcf):
    """Trimmed, and with the mitochondrion under either name."""
    mine, theirs = ("1", 1, "G", "T", "."), ("2", 1, "G", "T", ".")
    one = vcf(("1", 5, "A", "C", "."), ("chrM", 7, "GCA", "GA", "."), mine, name="a.vcf")
    two = vcf(("chr1", 5, "AG", "CG", "."), ("MT", 7, "GC", "G", "."), theirs, name="b.vcf")
    found = label_two_files(one, two)
    assert labels(found) == {"1_1_G_T": 1, "2_1_G_T": 0}
    assert [counts.removed["in both files"] for counts in found.counts] == [2, 2]


def test_refusals(table, vcf, tmp_path):
    with pytest.raises(InputError, match=r"labels of one class: all 1 have 1: 1 ALTs of t\.tsv"):
        label_by_column(table(TABLE[:1]))
    with pytest.raises(InputError, match=r"no ALT has nothing: 3 ALTs .* name the column or INFO"):
        label_by_column(table(), "nothing")
    with pytest.raises(InputError, match="label of 1:10 is 'yes'; expected a number, or true"):
        label_by_column(table([("1", 10, "A", "C", "yes")]))
    with pytest.raises(InputError, match="no column ref, alt"):
        label_by_column(write_tsv(tmp_path / "x.tsv", ("chrom", "pos"), []))
    with pytest.raises(InputError, match=r"none\.tsv: No such file"):
        label_by_column(tmp_path / "none.tsv")
    (tmp_path / "b.bed").write_text("chr7\t0\t20\n")
    with pytest.raises(InputError, match=r"its contigs \(1\) are not those of .*b.bed \(chr7\)"):
        label_by_bed(vcf(("1", 1, "A", "C", ".")), tmp_path / "b.bed")
    one = vcf(("1", 1, "A", "C", "."), name="a.vcf")
    with pytest.raises(InputError, match="labels of one class: none is left"):
        label_two_files(one, vcf(("1", 1, "A", "C", "."), name="b.vcf"))


SET = [
    Labelled("chr10", 5, "A", "C", 1.0, {"match_group": ("chr10_5_A_C",), "maf": 0.123456789}),
    Labelled("chr2", 9, "G", "T", 0.0, {"match_group": ("x", "y"), "gene": ("g;1", "g2")}),
    Labelled("chr2", 8, "G", "GT", 0.0),
]


def a_set(variants=SET, **contigs) -> LabelledSet:
    return LabelledSet(variants, (), contigs, ("the rule",))


class TestPublish:
    @pytest.mark.parametrize("ending", [".vcf", ".vcf.gz", ".bcf"])
    def test_read_by_another_reader(self, tmp_path, ending):
        path = tmp_path / f"o{ending}"
        index = ending != ".vcf"
        publish(a_set(), path, made_by="me", index=index)
        records = list(cyvcf2.VCF(str(path)))
        assert [(r.CHROM, r.POS, r.ALT[0], r.INFO["LABEL"]) for r in records] == [
            ("chr2", 8, "GT", 0), ("chr2", 9, "T", 0), ("chr10", 5, "C", 1)
        ]  # fmt: skip
        assert records[1].INFO["MATCH"] == "x,y"
        assert records[1].INFO["GENE"] == "g%3B1,g2"
        assert records[2].INFO["MAF"] == pytest.approx(0.123457)
        names = {path.name, *([f"o{ending}.{'csi' if ending == '.bcf' else 'tbi'}"] * index)}
        assert {p.name for p in tmp_path.iterdir()} == names

    def test_contigs_in_the_order_of_their_file(self, tmp_path):
        publish(a_set(chr10=100, chr3=7), tmp_path / "o.vcf", made_by="me")
        text = (tmp_path / "o.vcf").read_text()
        assert text.startswith("##fileformat=VCFv4.3\n##source=me ")
        contigs = [line for line in text.splitlines() if line.startswith("##contig")]
        assert contigs == [
            "##contig=<ID=chr10,length=100>", "##contig=<ID=chr3,length=7>", "##contig=<ID=chr2>"
        ]  # fmt: skip
        assert "##mfdvepLabels=the rule" in text
        first = next(line for line in text.splitlines() if line[0] != "#")
        assert first == (
            "chr10\t5\tchr10_5_A_C\tA\tC\t.\t.\tLABEL=1;MATCH=chr10_5_A_C;MAF=0.123457"
        )

    def test_parquet(self, tmp_path):
        publish(a_set(), tmp_path / "o.parquet", made_by="me")
        table = pq.read_table(tmp_path / "o.parquet").to_pydict()
        assert table["chrom"] == ["chr2", "chr2", "chr10"]
        assert table["label"] == [False, False, True]
        assert table["match_group"] == [None, "x,y", "chr10_5_A_C"]
        assert table["maf"] == [None, None, 0.123456789]

    def test_there_and_back_again(self, tmp_path):
        publish(a_set(), tmp_path / "a.vcf", made_by="me")
        publish(label_by_column(tmp_path / "a.vcf"), tmp_path / "b.parquet", made_by="me")
        publish(label_by_column(tmp_path / "b.parquet"), tmp_path / "c.vcf", made_by="me")
        first, last = ((tmp_path / f"{n}.vcf").read_text().splitlines() for n in "ac")
        assert [x for x in first if x[0] != "#"] == [x for x in last if x[0] != "#"]

    def test_quantities(self, tmp_path):
        variants = [Labelled("1", 1, "A", "C", 0.25), Labelled("1", 2, "A", "C", 2.0)]
        publish(a_set(variants), tmp_path / "o.vcf", made_by="me")
        assert "ID=LABEL,Number=A,Type=Float" in (tmp_path / "o.vcf").read_text()
        publish(a_set(variants), tmp_path / "o.parquet", made_by="me")
        assert pq.read_table(tmp_path / "o.parquet").to_pydict()["label"] == [0.25, 2.0]

    def test_many_parts(self, tmp_path, monkeypatch):
        monkeypatch.setattr("mfdvep.enrichment.sets.labelled._RECORDS", 2)
        variants = [Labelled("1", pos, "A", "C", float(pos % 2)) for pos in range(1, 8)]
        publish(a_set(variants), tmp_path / "o.vcf.gz", made_by="me")
        assert [r.POS for r in cyvcf2.VCF(str(tmp_path / "o.vcf.gz"))] == list(range(1, 8))

    @pytest.mark.parametrize(
        ("name", "how", "says"),
        [
            ("o.txt", {}, "expected a name that ends in .vcf.gz, .vcf, .bcf or .parquet"),
            ("o.parquet", {"index": True}, "Parquet has no index"),
            ("o.vcf", {"index": True}, "only bgzip and BCF have an index"),
            ("no/o.vcf", {}, "no folder"),
            ("there.vcf", {}, "exists; choose another output or use --force"),
            ("in.vcf", {"force": True}, "is an input of this run"),
        ],
    )
    def test_outputs_that_are_refused(self, tmp_path, name, how, says):
        for there in ("there.vcf", "in.vcf"):
            (tmp_path / there).write_text("")
        with pytest.raises(OutputError, match=says):
            check_target(tmp_path / name, [tmp_path / "in.vcf"], **how)
