"""The sentences say what the numbers say: named cases."""

from __future__ import annotations

import numpy as np
import pytest
from enrichment.report.simulated import simulated

from mfdvep.enrichment.report.notes import limits, meaning
from mfdvep.enrichment.report.readings import (
    comparison_reading,
    comparison_verdict,
    group_reading,
    overall_reading,
    passing,
    passing_reading,
    permutation_reading,
    summary_reading,
    too_many,
)
from mfdvep.enrichment.report.wording import Words

INF = float("inf")
WORDS = Words("causal", "neutral", "track", 40, "absolute")
ROW = {
    "kind": "biological", "cut": "0.99", "tagged_positive": 18, "tagged_negative": 100,
    "untagged_positive": 82, "untagged_negative": 820, "odds_ratio": 1.8,
    "conditional_low": 1.2, "conditional_high": 2.7, "p_fisher": 0.004,
    "bootstrap_low": None, "bootstrap_high": None,
}  # fmt: skip


def test_above_one():
    assert overall_reading(ROW, WORDS) == (
        "Variants whose biological effect is among the largest 1 % in at least one track have 1.80 "
        "times the odds of being causal rather than neutral (95 % interval 1.20 to 2.70, "
        "Fisher p = 0.004). The interval lies above 1: enrichment."
    )


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"conditional_low": 0.9}, "The interval contains 1: these data are compatible with no"),
        ({"odds_ratio": 0.5, "conditional_low": 0.3, "conditional_high": 0.8},
         "The interval lies below 1: depletion."),
        ({"bootstrap_low": 1.1, "bootstrap_high": 2.9}, "Both intervals lie above 1: enrichment."),
        ({"bootstrap_low": 0.9, "bootstrap_high": 2.9}, "An interval contains 1: these data"),
        ({"bootstrap_low": 0.1, "bootstrap_high": 0.9}, "on different sides of 1: no conclusion."),
        ({"conditional_low": None, "conditional_high": None}, "Without an interval nothing can"),
        ({"bootstrap_low": 1.1, "bootstrap_high": 2.9, "matched": 1.6, "matched_low": 1.05,
          "matched_high": 2.2, "p_matched": 0.01}, "All 3 intervals lie above 1: enrichment."),
    ],
)  # fmt: skip
def test_verdicts(changes, verdict):
    assert verdict in overall_reading(ROW | changes, WORDS)


def test_intervals_named():
    resampled = overall_reading(ROW | {"bootstrap_low": 1.1, "bootstrap_high": 2.9}, WORDS)
    assert "Resampling whole blocks of variants gives 1.10 to 2.90." in resampled
    matched = ROW | {"matched": 1.6, "matched_low": 1.05, "matched_high": 2.2, "p_matched": 0.01}
    assert "Within match groups the odds ratio is 1.60 (1.05 to 2.20, p = 0.010)." in (
        overall_reading(matched, WORDS)
    )
    none = overall_reading(ROW | {"conditional_low": None, "conditional_high": None}, WORDS)
    assert "(no interval is defined; Fisher p = 0.004)" in none


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"odds_ratio": INF, "tagged_negative": 0, "conditional_high": INF},
         "not one of the 18 is neutral, so that the odds ratio is infinite (95 % interval 1.20 to"),
        ({"odds_ratio": INF, "untagged_positive": 0, "conditional_high": INF},
         "they are all the causal variants there are, so that the odds ratio is infinite"),
        ({"odds_ratio": 0.0, "tagged_positive": 0, "conditional_low": 0.0},
         "not one of the 100 is causal, so that the odds ratio is 0"),
        ({"odds_ratio": 0.0, "untagged_negative": 0, "conditional_low": 0.0},
         "they are all the neutral variants there are"),
        ({"odds_ratio": None, "tagged_positive": 0, "tagged_negative": 0},
         "No variant's biological effect is among the largest 1 %: there is no odds ratio."),
        ({"odds_ratio": None, "untagged_positive": 0, "untagged_negative": 0},
         "none is left to compare with, so there is no odds ratio; take a finer cut, or fewer"),
        ({"odds_ratio": None}, "the odds ratio is not defined"),
    ],
)  # fmt: skip
def test_odds_ratios_without_a_number(changes, said):
    assert said in overall_reading(ROW | changes, WORDS)


def test_one_score():
    words = Words("positive", "negative", "score", 1, "upper")
    assert overall_reading(ROW | {"kind": "score"}, words).startswith(
        "Variants whose score is among the highest 1 % have 1.80 times the odds of being positive "
    )


COMPARED = {
    "measure": "odds_ratio", "cut": "0.99", "first": "biological", "second": "combined",
    "first_value": 1.84, "second_value": 1.8, "scale": "ratio",
    "value": 1.02, "low": 0.97, "high": 1.08,
}  # fmt: skip


def test_comparison():
    assert comparison_reading(COMPARED, WORDS) == (
        "biological against combined, odds ratio of the variants that any track tags, largest 1 %: "
        "ratio of odds ratios 1.02, 95 % interval 0.97 to 1.08: no evidence of a difference."
    )
    auroc = COMPARED | {"measure": "auroc", "cut": "", "scale": "difference", "value": 0.02}
    said = comparison_reading(auroc | {"low": 0.01, "high": 0.03}, WORDS)
    assert said == (
        "biological against combined, AUROC of the largest effect: difference +0.020, "
        "95 % interval +0.010 to +0.030: biological is higher."
    )


