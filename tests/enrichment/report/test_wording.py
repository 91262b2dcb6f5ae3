"""Numbers as a person reads them."""

from __future__ import annotations

import pytest
from enrichment.report.simulated import simulated

from mfdvep.enrichment.report.wording import Words, lead
from mfdvep.wording import area, interval, number, p_is, percent, plural, probability, signed


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "."), (0.0, "0"), (float("inf"), "inf"), (1.4, "1.40"), (0.0994, "0.099"),
     (99.94, "99.94"), (99.96, "100"), (1234.5, "1,234"), (2e6, "2.00e6"), (0.00012, "0.00012"),
     (0.000012, "1.2e-5")],
)  # fmt: skip
def test_number(value, text):
    if value == 0.00012:
        assert float(number(value)) == value
    else:
        assert number(value) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(None, "."), (1.0, "1.00"), (0.0994, "0.099"), (0.0499, "0.050"), (0.00094, "9.4e-4"),
     (2.1e-5, "2.1e-5"), (0.0, "<1e-300")],
)  # fmt: skip
def test_probability(p, text):
    assert probability(p) == text


def test_the_rest():
    assert p_is(0.0) == "p < 1e-300"
    assert p_is(0.03, name="Fisher p") == "Fisher p = 0.030"
    assert p_is(None) == "p not defined"
    assert area(0.0042) == "0.0042"
    assert area(0.6) == "0.600"
    assert signed(0.0123) == "+0.012"
    assert signed(2e-5) == "+2.0e-5"
    assert percent(0.1 + 0.2) == "30 %"
    assert (plural(1, "track"), plural(1000, "track")) == ("1 track", "1,000 tracks")
    assert lead(["combined", "biological"]) == "biological"
    assert lead(["score"]) == "score"


def test_an_end_beside_one_shows_its_side():
    assert interval(1.0002, 2) == "1.0002 to 2.00"
    assert interval(0.9971, 1) == "0.9971 to 1.00"
    assert interval(None, None) == "."
    assert interval(0.5, float("inf")) == "0.50 to inf"


@pytest.mark.parametrize(
    ("sided", "cut", "text", "share"),
    [("absolute", "0.99", "largest 1 %", 0.01), ("upper", "0.95", "highest 5 %", 0.05),
     ("lower", "0.05", "lowest 5 %", 0.05), ("lower", "0.95", "lowest 5 %", 0.05),
     ("both", "0.001,0.999", "lowest or highest 0.1 %", 0.002),
     ("both", "0.01,0.95", "lowest 1 % or highest 5 %", 0.06)],
)  # fmt: skip
def test_cuts(sided, cut, text, share):
    words = Words("causal", "neutral", "track", 5, sided)
    assert words.extremes(cut) == text
    assert words.share(cut) == pytest.approx(share)


def test_words_of_an_analysis():
    words = Words.of(simulated(preset="gnomad"))
    assert (words.positive, words.negative, words.unit) == ("rare", "common", "track")
    other = Words.of(simulated(kinds=("score",), preset=None, n_tracks=1))
    assert (other.positive, other.unit, other.effect("score")) == ("positive", "score", "score")
    assert other.in_some_track == ""
    assert words.coarse_to_fine(["0.99", "0.9", "0.99", "0.95"]) == ["0.9", "0.95", "0.99"]
