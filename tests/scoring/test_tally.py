"""The tally of a run: what it counts, and that it does not depend on how the run was cut."""

from __future__ import annotations

import json
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from conftest import SMALL_TRACKS
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.tally import N_TOP, QUANTILE_ERROR, Histogram, Tally

OK, STAR, NO_ALT = VariantStatus.OK, VariantStatus.STAR, VariantStatus.NO_ALT
QS = (0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1)


def batch_of(rows: list[tuple[VariantStatus, list[float]]], *, first: int = 0) -> EffectBatch:
    """Return a batch of a record a row.

    Biological is half of combined, technical a quarter of that of the track before.
    """
    combined = np.array([values for _, values in rows], dtype=np.float32).reshape(len(rows), 5)
    status = tuple(status for status, _ in rows)
    combined[[state is not OK for state in status]] = np.nan
    variants = tuple(
        Variant("1", 100 + i, "A", "" if state is NO_ALT else "G", i, 0 if state is NO_ALT else 1)
        for i, state in enumerate(status, start=first)
    )
    parts = (combined, combined / 2, np.roll(combined, 1, axis=1) / 4)
    return EffectBatch(variants, status, *parts, tracks=SMALL_TRACKS)


def tally_of(rows: list[tuple[VariantStatus, list[float]]], *, first: int = 0) -> Tally:
    return Tally.of(batch_of(rows, first=first), n_records=len(rows), contigs={"1": "chr1"})


def test_a_tally_that_can_be_checked_by_eye():
    rows = [
        (OK, [0, 0.25, -0.5, 0, 0]),
        (STAR, [9] * 5),
        (NO_ALT, [9] * 5),
        (OK, [0, 0, 0, 1, 0]),
    ]
    found = tally_of(rows)
    assert (found.n_records, found.n_alleles, found.unscored) == (4, 4, 1)
    assert list(found.status) == [status.value for status in VariantStatus]
    assert {name: n for name, n in found.status.items() if n} == {"OK": 2, "STAR": 1, "NO_ALT": 1}
    assert found.contigs == {"1": "chr1"}
    combined, technical = found.histograms["combined"], found.histograms["technical"]
    assert (combined["effects"].n, combined["largest"].n) == (10, 2)
    assert combined["effects"].quantile(0.5) == 0
    assert combined["largest"].quantile(0.5) == pytest.approx(-0.5, rel=QUANTILE_ERROR)
    assert combined["largest"].quantile(1) == pytest.approx(1, rel=QUANTILE_ERROR)
    assert technical["largest"].quantile(1) == pytest.approx(0.25, rel=QUANTILE_ERROR)
    first, second = found.top
    assert (first.chrom, first.pos, first.ref, first.alt) == ("1", 103, "A", "G")
    assert (first.record, first.allele, first.track) == (3, 1, SMALL_TRACKS.names[3])
    assert (first.combined, first.biological, first.technical) == (1, 0.5, 0)
    assert (second.track, second.combined) == (SMALL_TRACKS.names[2], -0.5)


def test_technical_shares():
    """Of effects that have one, and of alleles: each weighted by its sizes."""
    biological = np.float32([[3, 0, -6, 0, 0], [0, 0, 0, 0, 0], [np.nan] * 5])
    technical = np.float32([[-1, 0, 0, 0, 2], [0, 0, 0, 0, 0], [np.nan] * 5])
    variants = tuple(Variant("1", i, "A", "C", i, 1) for i in range(3))
    batch = EffectBatch(
        variants, (OK, OK, STAR), biological + technical, biological, technical, SMALL_TRACKS
    )
    found = Tally.of(batch, n_records=3, contigs={}).shares
    assert list(found) == ["effects", "alleles"]
    each = [found["effects"].quantile(q) for q in (1 / 3, 2 / 3, 1)]
    assert each == pytest.approx([0, 0.25, 1], rel=QUANTILE_ERROR)
    assert (found["effects"].n, found["alleles"].n) == (3, 1)
    assert found["alleles"].quantile(0.5) == pytest.approx(3 / 12, rel=QUANTILE_ERROR)


