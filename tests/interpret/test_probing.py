"""Probes: planted signal is found, permuted labels give .5, no chromosome is on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpret.simulated import CHROMOSOMES, feature_table, labels_of, planted
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mfdvep.errors import InputError
from mfdvep.interpret.probes import fitting as fitting_module
from mfdvep.interpret.probes.design import chromosome_of, join, models_of
from mfdvep.interpret.probes.fitting import Fitting, fitted_scores, nested_scores
from mfdvep.interpret.probes.folds import chromosome_folds, splits
from mfdvep.interpret.probes.matching import CALIPER, matched_rows
from mfdvep.interpret.probes.probing import probe
from mfdvep.interpret.probes.tasks import ProbeOptions

QUICK = Fitting(penalties=(1e-3, 1e-1))


def by_source(found):
    return {(row["model"], row["half"]): row for row in found.summary}


@pytest.fixture(scope="module")
def found():
    table = feature_table(400)
    options = ProbeOptions(fitting=QUICK, n_permutations=4)
    return probe({"a": table, "b": feature_table(400, seed=9)}, planted(table), options=options)


def test_a_planted_signal_is_found_in_its_half_alone(found):
    rows = by_source(found)
    assert rows["a", "biological"]["auroc"] > 0.84
    assert rows["a", "combined"]["auroc"] > 0.82
    for source in (("a", "technical"), ("b", "combined"), ("b", "biological"), ("", "gc")):
        assert rows[source]["auroc"] == pytest.approx(0.5, abs=0.08)
    assert rows["a", "biological"]["auprc"] > rows["a", "biological"]["base_rate"] + 0.2
    assert rows["a", "biological"]["p_auroc"] == pytest.approx(1 / 5)


def test_permuted_labels_give_one_half(found):
    for row in found.summary:
        assert row["permuted_auroc"] == pytest.approx(0.5, abs=0.035)
        assert row["permuted_auroc_low"] < row["permuted_auroc_high"] < 0.6
        assert row["permuted_auprc"] == pytest.approx(row["base_rate"], abs=0.05)


def test_halves_are_compared_in_pairs(found):
    rows = {(row["measure"], row["first"], row["second"]): row for row in found.comparisons}
    half = rows["auroc", "a biological", "a technical"]
    assert half["low"] > 0.2
    assert half["first_better"] == half["n_tasks"] == 4
    assert half["difference"] == pytest.approx(half["first_value"] - half["second_value"])
    model = rows["auroc", "b biological", "a biological"]
    assert model["high"] < 0
    assert ("auroc", "a combined", "GC alone") in rows


def test_intervals_are_over_tasks(found):
    row = by_source(found)["a", "biological"]
    of_tasks = [r["auroc"] for r in found.scores if (r["model"], r["half"]) == ("a", "biological")]
    assert row["auroc"] == pytest.approx(np.mean(of_tasks))
    half = 3.182 * np.std(of_tasks, ddof=1) / 2  # Student's t of 3 degrees
    assert row["auroc_high"] - row["auroc"] == pytest.approx(half, rel=1e-3)
    of_folds = [r["auroc"] for r in found.fold_scores
                if (r["model"], r["half"], r["task"]) == ("a", "biological", "t0")]  # fmt: skip
    assert len(of_folds) == 5
    sizes = [r["n"] for r in found.fold_scores
             if (r["model"], r["half"], r["task"]) == ("a", "biological", "t0")]  # fmt: skip
    assert of_tasks[0] == pytest.approx(np.average(of_folds, weights=sizes))


def test_one_task_has_its_interval_over_folds():
    table = feature_table(200)
    labels = planted(table, n_tasks=1)
    row = probe({"a": table}, labels, options=ProbeOptions(fitting=QUICK)).summary[0]
    assert (row["interval_over"], row["n_tasks"]) == ("folds", 1)
    assert row["auroc_low"] < row["auroc"] < row["auroc_high"]


def test_a_model_without_metadata_has_no_halves():
    table = feature_table(200)
    plain = replace(table, about={"has_halves": False})
    found = probe({"mfd": table, "plain": plain}, planted(table, n_tasks=1),
                  options=ProbeOptions(fitting=QUICK))  # fmt: skip
    assert list(by_source(found)) == [
        ("mfd", "combined"), ("mfd", "biological"), ("mfd", "technical"), ("plain", "combined"),
        ("", "gc"),
    ]  # fmt: skip


def test_the_seed_makes_it_the_same():
    table = feature_table(200)
    labels = planted(table, n_tasks=2)
    options = ProbeOptions(fitting=QUICK, match="gc", n_permutations=2, seed=3)
    twice = [probe({"a": table}, labels, options=options) for _ in range(2)]
    assert twice[0].summary == twice[1].summary
    assert twice[0].fold_scores == twice[1].fold_scores


# --- no chromosome on both sides


@given(st.lists(st.integers(0, 12), min_size=6, max_size=200), st.integers(2, 6))
def test_folds_hold_whole_chromosomes(numbers, n_folds):
    names = [f"chr{i}" for i in numbers]
    if len(set(names)) < n_folds:
        with pytest.raises(InputError, match=r"whole chromosomes|more, or fewer"):
            chromosome_folds(names, n_folds)
        return
    fold = chromosome_folds(names, n_folds)
    assert set(fold) == set(range(n_folds))
    tested = np.zeros(len(names), dtype=int)
    for train, test in splits(fold):
        assert not {n for n, t in zip(names, train, strict=True) if t} & {
            n for n, t in zip(names, test, strict=True) if t
        }
        assert (train != test).all()
        tested += test
    assert (tested == 1).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(2, 4))
def test_no_regression_sees_a_chromosome_that_it_is_tested_on(seed, n_folds, inner_folds):
    """All fits, inner and outer: each region's only feature is the number of its chromosome."""
    rng = np.random.default_rng(seed)
    of = rng.integers(0, 9, 150)
    of[:9] = np.arange(9)
    labels = rng.integers(0, 2, len(of)).astype(np.int8)
    fold = chromosome_folds([f"c{i}" for i in of], n_folds)
    seen = []

    def spy(train, labels, test, **options):
        seen.append((set(train[:, 0]), set(test[:, 0])))
        return fitted_scores(train, labels, test, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting_module, "fitted_scores", spy)
        nested_scores(
            of[:, None].astype(float),
            labels,
            fold,
            chromosomes=[f"c{i}" for i in of],
            fitting=Fitting(penalties=(0.01, 1.0), inner_folds=inner_folds),
        )
    assert len(seen) >= n_folds * 2
    assert all(not train & test for train, test in seen)
    held_out = [test for _, test in seen]
    assert set().union(*held_out) == set(of.astype(float))
    # what a fold is tested on is in none of its inner fits either
    outer = [set(of[fold == number].astype(float)) for number in range(n_folds)]
    number = 0
    for train, test in seen:
        assert not (train | test) & outer[number] or test == outer[number]
        number += test == outer[number]
    assert number == n_folds


