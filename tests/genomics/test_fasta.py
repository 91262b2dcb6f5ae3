"""Sequences of a FASTA without an index."""

from __future__ import annotations

import gzip

import pytest

from mfdvep.errors import InputError
from mfdvep.genomics.fasta import read_fasta
from mfdvep.genomics.sequences import decode


def test_records(tmp_path):
    path = tmp_path / "s.fa.gz"
    path.write_bytes(gzip.compress(b"\n>a b|c\nacgt\nNN\r\n\n>d\nAxG*\n"))
    records = list(read_fasta(path))
    assert [(r.name, r.header, decode(r.codes)) for r in records] == [
        ("a", "a b|c", "ACGTNN"),
        ("d", "d", "ANGN"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no sequence"),
        ("ACGT\n", ":1: expected FASTA, '>' and a name"),
        (">\nACGT\n", ":1: '>' without a name"),
        (">a\nAC1T\n", ":2: expected FASTA, letters"),
        (">a\n>b\nA\n", ":1: 'a' has no base"),
        (">a\nA\n>b\n", ":3: 'b' has no base"),
    ],
)
def test_refusals(tmp_path, text, told):
    path = tmp_path / "s.fa"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        list(read_fasta(path))
