from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.genomics.sequences import (
    CENTRE,
    MAX_SHIFT,
    WINDOW_BASES,
    allele_windows,
    decode,
    encode,
    reverse_complement,
    shift_offsets,
)
from mfdvep.genomics.variants import MAX_ALLELE


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("ACGT", [0, 1, 2, 3]),
        ("acgt", [0, 1, 2, 3]),
        (b"ACGT", [0, 1, 2, 3]),
        ("NRn-", [4, 4, 4, 4]),
        ("Aé\N{SNOWMAN}C", [0, 4, 4, 1]),
        ("", []),
    ],
)
def test_encode(text, codes):
    encoded = encode(text)
    assert encoded.dtype == np.uint8
    assert encoded.tolist() == codes


@pytest.mark.parametrize(
    ("text", "other"), [("ACGT", "ACGT"), ("AACG", "CGTT"), ("ACGN", "NCGT"), ("", "")]
)
def test_reverse_complement(text, other):
    assert decode(reverse_complement(encode(text))) == other


@settings(deadline=None)
@given(st.text("ACGTN"), st.integers(1, 4))
def test_reverse_complement_twice_is_nothing(text, n):
    codes = np.stack([np.roll(encode(text), i) for i in range(n)])  # (n, bases)
    there = reverse_complement(codes)
    assert there.flags.c_contiguous
    assert np.array_equal(reverse_complement(there), codes)
    assert np.array_equal(there[-1], reverse_complement(codes[-1]))


@settings(deadline=None)
@given(st.text("ACGTN"))
def test_decode_undoes_encode(text):
    assert decode(encode(text)) == text


def test_the_centre_is_exact_on_both_strands():
    assert CENTRE == WINDOW_BASES - 1 - CENTRE


@pytest.mark.parametrize(
    ("spec", "offsets"),
    [
        (1, (0,)),
        (2, (-1, 0)),
        (3, (-1, 0, 1)),
        (4, (-2, -1, 0, 1)),
        (11, tuple(range(-5, 6))),
        ("11", tuple(range(-5, 6))),
        (np.int64(3), (-1, 0, 1)),
        ("-3,0,3", (-3, 0, 3)),
        ("3, -3", (-3, 3)),
        ([5, 0], (0, 5)),
        ((0,), (0,)),
        (np.array([-2, 2]), (-2, 2)),
        (129, tuple(range(-64, 65))),
    ],
)
def test_shift_offsets(spec, offsets):
    assert shift_offsets(spec) == offsets


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (0, "at least 1"),
        ("0", "at least 1"),
        (-3, "at least 1"),
        ("", "expected a count"),
        ("five", "expected a count"),
        ("1,,2", "expected a count"),
        ("1.5", "expected a count"),
        ([0.5], "expected a count"),
        (None, "expected a count"),
        ([], "no offset"),
        ("1,1", "given twice"),
        ([65], "offset 65 is beyond 64"),
        ("-65,0", "offset -65 is beyond 64"),
        (130, "offset -65 is beyond 64"),
    ],
)
def test_shift_offsets_refused(spec, message):
    with pytest.raises(InputError, match=message):
        shift_offsets(spec)


def windows(genome: str, start: int, ref: str, alt: str, shifts=(0,), spare: int = 600):
    """Return the windows of a variant on a genome that N surrounds."""
    origin = -1000
    stretch = encode("N" * 1000 + genome + "N" * (1000 + spare))
    return allele_windows(
        stretch,
        origin=origin,
        start=start,
        ref_length=len(ref),
        alt=encode(alt),
        shifts=shifts,
    )


@pytest.mark.parametrize(
    ("ref", "alt", "around"),
    [
        ("G", "T", "ACTTAA"),  # SNV
        ("GT", "AA", "ACAAAA"),  # MNV
        ("GT", "", "ACAACC"),  # deletion: the right side moves in
        ("", "TT", "ACTTGT"),  # insertion: the right side is cut
        ("GTA", "C", "ACCACC"),  # deletion and insertion
        ("", "", "ACGTAA"),
    ],
)
def test_alt_window_by_eye(ref, alt, around):
    genome = "ACGTAACCGG"
    ref_window, alt_window = windows(genome, 2, ref, alt)
    assert ref_window.shape == alt_window.shape == (1, 1153)
    assert decode(ref_window[0, 574:580]) == "ACGTAA"
    assert decode(alt_window[0, 574:580]) == around
    assert decode(alt_window[0, :574]) == "N" * 574


def test_shift_moves_the_window_to_the_right():
    ref_window, _ = windows("ACGTAACCGG", 2, "G", "T", shifts=(-1, 0, 2))
    assert [decode(row[576:579]) for row in ref_window] == ["CGT", "GTA", "AAC"]


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 1500))
    genome = "".join(rng.choice(list("ACGT"), n))
    start = draw(st.integers(0, n))
    lengths = st.integers(0, MAX_ALLELE) | st.just(MAX_ALLELE) | st.integers(0, 3)
    end = min(n, start + draw(lengths))
    alt = "".join(rng.choice(list("ACGT"), draw(lengths)))
    shift = st.integers(-MAX_SHIFT, MAX_SHIFT)
    return genome, start, genome[start:end], alt, draw(st.lists(shift, min_size=1, max_size=3))


@settings(max_examples=100, deadline=None)
@given(cases())
def test_windows_are_those_of_the_spliced_haplotype(case):
    genome, start, ref, alt, shifts = case
    got = windows(genome, start, ref, alt, shifts)
    spliced = genome[:start] + alt + genome[start + len(ref) :]
    for rows, haplotype in zip(got, (genome, spliced), strict=True):
        padded = "N" * 2000 + haplotype + "N" * 2000
        for row, shift in zip(rows, shifts, strict=True):
            first = 2000 + start - 576 + shift
            assert decode(row) == padded[first : first + 1153]


def test_every_window_holds_the_longest_allele_whole():
    alt = "ACGT" * (MAX_ALLELE // 4)
    for row in windows("A" * 2000, 900, "", alt, shifts=(-MAX_SHIFT, MAX_SHIFT))[1]:
        assert alt in decode(row)


@pytest.mark.parametrize(("origin", "n"), [(1, 3000), (0, 1152), (0, 1162)])
def test_a_stretch_that_is_too_short_is_refused(origin, n):
    with pytest.raises(ValueError, match="does not hold the windows"):
        allele_windows(
            np.zeros(n, dtype=np.uint8),
            origin=origin,
            start=576,
            ref_length=10,
            alt=encode(""),
            shifts=(0,),
        )


def test_a_shift_past_the_variant_is_refused():
    with pytest.raises(ValueError, match="beyond 64"):
        windows("ACGT", 1, "C", "", shifts=(65,))
