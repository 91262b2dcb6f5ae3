"""The whole analysis: against a loop over tracks, counts that add up, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import statsmodels.api as sm
from enrichment.effects import labels, write_effects
from enrichment.flat import QUICK, write_table
from scipy.stats import false_discovery_control, fisher_exact
from scipy.stats.contingency import odds_ratio
from sklearn.metrics import average_precision_score, roc_auc_score

from mfdvep.enrichment.engine import enrich
from mfdvep.enrichment.views import View
from mfdvep.errors import InputError
from mfdvep.scoring.effect_file import EffectFile

KINDS = ["combined", "biological", "technical"]


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    return write_effects(tmp_path_factory.mktemp("s") / "m.parquet", labels(400), unscored=12)


@pytest.fixture(scope="module")
def found(scores):
    return enrich(scores, options=QUICK)


def rows(columns, **where):
    """The values of each column in the rows that have these values."""
    keep = [
        i
        for i in range(len(next(iter(columns.values()))))
        if all(columns[name][i] == value for name, value in where.items())
    ]
    return {name: np.asarray(values)[keep] for name, values in columns.items()}


def one(columns, **where):
    found = rows(columns, **where)
    assert len(next(iter(found.values()))) == 1
    return {name: values[0] for name, values in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_all_tracks_at_once_are_a_loop_over_tracks(scores, found, kind):
    y = labels(400)[12:] == 1
    effects = EffectFile(scores).effects(kind, slice(None), np.arange(400) >= 12)
    for track, row in enumerate(np.abs(effects).astype(np.float64)):
        name = f"{'g' + str(track % 3)}/t{track}"
        at = one(found.tracks, track=name, kind=kind)
        np.testing.assert_allclose(at["auroc"], roc_auc_score(y, row), rtol=1e-12)
        np.testing.assert_allclose(at["auprc"], average_precision_score(y, row), rtol=1e-12)
        fit = sm.Logit(y.astype(float), sm.add_constant(row / row.std())).fit(disp=0, tol=1e-14)
        expected = [fit.params[1], *fit.conf_int()[1], fit.pvalues[1]]
        values = [at[f"coefficient{end}"] for end in ("", "_low", "_high", "_p")]
        np.testing.assert_allclose(values, expected, rtol=1e-8)
        for q in (0.9, 0.95, 0.99):
            tagged = row > np.quantile(row, q)
            a, b = (tagged & y).sum(), (tagged & ~y).sum()
            table = [[a, b], [y.sum() - a, (~y).sum() - b]]
            exact = odds_ratio(table)
            cut = one(found.cuts, track=name, kind=kind, cut=f"{q:g}")
            assert [cut["tagged_positive"], cut["tagged_negative"]] == [a, b]
            interval = exact.confidence_interval(0.95)
            np.testing.assert_allclose(cut["conditional"], exact.statistic, rtol=1e-8)
            ends = [cut["conditional_low"], cut["conditional_high"]]
            np.testing.assert_allclose(ends, [*interval], rtol=1e-8)
            np.testing.assert_allclose(cut["p_fisher"], fisher_exact(table).pvalue, rtol=1e-8)


def test_q_is_over_the_tracks_of_a_kind_and_cut(found):
    for kind in KINDS:
        at = rows(found.cuts, kind=kind, cut="0.95")
        np.testing.assert_allclose(at["q_fisher"], false_discovery_control(at["p_fisher"]))


def test_table_2_counts_each_variant_once(scores, found):
    y = labels(400)[12:] == 1
    for kind in KINDS:
        sizes = np.abs(EffectFile(scores).effects(kind, slice(None), np.arange(400) >= 12))
        for q in (0.9, 0.99):
            thresholds = np.quantile(sizes.astype(np.float64), q, axis=1)
            union = (sizes > thresholds[:, None]).any(0)
            at = one(found.overall, kind=kind, cut=f"{q:g}")
            counts = [at["tagged_positive"], at["tagged_negative"]]
            assert counts == [(union & y).sum(), (union & ~y).sum()]


def test_exported_variants_are_those_that_were_tested(scores, found):
    sizes = EffectFile(scores).effects("combined", slice(None), np.arange(400) >= 12)
    at = rows(found.tagged, kind="combined", cut="0.99")
    overall = one(found.overall, kind="combined", cut="0.99")
    assert len(at["pos"]) == overall["tagged_positive"] + overall["tagged_negative"]
    assert at["label"].sum() == overall["tagged_positive"]
    thresholds = np.quantile(np.abs(sizes).astype(np.float64), 0.99, axis=1)
    tagging = np.abs(sizes) > thresholds[:, None]
    number = {(f"chr{i // 40 + 1}", i % 40 * 10_000 + 1): i - 12 for i in range(12, 400)}
    for chrom, pos, n, track, effect in zip(
        *(at[name] for name in ("chrom", "pos", "n_tracks", "track", "effect")), strict=True
    ):
        i = number[chrom, pos]
        assert tagging[:, i].sum() == n
        largest = np.where(tagging[:, i], np.abs(sizes[:, i]), -1).argmax()
        assert track == f"g{largest % 3}/t{largest}"
        assert effect == sizes[largest, i]


def test_counts_add_up(found):
    counts = found.counts
    others = sum(counts[name] for name in ("unlabelled", "duplicates", "not_finite"))
    assert counts["rows"] == 400 == sum(counts["unscored"].values()) + others + counts["used"]
    assert counts["unscored"] == {"N_RICH": 12}
    assert counts["positives"] + counts["negatives"] == counts["used"]


def test_planted_kinds_are_told_apart(found):
    # combined and biological effects of positives are twice as wide, technical ones are not
    low = {k: one(found.summary, kind=k)["auroc_low"] for k in KINDS}
    assert low["combined"] > 0.6
    assert low["biological"] > 0.6
    assert low["technical"] < 0.5
    difference = one(found.comparisons, measure="auroc", first="biological", second="technical")
    assert difference["low"] > 0
    same = one(found.comparisons, measure="auroc", first="biological", second="combined")
    assert same["low"] < 0 < same["high"]
    assert same["value"] == pytest.approx(same["first_value"] - same["second_value"])


def test_means_over_tracks_of_a_group(found):
    at = rows(found.cuts, kind="combined", cut="0.9")
    chip = [i for i, name in enumerate(at["track"]) if int(name.rpartition("t")[2]) % 4 >= 2]
    group = one(found.groups, kind="combined", cut="0.9", column="assay", value="ChIP")
    assert group["n_tracks"] == len(chip) == 4
    assert group["mean_odds_ratio"] == pytest.approx(at["haldane"][chip].mean())
    assert group["low"] < group["mean_odds_ratio"] < group["high"]


def test_the_order_of_rows_does_not_matter(tmp_path):
    rng = np.random.default_rng(0)
    scores, y = rng.standard_normal((4, 200)), labels(200).astype(int)
    path = write_table(tmp_path / "a.parquet", scores, y)
    table = pq.read_table(path)
    mixed = table.take(pa.array(rng.permutation(200)))
    pq.write_table(mixed, tmp_path / "b.parquet")
    first, second = (
        enrich(tmp_path / f"{name}.parquet", "label", options=QUICK) for name in ("a", "b")
    )
    for name in ("tracks", "cuts"):
        for column, values in getattr(first, name).items():
            other = getattr(second, name)[column]
            if "chrom" in column and column[-3:] in ("low", "igh"):
                continue  # which contigs a sample draws follows their order
            if isinstance(values, np.ndarray) and values.dtype.kind == "f":
                np.testing.assert_allclose(other, values, rtol=1e-10)
            else:
                assert list(other) == list(values)


def test_tracks_are_read_in_blocks(scores, found, monkeypatch):
    blocks = View.blocks
    monkeypatch.setattr(View, "blocks", lambda self: blocks(self, n_bytes=3 * 4 * 388))
    again = enrich(scores, options=QUICK)
    for name in ("overall", "tracks", "cuts", "groups", "comparisons", "tagged"):
        for column, values in getattr(found, name).items():
            np.testing.assert_array_equal(getattr(again, name)[column], values)


def test_only_the_tracks_that_are_asked_for(scores, found):
    chosen = enrich(scores, options=replace(QUICK, where=('assay == "ChIP"',)))
    assert chosen.settings["n_tracks"] == 4
    track = chosen.cuts["track"][0]
    one_way = one(chosen.cuts, track=track, kind="combined", cut="0.9")
    other = one(found.cuts, track=track, kind="combined", cut="0.9")
    assert one_way["tagged_positive"] == other["tagged_positive"]


def test_a_baseline_is_one_kind_more(scores, tmp_path):
    other = write_effects(
        tmp_path / "b.parquet", labels(400), n_tracks=5, strength=(0.0, 0.0, 0.0), seed=9
    )
    found = enrich(scores, baseline=other, options=QUICK)
    assert list(found.summary["kind"]) == ["baseline", *KINDS]
    assert list(found.summary["n_tracks"]) == [5, 8, 8, 8]
    against = one(found.comparisons, measure="auroc", first="biological", second="baseline")
    assert against["low"] > 0
    # the paper's gnomAD cuts look at both tails
    tails = enrich(scores, baseline=other, options=replace(QUICK, quantiles=(0.9,), sided="both"))
    assert set(tails.overall["cut"]) == {"0.1,0.9"}


def test_labels_of_a_file(scores, found, tmp_path):
    y = labels(400)
    lines = [
        f"chr{i // 40 + 1}\t{i % 40 * 10_000 + 1}\t.\tA\tC\t.\t.\tX={int(x)}"
        for i, x in enumerate(y)
    ]
    path = tmp_path / "l.vcf"
    path.write_text(
        '##fileformat=VCFv4.3\n##INFO=<ID=X,Number=1,Type=Integer,Description="x">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "\n".join(lines) + "\n"
    )
    again = enrich(scores, "X", labelled=path, options=QUICK)
    np.testing.assert_array_equal(again.cuts["p_fisher"], found.cuts["p_fisher"])
    assert again.settings["labelled"]["file"] == "l.vcf"


def test_presets_are_the_papers(scores):
    gtex = enrich(scores, preset="gtex", options=QUICK)
    assert list(dict.fromkeys(gtex.overall["cut"])) == ["0.9", "0.95", "0.99"]
    gnomad = enrich(scores, preset="gnomad", options=QUICK)
    assert list(dict.fromkeys(gnomad.overall["cut"])) == ["0.1,0.9", "0.01,0.99"]
    # 388 variants have no thousandth
    assert "cut 0.001,0.999 needs 1,000 variants" in gnomad.settings["flagged"][0]


def test_the_variants_read_back_as_scores(found, tmp_path):
    table = {name: list(values) for name, values in found.variants.items()}
    pq.write_table(pa.table(table), tmp_path / "v.parquet")
    again = enrich(tmp_path / "v.parquet", "label", options=QUICK)
    for kind in KINDS:
        expected = one(found.summary, kind=kind)["auroc"]
        assert one(again.tracks, track=kind)["auroc"] == pytest.approx(expected, abs=1e-12)


def test_matched_columns_are_there_for_matched_variants_alone(found, tmp_path):
    assert "matched" not in found.overall
    match = [f"m{i // 4}" for i in range(200)]
    path = write_effects(tmp_path / "m.parquet", labels(200), match=match)
    matched = enrich(path, options=QUICK)
    assert {"matched", "p_matched"} <= set(matched.overall)
    assert {"q_matched"} <= set(matched.cuts)
    counts = matched.counts
    assert counts["unmatched"] == 200 - 4 * counts["strata"]


def test_few_blocks_are_flagged(found):
    assert any("10 blocks" in sentence for sentence in found.settings["flagged"])


def test_legacy_columns_are_those_of_the_research_code(scores):
    # its own lines, with the same libraries: >= the quantile, scores over their SD
    found = enrich(scores, options=QUICK, legacy=True).legacy["combined"]
    y = labels(400)[12:]
    effects = EffectFile(scores).effects("combined", slice(None), np.arange(400) >= 12)
    for j, row in enumerate(effects):
        x = np.abs(row.astype(np.float64))
        mu, s = x.mean(), x.std()
        x = x / s
        m = sm.Logit(y, sm.add_constant(x)).fit(disp=False, tol=1e-14)
        expected = {
            "idx": j, "mean_diff": mu, "sd_diff": s, "coef": m.params[1], "se": m.bse[1],
            "stat": m.tvalues[1], "pval": m.pvalues[1], "ci_low": m.conf_int()[1][0],
            "ci_high": m.conf_int()[1][1], "pseudo_r2": m.prsquared, "N": m.nobs, "N_pos": sum(y),
            "N_neg": m.nobs - sum(y), "AUROC": roc_auc_score(y, x),
        }  # fmt: skip
        for q in (0.9, 0.95, 0.99):
            cut = np.quantile(x, q)
            a, total = y[x >= cut].sum(), (x >= cut).sum()
            table = [[(y == 0).sum() - (total - a), total - a], [y.sum() - a, a]]
            stat, p = fisher_exact(table)
            expected |= {
                f"cut_q{q}": cut, f"N_pos_q{q}": a, f"N_neg_q{q}": total - a, f"OR_q{q}": stat,
                f"pfisher_q{q}": p,
            }  # fmt: skip
        assert list(found) == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][j], value, rtol=1e-7, err_msg=name)


def test_legacy_columns_of_tails(scores):
    found = enrich(scores, preset="gnomad", options=QUICK, legacy=True).legacy["technical"]
    assert list(found) == ["q", "cut", "Common", "Rare", "OR", "pval", "idx"]
    y = labels(400)[12:]
    x = EffectFile(scores).effects("technical", slice(2, 3), np.arange(400) >= 12)[0]
    at = rows(found, idx=2, q=0.01)
    cut = np.quantile(x.astype(np.float64), 0.01)
    assert at["Rare"][0] == y[x <= cut].sum()
    assert at["Common"][0] == (y[x <= cut] == 0).sum()


class TestRefusals:
    def test_one_class(self, tmp_path):
        path = write_effects(tmp_path / "m.parquet", np.ones(60))
        with pytest.raises(InputError, match="all 60 labelled and scored variants have LABEL=1"):
            enrich(path, options=QUICK)

    def test_quantities(self, tmp_path):
        path = write_table(tmp_path / "t.parquet", np.zeros((1, 4)), np.array([0, 1, 0.5, 2]))
        with pytest.raises(InputError, match=r"2 values besides 0 and 1, such as 0\.5"):
            enrich(path, "label", options=QUICK)

    def test_all_scores_equal(self, tmp_path):
        path = write_table(tmp_path / "t.parquet", np.ones((2, 40)), labels(40).astype(int))
        with pytest.raises(InputError, match="effects of all 40 variants are equal"):
            enrich(path, "label", options=QUICK)

    def test_some_scores_equal_are_flagged(self, tmp_path):
        values = np.random.default_rng(0).standard_normal((2, 40))
        values[1] = 3
        path = write_table(tmp_path / "t.parquet", values, labels(40).astype(int))
        found = enrich(path, "label", options=QUICK)
        assert (
            "1 track has one score effect for all variants: not measured"
            in (found.settings["flagged"])
        )
        assert np.isnan(rows(found.cuts, track="s1", cut="0.9")["odds_ratio"]).all()

    def test_a_quantile_that_is_too_fine(self, scores):
        with pytest.raises(InputError, match=r"cut 0.999 needs 1,000 variants, and there are 388"):
            enrich(scores, options=replace(QUICK, quantiles=(0.9, 0.999)))

    def test_no_such_group(self, scores):
        with pytest.raises(InputError, match="no column 'tissue'"):
            enrich(scores, options=replace(QUICK, group_by=("tissue",)))

    def test_no_such_track(self, scores):
        with pytest.raises(InputError, match="no track has assay"):
            enrich(scores, options=replace(QUICK, where=('assay == "RNA"',)))

    def test_effects_that_are_no_numbers_though_scored(self, tmp_path):
        path = write_effects(tmp_path / "m.parquet", labels(60))
        table = pq.read_table(path)
        values = table["technical"].combine_chunks().flatten().to_numpy().copy()
        values[11] = np.nan
        column = pa.FixedSizeListArray.from_arrays(pa.array(values), type=table["technical"].type)
        at = table.schema.get_field_index("technical")
        pq.write_table(table.set_column(at, table.schema.field(at), column), path)
        with pytest.raises(InputError, match=r"technical effects on .*/t3 are not all finite"):
            enrich(path, options=QUICK)
