"""A VCF through the whole pipeline: every record and allele accounted for, and refusals."""

from __future__ import annotations

import gzip
import json

import cyvcf2
import duckdb
import numpy as np
import pytest
from conftest import make_model, random_bases, write_fasta

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import Regions
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.matrix import read_effects
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
            keys = ("MFD_MAX", "MFD_BIO", "MFD_TECH", "MFD_TSHARE")
            *found, overall = (np.atleast_1d(record.INFO.get(key))[i] for key in keys)
            row += 1
            if status != "OK":
                assert overall is None or np.isnan(overall)
                assert found == [None] * 3 or np.isnan(np.array(found, dtype=float)).all()
                continue
            for value, expected in zip(found, values, strict=True):
                largest = expected[np.argmax(np.abs(expected))]
                assert value == pytest.approx(largest, rel=1e-3)
            sizes = np.abs(values[1:]).astype(float)
            assert overall == pytest.approx(sizes[1].sum() / sizes.sum(), rel=1e-3)
            first, second = (entries.pop(0).split("|") for _ in range(2))
            order = np.argsort(-np.abs(values[0]))
            assert first[0] == record.ALT[i]
            for entry, track in zip((first, second), order, strict=False):
                assert entry[1] == effects.tracks.names[track]
                expected = [value[track] for value in values]
                assert [float(x) for x in entry[2:5]] == pytest.approx(expected, rel=1e-3)
                assert float(entry[5]) == pytest.approx(
                    sizes[1, track] / sizes[:, track].sum(), rel=1e-3
                )
                assert entry[6:] == [".", "gain" if expected[0] > 0 else "loss"]
    assert row == len(effects)


def test_the_header_says_how(scorer, vcf, tmp_path):
    score_vcf(vcf, scorer, tmp_path / "out.vcf", command="mfdvep score in.vcf")
    header = [text for text in (tmp_path / "out.vcf").read_text().splitlines() if text[0] == "#"]
    assert header[:4] == HEADER[:4]
    assert header[-1] == HEADER[-1]
    added = header[4:-1]
    assert added[1] == "##mfdvepCommand=mfdvep score in.vcf"
    assert added[2] == '##mfdvepModel=<ID=model,Name="unsaved",SHA256=.>'
    fields = "ALLELE|TRACK|COMBINED|BIOLOGICAL|TECHNICAL|TECHNICAL_SHARE|QUANTILE|Consequence"
    assert f"Format: {fields}" in "".join(added)
    assert "ALT minus REF on the probability scale" in "".join(added)
    (share,) = (line for line in added if "ID=MFD_TSHARE," in line)
    assert (
        "the sum of |technical| over them, divided by that of |biological| + |technical|" in share
    )


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
    header = [text for text in HEADER if "contig" not in text]
    body = [line(1000 + i, alt, chrom="NC_000001.11") for i, alt in enumerate(("A", "*", "N"))]
    refuse(scorer, tmp_path, "\n".join([*header, *body, ""]).encode(), "no contig of the first 3")


def test_another_assembly(scorer, tmp_path):
    body = [line(1000 + i, BASES[999 + i], ref=other(BASES[999 + i])) for i in range(12)]
    header = [text.replace("length=3000", "length=2900") for text in HEADER]
    says = r"chr1 has 2900 bases in the VCF, 3000 here\); is the FASTA the right assembly"
    refuse(scorer, tmp_path, "\n".join([*header, *body, ""]).encode(), says)


def test_a_record_that_breaks_late_costs_nothing_that_was_done(scorer, tmp_path):
    path, out = tmp_path / "in.vcf", tmp_path / "o.vcf.gz"
    body = [BODY[0]] * 1200
    whole = "\n".join([*HEADER, *body, line(1100, "."), ""])
    path.write_text(whole.replace("\t1100\t", "\tx\t"))
    with pytest.raises(InputError, match="1206: POS 'x' is no number") as caught:
        score_vcf(path, scorer, out)
    assert caught.value.__notes__ == [
        f"what is finished is kept in {out}.parts; once the input is repaired, --resume goes on "
        "with it"
    ]
    assert left_behind(tmp_path) == {"in.vcf", "o.vcf.gz.parts"}
    path.write_text(whole)
    with pytest.raises(OutputError, match="holds a run that was interrupted"):
        score_vcf(path, scorer, out)
    assert score_vcf(path, scorer, out, resume=True).resumed == 1024
    assert left_behind(tmp_path) == {"in.vcf", "o.vcf.gz"}
    score_vcf(path, scorer, tmp_path / "at_once.vcf.gz")
    assert out.read_bytes() == (tmp_path / "at_once.vcf.gz").read_bytes()


