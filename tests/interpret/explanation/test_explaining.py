"""Effects as `mfdvep score` gives them, groups of tracks, and alleles that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import make_model
from interpret.explanation.small import SEQUENCE, explained, genome_in, snv

from mfdvep.errors import InputError
from mfdvep.genomics.variants import variant_of
from mfdvep.interpret.explanation.explaining import type_of
from mfdvep.interpret.explanation.groups import groups_of
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.scorer import Scorer

AT = slice(1499, 1505)


@pytest.fixture
def genome(tmp_path):
    with genome_in(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("ref", "alt"),
    [
        (SEQUENCE[AT][:1], "ACGT".replace(SEQUENCE[AT][:1], "")[0]),
        (SEQUENCE[AT], SEQUENCE[AT][:1]),
        (SEQUENCE[AT][:1], SEQUENCE[AT][:1] + "TTAGG"),
        (SEQUENCE[AT], "GG"),
    ],
    ids=["SNV", "deletion", "insertion", "delins"],
)
def test_the_numbers_are_those_of_score(small_model, genome, ref, alt):
    variant = variant_of(f"chr1:1500:{ref}:{alt}")
    found = explained(small_model, genome, variant, shifts=3, strand="both")
    for scale in ("probability", "logit"):
        scorer = Scorer(small_model, genome, shifts=3, scale=scale, device="cpu")
        effects = scorer.score([variant])
        for kind in KINDS:
            assert np.array_equal(found.effects[scale][kind], getattr(effects, kind)[0])
    logit = found.effects["logit"]
    assert np.array_equal(logit["combined"], logit["biological"] + logit["technical"])
    by = found.predicted[1] - found.predicted[0]
    assert np.allclose(by, found.effects["probability"]["combined"], atol=1e-6)


@pytest.mark.parametrize(
    ("ref", "alt", "expected"),
    [("A", "G", "SNV"), ("AC", "GT", "MNV"), ("", "G", "insertion"), ("AC", "", "deletion"),
     ("AC", "G", "delins"), ("", "", "no change")],
)  # fmt: skip
def test_types(ref, alt, expected):
    assert type_of(ref, alt) == expected


def test_padding_changes_nothing(small_model, genome):
    variant = snv(1500)
    before = SEQUENCE[1498]
    padded = variant_of(f"1:1499:{before}{variant.ref}:{before}{variant.alt}".lower())
    first, second = (explained(small_model, genome, each) for each in (variant, padded))
    assert (first.contig, first.start, first.ref) == (second.contig, second.start, second.ref)
    assert np.array_equal(first.predicted, second.predicted)


def test_tracks_are_ranked_by_the_scale_that_is_asked_for(small_model, genome):
    found = explained(small_model, genome, snv(1500), scale="logit")
    row, effect = found.largest()
    assert abs(effect) == np.abs(found.effects["logit"]["combined"]).max()
    assert found.ranked()[0] == row
    assert sorted(found.ranked()) == list(range(5))


def test_a_plain_baseline_has_no_halves(genome):
    with pytest.warns(UserWarning, match="plain baseline"):
        found = explained(make_model(variables=(), plain=True), genome, snv(1500))
    assert found.kinds == ("combined",)
    assert set(found.effects["logit"]) == {"combined"}
    assert set(found.groups[0].mean["logit"]) == {"combined"}


TRACKS = TrackTable({"id": ("a", "b", "c", "d"), "target": ("X", "Y", "X", "")})


def test_groups_by_hand():
    combined = np.array([0.4, -0.1, 0.2, 0.0], dtype=np.float32)
    effects = {"probability": {"combined": combined}, "logit": {"combined": 2 * combined}}
    x, y, unknown = groups_of(TRACKS, effects, ["target"], scale="probability")
    assert (x.value, y.value, unknown.value) == ("X", "Y", "")
    assert (x.rows, x.n_tracks, x.raised, x.lowered, x.largest) == ((0, 2), 2, 2, 0, 0)
    assert x.mean["probability"]["combined"] == pytest.approx(0.3)
    assert x.mean["logit"]["combined"] == pytest.approx(0.6)
    assert x.others["probability"] == pytest.approx(-0.05)
    assert (x.low["probability"], x.high["probability"]) == pytest.approx((0.2, 0.4))
    assert (unknown.raised, unknown.lowered) == (0, 0)


def test_a_group_of_all_tracks_has_no_others():
    table = TrackTable({"id": ("a", "b"), "assay": ("D", "D")})
    effects = {"logit": {"combined": np.array([1.0, 2.0], dtype=np.float32)}}
    (group,) = groups_of(table, effects, ["assay"], scale="logit")
    assert np.isnan(group.others["logit"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chr2:1500:A:G", ["CONTIG_MISSING", "nearest: chr1"]),
        ("chr1:3001:A:G", ["OFF_CONTIG", "3,000 bases"]),
        (f"chr1:1500:A:{'C' * 600}", ["TOO_LONG", "longer than 512"]),
        ("chr1:1500:N:G", ["NON_ACGT", "other than A, C, G and T"]),
    ],
)
def test_refusals_have_the_status_and_its_reason(small_model, genome, text, words):
    text = text.replace("1500:A", f"1500:{SEQUENCE[1499]}")
    with pytest.raises(InputError) as error:
        explained(small_model, genome, variant_of(text))
    assert all(word in str(error.value) for word in words)


def test_a_wrong_ref_is_told_what_is_there(small_model, genome):
    variant = snv(1500)
    swapped = variant_of(f"chr1:1500:{variant.alt}:{variant.ref}")
    with pytest.raises(InputError, match=f"REF_MISMATCH.* has {variant.ref} .which is ALT: are"):
        explained(small_model, genome, swapped)


def test_an_unknown_column_is_refused_before_any_work(small_model, genome):
    with pytest.raises(InputError, match="no column 'tissue'"):
        explained(small_model, genome, snv(1500), group_by=["tissue"])
