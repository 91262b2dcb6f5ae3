"""The GTEx set, rule by rule, on files in the eQTL Catalogue's layout."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from enrichment.sets.simulated import (
    CREDIBLE,
    SUMS,
    gene_line,
    in_set,
    reconcile,
    summary_row,
    write_tsv,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.enrichment.sets.gtex import GtexRules, Site, build_gtex, match
from mfdvep.enrichment.sets.gtex_files import Near, find_files
from mfdvep.errors import InputError
from mfdvep.genomics.genes import read_annotation

# a protein-coding gene at 50,001 to 60,000, the associated non-coding gene at 1,001 to 2,000
GENES = gene_line("ENSG9", "chr1", 50001, 60000) + gene_line("ENSG1", "chr1", 1001, 2000, "lncRNA")
P, N = "chr1_20000_A_G", "chr1_20500_C_T"
FEW = [in_set(P, 0.99)]
SOME = [summary_row(P, 0.30), summary_row(N, 0.31)]


@pytest.fixture
def build(tmp_path):
    """Write data sets and build the set of them; dicts of data set -> rows."""

    def call(sets=None, sums=None, *, gtf=GENES, **rules):
        sets = {"QTD000116": FEW} if sets is None else sets
        sums = {"QTD000116": SOME} if sums is None else sums
        folder = tmp_path / "eqtl"
        for name, rows in sets.items():
            write_tsv(folder / f"{name}.credible_sets.tsv.gz", CREDIBLE, rows)
        for name, rows in sums.items():
            write_tsv(folder / f"{name}.cc.tsv.gz", SUMS, rows)
        path = tmp_path / "genes.gtf"
        path.write_text(gtf)
        found = build_gtex(*find_files(folder), read_annotation(path), GtexRules(**rules))
        reconcile(found)
        return found

    return call


def ids(found, label) -> list[str]:
    return sorted(variant.id for variant in found.variants if variant.label == label)


def test_a_positive_and_its_negative(build):
    found = build()
    positive, negative = found.variants
    assert (positive.id, positive.label) == (P, 1)
    assert positive.values == {
        "match_group": (P,), "maf": 0.3, "pip": 0.99, "gene": ("ENSG1",),
        "tissue": ("QTD000116",),
    }  # fmt: skip
    assert (negative.id, negative.label) == (N, 0)
    assert negative.values == {"match_group": (P,), "maf": 0.31, "pip": 0.0}


OTHER = "chr1_30000_A_C"  # a second positive with its own negative, so that the set is never empty
OTHERS = [summary_row(OTHER, 0.2), summary_row("chr1_30001_G_T", 0.2)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([in_set(P, 0.95)], "with no PIP above 0.95"),
        ([in_set(P, 0.99), in_set(P, 0.5, "ENSG9")], "with a PIP of at most 0.5 elsewhere"),
        ([in_set("chr1_50001_A_G", 0.99)], "in a protein-coding gene"),
        ([in_set("chr1_60000_A_G", 0.99)], "in a protein-coding gene"),
        ([in_set("chr1_1500_A_G", 0.99)], "in an associated gene"),
        ([in_set(P, 0.99, "ENSG404")], "with an associated gene that the GTF lacks"),
        ([in_set("chr1_90000_A_G", 0.99)], "without a MAF in the summary statistics"),
    ],
)
def test_what_is_no_positive(build, rows, reason):
    found = build({"A": [*rows, in_set(OTHER, 1.0)]}, {"A": [*SOME, *OTHERS]})
    assert ids(found, 1) == [OTHER]
    assert found.counts[1].removed[reason] == 1
    assert (found.counts[1].n_read, found.counts[1].n_kept) == (2, 1)


@pytest.mark.parametrize("variant", ["chr1_20000_A_GT", "chr1_20000_AT_A", "chr1_20000_A_<DEL>"])
def test_only_snvs(build, variant):
    found = build({"A": [in_set(variant, 0.99), *FEW]}, {"A": [summary_row(variant, 0.3), *SOME]})
    assert ids(found, 1) == [P]
    assert found.counts[0].removed["not an SNV"] == found.counts[2].removed["not an SNV"] == 1


def test_just_outside_the_gene_is_outside(build):
    at = "chr1_60001_A_G"
    found = build(
        {"A": [in_set(at, 0.99)]}, {"A": [summary_row(at, 0.3), summary_row("chr1_60002_C_T", 0.3)]}
    )
    assert ids(found, 1) == [at]


def test_pips_are_taken_over_tissues(build):
    """Above .95 in one tissue and above .5 in all: the genes and tissues are gathered."""
    found = build({"A": [in_set(P, 0.51)], "B": [in_set(P, 0.96, "ENSG9.4")]})
    assert found.variants[0].values["gene"] == ("ENSG1", "ENSG9")
    assert found.variants[0].values["tissue"] == ("A", "B")
    assert found.variants[0].values["pip"] == 0.96


@pytest.mark.parametrize(
    ("row", "sets"),
    [
        (summary_row("chr1_25001_C_T", 0.30), []),  # 5,001 away
        (summary_row("chr1_14999_C_T", 0.30), []),
        (summary_row("chr1_20100_C_T", 0.351), []),  # MAF
        (summary_row("chr1_20100_C_T", 0.30), [in_set("chr1_20100_C_T", 0.05)]),
        (summary_row("chr1_20100_CA_C", 0.30), []),
        (summary_row("chr2_20100_C_T", 0.30), []),
        (summary_row("chr1_20100_C_T", "NA"), []),
    ],
    ids=["right", "left", "MAF", "PIP", "deletion", "contig", "no MAF"],
)
def test_what_is_no_negative(build, row, sets):
    found = build({"A": [*FEW, *sets]}, {"A": [row, *SOME]}, per_positive=9)
    assert ids(found, 0) == [N]


@pytest.mark.parametrize(
    "row",
    [
        summary_row("chr1_25000_C_T", 0.30),
        summary_row("chr1_15000_C_T", 0.30),
        summary_row("chr1_20100_C_T", 0.35),
        summary_row("chr1_20100_C_T", 0.25),
    ],
)
def test_the_edge_is_inside(build, row):
    found = build({"A": [*FEW, in_set(row["variant"], 0.049)]}, {"A": [row, *SOME]}, per_positive=9)
    assert ids(found, 0) == sorted([N, row["variant"]])


def test_a_negative_in_a_protein_coding_gene_is_none(build):
    at = "chr1_49990_A_G"
    sums = [
        summary_row(at, 0.3),
        summary_row("chr1_50010_A_G", 0.3),
        summary_row("chr1_49000_A_G", 0.33),
    ]
    found = build({"A": [in_set(at, 1.0)]}, {"A": sums})
    assert ids(found, 0) == ["chr1_49000_A_G"]
    assert found.counts[3].removed["in a protein-coding gene"] == 1


def test_the_nearest_maf_first_then_the_nearest_place(build):
    rows = [
        summary_row("chr1_20400_C_T", 0.32), summary_row("chr1_20300_C_T", 0.31),
        summary_row("chr1_20200_C_T", 0.29), summary_row("chr1_20900_C_T", 0.30),
    ]  # fmt: skip
    sums = {"A": [summary_row(P, 0.30), *rows]}
    ranked = ["chr1_20900_C_T", "chr1_20200_C_T", "chr1_20300_C_T", "chr1_20400_C_T"]
    for n in range(1, 5):
        assert ids(build({"A": FEW}, sums, per_positive=n), 0) == sorted(ranked[:n])


def test_one_negative_of_two_positives_lists_both(build):
    second = "chr1_21000_G_T"
    found = build({"A": [*FEW, in_set(second, 0.97)]}, {"A": [*SOME, summary_row(second, 0.32)]})
    groups = {v.id: v.values["match_group"] for v in found.variants}
    assert groups == {P: (P,), second: (second,), N: (P, second)}


def test_a_positive_without_a_negative_is_counted(build):
    found = build({"A": [*FEW, in_set(OTHER, 1.0)]}, {"A": [*SOME, summary_row(OTHER, 0.01)]})
    assert ids(found, 1) == [P]
    assert found.counts[1].removed["without a negative"] == 1


def test_maf_is_the_mean_over_data_sets_each_once(build):
    """.20 and .40; more genes and rsids of a data set do not weigh more."""
    sums = {
        "A": [
            summary_row(P, 0.2),
            summary_row(P, 0.2, "ENSG2"),
            summary_row(P, 0.2, rsid="rs2"),
            summary_row(N, 0.3),
        ],
        "B": [summary_row(P, 0.4)],
    }
    found = build({"A": FEW}, sums)
    assert found.variants[0].values["maf"] == pytest.approx(0.3)
    again = "of an SNV that the data set had before (another gene or rsid)"
    assert found.counts[2].removed[again] == 2
    assert (found.counts[2].n_read, found.counts[2].n_kept) == (5, 3)


def test_parquet_releases(build, tmp_path):
    sets = {"variant": [P], "pip": [0.99], "gene_id": ["ENSG1"], "maf": [0.3], "more": [1]}
    (tmp_path / "eqtl").mkdir()
    pq.write_table(pa.table(sets), tmp_path / "eqtl" / "A.credible_sets.parquet")
    assert ids(build({}, {"A": SOME}), 1) == [P]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"sets": {"A": [in_set(P, 0.5)]}}, "no positive: 1 SNVs .* 1 with no PIP above 0.95"),
        ({"sets": {"A": [in_set("chr1_55000_A_G", 1)]}}, "no positive: .* 1 in a protein-coding"),
        ({"sums": {"A": [summary_row(P, 0.3)]}}, "no positive has a negative: .* widen --distance"),
        ({"sums": {"A": [summary_row("chr7_20000_A_G", 0.3)]}},
         "no SNV with a MAF within 5000 bp of the 1 candidates on chr1; contigs of these files: 7"),
        ({"gtf": GENES.replace("chr1\t", "NC_000001.11\t")},
         "no gene on chr1, where the positives are; its contigs: NC_000001.11"),
        ({"gtf": gene_line("OR4F5", "chr1", 1, 9)},
         "none of the 1 associated genes, such as ENSG1; its genes are such as OR4F5"),
        ({"sets": {"A": [in_set("1:20000:A:G", 1)]}}, "gz:2: variant '1:20000:A:G'; expected such"),
        ({"sets": {"A": [in_set(P, "x")]}}, "gz:2: pip 'x' is no number"),
        ({"sets": {"A": [in_set(P, 7)]}}, r"gz:2: pip 7.0; expected 0 to 1"),
        ({"sums": {"A": [summary_row("chr1_x_A_G", 0.3)]}}, "gz:2: position 'x' is no number"),
        ({"sums": {"A": [summary_row(P, "half")]}}, "gz:2: maf 'half' is no number"),
    ],
)  # fmt: skip
def test_refusals(build, call, says):
    with pytest.raises(InputError, match=says):
        build(**call)


def test_a_gtf_without_chr_fits(build):
    assert ids(build(gtf=GENES.replace("chr1\t", "1\t")), 1) == [P]


@pytest.mark.parametrize("missing", ["variant", "pip", "gene_id"])
def test_a_column_of_credible_sets_is_missing(build, tmp_path, missing):
    columns = [name for name in CREDIBLE if name != missing]
    write_tsv(tmp_path / "eqtl" / "A.credible_sets.tsv.gz", columns, FEW)
    with pytest.raises(InputError, match=f"no column {missing}; expected a first line that names"):
        build({})


def test_a_row_cut_off(build, tmp_path):
    folder = tmp_path / "eqtl"
    path = write_tsv(folder / "A.credible_sets.tsv.gz", CREDIBLE, FEW)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-20]))
    with pytest.raises(InputError, match=r":2: \d+ tab-separated columns, expected 13"):
        build({})


class TestFindFiles:
    def test_layout_of_the_server_and_all_before_cc(self, tmp_path):
        for name in ("susie/A/A.credible_sets.tsv.gz", "sumstats/A/A.cc.tsv.gz",
                     "sumstats/A/A.all.tsv.gz", "sumstats/A/A.all.tsv.gz.tbi",
                     "B.cc.tsv"):  # fmt: skip
            write_tsv(tmp_path / name, SUMS, [])
        sets, sums = find_files(tmp_path)
        assert {name: path.name for name, path in sets.items()} == {"A": "A.credible_sets.tsv.gz"}
        assert {n: p.name for n, p in sums.items()} == {"A": "A.all.tsv.gz", "B": "B.cc.tsv"}

    def test_refusals(self, tmp_path):
        with pytest.raises(InputError, match="no such folder"):
            find_files(tmp_path / "no")
        with pytest.raises(InputError, match=r"no file DATASET\.credible_sets\.tsv\.gz; download"):
            find_files(tmp_path)
        write_tsv(tmp_path / "A.credible_sets.tsv.gz", SUMS, [])
        with pytest.raises(InputError, match=r"no file DATASET.all.tsv.gz or .cc"):
            find_files(tmp_path)
        write_tsv(tmp_path / "x" / "A.credible_sets.tsv.gz", SUMS, [])
        with pytest.raises(InputError, match="is of A too; keep one"):
            find_files(tmp_path)


places = st.lists(st.tuples(st.sampled_from("12"), st.integers(1, 300)), max_size=8)


@given(places, places, st.integers(1, 40))
@settings(deadline=None)
def test_near_is_what_it_says(targets, queries, distance):
    near = Near([(f"chr{chrom}", pos) for chrom, pos in targets], distance)
    for chrom, pos in queries:
        expected = any(c == chrom and abs(p - pos) <= distance for c, p in targets)
        assert near(chrom, pos) is expected


sites = st.builds(
    lambda chrom, pos, maf: Site(chrom, pos, "A", "C", maf / 100),
    st.sampled_from("12"), st.integers(1, 200), st.integers(1, 50),
)  # fmt: skip


@given(st.lists(sites, max_size=6), st.lists(sites, max_size=12), st.integers(1, 3))
@settings(deadline=None)
def test_match_is_the_plain_search(positives, pool, n):
    """Against a search through all pairs."""
    rules = GtexRules(distance=50, maf_tolerance=0.1, per_positive=n)
    pool = sorted(pool)
    for site, found in zip(positives, match(positives, pool, rules), strict=True):
        fits = [
            (abs(other.maf - site.maf), abs(other.pos - site.pos), i)
            for i, other in enumerate(pool)
            if other.chrom == site.chrom and abs(other.pos - site.pos) <= 50
            and round(abs(other.maf - site.maf), 6) <= 0.1
        ]  # fmt: skip
        assert found == [i for *_, i in sorted(fits)[:n]]
