from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.genomics.sequences import CENTRE, MAX_SHIFT
from mfdvep.genomics.variants import (
    MAX_ALLELE,
    Variant,
    VariantStatus,
    left_align,
    normalise,
    spelling_status,
    trim,
)


def spell(genome: str, pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return the normalised spelling; the genome is asked for bases inside it only."""

    def base(at: int) -> str:
        assert 0 <= at < len(genome)
        return genome[at]

    return normalise(Variant("c", pos, ref, alt, 0, 1), base)


def splice(genome: str, start: int, ref: str, alt: str) -> str:
    """Return the haplotype: the oracle, which knows nothing of spellings."""
    letters = list(genome.upper())
    assert letters[start : start + len(ref)] == list(ref.upper())
    letters[start : start + len(ref)] = list(alt.upper())
    return "".join(letters)


@pytest.mark.parametrize(
    ("ref", "alt", "status"),
    [
        ("A", "C", "OK"),
        ("a", "gT", "OK"),
        ("A", "", "NON_ACGT"),
        ("A", ".", "NON_ACGT"),
        ("A", "*", "STAR"),
        ("A", "<*>", "SYMBOLIC"),
        ("A", "<DEL>", "SYMBOLIC"),
        ("A", "<NON_REF>", "SYMBOLIC"),
        ("A", "A[chr2:3[", "SYMBOLIC"),
        ("A", "]chr2:3]A", "SYMBOLIC"),
        ("A", "A.", "SYMBOLIC"),
        ("A", ".A", "SYMBOLIC"),
        ("A", "N", "NON_ACGT"),
        ("A", "R", "NON_ACGT"),
        ("N", "A", "NON_ACGT"),
        ("", "A", "NON_ACGT"),
        ("A", "A*", "NON_ACGT"),
    ],
)
def test_spelling_status(ref, alt, status):
    assert spelling_status(ref, alt) is VariantStatus(status)


def test_status_values_are_their_names():
    assert all(status.value == status.name for status in VariantStatus)


def test_coordinates():
    variant = Variant("chr1", 10, "ACG", "A", 4, 2)
    assert (variant.start, variant.end) == (9, 12)


def test_longest_allele_is_what_every_window_holds_whole():
    assert MAX_ALLELE == CENTRE - MAX_SHIFT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((5, "A", "C"), (5, "A", "C")),
        ((5, "a", "c"), (5, "A", "C")),
        ((5, "AC", "AG"), (6, "C", "G")),
        ((5, "CA", "GA"), (5, "C", "G")),
        ((5, "ACGT", "AGGT"), (6, "C", "G")),
        ((5, "ACG", "ATT"), (6, "CG", "TT")),
        ((5, "A", "AT"), (6, "", "T")),
        ((5, "AT", "A"), (6, "T", "")),
        ((5, "AA", "A"), (5, "A", "")),
        ((5, "A", "AAA"), (5, "", "AA")),
        ((5, "CACA", "CA"), (5, "CA", "")),
        ((5, "ACC", "AGTT"), (6, "CC", "GTT")),
        ((5, "AC", "ac"), (5, "", "")),
    ],
)
def test_trim(before, after):
    assert trim(*before) == after


#          0123456789
REPEAT = "GTCACACATG"


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        (3, "C", "G", (2, "C", "G")),
        (2, "TCA", "T", (2, "CA", "")),  # CA lost, written at its left, as VCF asks
        (4, "ACA", "A", (2, "CA", "")),  # in the middle
        (6, "ACA", "A", (2, "CA", "")),  # at its right
        (5, "CACAT", "CAT", (2, "CA", "")),  # padded
        (2, "TCACACATG", "TCACATG", (2, "CA", "")),  # the whole repeat
        (8, "A", "ACA", (2, "", "CA")),
        (3, "C", "CAC", (2, "", "CA")),
        (3, "CACACAT", "T", (2, "CACACA", "")),
        (1, "G", "GG", (0, "", "G")),  # rolls to the start of the contig and no further
        (1, "GT", "T", (0, "G", "")),
        (10, "G", "GA", (10, "", "A")),  # after the last base
        (3, "CA", "TG", (2, "CA", "TG")),
        (3, "CAC", "CTGC", (3, "A", "TG")),
        (3, "CA", "CA", (2, "", "")),
    ],
)
def test_normalise_in_a_repeat(pos, ref, alt, expected):
    assert spell(REPEAT, pos, ref, alt) == expected


def test_a_soft_masked_reference_rolls_too():
    assert spell(REPEAT.lower(), 6, "ACA", "A") == (2, "CA", "")


def test_rolling_stops_at_n():
    assert left_align(4, "A", "", lambda at: "TNAA"[at]) == (2, "A", "")


def test_rolling_through_a_long_repeat():
    genome = "G" + "CA" * 5000
    assert left_align(len(genome), "", "CA" * 50, lambda at: genome[at]) == (1, "", "CA" * 50)


GENOMES = st.text("ACG", min_size=1, max_size=12) | st.text("AC", min_size=1, max_size=12)


@st.composite
def changes(draw):
    genome = draw(GENOMES)
    start = draw(st.integers(0, len(genome)))
    end = draw(st.integers(start, len(genome)))
    return genome, start, genome[start:end], draw(st.text("ACG", max_size=4))


@settings(max_examples=150, deadline=None)
@given(changes())
def test_every_spelling_of_a_haplotype_normalises_to_one(change):
    genome, start, ref, alt = change
    haplotype = splice(genome, start, ref, alt)
    grown = len(haplotype) - len(genome)
    found, shortest = set(), len(genome)
    for i in range(len(genome) + 1):  # every way to write it, by brute force
        for j in range(i, len(genome) + 1):
            other = haplotype[i : j + grown]
            if j + grown >= i and genome[:i] + other + genome[j:] == haplotype:
                found.add(spell(genome, i + 1, genome[i:j], other))
                shortest = min(shortest, j - i)
    if haplotype == genome:
        assert {(ref, alt) for _, ref, alt in found} == {("", "")}
        return
    assert len(found) == 1
    (best,) = found
    assert splice(genome, *best) == haplotype
    assert len(best[1]) == shortest  # no shorter REF writes the same


@settings(deadline=None)
@given(changes())
def test_swapping_the_alleles_mirrors_the_spelling(change):
    genome, start, ref, alt = change
    at, less, more = spell(genome, start + 1, ref, alt)
    back = spell(splice(genome, start, ref, alt), start + 1, alt, ref)
    assert back == (at, more, less)
