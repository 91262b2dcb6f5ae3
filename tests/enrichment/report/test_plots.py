"""Figures: what is drawn is what the tables have."""

from __future__ import annotations

import numpy as np
import pytest
from enrichment.report.simulated import CUTS, KINDS, simulated

from mfdvep.enrichment.report.curve_plots import uniform_qq
from mfdvep.enrichment.report.plots import draw
from mfdvep.plotting import KIND_COLOURS, KIND_MARKERS, save_figures

FOUR = ("baseline", *KINDS)


@pytest.fixture(scope="module")
def figures():
    return draw(simulated(matched=True))


def texts(axes):
    return [text.get_text() for text in axes.texts]


def labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def offsets(axes):
    return np.concatenate([dots.get_offsets().data for dots in axes.collections if
                           len(dots.get_offsets())])  # fmt: skip


def test_names(figures):
    assert list(figures) == ["overall", "groups_assay", "groups_target", "qq", "roc_pr"]
    assert set(draw(simulated(groups=()))) == {"overall", "qq", "roc_pr"}
    assert set(KIND_COLOURS) == set(KIND_MARKERS) == {*FOUR, "score"}


def test_forest(figures):
    enrichment = simulated(matched=True)
    (axes,) = figures["overall"].axes
    assert axes.get_xscale() == "log"
    assert labels(axes) == [
        line
        for cut in ("largest 10 %", "largest 5 %", "largest 1 %")
        for line in (cut, "combined", "biological", "technical")
    ]
    points = offsets(axes)[:, 0]
    expected = [v for pair in zip(enrichment.overall["odds_ratio"], enrichment.overall["matched"],
                                  strict=True) for v in pair]  # fmt: skip
    assert points == pytest.approx(expected)
    counts = f"{enrichment.overall['tagged_positive'][0]:,} / "
    assert any(text.startswith(counts) for text in texts(axes))
    drawn = {tuple(line.get_xdata()) for line in axes.lines}
    ends = zip(enrichment.overall["bootstrap_low"], enrichment.overall["bootstrap_high"],
               strict=True)  # fmt: skip
    assert set(ends) < drawn
    assert (1, 1) in drawn


def test_forest_of_what_has_no_number():
    """An infinite odds ratio and 0 stand at the edges, one not defined nowhere."""
    enrichment = simulated(cuts=("0.99",))
    table = enrichment.overall
    table["odds_ratio"][:] = [np.inf, 0, np.nan]
    for name in ("conditional", "bootstrap"):
        table[f"{name}_low"][:] = [2, 0, np.nan]
        table[f"{name}_high"][:] = [np.inf, 3, np.nan]
    (axes,) = draw(enrichment)["overall"].axes
    low, high = axes.get_xlim()
    assert offsets(axes)[:, 0] == pytest.approx([high, low])
    assert "not defined" in texts(axes)
    assert "inf (2.00 to inf)" in texts(axes)


def test_a_wide_interval_does_not_take_the_room():
    enrichment = simulated(cuts=("0.99",))
    enrichment.overall["conditional_high"][0] = 1e9
    (axes,) = draw(enrichment)["overall"].axes
    assert axes.get_xlim()[1] < 100


def test_groups(figures):
    panels = figures["groups_target"].axes
    assert [axes.get_title() for axes in panels] == ["largest 10 %", "largest 5 %", "largest 1 %"]
    table = simulated(matched=True).groups
    chosen = [
        i
        for i, column in enumerate(table["column"])
        if (column, table["kind"][i], table["cut"][i]) == ("target", "biological", CUTS[-1])
    ]
    names = {table["value"][i]: table["mean_odds_ratio"][i] for i in chosen}
    shown = [label.split(" (n =")[0] for label in labels(panels[0])]
    assert shown == sorted(names, key=lambda name: -names[name])
    assert len(offsets(panels[-1])) == len(names) * 3


def test_many_groups_and_cuts():
    enrichment = simulated(groups=("experiment",), cuts=("0.5", *CUTS))
    panels = draw(enrichment)["groups_experiment"].axes
    assert len(labels(panels[0])) == 25
    assert len(panels) == 3
    assert panels[0].get_title() == "largest 10 %"


def test_qq_without_permutations_says_so(figures):
    title = figures["qq"].get_suptitle()
    assert "correlated tracks: no band without permutations" in title
    assert len(figures["qq"].axes) == 9
    assert len(offsets(figures["qq"].axes[0])) == 40
    values = uniform_qq(simulated(kinds=("score",), cuts=("0.9",), n_tracks=4))
    assert values["expected"] == pytest.approx(-np.log10([0.125, 0.375, 0.625, 0.875]))
    assert sorted(values["observed"], reverse=True) == values["observed"]


def test_qq_of_zero_and_undefined_p():
    enrichment = simulated(kinds=("score",), cuts=("0.9",), n_tracks=4)
    enrichment.cuts["p_fisher"][:] = [0, np.nan, 0.5, 1]
    values = uniform_qq(enrichment)
    assert len(values["observed"]) == 3
    assert np.isfinite(values["observed"]).all()


def test_qq_with_permutations():
    figure = draw(simulated(permuted=True))["qq"]
    assert "95 % of permutations" in figure.get_suptitle()
    bands = [axes.collections for axes in figure.axes]
    assert all(len(of) == 2 for of in bands)


def test_roc_and_pr(figures):
    enrichment = simulated(matched=True)
    left, right = figures["roc_pr"].axes
    entries = [text.get_text() for text in left.get_legend().get_texts()]
    assert entries[1] == "biological 0.590 (0.560 to 0.620)"
    assert entries[-1] == "chance: 0.5"
    assert right.get_legend().get_texts()[-1].get_text() == "chance: 0.049"
    for axes, names in ((left, ("fpr", "tpr")), (right, ("recall", "precision"))):
        for line, kind in zip(axes.lines, KINDS, strict=False):
            for data, name in zip((line.get_xdata(), line.get_ydata()), names, strict=True):
                assert data == pytest.approx(enrichment.curves[kind][name])


def test_bytes_are_the_same_each_time(tmp_path):
    small = {"kinds": ("score",), "cuts": ("0.9",), "n_tracks": 5, "groups": ()}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_figures(draw(simulated(**small)), tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert path.suffix == ".png" or b"<dc:date>" not in path.read_bytes()
