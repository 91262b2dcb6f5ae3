"""What the terminal shows: fits it, and has the table's numbers."""

from __future__ import annotations

import pytest
from enrichment.report.simulated import KINDS, simulated

from mfdvep.enrichment.report.terminal import terminal_table
from mfdvep.wording import WIDTH

TAILS = ("0.1,0.9", "0.01,0.99", "0.001,0.999")


@pytest.mark.parametrize(
    "options",
    [{}, {"matched": True}, {"kinds": ("baseline", *KINDS), "matched": True, "permuted": True,
     "preset": "gnomad", "sided": "both", "cuts": TAILS}, {"kinds": ("score",), "n_tracks": 1},
     {"cuts": ("0.99",), "groups": (), "flagged": ("a sentence of many words " * 9,)}],
)  # fmt: skip
def test_fits(options):
    enrichment = simulated(**options)
    enrichment.overall["tagged_positive"][0] = 112_345
    enrichment.overall["tagged_negative"][0] = 812_345
    enrichment.overall["odds_ratio"][0] = 12_345.0
    text = terminal_table(enrichment)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.isascii()
    assert text.endswith("\n")


def test_has_the_numbers():
    text = terminal_table(simulated(permuted=True, flagged=("Only 5 variants are tagged.",)))
    lines = [line.split("  ") for line in text.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert ["biological", "2.71", "2.18 to 3.39", "2.5e-18", "2.06 to 3.59", "124/1,077"] in cells
    assert [
        "biological",
        "0.590",
        "0.560 to 0.620",
        "0.070",
        "0.060 to 0.084",
        "25, 17, 8",
    ] in cells
    assert ["biological - combined, AUROC", "+0.020", "-0.010 to +0.050",
            "no evidence of a difference"] in cells  # fmt: skip
    assert "largest 1 % (0.99)" in text
    assert "shuffled 200 times" in text
    assert text.splitlines()[-1] == "note: Only 5 variants are tagged."


def test_matched_column():
    assert "matched" in terminal_table(simulated(matched=True))
    assert "matched" not in terminal_table(simulated())
