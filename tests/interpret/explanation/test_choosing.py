"""One allele of a VCF, by ID, place or number."""

from __future__ import annotations

import pytest

from mfdvep.errors import InputError
from mfdvep.interpret.explanation.choosing import find_allele

RECORDS = """##fileformat=VCFv4.2
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
chr1\t5\trs5\tA\tG\t.\t.\t.
chr1\t9\trs9;ss9\tC\tG,T\t.\t.\t.
chr1\t20\trs20\tC\tG\t.\t.\t.
chr1\t20\trs20\tC\tT\t.\t.\t.
chr1\t30\t.\tC\t.\t.\t.\t.
"""


@pytest.fixture
def vcf(tmp_path):
    path = tmp_path / "v.vcf"
    path.write_text(RECORDS)
    return path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"name": "rs5"}, (5, "A", "G", "rs5")),
        ({"name": "chr1:5"}, (5, "A", "G", "rs5")),
        ({"number": 1}, (5, "A", "G", "rs5")),
        ({"name": "ss9", "alt": "T"}, (9, "C", "T", "rs9;ss9")),
        ({"name": "rs20", "alt": "T"}, (20, "C", "T", "rs20")),
        ({"number": 4}, (20, "C", "T", "rs20")),
        ({"name": "chr1:30"}, (30, "C", "", "")),
    ],
)
def test_found(vcf, options, expected):
    variant, said = find_allele(vcf, **options)
    assert (variant.pos, variant.ref, variant.alt, said) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "rs55"}, r"no record with ID 'rs55'; nearest: rs5"),
        ({"name": "chr9:1"}, r"no record with ID 'chr9:1'"),
        ({"number": 9}, r"no record 9; it has 5 records"),
        ({"name": "rs9"}, r"2 alleles \(C>G, C>T\); choose one with --alt"),
        ({"name": "rs20"}, r"2 alleles"),
        ({"name": "rs9", "alt": "A"}, r"no ALT 'A'; it has: G, T"),
    ],
)
def test_refused(vcf, options, words):
    with pytest.raises(InputError, match=words):
        find_allele(vcf, **options)