@pytest.mark.parametrize(
    ("scale", "low", "high", "verdict"),
    [("ratio", 1.01, 1.2, "biological is higher"), ("ratio", 0.8, 0.99, "biological is lower"),
     ("ratio", 1.0, 1.2, "no evidence of a difference"), ("ratio", None, None, "no conclusion"),
     ("difference", -0.2, -0.1, "biological is lower"),
     ("difference", 0.0, 0.1, "no evidence of a difference")],
)  # fmt: skip
def test_comparison_verdicts(scale, low, high, verdict):
    row = COMPARED | {"scale": scale, "low": low, "high": high}
    assert comparison_verdict(row) == verdict
    assert comparison_reading(row, WORDS).endswith(f": {verdict}.")
    assert comparison_reading(row | {"value": None}, WORDS).endswith(": not defined.")


def test_areas():
    row = {"kind": "biological", "auroc": 0.61, "auroc_low": 0.58, "auroc_high": 0.64,
           "auprc": 0.1, "auprc_low": 0.08, "auprc_high": 0.13}  # fmt: skip
    said = summary_reading(row, WORDS, base_rate=0.05)
    assert "larger biological effect than a neutral one in 61 % of pairs" in said
    assert "It lies above chance." in said
    assert "chance: 0.050." in said
    unsure = summary_reading(row | {"auroc_low": 0.49}, WORDS, base_rate=0.05)
    assert "The interval contains chance." in unsure
    assert "not defined" in summary_reading(row | {"auroc": None}, WORDS, base_rate=0.05)


def test_passing_tracks():
    enrichment = simulated(kinds=("biological",), cuts=("0.99",), n_tracks=5)
    enrichment.cuts["q_fisher"][:] = [0.01, 0.049, 0.05, np.nan, 0.001]
    enrichment.cuts["odds_ratio"][:] = [2, 0.5, 3, np.nan, np.inf]
    (row,) = passing(enrichment)
    assert row == {"kind": "biological", "cut": "0.99", "enriched": 2, "depleted": 1, "n": 4}
    assert passing_reading(row, WORDS) == (
        "biological effect, largest 1 %: of 4 tracks, 2 enriched for causal variants and 1 "
        "depleted."
    )
    none = passing_reading(row | {"enriched": 0, "depleted": 0}, WORDS)
    assert none == "biological effect, largest 1 %: none of 4 tracks passes."


def test_passing_by_the_matched_test_where_there_is_one():
    enrichment = simulated(kinds=("biological",), cuts=("0.99",), n_tracks=3, matched=True)
    enrichment.cuts["q_fisher"][:] = 0.001
    enrichment.cuts["q_matched"][:] = [0.01, 0.5, 0.5]
    enrichment.cuts["matched"][:] = [0.5, 2, 2]
    assert [(row["enriched"], row["depleted"]) for row in passing(enrichment)] == [(0, 1)]


def test_permutations():
    row = {"kind": "biological", "cut": "0.99", "n_permutations": 200, "p_overall": 0.005,
           "false_positive_rate": 0.041, "any_significant": 0.035, "null_low": 0.82,
           "null_high": 1.21}  # fmt: skip
    said = permutation_reading(row, WORDS, ratio=1.8)
    assert "4.1 % of tracks had p < 0.05 and 3.5 % of shuffles had any track" in said
    assert "as it should be. Shuffled labels gave overall odds ratios of 0.82 to 1.21" in said
    assert said.endswith("the real ones gave 1.80: p = 0.005.")
    assert not too_many(row | {"any_significant": 0.08})  # two standard errors: .0808
    assert too_many(row | {"any_significant": 0.082})
    assert "with caution" in permutation_reading(row | {"any_significant": 0.2}, WORDS, ratio=1.8)


def test_groups():
    rows = [
        {"column": "target", "kind": "biological", "cut": "0.99", "value": value, "n_tracks": n,
         "mean_odds_ratio": mean, "low": low, "high": high}
        for value, n, mean, low, high in [("CTCF", 4, 2.0, 1.5, 2.6), ("", 1, 0.9, None, None),
                                          ("MAX", 2, 0.5, 0.3, 0.8), ("none", 0, None, None, None)]
    ]  # fmt: skip
    said = group_reading(rows, WORDS)
    assert "highest for CTCF (2.00, interval 1.50 to 2.60, 4 tracks)" in said
    assert "lowest for MAX" in said
    assert said.endswith("Of 2 intervals, 1 above 1 and 1 below.")
    assert "(not known)" in group_reading(rows[1:2], WORDS)
    assert group_reading(rows[-1:], WORDS) == ""


def test_notes():
    plain, matched = simulated(), simulated(matched=True)
    assert any("not matched" in said for said in limits(plain, WORDS))
    assert any("matched (440 groups)" in said for said in limits(matched, WORDS))
    assert any(plain.settings["ties"] in said for said in meaning(plain, WORDS))
    scores = Words("positive", "negative", "score", 1, "upper")
    assert not any("1152" in said or "share variants" in said for said in limits(plain, scores))
    plain.counts["positives"] = 30
    assert any("Only 30 variants" in said for said in limits(plain, WORDS))