def test_what_is_true_of_chromosomes_alone_is_of_no_use():
    """Features that tell the chromosome, labels that depend on it: only a leak would do well."""
    rng = np.random.default_rng(7)
    table = feature_table(600, k=10)
    of = np.arange(600) % 10
    table.biological[:] = np.eye(10)[of] + rng.normal(size=(600, 10)) * 0.01
    share = rng.permutation(np.linspace(0.2, 0.8, 10))
    labels = labels_of(table, (rng.random(600) < share[of])[:, None], ("t",))
    found = probe({"a": table}, labels, options=ProbeOptions(fitting=QUICK))
    assert by_source(found)["a", "biological"]["auroc"] < 0.6
    x, y = table.biological, labels.labels[:, 0]
    seen = rng.random(600) < 0.5  # rows at random have chromosomes on both sides
    leak = LogisticRegression().fit(x[seen], y[seen]).decision_function(x[~seen])
    assert roc_auc_score(y[~seen], leak) > 0.6


@pytest.mark.parametrize(
    ("contig", "expected"),
    [
        ("chr1", "chr1"),
        ("chr1_KI270706v1_random", "chr1"),
        ("chr6_158159743_158290815", "chr6"),
        ("chrX_0_1", "chrX"),
        ("1", "chr1"),
        ("22_KI270731v1_random", "chr22"),
        ("HSCHR1_CTG1", "chr1"),
        ("MT", "chrM"),
        ("chrM", "chrM"),
        ("A", "chrA"),
        ("chrA", "chrA"),
        ("NC_000001.11", "chrNC_000001.11"),
        ("KI270706.1", "chrKI270706.1"),
    ],
)
def test_parts_of_a_chromosome_are_that_chromosome(contig, expected):
    assert chromosome_of(contig) == expected


# --- a regression, against scikit-learn's own way


def test_the_scores_are_those_of_a_pipeline_of_scikit_learn():
    table = feature_table(300)
    y = planted(table, n_tasks=1).labels[:, 0]
    x = table.biological.astype(np.float64)
    fold = chromosome_folds(table.chrom, 5)
    found = nested_scores(x, y, fold, chromosomes=table.chrom, fitting=Fitting(penalties=(0.05,)))
    for number, (train, test) in enumerate(splits(fold)):
        own = make_pipeline(StandardScaler(), LogisticRegression(C=0.05)).fit(x[train], y[train])
        odds = own.decision_function(x[test])
        assert found.auroc[number] == pytest.approx(roc_auc_score(y[test], odds), abs=1e-3)
        assert found.auprc[number] == pytest.approx(
            average_precision_score(y[test], odds), abs=2e-3
        )
        assert found.share[number] == y[test].mean()


