"""The table of show_split.py, from effects whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import show_split
from regulation import experiments

from mfdvep.genomics.variants import Variant
from mfdvep.model.tracks import TrackTable

ROWS = experiments()
TRACKS = TrackTable({column: tuple(row[column] for row in ROWS) for column in ROWS[0]})
WORD = "TTAATTACATTA"  # of the lab South
SITES = {("a", 5, "T"): "CTCF", ("a", 9, "G"): WORD, ("a", 20, "C"): ""}


def effects(sites=SITES, **changed):
    """CTCF goes through biology by three quarters, the word through technique alone."""
    ctcf = np.array([target == "CTCF" for target in TRACKS["target"]])
    south = np.array([lab == "South" for lab in TRACKS["lab"]])
    biological = np.array([-3.0 * ctcf, 0 * south, 0.0 * south], dtype=np.float32)
    technical = np.array([-1.0 * ctcf, -2 * south, 0.0 * south], dtype=np.float32)
    variants = [Variant(chrom, pos, "A", alt, i, 0) for i, (chrom, pos, alt) in enumerate(sites)]
    return SimpleNamespace(
        tracks=TRACKS, variants=variants, biological=biological, technical=technical,
        combined=biological + technical, **changed,
    )  # fmt: skip


def test_each_site_has_a_line_over_the_tracks_that_feel_it():
    header, *lines = (line.split("\t") for line in show_split.lines(effects(), SITES))
    assert header[-1] == "share_biological"
    assert lines == [
        ["CTCF", "biological", "1", "6", "-4.000", "-3.000", "-1.000", "0.75"],
        [WORD, "technical", "1", "12", "-2.000", "+0.000", "-2.000", "0.00"],
        ["none", "none", "1", "36", "+0.000", "+0.000", "+0.000", "nan"],
    ]


def test_effects_of_another_vcf_are_refused():
    with pytest.raises(ValueError, match="1 variants are not in the VCF, the first at"):
        show_split.lines(effects(), dict(list(SITES.items())[1:]))


def test_the_share_takes_sizes_not_signs():
    assert show_split.share(np.array([1.0, -2.0]), np.array([-1.0, 0.0])) == 0.75
