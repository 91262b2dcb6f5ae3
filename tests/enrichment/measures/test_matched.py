"""Match groups, and the odds ratio within them, against statsmodels."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.contingency_tables import StratifiedTable

from mfdvep.enrichment.measures.matched import (
    EXACT,
    Strata,
    mantel_haenszel,
    matched_p,
    moments,
    strata_of,
)
from mfdvep.enrichment.measures.odds import fisher_p, haldane, tables_of


def test_variants_that_share_a_group_are_one_stratum():
    assert strata_of([("a",), ("a",), (), ("b",), ("b",)]).tolist() == [0, 0, -1, 1, 1]


def test_a_negative_of_two_positives_joins_their_strata():
    # positives 0 and 1, negatives 2 (of both) and 3 (of the second)
    assert strata_of([("p",), ("q",), ("p", "q"), ("q",), ("r",)]).tolist() == [0, 0, 0, 0, 1]


def test_nothing_is_matched_without_groups():
    assert strata_of([(), ()]).tolist() == [-1, -1]
    strata = Strata.build(np.array([-1, -1]), np.array([True, False]))
    assert len(strata) == 0


def test_strata_of_one_class_tell_nothing():
    positive = np.array([True, False, True, True, False, False])
    strata = Strata.build(np.array([0, 0, 1, 1, 2, -1]), positive)
    assert strata.of.tolist() == [0, 0, -1, -1, -1, -1]
    assert strata.sizes.tolist() == [2]
    assert strata.positives.tolist() == [1]


def stratified(rng, n_strata, size):
    strata = np.repeat(np.arange(n_strata), size)
    positive = np.tile(np.arange(size) == 0, n_strata) | (rng.random(n_strata * size) < 0.1)
    tagged = rng.random(n_strata * size) < 0.2 + 0.15 * positive
    return strata, positive, tagged


def p_of(found):
    return matched_p(found, np.array([int(found.observed)]))[0]


def as_tables(strata, positive, tagged):
    kept = [k for k in np.unique(strata) if len(set(positive[strata == k])) == 2]
    return np.array(
        [
            [
                [(tagged & positive & at).sum(), (tagged & ~positive & at).sum()],
                [(~tagged & positive & at).sum(), (~tagged & ~positive & at).sum()],
            ]
            for at in (strata == k for k in kept)
        ],
        dtype=float,
    )


@pytest.mark.parametrize(("n_strata", "size"), [(60, 2), (40, 5), (10, 30), (3000, 4)])
def test_pooled_odds_ratio_and_interval_are_those_of_statsmodels(n_strata, size, monkeypatch):
    rng = np.random.default_rng(n_strata)
    strata, positive, tagged = stratified(rng, n_strata, size)
    expected = StratifiedTable(as_tables(strata, positive, tagged).transpose(1, 2, 0))
    found = moments(Strata.build(strata, positive), np.flatnonzero(tagged), positive)
    pooled = mantel_haenszel([found])
    low, high = expected.oddsratio_pooled_confint()
    np.testing.assert_allclose(pooled.value[0], expected.oddsratio_pooled, rtol=1e-8)
    np.testing.assert_allclose([pooled.low[0], pooled.high[0]], [low, high], rtol=1e-8)
    # where the exact p is not summed, it is the Cochran-Mantel-Haenszel test's
    monkeypatch.setattr("mfdvep.enrichment.measures.matched.EXACT", 0.0)
    p, asymptotic = p_of(found), expected.test_null_odds().pvalue
    np.testing.assert_allclose(p, asymptotic, rtol=1e-8, atol=1e-15)


def test_the_exact_p_meets_the_asymptotic_one_where_they_change_over(monkeypatch):
    rng = np.random.default_rng(5)
    strata, positive, tagged = stratified(rng, 2400, 3)
    found = moments(Strata.build(strata, positive), np.flatnonzero(tagged), positive)
    assert 200 < found.variance < EXACT
    counts = np.round(found.expected + np.array([-3, -2, -1, 0.1, 1, 2, 3]) * found.variance**0.5)
    exact = matched_p(found, counts.astype(int))
    monkeypatch.setattr("mfdvep.enrichment.measures.matched.EXACT", 0.0)
    np.testing.assert_allclose(exact, matched_p(found, counts.astype(int)), rtol=0.12, atol=0.03)


def test_one_set_is_fishers_test():
    rng = np.random.default_rng(0)
    for _ in range(30):
        positive = rng.random(25) < 0.4
        tagged = np.flatnonzero(rng.random(25) < 0.3)
        a = int(positive[tagged].sum())
        b, m = len(tagged) - a, int(positive.sum())
        found = moments(Strata.build(np.zeros(25, int), positive), tagged, positive)
        expected = fisher_exact([[a, b], [m - a, 25 - m - b]]).pvalue
        assert p_of(found) == pytest.approx(expected, rel=1e-8)


def test_few_sets_of_all_sizes_by_counting_every_case():
    strata = np.repeat([0, 1, 2, 3], [3, 4, 2, 2])
    positive = np.array([1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0], bool)
    tagged = np.array([0, 3, 4, 5, 7, 9, 10])  # the last set is tagged whole
    found = moments(Strata.build(strata, positive), tagged, positive)
    ways = []
    for s in range(4):
        n_tagged = int((strata[tagged] == s).sum())
        members = np.flatnonzero(strata == s)
        ways.append([sum(positive[list(chosen)]) for chosen in combinations(members, n_tagged)])
    counts = Counter(sum(case) for case in product(*ways))
    seen = int(positive[tagged].sum())
    expected = sum(n for n in counts.values() if n <= counts[seen]) / sum(counts.values())
    assert p_of(found) == pytest.approx(expected, rel=1e-12)
    every = matched_p(found, np.array(sorted(counts)))
    assert every.max() == pytest.approx(1.0)


def test_pairs_are_mcnemars_exact_test():
    for plus, minus in ((8, 1), (6, 2), (5, 5), (9, 0)):
        kinds = [(1, 0)] * plus + [(0, 1)] * minus + [(1, 1)] * 3 + [(0, 0)] * 4
        strata, positive = np.repeat(np.arange(len(kinds)), 2), np.tile([True, False], len(kinds))
        found = moments(
            Strata.build(strata, positive), np.flatnonzero(np.array(kinds).ravel()), positive
        )
        assert p_of(found) == pytest.approx(binomtest(plus, plus + minus).pvalue, rel=1e-8)


def test_the_odds_ratio_of_pairs():
    # 1:1 pairs: the odds ratio is the ratio of the discordant pairs, here 6 to 2
    kinds = [(1, 0)] * 6 + [(0, 1)] * 2 + [(1, 1)] * 4 + [(0, 0)] * 5  # positive, negative tagged
    strata = np.repeat(np.arange(len(kinds)), 2)
    positive = np.tile([True, False], len(kinds))
    tagged = np.flatnonzero(np.array(kinds).ravel())
    found = moments(Strata.build(strata, positive), tagged, positive)
    assert mantel_haenszel([found]).value[0] == pytest.approx(3.0)


def test_nothing_discordant_says_nothing():
    strata, positive = np.array([0, 0]), np.array([True, False])
    found = moments(Strata.build(strata, positive), np.array([0, 1]), positive)
    assert np.isnan(mantel_haenszel([found]).value[0])
    assert np.isnan(p_of(found))


def test_matching_takes_out_what_differs_between_sets():
    # sets differ in how often their variants are tagged, and in their share of positives: without
    # matching that looks like enrichment, within sets there is none
    rng = np.random.default_rng(0)
    strata = np.repeat(np.arange(300), 10)
    base = np.where(np.arange(300) % 2, 0.6, 0.1)
    share = np.where(np.arange(300) % 2, 0.6, 0.2)
    positive = rng.random(3000) < share[strata]
    tagged = np.flatnonzero(rng.random(3000) < base[strata])
    n = np.count_nonzero(positive[tagged])
    table = tables_of(
        np.array([n]), np.array([len(tagged) - n]), positives=positive.sum(),
        negatives=3000 - positive.sum(),
    )  # fmt: skip
    assert haldane(table).low[0] > 1.5
    assert fisher_p(table)[0] < 1e-6
    found = moments(Strata.build(strata, positive), tagged, positive)
    within = mantel_haenszel([found])
    assert within.low[0] < 1 < within.high[0]