def test_side_files_lie_beside_the_run_record(scorer, vcf, tmp_path):
    score_vcf(vcf, scorer, tmp_path / "o.vcf", stats=tmp_path / "o.stats.json")
    assert left_behind(tmp_path) == {
        "in.vcf", "o.vcf", "o.stats.json", "o_mqc.json", "o.skipped.tsv"
    }  # fmt: skip
    rows = [text.split("\t") for text in (tmp_path / "o.skipped.tsv").read_text().splitlines()]
    assert rows[0] == ["chrom", "pos", "id", "ref", "alt", "record", "allele", "status", "reason"]
    assert [(r[1], r[2], r[4], r[5], r[6], r[7]) for r in rows[1:]] == [
        ("1001", "rs1001", "*", "1", "2", "STAR"),
        ("1001", "rs1001", "<DEL>", "1", "3", "SYMBOLIC"),
        ("1100", "rs1100", ".", "2", "0", "NO_ALT"),
        ("1300", "rs1300", "A", "4", "1", "REF_MISMATCH"),
        ("1400", "rs1400", other(BASES[1399]), "5", "1", "CONTIG_MISSING"),
    ]
    record = json.loads((tmp_path / "o.stats.json").read_text())
    assert (record["records"], record["alleles"], record["unscored"]) == (7, 9, 4)
    assert record["effects"]["combined"]["largest"]["n"] == record["status"]["OK"] == 4
    shown = json.loads((tmp_path / "o_mqc.json").read_text())
    assert shown["data"]["in.vcf"] == record["status"]


def test_min_abs_and_top_k_choose_what_is_listed(scorer, vcf, tmp_path):
    matrix, long = tmp_path / "m.parquet", tmp_path / "l.parquet"
    score_vcf(vcf, scorer, tmp_path / "a.vcf", matrix=matrix)
    effects = np.abs(read_effects(matrix).combined)
    limit = float(np.nanmedian(effects))
    score_vcf(vcf, scorer, tmp_path / "o.vcf", long=long, top_k=99, min_abs=limit)
    listed = [
        len(r.INFO["MFD"].split(",")) if r.INFO.get("MFD") else 0
        for r in cyvcf2.VCF(str(tmp_path / "o.vcf"))
    ]
    expected = (effects >= np.float32(limit)).sum(axis=1)
    assert sum(listed) == expected.sum() > 0
    rows = duckdb.sql(
        f"SELECT record, allele, count(track) n FROM '{long}' GROUP BY ALL ORDER BY ALL"
    )
    assert [n for _, _, n in rows.fetchall()] == expected.tolist()


def test_regions_choose_records(scorer, vcf, tmp_path):
    regions = Regions.parse(["chr1:1001-1200"])
    summary = score_vcf(vcf, scorer, tmp_path / "o.vcf", regions=regions)
    assert summary.records == 3
    assert [without_mfd(text) for text in body_of(tmp_path / "o.vcf")] == BODY[1:4]
    assert summary.record["provenance"]["regions"] == {"chr1": [[1000, 1200]]}


def test_an_annotated_vcf_is_refused_or_its_annotation_replaced(scorer, vcf, tmp_path):
    once, twice = tmp_path / "once.vcf", tmp_path / "twice.vcf"
    score_vcf(vcf, scorer, once)
    with pytest.raises(InputError, match=r"annotated already; .* --replace"):
        score_vcf(once, scorer, twice)
    assert left_behind(tmp_path) == {"in.vcf", "once.vcf"}
    score_vcf(once, scorer, twice, replace=True)
    assert twice.read_text() == once.read_text()


def test_without_versions_nothing_of_the_run_is_named(scorer, vcf, tmp_path):
    score_vcf(vcf, scorer, tmp_path / "o.vcf", command="mfdvep score secret", versions=False)
    text = (tmp_path / "o.vcf").read_text()
    assert "mfdvepVersion" not in text
    assert "secret" not in text
    assert "##mfdvepModel=" in text


@pytest.mark.parametrize("size", [1, 2, 3])
def test_chunks_of_any_size_give_the_same(scorer, vcf, tmp_path, monkeypatch, size):
    paths = {"matrix": tmp_path / "m.parquet", "long": tmp_path / "l.parquet"}
    stats = tmp_path / "o.stats.json"
    score_vcf(vcf, scorer, tmp_path / "o.vcf", **paths, stats=stats)
    names = ("o.vcf", "o.skipped.tsv", "o_mqc.json")
    before = [(tmp_path / name).read_bytes() for name in names]
    effects, record = read_effects(paths["matrix"]), json.loads(stats.read_text())
    monkeypatch.setattr("mfdvep.scoring.pipeline.CHUNK_ALLELES", {"cpu": size})
    score_vcf(vcf, scorer, tmp_path / "o.vcf", **paths, stats=stats, force=True)
    assert [(tmp_path / name).read_bytes() for name in names] == before
    again = read_effects(paths["matrix"])
    assert np.allclose(again.combined, effects.combined, rtol=0, atol=1e-6, equal_nan=True)
    found = json.loads(stats.read_text())
    for key in ("records", "alleles", "status", "contigs"):
        assert found[key] == record[key]


def test_unsorted_records_cannot_be_indexed(scorer, tmp_path):
    (tmp_path / "in.vcf").write_text("\n".join([*HEADER, BODY[3], BODY[0], ""]))
    with pytest.raises(InputError, match="record 2 at chr1:1000 comes after chr1:1200"):
        score_vcf(tmp_path / "in.vcf", scorer, tmp_path / "o.vcf.gz", index=True)
    assert left_behind(tmp_path) == {"in.vcf"}