def test_each_kind_has_its_own_largest():
    effects = np.zeros((3, 1, 5), dtype=np.float32)
    effects[0, 0, 0], effects[1, 0, 1], effects[2, 0, 2] = 1, -2, 4
    batch = EffectBatch((Variant("1", 1, "A", "C", 0, 1),), (OK,), *effects, tracks=SMALL_TRACKS)
    found = Tally.of(batch, n_records=1, contigs={})
    largest = [found.histograms[kind]["largest"].quantile(1) for kind in KINDS]
    assert largest == pytest.approx([1, -2, 4], rel=QUANTILE_ERROR)
    (top,) = found.top
    # all of the track of the largest combined effect
    assert (top.track, top.combined, top.biological) == (SMALL_TRACKS.names[0], 1, 0)


def test_of_equal_sizes_the_first_track_is_the_largest():
    found = tally_of([(OK, [0, -0.5, 0.5, 0, 0])])
    assert found.top[0].combined == -0.5
    assert found.histograms["combined"]["largest"].quantile(1) < 0


def test_the_largest_is_known_exactly_and_alleles_are_kept_whole():
    value = np.float32(0.1)
    batch = batch_of([(OK, [0, 0, 0, 0, value])])
    long = Variant("1", 1, "A" * 300, "A", 0, 1)
    batch = EffectBatch(
        (long,), batch.status, *(getattr(batch, kind) for kind in KINDS), tracks=SMALL_TRACKS
    )
    (top,) = Tally.of(batch, n_records=1, contigs={}).top
    assert top.combined == float(value)
    assert type(top.combined) is float
    assert top.ref == "A" * 300


def test_the_top_is_of_the_largest_and_equals_are_in_the_order_of_the_input():
    rows = [(OK, [size, 0, 0, 0, 0]) for size in (1, -2, 2, 3, *[1] * 20)]
    found = tally_of(rows)
    expected = [3, 1, 2, 0, 4, 5, 6, 7, 8, 9]
    assert [allele.record for allele in found.top] == expected
    halves = tally_of(rows[:5]), tally_of(rows[5:], first=5)
    for one, other in (halves, halves[::-1]):
        assert [allele.record for allele in one.merge(other).top] == expected


def test_alts_of_one_record_are_in_their_order():
    effects = np.ones((3, 2, 5), dtype=np.float32)
    second, first = (Variant("1", 1, "A", alt, 7, n) for alt, n in (("C", 2), ("G", 1)))
    both = EffectBatch((second, first), (OK, OK), *effects, tracks=SMALL_TRACKS)
    found = Tally.of(both, n_records=1, contigs={})
    assert [allele.allele for allele in found.top] == [1, 2]
    assert (found.n_records, found.n_alleles) == (1, 2)
    apart = [
        Tally.of(
            EffectBatch((variant,), (OK,), *effects[:, :1], tracks=SMALL_TRACKS),
            n_records=n_records,
            contigs={},
        )
        for variant, n_records in ((second, 0), (first, 1))
    ]
    assert apart[0].merge(apart[1]) == found


def test_contigs_are_those_whose_names_differ():
    batch = batch_of([(OK, [0] * 5)])
    one = Tally.of(batch, n_records=1, contigs={"1": "chr1", "chr2": "chr2"})
    other = Tally.of(batch, n_records=1, contigs={"MT": "chrM"})
    assert one.contigs == {"1": "chr1"}
    assert one.merge(other).contigs == {"1": "chr1", "MT": "chrM"}


@pytest.mark.parametrize("rows", [[], [(STAR, [0] * 5)] * 3], ids=["no rows", "none scored"])
def test_nothing_scored(rows):
    found = tally_of(rows)
    assert (found.status["OK"], found.unscored, found.top) == (0, len(rows), ())
    for kind in KINDS:
        for histogram in found.histograms[kind].values():
            assert histogram.n == 0
            assert histogram.quantile(0.5) is None
    assert [histogram.n for histogram in found.shares.values()] == [0, 0]
    assert Tally.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_empty_tally_changes_nothing():
    found = tally_of([(OK, [1, 2, 3, 4, 5]), (STAR, [0] * 5)])
    assert Tally.empty().merge(found) == found == found.merge(Tally.empty())
    assert Tally.empty() == Tally.of(batch_of([]), n_records=0, contigs={})