def test_the_penalty_that_does_best_within_is_chosen():
    table = feature_table(300, k=40)
    y, x = planted(table, n_tasks=1).labels[:, 0], table.biological.astype(np.float64)
    names, fold = np.array(table.chrom), chromosome_folds(table.chrom, 5)
    penalties = (1e-4, 1e-2, 1.0)
    found = nested_scores(
        x, y, fold, chromosomes=table.chrom, fitting=Fitting(penalties=penalties, inner_folds=3)
    )
    for number, (train, _) in enumerate(splits(fold)):
        inner = chromosome_folds(names[train].tolist(), 3)
        means = []
        for penalty in penalties:
            own = make_pipeline(StandardScaler(), LogisticRegression(C=penalty))
            areas = [
                roc_auc_score(
                    y[train][held],
                    own.fit(x[train][fit], y[train][fit]).decision_function(x[train][held]),
                )
                for fit, held in splits(inner)
            ]
            means.append(np.average(areas, weights=np.bincount(inner)))
        assert found.penalty[number] == penalties[int(np.argmax(means))]
    assert len(set(found.penalty)) > 1 or found.penalty[0] != 1.0


def test_a_feature_that_does_not_vary_does_no_harm():
    x = np.random.default_rng(0).normal(size=(60, 2))
    y = (x[:, 0] > 0).astype(np.int8)
    plain, _ = fitted_scores(x, y, x, penalties=(1.0,), balanced=False)
    more = np.column_stack([x, np.full(60, 7.0)])
    same, _ = fitted_scores(more, y, more, penalties=(1.0,), balanced=False)
    assert same == pytest.approx(plain, abs=1e-6)


def test_balanced_moves_the_offset():
    x = np.random.default_rng(0).normal(size=(300, 2))
    y = (np.arange(300) % 10 == 0).astype(np.int8)
    plain, _ = fitted_scores(x, y, x, penalties=(1.0,), balanced=False)
    even, _ = fitted_scores(x, y, x, penalties=(1.0,), balanced=True)
    assert plain.mean() < -1.5
    assert even.mean() == pytest.approx(0, abs=0.2)


# --- negatives


def test_gc_matching_by_eye():
    labels = np.array([1, 0, 0, 0, 1, 0, -1], dtype=np.int8)
    gc = np.array([0.50, 0.51, 0.495, 0.60, 0.30, 0.33, 0.30])
    fold = np.zeros(7, dtype=np.int64)
    options = {"gc": gc, "match": "gc", "rng": np.random.default_rng(0)}
    assert matched_rows(labels, fold, ratio=1, **options).nonzero()[0].tolist() == [0, 2]
    assert matched_rows(labels, fold, ratio=2, **options).nonzero()[0].tolist() == [0, 1, 2]
    assert not matched_rows(labels, np.array([0, 1, 1, 1, 0, 1, 1]), ratio=1, **options).any()


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_matched_sets(seed, ratio):
    rng = np.random.default_rng(seed)
    n = 120
    labels = rng.choice([1, 0, 0, 0, -1], n).astype(np.int8)
    gc, fold = rng.uniform(0.4, 0.6, n), rng.integers(0, 3, n)
    used = matched_rows(labels, fold, gc=gc, match="gc", ratio=ratio, rng=rng)
    for number in range(3):
        here = used & (fold == number)
        positives, negatives = (gc[here & (labels == value)] for value in (1, 0))
        assert len(negatives) == ratio * len(positives)
        if len(positives):  # in order, the sets cannot be further apart than pairs are
            far = np.abs(np.sort(np.repeat(positives, ratio)) - np.sort(negatives))
            assert far.max() <= CALIPER + 1e-12
    assert not used[labels < 0].any()
    plain = matched_rows(labels, fold, gc=gc, match="random", ratio=ratio, rng=rng)
    assert (plain & (labels == 1)).sum() == (labels == 1).sum()
    assert (plain & (labels == 0)).sum() <= ratio * (labels == 1).sum()


def test_matching_takes_the_signal_out_of_gc():
    rng = np.random.default_rng(7)
    table = feature_table(2000)
    odds = (table.gc - 0.5) * 15
    labels = labels_of(table, (rng.random(2000) < 1 / (1 + np.exp(-odds)))[:, None], ("t",))
    options = ProbeOptions(fitting=QUICK)
    before = by_source(probe({"a": table}, labels, options=options))["", "gc"]["auroc"]
    matched = probe({"a": table}, labels, options=replace(options, match="gc"))
    assert before > 0.7
    assert by_source(matched)["", "gc"]["auroc"] == pytest.approx(0.5, abs=0.06)
    row = matched.tasks[0]
    assert row["gc_positives"] == pytest.approx(row["gc_negatives"], abs=0.005)
    assert row["n"] == 2 * row["positives"] < 2000


