"""Retrieval, probes, associations and attributions against independent computations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from cohort.align.made import SMALL
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from mfdvep.cohort.align.association import associate, inflation, principal_components
from mfdvep.cohort.align.attribution import attributions, gene_of, importance
from mfdvep.cohort.align.encoders import Aligner
from mfdvep.cohort.align.explaining import Explanation, ModalityExplanation
from mfdvep.cohort.align.figures import explanation_figures
from mfdvep.cohort.align.preparing import Arrays
from mfdvep.cohort.align.probing import measure_of, probe
from mfdvep.cohort.align.reports import explanation_lines, inflation_rows
from mfdvep.cohort.align.retrieval import ranks_of, retrieval, similarity_of
from mfdvep.errors import InputError


def alone(n):
    return [f"f{i}" for i in range(n)]


def measured(similarity, **options):
    found = retrieval(similarity, alone(len(similarity)), rng=np.random.default_rng(0),
                      **{"n_permutations": 1000, **options})  # fmt: skip
    return {row["measure"]: row for row in found}


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_ranks_count_who_is_more_similar(seed, n):
    similarity = np.random.default_rng(seed).integers(0, 4, (n, n)).astype(float)
    found = ranks_of(similarity)
    for i in range(n):
        for j in range(n):
            others = np.delete(similarity[i], j)
            expected = (others > similarity[i, j]).sum() + (others == similarity[i, j]).sum() / 2
            assert found[i, j] == expected


def test_perfect_and_constant_similarities():
    perfect = measured(np.eye(50))
    assert [row["value"] for row in perfect.values()] == [1, 1, 1, 1]
    assert perfect["retrieval@1"]["p"] == pytest.approx(1 / 1001)
    assert perfect["retrieval@5"]["chance"] == 0.1
    flat = measured(np.ones((50, 50)))  # all are equal: no hit is given for nothing
    assert flat["retrieval@10"]["value"] == 0
    assert flat["mean_percentile"]["value"] == pytest.approx(0.5)
    assert flat["mean_percentile"]["p"] == 1
    # Clopper, Pearson of 50 who are all found, or none of whom is
    least = 0.025 ** (1 / 50)
    found = perfect["retrieval@1"], flat["retrieval@10"]
    np.testing.assert_allclose([(row["low"], row["high"]) for row in found],
                               [(least, 1), (0, 1 - least)])  # fmt: skip


def test_the_null_is_that_of_shuffled_pairs():
    rng = np.random.default_rng(3)
    similarity = rng.normal(size=(80, 80)) + 2 * np.eye(80)
    found = measured(similarity, n_permutations=4000)
    for name, chance in (
        ("retrieval@1", 1 / 80),
        ("retrieval@10", 1 / 8),
        ("mean_percentile", 0.5),
    ):
        row = found[name]
        assert row["value"] > row["null_999"] > row["null_95"] > row["null_mean"] > row["null_low"]
        assert row["null_mean"] == pytest.approx(chance, rel=0.05)
    p = [measured(similarity[:, rng.permutation(80)], n_permutations=200)["mean_percentile"]["p"]
         for _ in range(60)]  # fmt: skip
    assert kstest(p, "uniform").pvalue > 0.01


def test_similarity_over_the_modalities_that_a_person_has():
    image = np.float32([[1, 0], [0, 1]])
    first = np.float32([[1, 0], [np.nan, np.nan]])
    second = np.float32([[0, 1], [0.6, 0.8]])
    found = similarity_of(image, [first, second])
    np.testing.assert_allclose(found, [[0.5, 0.6], [0.5, 0.8]], rtol=1e-6)


def probed(phenotype, features, **options):
    n = len(phenotype)
    return probe(
        features, phenotype, np.arange(n // 2), np.arange(n // 2, n), alone(n),
        **{"sizes": [20, None], "n_draws": 5, "pairs": [("good", "noise")],
           "rng": np.random.default_rng(0), **options},
    )  # fmt: skip


def features_of(truth, rng):
    good = np.column_stack([truth + rng.normal(size=len(truth)), rng.normal(size=len(truth))])
    return {"good": good, "noise": rng.normal(size=(len(truth), 3))}


def test_a_probe_of_a_quantity_and_of_classes():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=400)
    features = features_of(truth, rng)
    rows, differences = probed(truth, features)
    assert [(row["size"], row["features"], row["n_draws"]) for row in rows] == [
        (20, "good", 5), (20, "noise", 5), (200, "good", 1), (200, "noise", 1),
    ]  # fmt: skip
    whole = rows[2]
    # of one draw of all, a ridge on the two features
    x = np.column_stack([np.ones(200), features["good"][:200]])
    beta = np.linalg.lstsq(x, truth[:200], rcond=None)[0]
    predicted = np.column_stack([np.ones(200), features["good"][200:]]) @ beta
    assert whole["value"] == pytest.approx(np.corrcoef(predicted, truth[200:])[0, 1], abs=0.01)
    assert whole["low"] < whole["value"] < whole["high"]
    assert all(row["low"] > 0 for row in differences)
    classes = (truth > 0).astype(float)
    rows, _ = probed(classes, features)
    assert rows[2]["measure"] == "auroc"
    assert rows[2]["value"] == pytest.approx(roc_auc_score(classes[200:], predicted), abs=0.02)
    assert abs(rows[3]["value"] - 0.5) < 0.15
    assert measure_of(np.array([0.0, 1, 2])) == "correlation"


def test_an_interval_of_nothing_holds_nought():
    rng = np.random.default_rng(1)
    noise = {"good": rng.normal(size=(300, 4)), "noise": rng.normal(size=(300, 4))}
    _, differences = probed(rng.normal(size=300), noise, sizes=[50])
    assert differences[0]["low"] < 0 < differences[0]["high"]


def test_probes_are_refused():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=60)
    with pytest.raises(
        InputError, match="probe with 31 labelled people; expected from 10 to the 30"
    ):
        probed(truth, features_of(truth, rng), sizes=[31])
    with pytest.raises(InputError, match="probe with 5 labelled"):
        probed(truth, features_of(truth, rng), sizes=[5])
    with pytest.raises(InputError, match="have one value"):
        probed(np.repeat([0.0, 1.0], 30), features_of(truth, rng))
    with pytest.raises(InputError, match="labelled people have one value"):
        probed(np.r_[np.zeros(30), truth[:30]], features_of(truth, rng))


def test_associations_are_those_of_statsmodels():
    rng = np.random.default_rng(0)
    quantities, columns = rng.normal(size=(60, 3)), rng.gamma(0.3, size=(60, 5))
    covariates = np.column_stack([rng.normal(50, 9, 60), rng.integers(0, 2, 60)])
    quantities[:, 1] += columns[:, 2] * 2 + covariates[:, 0]
    found = associate(quantities, columns, covariates)
    assert (found.n, found.df) == (60, 56)
    for k in range(3):
        for g in range(5):
            x = sm.add_constant(np.column_stack([columns[:, g], covariates]))
            fit = sm.OLS(quantities[:, k], x).fit()
            for name, value in (("beta", fit.params[1]), ("se", fit.bse[1]),
                                ("t", fit.tvalues[1]), ("p", fit.pvalues[1])):  # fmt: skip
                assert getattr(found, name)[k, g] == pytest.approx(value, rel=1e-8), name
    flat = found.p.ravel()
    for name, method in (("q", "fdr_bh"), ("bonferroni", "bonferroni")):
        expected = multipletests(flat, method=method)[1]
        np.testing.assert_allclose(getattr(found, name).ravel(), expected, rtol=1e-10)


def test_columns_that_do_not_vary_have_no_result():
    rng = np.random.default_rng(0)
    covariate = rng.normal(size=(40, 1))
    columns = np.column_stack([np.full(40, 3.0), 2 * covariate + 1, rng.normal(size=40)])
    found = associate(rng.normal(size=(40, 2)), columns, np.hstack([covariate, covariate]))
    assert np.isnan(found.p[:, :2]).all()
    assert np.isfinite(found.p[:, 2]).all()
    np.testing.assert_allclose(found.bonferroni[:, 2], np.minimum(found.p[:, 2] * 2, 1))
    assert found.df == 37  # the covariate that is there twice counts once
    assert np.isnan(inflation(np.full((1, 3), np.nan))).all()
    with pytest.raises(InputError, match="3 people for 2 covariates"):
        associate(rng.normal(size=(3, 1)), rng.normal(size=(3, 1)), rng.normal(size=(3, 1)))


def test_lambda_is_one_under_the_null_and_more_beyond():
    rng = np.random.default_rng(0)
    quantity, columns = rng.normal(size=(300, 1)), rng.normal(size=(300, 4000))
    assert associate(quantity, columns).inflation[0] == pytest.approx(1, abs=0.1)
    assert associate(quantity, columns + 0.15 * quantity).inflation[0] > 3


def test_components_are_those_of_sklearn():
    rng = np.random.default_rng(0)
    fitted, other = rng.normal(size=(30, 6)) * [5, 4, 3, 2, 1, 0], rng.normal(size=(7, 6))
    scores, variance = principal_components(fitted, other, 10)
    reference = PCA(5).fit(fitted)
    assert scores.shape == (7, 5)  # one does not vary
    np.testing.assert_allclose(np.abs(scores), np.abs(reference.transform(other)), atol=1e-9)
    np.testing.assert_allclose(variance, reference.explained_variance_ratio_, rtol=1e-9)


def test_attributions_add_up_and_are_of_what_is_used():
    torch.manual_seed(0)
    aligner = Aligner(replace(SMALL, genetic_encoder="mlp"), (3,), [4]).eval()
    with torch.no_grad():
        aligner.genetics[0][1].weight[:, 2] = 0  # the third input is not used
        aligner.genetic_heads[0][-1].weight.mul_(30)
    rng = np.random.default_rng(0)
    arrays = Arrays(
        rng.normal(size=(9, 3)).astype(np.float32),
        (rng.normal(size=(9, 4)).astype(np.float32),),
        np.ones((9, 1), dtype=bool),
    )
    rows = np.array([1, 4, 5])
    found = attributions(aligner, arrays, rows, 0)
    with torch.no_grad():
        image = aligner.compared_image(torch.from_numpy(arrays.images[rows]))
        values = torch.from_numpy(arrays.genetics[0][rows])
        whole, nothing = (
            (aligner.compared_genetic(0, v) * image).sum(1) for v in (values, values * 0)
        )
    np.testing.assert_allclose(found.sum(1), (whole - nothing).numpy(), atol=2e-3)
    assert np.abs(found.sum(1)).max() > 0.05
    assert not found[:, 2].any()


def test_importance_of_columns_and_of_regions():
    attribution = np.array([[1.0, -1.0, 2.0], [3.0, 1.0, -2.0]] * 20)
    names = ["A|combined", "A|unweighted", "B|combined"]
    assert [gene_of(name) for name in [*names, "prs"]] == ["A", "A", "B", "prs"]
    rng = np.random.default_rng(0)
    columns = importance(attribution, names, alone(40), rng=rng)
    assert columns.mean.tolist() == [2, 1, 2]
    assert columns.signed.tolist() == [2, 0, 0]
    genes = importance(attribution, [gene_of(name) for name in names], alone(40), rng=rng)
    assert genes.names == ("A", "B")
    assert genes.mean.tolist() == [2, 2]  # 0 and 4 in turn; 2 always
    assert genes.low[0] < 2 < genes.high[0]
    assert genes.low[1] == genes.high[1] == 2
    assert genes.order.tolist() == [0, 1]


def test_figures_of_nothing_that_varies():
    flat = importance(np.zeros((40, 2)), ["A", "B"], alone(40), rng=np.random.default_rng(0))
    tests = associate(np.random.default_rng(0).normal(size=(40, 2)), np.ones((40, 2)))
    own = ModalityExplanation("burdens", 40, flat, flat, ("A", "B"), tests)
    figures = explanation_figures(Explanation((own,), np.array([0.7, 0.3]), {}))
    assert figures["associations"].axes[0].get_title() == "burdens: no column varies"
    found = Explanation((own,), np.array([0.7, 0.3]), {})
    assert explanation_lines(found)[-1].endswith("p not defined")
    assert [row["n_tests"] for row in inflation_rows(found)] == [0, 0]
