"""A VCF through the whole pipeline: every record and allele accounted for, and refusals."""

from __future__ import annotations

import gzip
import json

import cyvcf2
import numpy as np
import pytest
from conftest import make_model, random_bases, write_fasta

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.scoring.effects import KINDS, read_effects
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

BASES = random_bases(3000, seed=11)
HEADER = [
    "##fileformat=VCFv4.3",
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="count">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
    "##contig=<ID=chr1,length=3000>",
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1",
]


def other(base: str) -> str:
    return "ACGT"["ACGT".index(base) - 1]


def line(pos: int, alt: str, *, ref: str | None = None, info: str = "AC=1", chrom="chr1") -> str:
    ref = BASES[pos - 1] if ref is None else ref
    return f"{chrom}\t{pos}\trs{pos}\t{ref}\t{alt}\t29.50\tPASS\t{info}\tGT\t0/1"


BODY = [
    line(1000, other(BASES[999])),
    line(1001, f"{other(BASES[1000])},*,<DEL>", info="AC=1,2,3"),
    line(1100, "."),
    line(1200, f"{BASES[1199]}ACG", info="."),
    line(1300, "A", ref="C" if BASES[1299] != "C" else "G"),
    line(1400, other(BASES[1399]), chrom="chrUn"),
    line(1400, other(BASES[1399]), info="FLAG;AC=7", chrom="1"),
]
STATUSES = [["OK"], ["OK", "STAR", "SYMBOLIC"], ["NO_ALT"], ["OK"], ["REF_MISMATCH"],
            ["CONTIG_MISSING"], ["OK"]]  # fmt: skip


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    fasta = write_fasta(tmp_path_factory.mktemp("g") / "g.fa", {"chr1": BASES})
    with Genome(fasta) as genome:
        yield Scorer(make_model(), genome, shifts=1, device="cpu")


@pytest.fixture
def vcf(tmp_path):
    path = tmp_path / "in.vcf"
    path.write_text("\n".join([*HEADER, *BODY]) + "\n")
    return path


def body_of(path) -> list[str]:
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)  # noqa: SIM115
    with opened as handle:
        return [text.rstrip("\n") for text in handle if not text.startswith("#")]


def without_mfd(text: str) -> str:
    """Return a record line with the keys of mfdvep taken out of INFO again."""
    fields = text.split("\t")
    kept = [item for item in fields[7].split(";") if not item.startswith("MFD")]
    fields[7] = ";".join(kept) or "."
    return "\t".join(fields)


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz"])
def test_every_record_comes_out_once_and_unchanged(scorer, vcf, tmp_path, name):
    score_vcf(vcf, scorer, tmp_path / name)
    assert [without_mfd(text) for text in body_of(tmp_path / name)] == BODY


def test_every_allele_is_accounted_for(scorer, vcf, tmp_path):
    out, matrix, stats = (tmp_path / n for n in ("out.vcf.gz", "m.parquet", "s.json"))
    summary = score_vcf(vcf, scorer, out, matrix=matrix, stats=stats)
    flat = [status for record in STATUSES for status in record]
    assert (summary.records, summary.alleles) == (7, 9)
    assert sum(summary.status.values()) == summary.alleles
    assert {k: n for k, n in summary.status.items() if n} == {s: flat.count(s) for s in flat}
    assert summary.contigs == {"1": "chr1"}
    effects = read_effects(matrix)
    assert [str(status) for status in effects.status] == flat
    assert [v.record for v in effects.variants] == [0, 1, 1, 1, 2, 3, 4, 5, 6]
    assert [v.allele for v in effects.variants] == [1, 1, 2, 3, 0, 1, 1, 1, 1]
    assert json.loads(stats.read_text())["status"] == summary.status
    assert [r.INFO["MFD_STATUS"].split(",") for r in cyvcf2.VCF(str(out))] == STATUSES


