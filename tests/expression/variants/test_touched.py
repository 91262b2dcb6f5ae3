"""ALT windows: named cases that one can check by eye, and strings that are spliced."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.expression.variants import touched
from mfdvep.expression.variants.touched import alternative_windows, is_touched
from mfdvep.genomics.sequences import (
    CENTRE,
    WINDOW_BASES,
    allele_windows,
    decode,
    encode,
    reverse_complement,
)

#         0         10
GENOME = "AACCGGTTACGTACAGTC"


@pytest.fixture
def windows_of_seven(monkeypatch):
    """Windows of 7 bases: that at 6 is TTACGTA, and its centre the C at 9."""
    monkeypatch.setattr(touched, "WINDOW_BASES", 7)
    monkeypatch.setattr(touched, "CENTRE", 3)


@pytest.mark.parametrize(
    ("start", "ref", "alt", "expected"),
    [
        pytest.param(9, "C", "C", "TTACGTA", id="no change"),
        pytest.param(9, "C", "G", "TTAGGTA", id="SNV at the centre"),
        pytest.param(6, "T", "A", "ATACGTA", id="SNV at the first base"),
        pytest.param(12, "A", "C", "TTACGTC", id="SNV at the last base"),
        pytest.param(10, "", "TT", "TTACTTG", id="insertion right: the right is cut"),
        pytest.param(9, "", "GG", "AGGCGTA", id="insertion just before the centre base"),
        pytest.param(7, "", "CC", "CTACGTA", id="insertion left: the left is cut"),
        pytest.param(11, "T", "", "TTACGAC", id="deletion right: filled from the right"),
        pytest.param(7, "TA", "", "GGTCGTA", id="deletion left: filled from the left"),
        pytest.param(8, "A", "", "GTTCGTA", id="deletion that ends before the centre base"),
        pytest.param(9, "C", "", "TTAGTAC", id="deletion of the centre base: left stays"),
        pytest.param(8, "ACG", "", "TTTACAG", id="deletion over the centre: left stays"),
        pytest.param(5, "GT", "", "GTACGTA", id="deletion that passes the left end"),
        pytest.param(12, "ACAG", "", "TTACGTT", id="deletion that passes the right end"),
        pytest.param(8, "AC", "TTTT", "TTTTTTG", id="delins over the centre"),
        pytest.param(10, "GT", "A", "TTACAAC", id="delins right of the centre"),
        pytest.param(7, "T", "GGG", "GGACGTA", id="delins left of the centre"),
    ],
)
def test_by_eye(windows_of_seven, start, ref, alt, expected):
    assert GENOME[start : start + len(ref)] == ref
    found = alternative_windows(
        encode(GENOME),
        origin=0,
        starts=np.array([6]),
        start=start,
        ref_length=len(ref),
        alt=encode(alt),
    )
    assert [decode(window) for window in found] == [expected]


@pytest.mark.parametrize(
    ("start", "ref_length", "expected"),
    [
        pytest.param(5, 1, False, id="SNV before"),
        pytest.param(6, 1, True, id="SNV at the first base"),
        pytest.param(12, 1, True, id="SNV at the last base"),
        pytest.param(13, 1, False, id="SNV after"),
        pytest.param(6, 0, False, id="insertion before the first base"),
        pytest.param(7, 0, True, id="insertion after the first base"),
        pytest.param(12, 0, True, id="insertion before the last base"),
        pytest.param(13, 0, False, id="insertion after the last base"),
        pytest.param(4, 2, False, id="deletion that ends before"),
        pytest.param(4, 3, True, id="deletion that takes the first base"),
        pytest.param(12, 5, True, id="deletion that takes the last base"),
        pytest.param(4, 12, True, id="deletion of all"),
    ],
)
def test_touched(windows_of_seven, start, ref_length, expected):
    found = is_touched(np.array([6]), start=start, ref_length=ref_length)
    assert found.tolist() == [expected]


def test_a_stretch_that_holds_too_little_is_refused(windows_of_seven):
    with pytest.raises(ValueError, match="does not hold the windows of a change of 1 bases at 15"):
        alternative_windows(
            encode(GENOME),
            origin=0,
            starts=np.array([11]),
            start=15,
            ref_length=1,
            alt=encode(""),
        )


BASES = st.text("ACGT", max_size=9)
MIDDLE = 2000
TEXT = "".join(np.random.default_rng(3).choice(list("ACGT"), 2 * MIDDLE))


def spliced(window: int, start: int, ref_length: int, alt: str) -> str:
    """Return a window of the haplotype, found by where its centre base went."""
    haplotype = TEXT[:start] + alt + TEXT[start + ref_length :]
    centre = window + CENTRE
    if start <= centre < start + ref_length:
        return haplotype[window : window + WINDOW_BASES]
    now = centre if centre < start else centre - ref_length + len(alt)
    assert haplotype[now] == TEXT[centre]
    return haplotype[now - CENTRE : now + CENTRE + 1]


def found_windows(windows: list[int], start: int, ref_length: int, alt: str) -> list[str]:
    codes = alternative_windows(
        encode(TEXT),
        origin=0,
        starts=np.array(windows),
        start=start,
        ref_length=ref_length,
        alt=encode(alt),
    )
    return [decode(window) for window in codes]


@settings(max_examples=200, deadline=None)
@given(shift=st.integers(-580, 580), ref_length=st.integers(0, 40), alt=BASES)
def test_splicing_strings_agrees(shift, ref_length, alt):
    windows = [MIDDLE - CENTRE + k for k in (-100, -1, 0, 1, 100)]
    start = MIDDLE + shift
    found = found_windows(windows, start, ref_length, alt)
    assert found == [spliced(window, start, ref_length, alt) for window in windows]
    reached = is_touched(np.array(windows), start=start, ref_length=ref_length)
    for window, text, is_reached in zip(windows, found, reached, strict=True):
        if not is_reached:
            assert text == TEXT[window : window + WINDOW_BASES]


@settings(max_examples=100, deadline=None)
@given(shift=st.integers(-580, 580), ref_length=st.integers(0, 40), alt=BASES)
def test_the_mirrored_world_agrees_but_where_the_centre_is_taken_away(shift, ref_length, alt):
    start, window = MIDDLE + shift, MIDDLE - CENTRE
    if start <= MIDDLE < start + ref_length:
        return
    mirrored = alternative_windows(
        reverse_complement(encode(TEXT)),
        origin=0,
        starts=np.array([len(TEXT) - window - WINDOW_BASES]),
        start=len(TEXT) - start - ref_length,
        ref_length=ref_length,
        alt=reverse_complement(encode(alt)),
    )
    found = found_windows([window], start, ref_length, alt)
    assert decode(reverse_complement(mirrored)[0]) == found[0]


@pytest.mark.parametrize(("ref_length", "alt"), [(1, "T"), (1, ""), (12, ""), (7, "ACGTACGTAC")])
def test_a_change_at_the_centre_is_as_score_has_it(ref_length, alt):
    _, expected = allele_windows(
        encode(TEXT), origin=0, start=MIDDLE, ref_length=ref_length, alt=encode(alt), shifts=[0]
    )
    found = found_windows([MIDDLE - CENTRE], MIDDLE, ref_length, alt)
    assert found == [decode(expected[0])]
