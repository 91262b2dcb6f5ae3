"""Bins round a start site, in cases that can be checked by eye."""

from __future__ import annotations

import numpy as np
import pytest

from mfdvep.expression.bins import BIN, N_BINS, REACH, bin_starts, region_starts
from mfdvep.expression.genes import Tss


def gene(tss: int, strand: str) -> Tss:
    return Tss("ENSG1", "", "chr1", tss, strand)


def test_on_the_forward_strand_bins_rise_from_5_kb_upstream():
    starts = bin_starts(gene(20_000, "+"))
    assert starts[[0, 1, 49, 50, 99]].tolist() == [15_000, 15_100, 19_900, 20_000, 24_900]


def test_on_the_reverse_strand_they_fall():
    starts = bin_starts(gene(20_000, "-"))
    assert starts[[0, 1, 49, 50, 99]].tolist() == [24_901, 24_801, 20_001, 19_901, 15_001]


@pytest.mark.parametrize("strand", ["+", "-"])
def test_bin_50_begins_with_the_first_transcribed_base(strand):
    tss = 20_000
    start = int(bin_starts(gene(tss, strand))[50])
    first_transcribed = start if strand == "+" else start + BIN - 1
    assert first_transcribed == tss


def test_both_strands_are_mirror_images_about_the_start_site():
    tss = 7_000
    forward, reverse = bin_starts(gene(tss, "+")), bin_starts(gene(tss, "-"))
    # base b of the forward strand is base 2 tss - b of the mirror image
    assert (2 * tss - (forward + BIN - 1) == reverse).all()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_bins_may_pass_the_ends_of_the_contig(strand):
    starts = bin_starts(gene(100, strand))
    assert starts.shape == (N_BINS,)
    assert starts.dtype == np.int64
    assert starts.min() < 0 < starts.max()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_region_is_what_its_bins_cover(strand):
    starts = bin_starts(gene(9_000, strand))
    (first,) = region_starts([gene(9_000, strand)])
    assert (first, first + 2 * REACH) == (starts.min(), starts.max() + BIN)
