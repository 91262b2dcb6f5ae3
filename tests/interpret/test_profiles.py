"""Profiles: a planted motif found where it is, intervals against scipy, the baseline, figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from interpret.toy import BIOLOGICAL, toy_model
from scipy.stats import ttest_1samp, ttest_ind

from mfdvep.errors import InputError
from mfdvep.genomics.sequences import encode, reverse_complement
from mfdvep.interpret.profiles.averaging import difference, profile_of
from mfdvep.interpret.profiles.plots import heat_figure, line_figure
from mfdvep.interpret.profiles.running import (
    ProfileSettings,
    base_shares,
    profile,
    profile_targets,
    span_of,
)
from mfdvep.interpret.profiles.sites import Site
from mfdvep.interpret.profiles.tables import position_columns
from mfdvep.interpret.targets import Target

SETTINGS = ProfileSettings("gradient", flank=30, device="cpu")
SPAN = (-3, 4)  # of the motif's 7 bases
NONE = np.empty((0, 1153), dtype=np.uint8)


def planted(*offsets):
    """Return a sequence of A for each offset of the motif's middle from the centre; None: none."""
    codes = np.zeros((len(offsets), 1153), dtype=np.uint8)
    for row, offset in zip(codes, offsets, strict=True):
        if offset is not None:
            row[576 - 3 + offset : 576 + 4 + offset] = encode(BIOLOGICAL)
    return codes


def first_features(model):
    """Return the features that the toy model's two motifs make."""
    return profile_targets(
        model, [model.biological.direct_names[0], model.technical.direct_names[0]]
    )


@pytest.fixture(scope="module")
def toy():
    return toy_model(linear=True)


def test_a_planted_motif_is_the_profile_of_its_feature(toy):
    """All 6 tokens of the motif add 1, on the one strand on which it is read."""
    sites = planted(0, 0, 0)
    forward = profile(
        toy, first_features(toy), sites, NONE, span=SPAN,
        settings=replace(SETTINGS, strand="forward"),
    ).profile  # fmt: skip
    biological, technical = forward.signed.mean
    inside = (forward.positions >= -3) & (forward.positions < 3)
    assert np.allclose(biological, inside, atol=1e-4)
    assert np.allclose(technical, 0, atol=1e-6)
    assert forward.summary["half"] == ["biological", "technical"]
    assert forward.summary["share_inside"][0] == pytest.approx(1, abs=1e-4)
    assert forward.summary["inside_signed"][0] == pytest.approx(6 / 7, abs=1e-4)
    assert -3 <= forward.summary["peak_position"][0] < 3
    assert forward.summary["peak_inside"][0]


def test_the_other_strand_is_another_profile(toy):
    """Sequences read along the other strand have the motif there: the mirror image."""
    both = [
        profile(
            toy, first_features(toy), codes, NONE, span=SPAN,
            settings=replace(SETTINGS, strand=strand),
        ).profile.signed.mean[0]
        for codes, strand in (
            (planted(1, 1), "forward"), (reverse_complement(planted(1, 1)), "reverse"),
        )
    ]  # fmt: skip
    assert both[0].sum() == pytest.approx(6, abs=1e-3)
    assert np.allclose(both[0], both[1][::-1], atol=1e-5)


def test_the_baseline_is_subtracted_by_position(toy):
    settings = replace(SETTINGS, strand="forward")
    found = profile(
        toy, first_features(toy), planted(0, 0, 0), planted(0, 20, 20, None), span=SPAN,
        settings=settings,
    ).profile  # fmt: skip
    expected = np.zeros(61)
    expected[27:33] = 1 - 1 / 4
    expected[47:53] = -2 / 4
    assert np.allclose(found.signed.mean[0], expected, atol=1e-4)
    assert np.allclose(found.baseline_signed[0] - found.baseline_absolute[0], 0, atol=1e-4)
    assert (found.n_sites, found.n_baseline) == (3, 4)
    alike = profile(
        toy, first_features(toy), planted(0, 9), planted(0, 9), span=SPAN, settings=settings
    ).profile
    assert not alike.signed.mean.any()
    assert not alike.summary["inside_minus_flank"].any()


def test_integrated_gradients_say_by_how_much_they_miss(toy):
    settings = ProfileSettings("ig", n_steps=64, flank=10, device="cpu")
    ig = profile(toy, first_features(toy), planted(0, 0), NONE, span=SPAN, settings=settings)
    assert ig.missed[0] < 0.01
    assert ig.missed[1] < 1e-6
    assert ig.profile.signed.mean[0].sum() > 1
    gradient = profile(toy, first_features(toy), planted(0, 0), NONE, span=SPAN, settings=SETTINGS)
    assert np.isnan(gradient.missed).all()


@pytest.mark.parametrize("n", [2, 7, 40])
def test_intervals_are_those_of_scipy(n):
    rng = np.random.default_rng(n)
    sites, baseline = rng.normal(1, 2, (n, 3, 5)), rng.normal(0, 1, (n + 3, 3, 5))
    found = difference(sites, baseline)
    other = ttest_ind(sites, baseline, equal_var=False).confidence_interval(0.95)
    assert np.allclose(found.mean, sites.mean(0) - baseline.mean(0))
    assert np.allclose((found.low, found.high), (other.low, other.high))
    alone = difference(sites, baseline[:0])
    other = ttest_1samp(sites, 0).confidence_interval(0.95)
    assert np.allclose((alone.low, alone.high), (other.low, other.high))


