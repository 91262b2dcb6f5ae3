"""The demo's table, from effects whose answer is known."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable

TARGETS = ("CTCF", "RAD21", "GABPA", "H3K27ac", "accessible DNA")
TRACKS = TrackTable({"target": TARGETS, "biosample": ("K562", "GM12878", "HeLa-S3", "", "Zürich")})


@dataclass(frozen=True)
class Allele:
    chrom: str
    pos: int
    ref: str
    alt: str


@pytest.fixture
def show(examples):
    import show_effects

    return show_effects


@pytest.fixture
def truth(show, examples):
    return show.read_truth(examples / "truth.tsv")


def effects_of(truth, *, tracks=TRACKS, sign=1.0):
    """Effects of a model that gets the example right: own tracks move by 0.4, others by 0.01."""
    import show_effects

    targets = tracks["target"]
    combined = np.full((len(truth), len(targets)), np.nan, dtype=np.float32)
    for i, row in enumerate(truth.values()):
        if row["status"] != "OK":
            continue
        direction = {"break": -1.0, "make": 1.0, "none": 0.0}[row["effect"]] * sign
        combined[i] = 0.01 * direction
        combined[i, show_effects.own_tracks(targets, row["motif"])] = 0.4 * direction
    return SimpleNamespace(
        variants=[Allele(*key) for key in truth],
        status=[row["status"] for row in truth.values()],
        combined=combined, biological=combined * 0.75, technical=combined * 0.25, tracks=tracks,
    )  # fmt: skip


def test_a_model_that_is_right_agrees_everywhere(show, truth):
    scored, unscored = show.join(effects_of(truth), truth)
    lines = {(line.motif, line.effect): line for line in show.summarise(scored)}
    loss = lines["CTCF", "break"]
    assert (loss.n, loss.n_own, loss.rank, loss.n_agree) == (9, 2, 1.0, 9)
    np.testing.assert_allclose(loss.own, (-0.4, -0.3, -0.1), rtol=1e-6)
    assert TARGETS[loss.top_track] in ("CTCF", "RAD21")
    assert lines["CTCF", "make"].own[0] > 0
    assert lines["CTCF", "none"].n_agree == 3
    assert lines[".", "none"].n_agree == lines[".", "none"].n == 7
    assert {status for _, _, status, _ in unscored} == {"STAR", "SYMBOLIC", "REF_MISMATCH"}


def test_a_model_that_is_wrong_agrees_nowhere(show, truth):
    scored, _ = show.join(effects_of(truth, sign=-1.0), truth)
    for line in show.summarise(scored):
        if line.effect != "none" and line.n_agree is not None:
            assert line.n_agree == 0


def test_a_factor_without_tracks_is_shown_and_not_judged(show, truth):
    scored, _ = show.join(effects_of(truth), truth)
    rest = next(line for line in show.summarise(scored) if line.motif == "REST")
    assert rest.n_own == 0
    assert rest.n_agree is None
    assert np.isnan(rest.own[0])
    row = next(r for r in show.report(effects_of(truth), truth).splitlines() if "REST" in r)
    assert row.rstrip().endswith("-")


def test_a_variant_beside_the_motif_that_moves_its_tracks_does_not_agree(show, truth):
    effects = effects_of(truth)
    moved = [
        i for i, r in enumerate(truth.values()) if (r["motif"], r["effect"]) == ("ETS", "none")
    ]
    effects.combined[moved[0], 2] = -0.2
    scored, _ = show.join(effects, truth)
    line = next(x for x in show.summarise(scored) if (x.motif, x.effect) == ("ETS", "none"))
    assert (line.n_agree, line.n) == (1, 2)


def test_report_is_narrow_ascii_and_says_what_was_not_scored(show, truth):
    text = show.report(effects_of(truth), truth, every_allele=True)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100
    assert "CTCF_del.2 *: STAR" in text
    assert "expected" not in text
    # CTCF 9 + 2 and ETS 4 + 2 alleles: the only motifs whose factors have tracks here.
    assert "17 of 17 alleles" in text
    assert text.count("CTCF_open1.1") == 1


def test_a_status_that_was_not_planned_is_pointed_out(show, truth):
    effects = effects_of(truth)
    effects.status[0] = "N_RICH"
    assert "N_RICH (expected OK)" in show.report(effects, truth)


def test_variants_of_another_file_are_refused(show, truth):
    effects = effects_of(truth)
    effects.variants[0] = Allele("chrZ", 5, "A", "C")
    with pytest.raises(ValueError, match="chrZ:5:A:C"):
        show.join(effects, truth)


def test_a_matrix_that_lacks_variants_is_refused(show, truth):
    effects = effects_of(truth)
    effects.variants.pop()
    with pytest.raises(ValueError, match="1 variants of truth"):
        show.join(effects, truth)


def test_script_prints_the_table_of_a_matrix(show, truth, monkeypatch, capsys):
    monkeypatch.setattr("mfdvep.read_effects", lambda path: effects_of(truth), raising=False)
    assert show.main(["any.parquet"]) == 0
    out = capsys.readouterr().out
    assert "9/9" in out
    assert "CTCF_open1.1" not in out
    assert show.main(["any.parquet", "--all"]) == 0
    assert "CTCF_open1.1" in capsys.readouterr().out


@pytest.mark.parametrize("error", [InputError("x.parquet: no such file"), ValueError("no such")])
def test_script_shows_a_refusal_as_one_line(show, monkeypatch, capsys, error):
    def refuse(path):
        raise error

    monkeypatch.setattr("mfdvep.read_effects", refuse, raising=False)
    assert show.main(["x.parquet"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("show_effects: ")
    assert err.count("\n") == 1
    assert "no such" in err


def test_script_without_the_truth_table_says_so(show, truth, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("mfdvep.read_effects", lambda path: effects_of(truth), raising=False)
    assert show.main(["x.parquet", "--truth", str(tmp_path / "gone.tsv")]) == 1
    assert "gone.tsv" in capsys.readouterr().err
