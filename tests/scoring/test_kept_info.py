"""INFO keys that a matrix keeps: from a VCF or BCF through a run to who reads the matrix."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pysam
import pytest
from conftest import SMALL_TRACKS, random_bases, write_fasta
from oracles.free_scorer import FreeScorer

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.matrix import EffectWriter, read_effects
from mfdvep.scoring.pipeline import score_vcf

BASES = random_bases(3000, seed=12)
HEADER = [
    "##fileformat=VCFv4.3",
    '##INFO=<ID=LABEL,Number=A,Type=Integer,Description="1 causal, 0 neutral">',
    '##INFO=<ID=MATCH,Number=.,Type=String,Description="groups">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">',
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="known">',
    '##INFO=<ID=GENE,Number=1,Type=String,Description="gene">',
    '##INFO=<ID=status,Number=1,Type=String,Description="as a column of the matrix">',
    "##contig=<ID=chr1,length=3000>",
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
]


def line(pos: int, n_alts: int, info: str) -> str:
    ref = BASES[pos - 1]
    alts = [base for base in "ACGT" if base != ref][:n_alts]
    return f"chr1\t{pos}\t.\t{ref}\t{','.join(alts) or '.'}\t.\t.\t{info}"


BODY = [
    line(1000, 1, "LABEL=1;MATCH=m1;AF=0.10"),
    line(1001, 3, "LABEL=0,.,1;MATCH=m1,m2;DB"),
    line(1002, 0, "MATCH=m3"),
    line(1003, 2, "AF=0.5,1e-3;GENE=g\udcff"),
    line(1004, 1, "."),
]
EXPECTED = {
    "LABEL": ["1", "0", None, "1", None, None, None, None],
    "MATCH": ["m1", *["m1,m2"] * 3, "m3", None, None, None],
    "AF": ["0.10", None, None, None, None, "0.5", "1e-3", None],
    "DB": ["0", "1", "1", "1", "0", "0", "0", "0"],
    "GENE": [None, None, None, None, None, "g\ufffd", "g\ufffd", None],
}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    fasta = write_fasta(tmp_path_factory.mktemp("g") / "g.fa", {"chr1": BASES})
    with Genome(fasta) as genome:
        yield FreeScorer(genome, SMALL_TRACKS)


def write(path: Path, body: list[str] = BODY) -> Path:
    text = "".join(f"{text}\n" for text in [*HEADER, *body])
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def score(vcf: Path, scorer, name: str = "m.parquet", **options) -> Path:
    matrix = vcf.with_name(name)
    score_vcf(vcf, scorer, vcf.with_name("o.vcf"), matrix=matrix, **options)
    return matrix


def test_keys_come_back_as_text(scorer, tmp_path):
    vcf = write(tmp_path / "in.vcf")
    matrix = score(vcf, scorer, labels="LABEL", info=["AF", "DB", "GENE"])
    file = EffectFile(matrix)
    assert file.extra == ("LABEL", "MATCH", "AF", "DB", "GENE")  # no ELEMENT is declared
    assert {key: file.text(key) for key in file.extra} == EXPECTED
    names = ["record", "allele", "chrom", "pos", "ref", "alt", "status", *file.extra, *KINDS]
    assert pq.read_schema(matrix).names == names
    assert len(read_effects(matrix)) == len(file) == 8
    with pytest.raises(InputError, match="no column 'PIP' of the input; it has: LABEL, MATCH, AF"):
        file.text("PIP")


def test_the_effects_are_those_without_the_keys(scorer, tmp_path):
    vcf = write(tmp_path / "in.vcf")
    keys = score(vcf, scorer, info=["GENE"])
    plain = score(vcf, scorer, "plain.parquet", force=True)
    kept = pq.read_table(keys).drop_columns("GENE")
    assert kept.equals(pq.read_table(plain), check_metadata=True)


def test_a_bcf_gives_what_the_text_gives(scorer, tmp_path):
    """But for numbers, which a BCF spells in its own way, and bytes that are no text."""
    body = [text.replace("\udcff", "") for text in BODY]
    vcf, bcf = write(tmp_path / "in.vcf", body), tmp_path / "in.bcf"
    with (
        pysam.VariantFile(str(vcf)) as source,
        pysam.VariantFile(str(bcf), "wb", header=source.header) as target,
    ):
        for record in source:
            target.write(record)
    file = EffectFile(score(bcf, scorer, labels="LABEL", info=["AF", "DB", "GENE"]))
    found = {key: file.text(key) for key in file.extra}
    assert found == {
        **EXPECTED,
        "AF": ["0.1", None, None, None, None, "0.5", "0.001", None],
        "GENE": [text and "g" for text in EXPECTED["GENE"]],
    }


@pytest.mark.parametrize("size", [1, 3])
def test_the_file_does_not_depend_on_the_chunks(scorer, tmp_path, monkeypatch, size):
    vcf = write(tmp_path / "in.vcf")
    at_once = score(vcf, scorer, labels="LABEL", info=["GENE"]).read_bytes()
    monkeypatch.setattr("mfdvep.scoring.pipeline.CHUNK_ALLELES", {"cpu": size})
    assert score(vcf, scorer, labels="LABEL", info=["GENE"], force=True).read_bytes() == at_once


def test_a_run_that_a_record_stopped_is_resumed(scorer, tmp_path, monkeypatch):
    """The last record has one label for three ALTs; repaired, the run goes on where it was."""
    monkeypatch.setattr("mfdvep.scoring.pipeline.CHUNK_ALLELES", {"cpu": 2})
    broken, whole = line(1010, 3, "LABEL=1"), line(1010, 3, "LABEL=1,0,0")
    vcf = write(tmp_path / "in.vcf", [*BODY, broken])
    says = r"in\.vcf: record 6 at chr1:1010: INFO LABEL has 1 values \(1\) for 3 ALTs, and the head"
    with pytest.raises(InputError, match=says) as caught:
        score(vcf, scorer, labels="LABEL")
    assert "--resume goes on" in caught.value.__notes__[0]
    write(vcf, [*BODY, whole])
    for other in ({}, {"labels": "LABEL", "info": ["AF"]}, {"info": ["LABEL"]}):
        with pytest.raises(OutputError, match="holds a run with another info"):
            score(vcf, scorer, resume=True, **other)
    resumed = score(vcf, scorer, labels="LABEL", resume=True).read_bytes()
    at_once = score(vcf, scorer, labels="LABEL", force=True).read_bytes()
    assert resumed == at_once


def test_duckdb_reads_the_columns(scorer, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    matrix = score(write(tmp_path / "in.vcf"), scorer, labels="LABEL", info=["AF"])
    query = f"SELECT pos, alt, MATCH, AF::FLOAT FROM '{matrix}' WHERE LABEL = '1' ORDER BY pos"
    first, second = duckdb.sql(query).fetchall()
    assert first[0] == 1000
    assert first[2:] == ("m1", pytest.approx(0.1))
    assert (second[0], second[2:]) == (1001, ("m1,m2", None))


def test_no_records(scorer, tmp_path):
    file = EffectFile(score(write(tmp_path / "in.vcf", []), scorer, labels="LABEL"))
    assert (len(file), file.extra, file.text("LABEL")) == (0, ("LABEL", "MATCH"), [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "LABLE"}, r"in\.vcf: its header declares no INFO LABLE; nearest: LABEL"),
        ({"info": ["AF", "PIP"]}, "declares no INFO PIP"),
        ({"info": ["status"]}, "INFO status: the matrix has a column of its own named status"),
        ({"info": ["MFD"]}, "INFO MFD: mfdvep keeps MFD"),
        ({"info": ["AF"], "matrix": None}, "columns of the matrix; give matrix a file"),
        ({"labels": "LABEL", "matrix": None}, "columns of the matrix; give matrix a file"),
    ],
)
def test_what_is_refused_leaves_nothing(scorer, tmp_path, options, message):
    vcf = write(tmp_path / "in.vcf")
    with pytest.raises(InputError, match=message):
        score_vcf(vcf, scorer, tmp_path / "o.vcf", **{"matrix": tmp_path / "m.parquet", **options})
    assert list(tmp_path.iterdir()) == [vcf]


def test_columns_that_would_be_the_matrixs_own(tmp_path):
    for name in ("pos", "combined", "combined.list.element"):
        with pytest.raises(InputError, match="the matrix has a column of its own named"):
            EffectWriter(tmp_path / "m.parquet", SMALL_TRACKS, {}, extra=[name])
    assert not list(tmp_path.iterdir())