def test_values_that_are_all_alike_have_no_width():
    found = difference(np.ones((3, 2)), np.zeros((4, 2)))
    assert (found.mean == 1).all()
    assert (found.low == 1).all()
    assert (found.high == 1).all()


def test_intervals_cover():
    """Of 400 draws from known distributions, about 95 % have the true difference inside."""
    rng = np.random.default_rng(1)
    sites, baseline = rng.normal(0.5, 1, (20, 400)), rng.normal(0, 2, (30, 400))
    found = difference(sites, baseline)
    covered = ((found.low < 0.5) & (found.high > 0.5)).mean()
    assert 0.92 < covered < 0.98


def summary(sites, baseline):
    """Return the summary of scores (n, P) and (m, P) of one feature, at positions -3 to 3."""
    target = Target("t", np.ones(2, np.float32), 1, unit="SD")
    return profile_of(
        [target], sites[:, None], baseline[:, None], flank=sites.shape[1] // 2, span=(-1, 2),
        generator=np.random.default_rng(0),
    ).summary  # fmt: skip


def test_the_summary_by_hand():
    sites = np.array([[0, 0, 3, -3, 0, 1, 0], [0, 0, 1, -1, 4, 1, 0]], dtype=float)
    found = summary(sites, np.ones((2, 7)))
    assert found["half"] == ["combined"]
    assert found["inside_signed"].tolist() == [2 / 3 - 1]
    assert found["inside_absolute"].tolist() == [2 - 1]
    assert found["flank_absolute"].tolist() == [0.25 - 1]
    assert found["inside_minus_flank"].tolist() == [1.75]
    assert found["share_inside"].tolist() == [12 / 14]
    assert found["share_of_positions"] == [3 / 7]
    assert (found["peak_position"][0], found["peak_inside"][0]) == (-1, True)
    assert found["peak_absolute"][0] == 1
    assert found["share_inside_low"][0] <= 12 / 14 <= found["share_inside_high"][0]


def test_the_interval_of_a_share_is_about_that_of_the_delta_method():
    rng = np.random.default_rng(2)
    scores = rng.gamma(2, 1, (200, 7))
    inside, whole = scores[:, 2:5].sum(axis=1), scores.sum(axis=1)
    share = inside.sum() / whole.sum()
    error = np.std(inside - share * whole, ddof=1) / np.sqrt(200) / whole.mean()
    found = summary(scores, scores[:0])
    assert found["share_inside"][0] == pytest.approx(share)
    assert found["share_inside_high"][0] - share == pytest.approx(1.96 * error, rel=0.15)
    assert share - found["share_inside_low"][0] == pytest.approx(1.96 * error, rel=0.15)


def test_spans_of_motifs_and_footprints():
    assert span_of([Site("c", 10, 17)]) == (-3, 4)
    assert span_of([Site("c", 10, 16)]) == (-3, 3)
    assert span_of([Site("c", 0, 10), Site("c", 0, 20), Site("c", 0, 90)]) == (-10, 10)


def test_shares_of_bases():
    codes = np.array([[0, 4], [0, 4], [3, 4], [4, 4]], dtype=np.uint8)
    assert base_shares(codes).tolist() == [[2 / 3, 0, 0, 1 / 3], [0.25] * 4]


def test_all_direct_features_biological_first(small_model):
    assert [t.name for t in profile_targets(small_model)] == [
        *small_model.biological.direct_names, *small_model.technical.direct_names,
    ]  # fmt: skip
    assert [t.name for t in profile_targets(small_model, ["ctcf", "target=CTCF"])] == [
        "target=CTCF"
    ]


def test_a_table_has_a_row_a_feature_and_position(small_model):
    rng = np.random.default_rng(0)
    targets = profile_targets(small_model)
    found = profile_of(
        targets, rng.normal(size=(4, len(targets), 21)), rng.normal(size=(3, len(targets), 21)),
        flank=10, span=SPAN, generator=rng,
    )  # fmt: skip
    columns = position_columns(found)
    assert {len(values) for values in columns.values()} == {21 * len(targets)}
    assert columns["position"][:3].tolist() == [-10, -9, -8]
    assert sum(columns["inside"]) == 7 * len(targets)
    row = 21 * 2 + 5
    assert columns["feature"][row] == targets[2].name
    assert columns["signed_low"][row] == found.signed.low[2, 5]
    bases = np.full((21, 4), 0.25)
    for figure in (line_figure(found, bases, "absolute", title="t"),
                   heat_figure(found, bases, title="t")):  # fmt: skip
        assert "4 sites less 3 baseline sequences" in figure.get_suptitle()
        labels = [axes.get_xlabel() for axes in figure.axes]
        assert labels.count("bases from the centre, along the site's strand") == 2


@pytest.mark.parametrize(
    ("n", "m", "words"),
    [(1, 0, "1 sites and 0 baseline"), (0, 5, "0 sites"), (5, 1, "1 baseline sequences")],
)
def test_too_few_sequences_are_refused(toy, n, m, words):
    sites, baseline = planted(*[0] * n), planted(*[0] * m)
    with pytest.raises(InputError, match=words):
        profile(toy, first_features(toy), sites, baseline, span=SPAN, settings=SETTINGS)


@pytest.mark.parametrize("flank", [0, 513])
def test_flanks_that_are_none(flank):
    with pytest.raises(InputError, match=f"flank {flank}; expected 1 to 512"):
        ProfileSettings(flank=flank)
