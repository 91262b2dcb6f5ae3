"""INFO keys as columns: a value an ALT, as written; and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfdvep.errors import InputError
from mfdvep.genomics.info_columns import InfoColumns
from mfdvep.genomics.vcf import open_vcf

DECLARED = [
    '##INFO=<ID=LABEL,Number=A,Type=Integer,Description="1, causal; ID=NOT,Number=.">',
    '##INFO=<ID=MATCH,Number=.,Type=String,Description="groups">',
    '##INFO=<Number=1,Type=String,Description="ID=XX,\\"Number=A\\"",ID=GENE>',
    '##INFO=<ID=AD,Number=R,Type=Integer,Description="depths">',
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="known">',
    '##INFO=<ID=A.B,Number=A,Type=String,Description="dotted">',
    '##INFO=<ID=LABEL,Number=1,Type=Integer,Description="again">',
]


def columns(*keys: str, also: tuple[str, ...] = (), end: str = "") -> InfoColumns:
    return InfoColumns.of([line + end for line in DECLARED], keys, also=also, name="in.vcf")


def values(tmp_path: Path, found: InfoColumns, *records: tuple[str, str], end: str = "\n"):
    """Values of records, each as its ALT and INFO."""
    lines = ["##fileformat=VCFv4.3", *DECLARED, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"chr1\t{i}\t.\tA\t{alt}\t.\t.\t{info}" for i, (alt, info) in enumerate(records, 7)]
    path = tmp_path / "in.vcf"
    path.write_bytes("".join(line + end for line in lines).encode("utf-8", "surrogateescape"))
    with open_vcf(path) as reader:
        return found.values(reader)


@pytest.mark.parametrize(
    ("key", "alt", "info", "expected"),
    [
        ("LABEL", "C", "LABEL=1", ["1"]),
        ("LABEL", "C,G", "DB;LABEL=1,0;MATCH=a", ["1", "0"]),
        ("LABEL", "C,G", "LABEL=.,0", [None, "0"]),
        ("LABEL", "C,G", "LABEL=.", [None, None]),
        ("LABEL", "C,G", "DB", [None, None]),
        ("LABEL", "C,G", ".", [None, None]),
        ("LABEL", "C", "LABEL", [None]),
        ("LABEL", "C", "LABEL=", [None]),
        ("LABEL", "C", "XLABEL=5;LABEL=01.50", ["01.50"]),
        ("LABEL", ".", "LABEL=1", [None]),  # no ALT that the value could be of
        ("MATCH", "C,G", "MATCH=a,b,c", ["a,b,c", "a,b,c"]),
        ("MATCH", ".", "MATCH=a", ["a"]),
        ("GENE", "C", "GENE=x%3By=z", ["x%3By=z"]),
        ("AD", "C,G", "AD=1,2,3", ["1,2,3", "1,2,3"]),
        ("DB", "C,G", "DB", ["1", "1"]),
        ("DB", "C,G", "LABEL=1", ["0", "0"]),  # a flag is false where it is absent
        ("DB", "C", ".", ["0"]),
        ("DB", ".", "LABEL=1", ["0"]),
        ("DB", ".", "DB", ["1"]),
        ("DB", "C", "XDB", ["0"]),
        ("DB", "C", "DB=1", ["1"]),
        ("DB", "C", "DB=", ["1"]),
        ("A.B", "C,G", "A.B=x,y", ["x", "y"]),
    ],
)
def test_the_values_of_a_record(tmp_path, key, alt, info, expected):
    assert values(tmp_path, columns(key), (alt, info)) == [expected]


def test_several_keys_and_records(tmp_path):
    found = values(
        tmp_path, columns("LABEL", "DB"), ("C,G", "LABEL=1,0"), (".", "DB"), ("T", "DB;LABEL=0")
    )
    assert found == [["1", "0", None, "0"], ["0", "0", "1", "1"]]


def test_a_carriage_return_is_no_part_of_a_value(tmp_path):
    found = columns("LABEL", "DB", end="\r")
    assert values(tmp_path, found, ("C,G", "DB;LABEL=1,0"), end="\r\n") == [["1", "0"], ["1", "1"]]


def test_keys_are_kept_once_and_in_order():
    assert columns("GENE", "LABEL", "GENE").keys == ("GENE", "LABEL")
    assert columns("LABEL", "AD", also=("MATCH", "ELEMENT")).keys == ("LABEL", "MATCH", "AD")
    assert columns("LABEL", "MATCH", "AD", also=("MATCH",)).keys == ("LABEL", "MATCH", "AD")
    assert columns().keys == ()
    assert columns(also=("MATCH", "ELEMENT", "AD")).keys == ("MATCH", "AD")  # none is needed


def test_a_record_alone(tmp_path):
    """As one that streams reads them: key -> a value an ALT."""
    path = tmp_path / "in.vcf"
    lines = ["##fileformat=VCFv4.3", *DECLARED, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    path.write_text("\n".join([*lines, "chr1\t7\t.\tA\tC,G\t.\t.\tLABEL=1,.;GENE=g;X=5\n"]))
    with open_vcf(path) as reader:
        (record,) = reader
    found = columns("LABEL", "DB", also=("GENE", "X")).of_record(record)
    assert found == {"LABEL": ["1", None], "GENE": ["g", "g"], "DB": ["0", "0"]}


def test_a_value_an_alt_though_the_header_says_otherwise(tmp_path):
    found = InfoColumns.of(DECLARED, ["MATCH"], by_alt=["MATCH", "AD"], name="in.vcf")
    assert values(tmp_path, found, ("C,G", "MATCH=a,b")) == [["a", "b"]]
    assert values(tmp_path, found, ("C,G", "MATCH=a"), ("C", "MATCH=a,b")) == [[None] * 3]
    labels = InfoColumns.of(DECLARED, ["LABEL"], by_alt=["LABEL"], name="in.vcf")
    assert values(tmp_path, labels, ("C,G", "LABEL=1,0"), ("C,G", "LABEL=1")) == [
        ["1", "0", None, None]
    ]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("LABLE", "in.vcf: its header declares no INFO LABLE; nearest: LABEL"),
        ("label", "no INFO label; nearest: LABEL"),
        ("ELEPHANTS", r"it declares LABEL, MATCH, GENE, .*its ##INFO line: bcftools annotate -h"),
        ("NOT", "declares no INFO NOT"),
        ("XX", "declares no INFO XX"),
        ("", "declares no INFO ; it declares"),
        ("MFD_MAX", r"INFO MFD_MAX: mfdvep keeps MFD and MFD_\* for what it writes"),
    ],
)
def test_keys_that_are_refused(key, message):
    with pytest.raises(InputError, match=message):
        columns("GENE", key)


def test_a_header_without_keys():
    with pytest.raises(InputError, match="it declares none"):
        InfoColumns.of(["##fileformat=VCFv4.3"], ["LABEL"], name="in.vcf")


@pytest.mark.parametrize("text", ["0", ".", "no", "1,0"])
def test_a_flag_with_a_value_is_refused(tmp_path, text):
    """Whoever wrote DB=0 did not mean what a flag that is there means."""
    with pytest.raises(InputError, match=f"at chr1:7: INFO DB={text}: .* a Flag, which has no val"):
        values(tmp_path, columns("DB"), ("C,G", f"DB={text}"))


@pytest.mark.parametrize(
    ("alt", "info", "message"),
    [
        ("C,G", "LABEL=1", r"record 2 at chr1:8: INFO LABEL has 1 values \(1\) for 2 ALTs, and"),
        ("C", "LABEL=1,0", r"INFO LABEL has 2 values \(1,0\) for 1 ALTs, .* declare Number=\."),
        ("C", "LABEL=1;LABEL=1", "record 2 at chr1:8: INFO LABEL is there twice"),
    ],
)
def test_records_that_are_refused(tmp_path, alt, info, message):
    with pytest.raises(InputError, match=message):
        values(tmp_path, columns("LABEL"), ("C", "LABEL=0"), (alt, info))
