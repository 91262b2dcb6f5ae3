"""What every status of an allele means, in words. Pure Python."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mfdvep.genomics.variants import MAX_ALLELE, VariantStatus

REASONS: Mapping[VariantStatus, str] = MappingProxyType(
    {
        VariantStatus.OK: "can be scored",
        VariantStatus.NO_ALT: "record without an ALT allele",
        VariantStatus.SYMBOLIC: "symbolic allele or breakend, whose bases are not written out",
        VariantStatus.STAR: "allele missing because of an upstream deletion",
        VariantStatus.NON_ACGT: "allele with letters other than A, C, G and T",
        VariantStatus.REF_MISMATCH: "REF is not what the reference has there",
        VariantStatus.CONTIG_MISSING: "contig is not in the reference",
        VariantStatus.OFF_CONTIG: "position is outside the reference's contig",
        VariantStatus.TOO_LONG: f"REF or ALT is longer than {MAX_ALLELE} bases where they differ",
        VariantStatus.N_RICH: "more than half of the bases round it are N in the reference",
    }
)
"""Status -> one phrase that fits after "12 alleles: "; there is one for every status."""
