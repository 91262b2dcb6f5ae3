"""Repeated draws: error rates under the null, and a planted odds ratio that comes back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from enrichment.flat import QUICK, write_table

from mfdvep.enrichment.engine import enrich

N, TRACKS = 300, 15


def draw(tmp_path, rng, *, odds_ratio=1.0, n=N, tracks=TRACKS):
    """Labels at random; the first track's top tenth has the odds ratio, the others nothing."""
    top = np.arange(n) < n // 10
    odds = np.where(top, odds_ratio, 1.0)
    label = (rng.random(n) < odds / (1 + odds)).astype(int)
    scores = rng.standard_normal((tracks, n))
    scores[0] = np.where(top, 10, 0) + rng.random(n)
    # as the engine ties nothing to the order of the rows
    order = rng.permutation(n)
    return write_table(tmp_path / "scores.parquet", scores[:, order], label[order])


def within(share, level, n):
    """Return whether a share of n draws is at most a level, give or take 3 standard errors."""
    return share <= level + 3 * np.sqrt(level * (1 - level) / n)


def test_under_the_null_the_levels_hold(tmp_path):
    rng = np.random.default_rng(0)
    n_draws = 60
    discoveries, missed, p = 0, {"conditional": [], "haldane": []}, []
    for _ in range(n_draws):
        found = enrich(draw(tmp_path, rng), "label", options=QUICK)
        discoveries += (np.asarray(found.cuts["q_fisher"])[:TRACKS] < 0.05).any()
        cut = slice(0, TRACKS)  # quantile 0.9
        for name, count in missed.items():
            low, high = (np.asarray(found.cuts[f"{name}_{end}"])[cut] for end in ("low", "high"))
            count.append(((low > 1) | (high < 1)).mean())
        p.append((np.asarray(found.cuts["p_fisher"])[cut] < 0.05).mean())
    # nothing is there, so every discovery is false: the FDR is the share of draws with one
    assert within(discoveries / n_draws, 0.05, n_draws)
    n_tests = n_draws * TRACKS
    assert within(np.mean(missed["conditional"]), 0.05, n_tests)
    assert within(np.mean(missed["haldane"]), 0.05, n_tests)
    assert within(np.mean(p), 0.05, n_tests)
    assert np.mean(missed["haldane"]) > 0.02  # and is not so wide as to hold nothing


def test_a_planted_odds_ratio_comes_back(tmp_path):
    rng = np.random.default_rng(1)
    logs, covered = [], 0
    for _ in range(60):
        path = draw(tmp_path, rng, odds_ratio=4.0, n=600, tracks=2)
        found = enrich(path, "label", options=QUICK).cuts
        assert (found["track"][0], found["cut"][0]) == ("s0", "0.9")
        logs.append(np.log(found["haldane"][0]))
        covered += found["conditional_low"][0] <= 4.0 <= found["conditional_high"][0]
    error = np.std(logs, ddof=1) / np.sqrt(len(logs))
    assert abs(np.mean(logs) - np.log(4)) < 3 * error + 0.05  # Haldane's draws small counts to 1
    assert covered >= 0.95 * 60 - 3 * np.sqrt(60 * 0.95 * 0.05)


@pytest.mark.parametrize("per_contig", [50, 6])
def test_bootstrap_intervals_hold_their_level(tmp_path, per_contig):
    # 12 blocks, and 100; one track, so that the finest cut tags 6 variants of 600
    rng = np.random.default_rng(2)
    missed, given = np.zeros(3), np.zeros(3)
    for _ in range(80):
        label = (rng.random(600) < 0.5).astype(int)
        scores = rng.standard_normal((1, 600))
        path = write_table(tmp_path / "t.parquet", scores, label, per_contig=per_contig)
        overall = enrich(path, "label", options=replace(QUICK, n_bootstrap=400)).overall
        low, high = (np.asarray(overall[f"bootstrap_{end}"]) for end in ("low", "high"))
        given += np.isfinite(low)
        missed += (low > 1) | (high < 1)
    assert (given[:2] >= 60).all()
    assert given[2] == 0  # too few are tagged for an interval
    for misses, n in zip(missed[:2], given[:2], strict=True):
        assert within(misses / n, 0.06, n)


def test_one_block_gives_no_interval_and_no_verdict(tmp_path):
    rng = np.random.default_rng(6)
    scores, label = rng.standard_normal((3, 60)), (rng.random(60) < 0.5).astype(int)
    path = write_table(tmp_path / "t.parquet", scores, label, per_contig=60)
    for options in (QUICK, replace(QUICK, block=10_000, n_bootstrap=1)):
        found = enrich(path, "label", options=options)
        assert np.isnan(found.overall["bootstrap_low"]).all()
        assert np.isnan(found.tracks["auroc_by_chrom_low"]).all()


def test_permutations_show_the_false_positive_rate(tmp_path):
    rng = np.random.default_rng(3)
    path = draw(tmp_path, rng, odds_ratio=6.0, n=400)
    found = enrich(path, "label", options=replace(QUICK, n_permutations=200))
    table = found.permutation
    assert table is not None
    for row, rate in enumerate(table["false_positive_rate"]):
        assert within(rate, 0.05, 200 * TRACKS)
        assert within(table["any_significant"][row], 0.05, 200)
        assert table["null_low"][row] < 1 < table["null_high"][row]
    first = np.asarray(found.cuts["q_fisher"])[0]
    assert first < 0.01
    band = found.qq
    assert band is not None
    assert (np.asarray(band["low"]) <= np.asarray(band["high"])).all()


def test_a_conditional_test_takes_out_what_differs_between_sets(tmp_path):
    # half of the sets are rich in positives and high in score: looks like enrichment, is none
    rng = np.random.default_rng(4)
    rich = np.repeat(np.arange(200) % 2, 6)
    label = (rng.random(1200) < 0.2 + 0.5 * rich).astype(int)
    scores = rng.standard_normal((20, 1200)) + 1.5 * rich
    match = [f"m{i}" for i in np.repeat(np.arange(200), 6)]
    path = write_table(tmp_path / "m.parquet", np.abs(scores), label, match=match)
    found = enrich(path, "label", options=QUICK)
    at = np.asarray(found.cuts["cut"]) == "0.9"
    assert np.median(np.asarray(found.cuts["p_fisher"])[at]) < 1e-4
    assert (np.asarray(found.cuts["p_matched"])[at] < 0.05).mean() <= 0.2
    inside, over_all = (np.asarray(found.cuts[c])[at] for c in ("matched", "odds_ratio"))
    assert np.median(inside) < 1.2 < 1.4 < np.median(over_all)
    assert found.counts["strata"] > 150


@pytest.mark.parametrize("n_permutations", [0, 20])
def test_a_seed_gives_the_same_numbers(tmp_path, n_permutations):
    path = draw(tmp_path, np.random.default_rng(5), odds_ratio=3.0)
    options = replace(QUICK, n_permutations=n_permutations, seed=7)
    first, second = (enrich(path, "label", options=options) for _ in range(2))
    for name in ("overall", "comparisons", "cuts", "tracks"):
        for column, values in getattr(first, name).items():
            np.testing.assert_array_equal(values, getattr(second, name)[column])