def test_info_says_what_the_matrix_says(scorer, vcf, tmp_path):
    out, matrix = tmp_path / "out.vcf.gz", tmp_path / "m.parquet"
    score_vcf(vcf, scorer, out, matrix=matrix, top_k=2)
    effects = read_effects(matrix)
    row = 0
    for record, statuses in zip(cyvcf2.VCF(str(out)), STATUSES, strict=True):
        entries = (record.INFO.get("MFD") or "").split(",")
        for i, status in enumerate(statuses):
            values = [getattr(effects, kind)[row] for kind in KINDS]
            keys = ("MFD_MAX", "MFD_BIO", "MFD_TECH")
            found = [np.atleast_1d(record.INFO.get(key))[i] for key in keys]
            row += 1
            if status != "OK":
                assert found == [None] * 3 or np.isnan(np.array(found, dtype=float)).all()
                continue
            for value, expected in zip(found, values, strict=True):
                largest = expected[np.argmax(np.abs(expected))]
                assert value == pytest.approx(largest, rel=1e-3)
            first, second = (entries.pop(0).split("|") for _ in range(2))
            order = np.argsort(-np.abs(values[0]))
            assert first[0] == record.ALT[i]
            for entry, track in zip((first, second), order, strict=False):
                assert entry[1] == effects.tracks.names[track]
                expected = [value[track] for value in values]
                assert [float(x) for x in entry[2:]] == pytest.approx(expected, rel=1e-3)
    assert row == len(effects)


def test_the_header_says_how(scorer, vcf, tmp_path):
    score_vcf(vcf, scorer, tmp_path / "out.vcf", command="mfdvep score in.vcf")
    header = [text for text in (tmp_path / "out.vcf").read_text().splitlines() if text[0] == "#"]
    assert header[:4] == HEADER[:4]
    assert header[-1] == HEADER[-1]
    added = header[4:-1]
    assert added[1] == "##mfdvepCommand=mfdvep score in.vcf"
    assert added[2] == '##mfdvepModel=<ID=model,Name="unsaved",SHA256=.>'
    assert "Format: ALLELE|TRACK|COMBINED|BIOLOGICAL|TECHNICAL" in "".join(added)
    assert "ALT minus REF on the probability scale" in "".join(added)


def test_any_text_fits_into_the_header(scorer, vcf, tmp_path):
    command = "mfdvep score --where 'a=\"b\"'\nin.vcf"
    score_vcf(vcf, scorer, tmp_path / "out.vcf", command=command)
    header = cyvcf2.VCF(str(tmp_path / "out.vcf")).raw_header
    assert "##mfdvepCommand=mfdvep score --where 'a=\"b\"'\\nin.vcf\n" in header
    assert "##mfdvepReference=<ID=reference,File=" in header


def test_a_header_alone(scorer, tmp_path):
    (tmp_path / "in.vcf").write_text("\n".join(HEADER) + "\n")
    summary = score_vcf(
        tmp_path / "in.vcf", scorer, tmp_path / "o.vcf", matrix=tmp_path / "m.parquet"
    )
    assert (summary.records, summary.alleles) == (0, 0)
    assert len(read_effects(tmp_path / "m.parquet")) == 0


def left_behind(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_outputs_that_exist_are_kept(scorer, vcf, tmp_path):
    for name in ("o.vcf", "m.parquet", "s.json"):
        (tmp_path / name).write_text("mine")
        paths = {"matrix": tmp_path / "m.parquet", "stats": tmp_path / "s.json"}
        with pytest.raises(OutputError, match=f"{name} exists"):
            score_vcf(vcf, scorer, tmp_path / "o.vcf", **paths)
        assert (tmp_path / name).read_text() == "mine"
        assert left_behind(tmp_path) == {"in.vcf", name}
        (tmp_path / name).unlink()


def refuse(scorer, tmp_path, text: bytes, says: str) -> None:
    """Score a file that must be refused; nothing but it may be there afterwards."""
    (tmp_path / "in.vcf").write_bytes(text)
    with pytest.raises(InputError, match=says):
        score_vcf(tmp_path / "in.vcf", scorer, tmp_path / "o.vcf.gz", matrix=tmp_path / "m.parquet")
    assert left_behind(tmp_path) == {"in.vcf"}


def test_contigs_that_do_not_match(scorer, tmp_path):
    body = [line(1000 + i, alt, chrom="NC_000001.11") for i, alt in enumerate(("A", "*", "N"))]
    refuse(scorer, tmp_path, "\n".join([*HEADER, *body, ""]).encode(), "no contig of the first 3")


def test_another_assembly(scorer, tmp_path):
    body = [line(1000 + i, BASES[999 + i], ref=other(BASES[999 + i])) for i in range(12)]
    header = [text.replace("length=3000", "length=2900") for text in HEADER]
    says = r"chr1 has 2900 bases in the VCF, 3000 here\); is the FASTA the right assembly"
    refuse(scorer, tmp_path, "\n".join([*header, *body, ""]).encode(), says)


def test_a_record_that_breaks_late_leaves_nothing(scorer, tmp_path):
    body = [*[BODY[0]] * 1200, "chr1\tx\t.\tA\tC\t.\t.\t."]
    refuse(scorer, tmp_path, "\n".join([*HEADER, *body, ""]).encode(), "1206")
