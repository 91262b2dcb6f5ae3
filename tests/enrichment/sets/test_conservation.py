"""Whatever the files hold: every count adds up, and every match is between what is there."""

from __future__ import annotations

import tempfile
from pathlib import Path

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

from mfdvep.enrichment.sets.ccres import Ccres
from mfdvep.enrichment.sets.gnomad import GnomadRules, build_gnomad
from mfdvep.enrichment.sets.gtex import GtexRules, build_gtex
from mfdvep.enrichment.sets.gtex_files import find_files
from mfdvep.genomics.genes import read_annotation

GTF = gene_line("ENSG9", "chr1", 101, 120) + gene_line("ENSG1", "chr1", 141, 160, "lncRNA")
variants = st.builds(
    lambda pos, ref, alt: f"chr1_{pos}_{ref}_{alt}",
    st.integers(1, 60).map(lambda n: 3 * n), st.sampled_from(["A", "AT"]), st.sampled_from("CG"),
)  # fmt: skip
genes = st.sampled_from(["ENSG1", "ENSG9", "ENSG404"])
pips = st.sampled_from([0.01, 0.04, 0.05, 0.3, 0.5, 0.6, 0.95, 0.96, 1.0])
set_rows = st.lists(st.builds(in_set, variants, pips, genes), max_size=12)
sum_rows = st.lists(
    st.builds(summary_row, variants, st.sampled_from([0.1, 0.2, 0.4, "NA"]), genes), max_size=40
)


@given(st.lists(set_rows, min_size=1, max_size=2), st.lists(sum_rows, min_size=1, max_size=2),
       st.integers(1, 3))  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_gtex(sets, sums, n):
    """Against the rules written out once more, over all rows."""
    sure = "chr1_200_A_C"  # so that some set comes out
    sets[0].append(in_set(sure, 1.0))
    sums[0] += [summary_row(sure, 0.2), summary_row("chr1_201_A_C", 0.2)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, rows in enumerate(sets):
            write_tsv(folder / f"D{i}.credible_sets.tsv", CREDIBLE, rows)
        for i, rows in enumerate(sums):
            write_tsv(folder / f"D{i}.all.tsv", SUMS, rows)
        (folder / "a.gtf").write_text(GTF)
        rules = GtexRules(distance=30, per_positive=n)
        found = build_gtex(*find_files(folder), read_annotation(folder / "a.gtf"), rules)
    reconcile(found)
    assert found.counts[0].n_read == sum(map(len, sets))
    assert found.counts[2].n_read == sum(map(len, sums))
    all_rows = [row for rows in sets for row in rows]
    positives = {v.id for v in found.variants if v.label == 1}
    for variant in found.variants:
        of = [row for row in all_rows if row["variant"] == variant.id]
        found_pips = [row["pip"] for row in of]
        assert not 101 <= variant.pos <= 120
        assert set(variant.values["match_group"]) <= positives
        if variant.label == 1:
            assert max(found_pips) > 0.95
            assert min(found_pips) > 0.5
            assert not (141 <= variant.pos <= 160 and "ENSG1" in {row["gene_id"] for row in of})
        else:
            assert max(found_pips, default=0) < 0.05
            for name in variant.values["match_group"]:
                assert abs(int(name.split("_")[1]) - variant.pos) <= 30
    matched = [name for v in found.variants if v.label == 0 for name in v.values["match_group"]]
    assert set(matched) == positives
    assert all(1 <= matched.count(name) <= n for name in positives)
    assert (len(positives), len(found.variants) - len(positives)) == (
        found.counts[1].n_kept,
        found.counts[3].n_kept,
    )


alts = st.lists(st.sampled_from(["C", "G", "CT", "*", "<DEL>"]), min_size=1, max_size=3)
frequencies = st.sampled_from(["0", "0.001", "0.01", "0.2", "."])
site = st.tuples(
    st.integers(1, 40), alts, st.lists(frequencies, min_size=1, max_size=3),
    st.sampled_from(["PASS", ".", "AC0"]),
)  # fmt: skip


@given(st.lists(site, min_size=1, max_size=25), st.sampled_from([None, 1, 3]), st.booleans())
@settings(deadline=None, max_examples=60)
def test_gnomad(sites, at_most, outside):
    # so that some set comes out
    sites += [(pos, ["T"], ["0.001"], "PASS") for pos in (2, 2, 11, 11)]
    sites += [(pos, ["T"], ["0.3"], "PASS") for pos in (3, 12)]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "s.vcf"
        lines = ["##fileformat=VCFv4.2", '##INFO=<ID=AF,Number=A,Type=Float,Description="">']
        lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
        lines += [
            f"1\t{pos}\t.\tA\t{','.join(alt)}\t.\t{kind}\tAF={','.join(af)}"
            for pos, alt, af, kind in sites
        ]
        path.write_text("\n".join(lines) + "\n")
        rules = GnomadRules(at_most=at_most, outside=outside)
        ccres = Ccres([("chr1", 9, 20, "PLS"), ("chr1", 25, 30, "TF")])
        found = build_gnomad([path], ccres, None, rules)
    reconcile(found)
    assert found.counts[0].n_read == sum(len(alt) for _, alt, _, _ in sites)
    assert found.counts[0].n_kept == len(found.variants)
    for v in found.variants:
        assert (v.values["af"] < 0.005) == (v.label == 1)
        assert (9 < v.pos <= 20) != outside
        assert not 25 < v.pos <= 30
    per_label = [sum(v.label == label for v in found.variants) for label in (0, 1)]
    assert at_most is None or max(per_label) <= at_most
