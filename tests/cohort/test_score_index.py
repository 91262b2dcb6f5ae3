"""Weights found by the event: every reason for not finding one, repeats, and what is counted."""

from __future__ import annotations

import numpy as np
import pytest
from cohort.small import random_effects, write_scores
from conftest import write_fasta

from mfdvep.cohort.region_set import Part, RegionSet
from mfdvep.cohort.score_index import ScoreIndex
from mfdvep.cohort.spelling import Speller
from mfdvep.cohort.weighting import parse_weightings
from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.scoring.effect_file import EffectFile

REGIONS = RegionSet([Part("A", "1", 0, 100), Part("B", "chr2", 0, 100)])
VARIANTS = [
    "chr1:50:A:C", "chr1:10:A:G", "chr1:10:AT:A", "chr1:500:A:C", "chr2:10:G:GTT",
    "chr1:20:A:<DEL>", "chr1:30:A:T",
]  # fmt: skip
STATUS = ["OK", "OK", "OK", "OK", "OK", "SYMBOLIC", "REF_MISMATCH"]


def index(path, variants=VARIANTS, *, status=STATUS, weights=("biological",), **options):
    effects = options.pop("effects", random_effects(len(variants)))
    quantiles = options.pop("quantiles", None)
    write_scores(path, variants, effects, status=status, quantiles=quantiles)
    given = {"tracks": [0, 1, 3], "over": "mean", "regions": REGIONS, "speller": Speller()}
    return ScoreIndex(
        EffectFile(path), weightings=parse_weightings(weights), **{**given, **options}
    )


@pytest.mark.parametrize(
    ("key", "row", "reason"),
    [
        (("1", 50, "A", "C"), 0, ""),
        (("1", 10, "A", "G"), 1, ""),
        (("1", 11, "T", ""), 2, ""),
        (("2", 11, "", "TT"), 4, ""),
        (("1", 10, "A", "T"), -1, "other_alleles"),
        (("1", 10, "G", "A"), -1, "swapped"),
        (("2", 11, "TT", ""), -1, "swapped"),
        (("1", 51, "A", "C"), -1, "not_in_scores"),
        (("1", 500, "A", "C"), -1, "not_in_scores"),  # no region there
        (("3", 50, "A", "C"), -1, "not_in_scores"),
        (("1", 30, "A", "T"), -1, "unscored REF_MISMATCH"),
    ],
)
def test_events_are_found(tmp_path, key, row, reason):
    effects = random_effects(len(VARIANTS))
    found = index(tmp_path / "m.parquet", weights=("biological", "signed", "unweighted"))
    at, why = found.find(key)
    assert why == reason
    if row < 0:
        assert at == -1
        return
    chosen = effects[1, row, [0, 1, 3]].astype(float)
    expected = [np.abs(chosen).mean(), chosen.mean(), 1]
    np.testing.assert_allclose(found.weights[at], expected, rtol=1e-12)


def test_rows_are_counted(tmp_path):
    found = index(tmp_path / "m.parquet")
    assert found.counts == {
        "rows": 7, "unscored": {"REF_MISMATCH": 1, "SYMBOLIC": 1}, "in_no_region": 1,
        "repeated": 0, "events": 4,
    }  # fmt: skip


def test_one_event_in_two_rows(tmp_path):
    """However it is spelled; one that was scored goes before one that was not."""
    variants = ["chr1:10:A:C", "1:9:TA:TC", "chr1:10:A:C"]
    effects = np.repeat(random_effects(1), 3, axis=1)
    found = index(
        tmp_path / "m.parquet", variants, status=["REF_MISMATCH", "OK", "OK"], effects=effects
    )
    assert found.find(("1", 10, "A", "C")) == (0, "")
    assert (found.counts["repeated"], found.counts["events"]) == (1, 1)
    effects[:, 2] += 0.1
    with pytest.raises(InputError, match=r"rows 2 and 3 are one event, 1:10 A>C"):
        index(
            tmp_path / "n.parquet", variants, status=["REF_MISMATCH", "OK", "OK"], effects=effects
        )


def test_quantiles_are_of_the_matrix(tmp_path):
    quantiles = np.linspace(-1, 1, 3 * 7 * 5).reshape(3, 7, 5)
    quantiles[..., 0] = np.nan  # a track that has none
    found = index(tmp_path / "m.parquet", weights=["combined:quantile"], quantiles=quantiles)
    expected = np.abs(quantiles[0, 0, [1, 3]].astype(np.float32)).mean()
    np.testing.assert_allclose(found.weights[found.find(("1", 50, "A", "C"))[0]], expected)
    with pytest.raises(InputError, match="has no quantiles for --weight biological:quantile"):
        index(tmp_path / "n.parquet", weights=["quantile"])


def test_a_matrix_is_read_in_parts(tmp_path, monkeypatch):
    whole = index(tmp_path / "m.parquet")
    monkeypatch.setattr("mfdvep.cohort.score_index._ROWS", 2)
    seen = []
    parts = index(tmp_path / "m.parquet", progress=lambda *at: seen.append(at))
    np.testing.assert_array_equal(whole.weights, parts.weights)
    assert seen == [(0, 4), (2, 4), (4, 4)]


def test_indels_are_aligned_where_there_is_a_genome(tmp_path):
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": "GACACACATTTTTTTTTTTT"})
    variants, far = ["chr1:1:GAC:G"], ("1", 6, "ACA", "A")
    with Genome(fasta) as genome:
        for speller, reason in [(Speller(genome), ""), (Speller(), "not_in_scores")]:
            found = index(tmp_path / "m.parquet", variants, status=["OK"], speller=speller)
            assert found.find(speller.key(*far))[1] == reason
        assert not Speller(genome).ref_is_wrong("1", 1, "gac")
        assert Speller(genome).ref_is_wrong("1", 1, "T")
        assert Speller(genome).ref_is_wrong("chr7", 1, "T")
        assert Speller(genome).key("chr7", 6, "ACA", "A") == ("7", 6, "AC", "")
