"""Parquet as TraitGym has it: read as a VCF, and written."""

from __future__ import annotations

import os
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.parquet_variants import write_parquet
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.vcf import open_vcf

ROWS = {
    "chrom": ["1", "1", "X"],
    "pos": [10, 20, 5],
    "ref": ["A", "CG", "T"],
    "alt": ["C", "C", "G"],
    "label": [True, False, None],
    "tss_dist": [1, 2, 3],
    "match_group": ["m1", "m1,m 2", None],
    "maf": [0.25, float("nan"), None],
}


@pytest.fixture
def parquet(tmp_path):
    def write(**changes):
        path = tmp_path / "test.parquet"
        columns = {name: v for name, v in {**ROWS, **changes}.items() if v is not None}
        pq.write_table(pa.table(columns), path)
        return path

    return write


def test_read_as_a_vcf(parquet):
    with open_vcf(parquet()) as reader:
        assert reader.contigs == {"1": None, "X": None}
        lines = [record.line for record in reader]
    assert lines == [
        "1\t10\t.\tA\tC\t.\t.\tLABEL=1;MATCH=m1;MAF=0.25",
        "1\t20\t.\tCG\tC\t.\t.\tLABEL=0;MATCH=m1,m%202",
        "X\t5\t.\tT\tG\t.\t.\t.",
    ]
    kinds = [line for line in reader.header_lines if line.startswith("##INFO=<ID=LABEL")]
    assert "Number=A,Type=Integer" in kinds[0]


def test_quantities_and_no_labels(parquet):
    with open_vcf(parquet(label=[0.5, -1e-7, 2.0])) as reader:
        assert any("ID=LABEL,Number=A,Type=Float" in line for line in reader.header_lines)
        assert [r.line.split("LABEL=")[1].split(";")[0] for r in reader] == ["0.5", "-1e-07", "2"]
    with open_vcf(parquet(label=None, match_group=None, maf=None)) as reader:
        assert [record.line.split("\t")[7] for record in reader] == ["."] * 3


def test_regions_select_by_position(parquet):
    with open_vcf(parquet(), regions=Regions.parse(["chr1:21"])) as reader:
        assert [(record.index, record.pos) for record in reader] == [(0, 20)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"alt": None}, "no column alt; expected chrom, pos, ref, alt of variants, found chrom"),
        ({"pos": ["10", "20", "5"]}, "column pos is string; expected whole numbers, 1-based"),
        ({"ref": [1, 2, 3]}, "column ref is int64; expected text"),
        ({"label": ["a", "b", "c"]}, "column label is string; expected numbers"),
        ({"alt": ["C", "", "G"]}, "row 2 has no chrom, pos, ref, alt"),
        ({"pos": [10, None, 5]}, "row 2 has no chrom, pos, ref, alt"),
        ({"pos": [10, -1, 5]}, "POS '-1' is no number"),
        ({name: values[:0] for name, values in ROWS.items()}, "column chrom is null|no variants"),
    ],
)
def test_refusals(parquet, changes, says):
    with pytest.raises(InputError, match=says), open_vcf(parquet(**changes)) as reader:
        list(reader)


def test_damage(parquet):
    path = parquet()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="damaged Parquet"):
        open_vcf(path)


def test_a_pipe(parquet, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = parquet().read_bytes()
    thread = threading.Thread(target=pipe.write_bytes, args=(data,))
    thread.start()
    with pytest.raises(InputError, match="Parquet cannot be read as a stream; give the file's"):
        open_vcf(pipe)
    thread.join()


def test_written_and_read_again(tmp_path):
    path = tmp_path / "o.parquet"
    columns = {name: ROWS[name] for name in ("chrom", "pos", "ref", "alt", "match_group")}
    write_parquet(path, {**columns, "label": [True, False, True]}, metadata={"a": "b"})
    table = pq.read_table(path)
    assert str(table.schema.field("label").type) == "bool"
    assert table.schema.metadata[b"a"] == b"b"
    assert table.column("match_group").to_pylist() == ROWS["match_group"]
    with open_vcf(path) as reader:
        assert [record.pos for record in reader] == ROWS["pos"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_parquet(tmp_path / "no" / "o.parquet", columns, metadata={})
