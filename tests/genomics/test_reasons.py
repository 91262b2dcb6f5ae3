"""Every status has words of its own."""

from __future__ import annotations

from mfdvep.genomics.reasons import REASONS
from mfdvep.genomics.variants import VariantStatus


def test_every_status_has_a_phrase_of_its_own():
    assert list(REASONS) == list(VariantStatus)
    assert len(set(REASONS.values())) == len(VariantStatus)
    for phrase in REASONS.values():
        assert phrase == phrase.strip()
        assert phrase[-1] != "."
        assert 0 < len(phrase) <= 70