def test_tallies_differ_when_one_bin_does():
    one, other = (tally_of([(OK, [0, 0, size, 0, 1])]) for size in (0.5, 0.25))
    assert one.top == other.top
    assert one != other
    assert one.histograms["combined"]["largest"] == other.histograms["combined"]["largest"]
    assert one.shares == other.shares


# small numbers of values, so that sizes are often equal
ROWS = st.lists(
    st.tuples(
        st.sampled_from([OK, OK, OK, STAR, NO_ALT]),
        st.lists(
            st.sampled_from([0.0, -0.0, 0.5, -0.5, 1e-7, -1e-7, 0.3]) | st.floats(-1, 1, width=32),
            min_size=5,
            max_size=5,
        ),
    ),
    max_size=30,
)


@given(ROWS, st.lists(st.integers(0, 30), max_size=4), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_tally_does_not_depend_on_the_chunks(rows, cuts, random):
    whole = tally_of(rows) if rows else Tally.empty()
    ends = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    parts = [tally_of(rows[start:end], first=start) for start, end in pairwise(ends)]
    stored = [Tally.from_json(json.loads(json.dumps(part.to_json()))) for part in parts]
    assert stored == parts
    random.shuffle(parts)
    from_left = reduce(Tally.merge, parts, Tally.empty())
    from_right = reduce(lambda right, left: left.merge(right), reversed(parts), Tally.empty())
    assert from_left == from_right == whole
    assert json.dumps(from_left.to_json()) == json.dumps(whole.to_json())
    assert sum(whole.status.values()) == whole.n_alleles == len(rows)
    assert len(whole.top) == min(N_TOP, whole.status["OK"])


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FLOATS, min_size=1, max_size=60), st.sampled_from(QS))
@settings(deadline=None)
def test_quantiles_of_any_values(values, q):
    values = np.array(values, dtype=np.float32)
    exact = np.quantile(values, q, method="inverted_cdf")
    found = Histogram.of(values).quantile(q)
    assert found == pytest.approx(float(exact), rel=QUANTILE_ERROR, abs=1e-40)
    if exact == 0:
        assert found == 0


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0])
def test_quantiles_of_many_values(scale):
    values = np.random.default_rng(0).normal(scale=scale, size=(400, 50)).astype(np.float32)
    values[:100] = 0
    histogram = Histogram.of(values)
    exact = np.quantile(values, QS, method="inverted_cdf")
    found = [histogram.quantile(q) for q in QS]
    assert found == pytest.approx(exact.tolist(), rel=QUANTILE_ERROR, abs=0)
    assert histogram.n == values.size
    assert found == sorted(found)


def test_a_value_of_a_bins_edge_and_minus_zero():
    assert Histogram.of(np.float32([-0.0])) == Histogram.of(np.float32([0]))
    assert Histogram.of(np.float32([-0.0, 0])).quantile(0) == 0
    assert Histogram.of(np.float32([1])).quantile(0.5) == 1 + 2**-8  # the middle of 1 to 1 + 1/128
    assert Histogram.of(np.float32([-1])).quantile(0.5) == -1 - 2**-8
    below = np.nextafter(np.float32(1), np.float32(0))
    assert Histogram.of(below).quantile(0.5) == 1 - 2**-9


def test_counts_are_exact_far_beyond_float32():
    large = Histogram.from_json({"steps": [1 << 15], "counts": [10**15]})
    one = Histogram.of(np.float32([1]))
    both = large.merge(one)
    assert both.n == 10**15 + 1
    assert Histogram.from_json(both.to_json()) == both
    assert both.quantile(0.999) == 0
    assert both.quantile(1) > 0
    assert one.n == 1  # a merge leaves what it was made of as it was
