"""Scanning: against scores and p-values of every sequence, and against Biopython."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from Bio.motifs.matrix import FrequencyPositionMatrix
from Bio.motifs.thresholds import ScoreDistribution
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.genomics.motif_scan import UNIT, MotifScanner
from mfdvep.genomics.motifs import Motif, iupac_motif
from mfdvep.genomics.sequences import encode, reverse_complement


def random_motif(n=5, seed=0, n_sites=30.0):
    return Motif("m", np.random.default_rng(seed).dirichlet(np.full(4, 0.3), n), n_sites)


def score_of(motif, word):
    """Return bits, written out."""
    total = 0.0
    for p, code in zip(motif.probabilities, word, strict=True):
        total += round(1000 * np.log2((p[code] * motif.n_sites + 0.25) / (motif.n_sites + 1) * 4))
    return total / 1000


@given(st.text("ACGTN", min_size=0, max_size=40), st.integers(0, 5))
def test_every_place_on_both_strands(text, seed):
    motif, codes = random_motif(seed=seed), encode(text)
    found = MotifScanner(motif, min_score=0.1).scores(codes) / UNIT
    assert found.shape == (2, max(0, len(codes) - 4))
    for strand, place in product((0, 1), range(found.shape[1])):
        word = codes[place : place + 5]
        word = reverse_complement(word) if strand else word
        if (word == 4).any():
            assert found[strand, place] < -1e6
        else:
            assert found[strand, place] == pytest.approx(score_of(motif, word))


@given(st.integers(0, 50), st.floats(0.001, 1))
def test_p_values_are_shares_of_all_sequences(seed, p_value):
    motif = random_motif(seed=seed)
    words = np.array(list(product(range(4), repeat=5)), dtype=np.uint8)
    scanner = MotifScanner(motif, p_value=p_value)
    scores = np.array([scanner.scores(word)[0, 0] for word in words])
    shares = (scores[None] >= scores[:, None]).mean(axis=1)
    assert np.allclose(scanner.p_values(scores), shares)
    assert np.array_equal(scores >= scanner.threshold, shares <= p_value * (1 + 1e-9))


def test_the_threshold_is_about_that_of_biopython():
    motif = random_motif(12, seed=3, n_sites=1000)
    smooth = (motif.probabilities * 1000 + 0.25) / 1001
    columns = {base: smooth[:, i].tolist() for i, base in enumerate("ACGT")}
    pssm = FrequencyPositionMatrix("ACGT", columns).normalize().log_odds()
    for p_value in (1e-2, 1e-4):
        other = ScoreDistribution(pssm=pssm, background=dict.fromkeys("ACGT", 0.25))
        mine = MotifScanner(motif, p_value=p_value).threshold / UNIT
        assert mine == pytest.approx(other.threshold_fpr(p_value), abs=0.05)


def test_named_places():
    scanner = MotifScanner(iupac_motif("GATAR"))
    hits = scanner.hits(encode("GATAGccCTATCccGATAC"))
    assert [(hit.start, hit.end, hit.strand) for hit in hits] == [(0, 5, "+"), (7, 12, "-")]
    assert hits[0].p_value == pytest.approx(2 / 4**5)
    assert hits[0].score == hits[1].score == pytest.approx(8.8, abs=0.3)


def test_the_best_is_the_highest_then_the_nearest_to_the_middle():
    scanner = MotifScanner(iupac_motif("GATAA"))
    best = scanner.best(encode("GATAAccccTTATCcccccGATAA"))
    assert (best.start, best.strand) == (9, "-")
    assert scanner.best(encode("GATACCCCCC")) is None
    assert scanner.best(encode("GAT")) is None
    motif = Motif("m", np.array([[0.9, 0.1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]), 100)
    assert MotifScanner(motif, p_value=0.1).best(encode("CTGccccccGATG")).start == 10


def test_strands_of_a_hit_change_with_the_sequence():
    scanner = MotifScanner(random_motif(8, seed=2), p_value=0.01)
    codes = np.random.default_rng(1).integers(0, 4, 500, dtype=np.uint8)
    one, other = scanner.hits(codes), scanner.hits(reverse_complement(codes))
    assert len(one) > 3
    other_strand = {"+": "-", "-": "+"}
    turned = {(500 - hit.end, 500 - hit.start, other_strand[hit.strand]) for hit in one}
    assert turned == {(hit.start, hit.end, hit.strand) for hit in other}


def test_a_least_score_is_a_share_of_the_range():
    motif = random_motif()
    assert MotifScanner(motif, min_score=1).threshold == MotifScanner(motif, p_value=1).highest
    half = MotifScanner(motif, min_score=0.5)
    lowest = half.weights.min(axis=1).sum()
    assert half.threshold == pytest.approx((lowest + half.highest) / 2, abs=1)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"p_value": 0.1, "min_score": 0.5}, "give one of them"),
        ({"p_value": 0}, "threshold 0 of hits"),
        ({"min_score": 1.1}, "threshold 1.1 of hits"),
        ({"p_value": 1e-4}, "even its best match has p = 0.000977; expected at most 0.0001"),
    ],
)
def test_thresholds_that_are_none(given_, words):
    with pytest.raises(InputError, match=words):
        MotifScanner(iupac_motif("GATAA"), **given_)
