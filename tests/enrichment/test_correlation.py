"""Correlation of effects with quantities: over all variants, by element, over elements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from enrichment.flat import QUICK, write_table
from scipy import stats

import mfdvep.enrichment.correlation as module
from mfdvep.enrichment.correlation import ALL, correlate
from mfdvep.errors import InputError

N, TRACKS = 60, 7
NAMES = ["TERT", "SORT1", "LDLR"]


def draw(seed=0):
    """Scores (T, n) of which the first follows the labels (n,), and the elements of variants."""
    rng = np.random.default_rng(seed)
    label = rng.standard_normal(N)
    scores = rng.standard_normal((TRACKS, N))
    scores[0] += 2 * label
    return scores, label, [NAMES[i % 3] for i in range(N)]


def rows(columns, **chosen):
    """Return the rows of a table where columns have these values, as a table."""
    here = np.ones(len(columns["track"]), dtype=bool)
    for name, value in chosen.items():
        here &= np.asarray(columns[name]) == value
    return {name: np.asarray(values)[here] for name, values in columns.items()}


def test_all_variants_and_elements_are_scipys(tmp_path):
    scores, label, element = draw()
    path = write_table(tmp_path / "s.parquet", scores, label, element=element)
    found = correlate(path, "label", options=QUICK)
    assert list(dict.fromkeys(found.elements["element"])) == [ALL, "LDLR", "SORT1", "TERT"]
    assert found.counts["elements"] == 3
    for name in (ALL, *NAMES):
        own = rows(found.elements, element=name)
        which = np.array([name in (ALL, e) for e in element])
        assert set(own["n"]) == {which.sum()}
        assert own["track"].tolist() == [f"s{i}" for i in range(TRACKS)]
        expected = [
            (stats.pearsonr(row[which], label[which]), stats.spearmanr(row[which], label[which]))
            for row in scores.astype(np.float32).astype(float)
        ]
        for measure, of in zip(("pearson", "spearman"), zip(*expected, strict=True), strict=True):
            assert own[measure] == pytest.approx([r.statistic for r in of], abs=1e-8)
            p = [r.pvalue for r in of]
            assert own[f"{measure}_p"] == pytest.approx(p, abs=1e-8)
            q = stats.false_discovery_control(p)
            assert own[f"{measure}_q"] == pytest.approx(q, abs=1e-8)
        ends = [of[0].confidence_interval(0.95) for of in expected]
        assert own["pearson_low"] == pytest.approx([e.low for e in ends], abs=1e-8)
        assert own["pearson_high"] == pytest.approx([e.high for e in ends], abs=1e-8)


def test_means_over_elements_have_students_interval(tmp_path):
    scores, label, element = draw()
    path = write_table(tmp_path / "s.parquet", scores, label, element=element)
    found = correlate(path, "label", options=QUICK)
    assert list(found.means["n_elements"]) == [3] * TRACKS
    for measure in ("pearson", "spearman"):
        for i in range(TRACKS):
            own = rows(found.elements, track=f"s{i}")
            values = own[measure][own["element"] != ALL]
            low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
            ends = [found.means[f"mean_{measure}{end}"][i] for end in ("", "_low", "_high")]
            assert ends == pytest.approx([values.mean(), low, high], abs=1e-8)


def test_small_elements_are_left_out_and_said(tmp_path):
    scores, label, _ = draw()
    element = ["A"] * 50 + ["B"] * 3 + ["C"] * 1 + [None] * 6
    path = write_table(tmp_path / "s.parquet", scores, label, element=element)
    found = correlate(path, "label", options=QUICK)
    assert set(found.elements["element"]) == {ALL, "A"}
    assert rows(found.elements, element=ALL)["n"][0] == N
    names = ("elements", "elements_left_out", "no_element")
    assert [found.counts[name] for name in names] == [1, 2, 6]
    few, unnamed = found.settings["flagged"]
    assert few.startswith("elements with fewer than 4 variants: 2;")
    assert unnamed.startswith("variants that name no element: 6;")
    # a mean of one element has no interval
    assert np.isfinite(found.means["mean_spearman"]).all()
    assert np.isnan(found.means["mean_spearman_low"]).all()


def test_no_elements(tmp_path):
    scores, label, _ = draw()
    found = correlate(write_table(tmp_path / "s.parquet", scores, label), "label", options=QUICK)
    assert set(found.elements["element"]) == {ALL}
    assert found.means == {}
    assert found.settings["flagged"] == []


def test_constant_effects_have_none(tmp_path):
    scores, label, element = draw()
    scores[1] = 0.1
    scores[2, np.array(element) == "TERT"] = 1e-20  # in one element only
    path = write_table(tmp_path / "s.parquet", scores, label, element=element)
    found = correlate(path, "label", options=QUICK)
    for name in ("pearson", "pearson_low", "spearman_high", "spearman_p", "spearman_q"):
        assert np.isnan(rows(found.elements, track="s1")[name]).all()
    assert found.means["n_elements"].tolist() == [3, 0, 2, 3, 3, 3, 3]
    assert np.isnan(found.means["mean_spearman"][1])
    assert found.settings["flagged"] == [
        "1 tracks have one score effect for all variants: no correlation"
    ]
    # q is over the tracks that have a p
    known = rows(found.elements, element=ALL)
    p = np.delete(known["spearman_p"], 1)
    assert np.delete(known["spearman_q"], 1) == pytest.approx(stats.false_discovery_control(p))


def test_an_element_of_equal_labels(tmp_path):
    scores, label, element = draw()
    label[np.array(element) == "LDLR"] = 0.1
    path = write_table(tmp_path / "s.parquet", scores, label, element=element)
    found = correlate(path, "label", options=QUICK)
    assert np.isnan(rows(found.elements, element="LDLR")["spearman"]).all()
    assert list(found.means["n_elements"]) == [2] * TRACKS
    assert found.settings["flagged"] == [
        "elements of equal labels or effects: LDLR; they have no correlation"
    ]


@pytest.mark.parametrize(("sided", "of"), [
    (None, lambda x: x), ("upper", lambda x: x), ("lower", np.negative), ("absolute", np.abs),
])  # fmt: skip
def test_sides(tmp_path, sided, of):
    scores, label, _ = draw()
    path = write_table(tmp_path / "s.parquet", scores, label)
    found = correlate(path, "label", options=replace(QUICK, sided=sided))
    expected = [stats.spearmanr(of(row), label).statistic for row in scores]
    assert found.elements["spearman"] == pytest.approx(expected, abs=1e-8)
    assert found.settings["sided"] == (sided or "upper")


def test_small_effects_stay_numbers(tmp_path):
    scores, label, element = draw()
    paths = [tmp_path / "one.parquet", tmp_path / "other.parquet"]
    for path, scale in zip(paths, (1, 2.0**-67), strict=True):  # 7e-21: its squares are no float32
        write_table(path, scores.astype(np.float32) * np.float32(scale), label, element=element)
    one, other = (correlate(path, "label", options=QUICK).elements for path in paths)
    for name in ("pearson", "spearman", "spearman_q"):
        assert one[name] == pytest.approx(other[name], abs=1e-12)


def test_labels_0_and_1(tmp_path):
    scores, label, _ = draw()
    label = (label > 0).astype(int)
    found = correlate(write_table(tmp_path / "s.parquet", scores, label), "label", options=QUICK)
    expected = [stats.pointbiserialr(label == 1, row) for row in scores]
    assert found.elements["pearson"] == pytest.approx([r.statistic for r in expected], abs=1e-6)
    assert found.elements["pearson_p"] == pytest.approx([r.pvalue for r in expected], abs=1e-6)


def test_parts_of_tracks_give_the_same(tmp_path, monkeypatch):
    scores, label, element = draw()
    path = write_table(tmp_path / "s.parquet", scores, label, element=element)
    whole = correlate(path, "label", options=QUICK)
    monkeypatch.setattr(module, "_AT_ONCE", 2 * N)  # two tracks at a time
    seen = []
    parts = correlate(path, "label", options=QUICK, progress=lambda *at: seen.append(at))
    assert seen == [(2, 7), (4, 7), (6, 7), (7, 7)]
    for name, values in whole.elements.items():
        if name in ("kind", "track", "element"):
            assert list(values) == list(parts.elements[name])
        else:
            assert values == pytest.approx(parts.elements[name], abs=1e-12, nan_ok=True)


def test_chosen_tracks(tmp_path):
    scores, label, _ = draw()
    path = write_table(tmp_path / "s.parquet", scores, label)
    found = correlate(path, "label", options=replace(QUICK, names=("s3", "s1")))
    assert list(found.elements["track"]) == ["s1", "s3"] == list(found.track_table.names)
    expected = stats.spearmanr(scores[3], label).statistic
    assert found.elements["spearman"][1] == pytest.approx(expected)


def test_a_baseline_is_a_kind(tmp_path):
    scores, label, element = draw()
    path = write_table(tmp_path / "s.parquet", scores, label, element=element)
    other = write_table(tmp_path / "b.parquet", -scores[:2], label)
    found = correlate(path, "label", baseline=other, options=QUICK)
    assert found.settings["kinds"] == ["baseline", "score"]
    one, two = (
        rows(found.means, track="s0", kind=k)["mean_spearman"] for k in ("baseline", "score")
    )
    assert one == pytest.approx(-two)
    assert len(found.means["track"]) == 2 + TRACKS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"label": np.full(N, 2.0)}, "all 60 labels label are 2; expected quantities"),
        ({"label": np.r_[[1.0, 2, 3], [np.nan] * (N - 3)]}, "3 labelled and scored variants; exp"),
        ({"scores": np.full((2, N), 0.1)}, "effects of all 60 variants are equal"),
        ({"element": [ALL] * N}, r"an element is called \(all\)"),
    ],
)
def test_refusals(tmp_path, change, says):
    given = dict(zip(("scores", "label", "element"), draw(), strict=True)) | change
    path = write_table(tmp_path / "s.parquet", given["scores"], given["label"],
                       element=given["element"])  # fmt: skip
    with pytest.raises(InputError, match=says):
        correlate(path, "label", options=QUICK)


def test_other_refusals(tmp_path):
    scores, label, _ = draw()
    path = write_table(tmp_path / "s.parquet", scores, label)
    with pytest.raises(InputError, match="side 'both': a correlation has no tails; expected abs"):
        correlate(path, "label", options=replace(QUICK, sided="both"))
    with pytest.raises(InputError, match="no column 'region'"):
        correlate(path, "label", element="region", options=QUICK)
    words = pq.read_table(path).append_column("activity", pa.array(["high"] * N))
    pq.write_table(words, path)
    with pytest.raises(InputError, match="activity='high'; expected a number"):
        correlate(path, "activity", options=QUICK)


def test_under_the_null_levels_hold(tmp_path):
    rng = np.random.default_rng(5)
    missed, discoveries, n_draws, tracks = [], 0, 20, 40
    for _ in range(n_draws):
        scores, label = rng.standard_normal((tracks, N)), rng.standard_normal(N)
        path = write_table(tmp_path / "s.parquet", scores, label, element=draw()[2])
        found = correlate(path, "label", options=QUICK)
        own = rows(found.elements, element=ALL)
        discoveries += (own["spearman_q"] < 0.05).any()
        missed.append([((own[f"{m}_low"] > 0) | (own[f"{m}_high"] < 0)).mean()
                       for m in ("pearson", "spearman")]
                      + [((found.means[f"mean_{m}_low"] > 0) | (found.means[f"mean_{m}_high"] < 0))
                         .mean() for m in ("pearson", "spearman")])  # fmt: skip
    error = np.sqrt(0.05 * 0.95 / (n_draws * tracks))
    assert (np.abs(np.mean(missed, axis=0) - 0.05) < 3 * error + 0.01).all()
    # nothing is there, so every discovery is false
    assert discoveries / n_draws <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_draws)
