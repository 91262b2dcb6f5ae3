"""Variants, why one cannot be scored, and one spelling for every change. Pure Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mfdvep.errors import InputError

MAX_ALLELE = 512
"""Longest trimmed allele, REF or ALT, that is scored, in bases.

A window of 1153 bases has 576 bases right of its centre, where the variant starts. A window may be
shifted by up to 64, so 512 bases are what every window holds whole.
"""

_BASES = frozenset("ACGTacgt")
_VARIANT = re.compile(r"(\S+):([1-9][0-9]{0,17}):([A-Za-z]+):([A-Za-z]+)")


class VariantStatus(StrEnum):
    """Whether an ALT can be scored, or why not."""

    OK = "OK"
    NO_ALT = "NO_ALT"
    SYMBOLIC = "SYMBOLIC"
    STAR = "STAR"
    NON_ACGT = "NON_ACGT"
    REF_MISMATCH = "REF_MISMATCH"
    CONTIG_MISSING = "CONTIG_MISSING"
    OFF_CONTIG = "OFF_CONTIG"
    TOO_LONG = "TOO_LONG"
    N_RICH = "N_RICH"


@dataclass(frozen=True, slots=True)
class Variant:
    """One ALT of one record, as the caller spells it.

    Attributes
    ----------
    chrom
        Contig, by the caller's name.
    pos
        1-based position of the first base of REF, as in VCF.
    ref, alt
        Alleles as written.
    record
        0-based index of the record among those that are read (of the regions, if there are any).
    allele
        1-based number of the ALT in its record; 0 for a record with no ALT.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    record: int
    allele: int

    @property
    def start(self) -> int:
        """0-based start of REF."""
        return self.pos - 1

    @property
    def end(self) -> int:
        """0-based end of REF, not included."""
        return self.pos - 1 + len(self.ref)


def variant_of(text: str) -> Variant:
    """Return the variant that "chr1:12345:A:G" names: contig, 1-based position, REF, ALT.

    Raises
    ------
    InputError
        Text of another form.
    """
    found = _VARIANT.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"variant {text!r}: expected chr1:12345:A:G (contig, position from 1, REF, ALT)"
        )
    chrom, pos, ref, alt = found.groups()
    return Variant(chrom, int(pos), ref, alt, record=0, allele=1)


def spelling_status(ref: str, alt: str) -> VariantStatus:
    """Return what the alleles' letters alone say: OK when both are ACGT, in either case.

    Source
    ------
    VCF 4.3, section 1.6.1: "*" for an allele missing due to an overlapping deletion, "<...>" and
    breakends ("[", "]", or a "." at one end) for what has no letters.
    """
    if alt == "*":
        return VariantStatus.STAR
    if alt in ("", "."):  # one of several; a record without an ALT is not spelled
        return VariantStatus.NON_ACGT
    if not set("<>[]:.").isdisjoint(alt):
        return VariantStatus.SYMBOLIC
    if ref and _BASES.issuperset(ref) and _BASES.issuperset(alt):
        return VariantStatus.OK
    return VariantStatus.NON_ACGT


def trim(pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return position and alleles, in upper case, without the bases that both share at an end.

    The right end goes first, then the left; an allele may come out empty. The position is moved
    by what is cut on the left; its base (0 or 1) is the caller's.
    """
    ref, alt = ref.upper(), alt.upper()
    shorter = min(len(ref), len(alt))
    right = 0
    while right < shorter and ref[-1 - right] == alt[-1 - right]:
        right += 1
    ref, alt = ref[: len(ref) - right], alt[: len(alt) - right]
    left = 0
    while left < shorter - right and ref[left] == alt[left]:
        left += 1
    return pos + left, ref[left:], alt[left:]


def left_align(
    start: int, ref: str, alt: str, base_before: Callable[[int], str]
) -> tuple[int, str, str]:
    """Return the leftmost spelling of a trimmed insertion or deletion; any other as it is.

    Parameters
    ----------
    start
        0-based.
    ref, alt
        Upper case, trimmed: they differ at both ends or one of them is empty.
    base_before
        The reference base at a 0-based position, which is always one left of `start`.

    Source
    ------
    Tan, Abecasis, Kang, Unified representation of genetic variants, Bioinformatics 2015
    (algorithm 1), with alleles that may be empty.
    """
    if bool(ref) == bool(alt):
        return start, ref, alt
    allele = ref or alt
    rolled, n = 0, len(allele)
    while start - rolled > 0:
        # the allele turned by `rolled` ends with this base
        if base_before(start - rolled - 1).upper() != allele[-1 - rolled % n]:
            break
        rolled += 1
    turn = n - rolled % n
    allele = allele[turn:] + allele[:turn]
    return (start - rolled, allele, "") if ref else (start - rolled, "", allele)


def normalise(variant: Variant, base_before: Callable[[int], str]) -> tuple[int, str, str]:
    """Return the 0-based start, REF and ALT of the least change, the same for every spelling.

    An ALT that equals REF gives two empty alleles at the variant's start.

    Parameters
    ----------
    variant
        Spelled with ACGT, and with the genome's REF.
    base_before
        See `left_align`.
    """
    return left_align(*trim(variant.start, variant.ref, variant.alt), base_before)