# --- regions brought together


def test_regions_are_joined_by_place_and_counted():
    table = feature_table(100)
    table.status[3] = "N_RICH"
    other = replace(table, name=["x"] * 100, status=["OK"] * 100)
    other.status[4] = "N_RICH"
    labels = planted(table)
    labels = replace(labels, end=labels.end + (np.arange(100) == 7))
    design = join({"a": table, "b": other}, labels)
    assert design.counts == {
        "label_rows": 100, "not_in_features": 1, "without_features": 2, "used": 97,
    }  # fmt: skip
    kept = [i for i in range(100) if i not in (3, 4, 7)]
    assert (design.features["b"]["biological"] == table.biological[kept]).all()
    assert (design.labels == labels.labels[kept]).all()
    assert design.regions[3] == "r5"


def test_sequences_are_joined_by_name_with_the_chromosomes_of_the_labels():
    table = feature_table(50)
    labels = planted(table)
    nowhere = replace(table, chrom=[None] * 50, start=np.full(50, -1), end=np.full(50, -1))
    order = np.random.default_rng(0).permutation(50)
    shuffled = replace(
        nowhere, name=[table.name[i] for i in order], biological=table.biological[order]
    )
    design = join({"a": shuffled}, labels)
    assert (design.features["a"]["biological"] == table.biological).all()
    assert design.chromosomes == tuple(table.chrom)
    with pytest.raises(InputError, match="give the labels a column chrom"):
        join({"a": nowhere}, replace(labels, chrom=None, start=None, end=None))
    with pytest.raises(InputError, match="add a column name"):
        join({"a": nowhere}, replace(labels, name=None))


def test_names_of_models(tmp_path):
    assert models_of(["a=x/y.parquet", "z/b.c.parquet"]) == {
        "a": "x/y.parquet",
        "b.c": "z/b.c.parquet",
    }
    with pytest.raises(InputError, match="'y' is given twice"):
        models_of(["x/y.parquet", "z/y.parquet"])


# --- refusals


def refused(table, labels, match, **options):
    with pytest.raises(InputError, match=match):
        probe({"a": table}, labels, options=ProbeOptions(**{"fitting": QUICK, **options}))


def test_refusals():
    table = feature_table(100)
    labels = planted(table)
    single = labels.labels.copy()
    single[[i for i in range(100) if table.chrom[i] in ("chr1", "chr2")], 1] = 0
    few = replace(labels, labels=single)
    refused(table, few, r"of 4 tasks 1 cannot be tested on 10 folds: t1 \(fold 1 has 0 positives",
            n_folds=10)  # fmt: skip
    refused(table, labels, "10 chromosomes .* for 11 folds", n_folds=11)
    refused(feature_table(4), planted(feature_table(4)), "4 regions for 5 folds")
    refused(table, labels, "1 folds; expected at least 2", n_folds=1)
    refused(table, labels, "penalties", fitting=Fitting(penalties=(1.0, 0.1)))
    refused(table, labels, "inner folds", fitting=Fitting(inner_folds=1))
    refused(table, labels, "ratio 0", ratio=0)
    refused(table, labels, "permutations", n_permutations=-1)
    far = replace(labels, start=labels.start + 1)
    refused(table, far, "joined by place, such as chr1:1-200 here and chr1:0-200 there")
    twice = replace(labels, start=labels.start * 0, end=labels.end * 0, chrom=["chr1"] * 100)
    refused(table, twice, "row 2: a second row for chr1:0-0")
    with pytest.raises(InputError, match="no features given"):
        probe({}, labels)


def test_another_match_is_refused():
    table = feature_table(100)
    with pytest.raises(InputError, match="match 'at'; expected none, random, gc"):
        probe({"a": table}, planted(table), options=ProbeOptions(match="at"))


def test_tasks_are_skipped_when_asked():
    table = feature_table(200)
    labels = planted(table)
    single = labels.labels.copy()
    single[[i for i in range(200) if table.chrom[i] in CHROMOSOMES[:2]], 1] = 0
    options = ProbeOptions(fitting=QUICK, n_folds=10, skip_tasks=True)
    found = probe({"a": table}, replace(labels, labels=single), options=options)
    assert [row["task"] for row in found.tasks] == ["t0", "t2", "t3"]
    assert found.counts["skipped_tasks"] == 1
    assert list(found.settings["skipped"]) == ["t1"]


def test_no_penalty_can_be_chosen_on_one_chromosome():
    table = feature_table(100, chromosomes=("chr1", "chr2"))
    refused(table, planted(table), "give one --penalty", n_folds=2)
    options = ProbeOptions(fitting=Fitting(penalties=(0.1,)), n_folds=2)
    assert probe({"a": table}, planted(table), options=options).summary[1]["auroc"] > 0.7
