"""A run as a whole: what comes out of every record, that the counts agree, and what is refused."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pysam
import pytest
from expression.variants.worlds import BASES, CELLS, HEADER, effects_on, snv, write_world

from mfdvep.errors import InputError, OutputError
from mfdvep.expression.genes import read_genes
from mfdvep.expression.variants import pipeline
from mfdvep.expression.variants.annotation import FORMAT
from mfdvep.expression.variants.pairs import NUMBERS
from mfdvep.expression.variants.pipeline import Sources, score_expression, stats_path
from mfdvep.expression.variants.reach import GenesInReach
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import Regions

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="no bcftools")
STATUS = ["OK", "OK", "OK,OK,SYMBOLIC,STAR", "OK", "OK", "REF_MISMATCH", "NO_ALT", "OK", "OK"]
STATUS += ["N_RICH", "OK", "CONTIG_MISSING"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def genome(world):
    with Genome(world["genome.fa"]) as found:
        yield found


@pytest.fixture(scope="module")
def effects(genome):
    return effects_on(genome)


@pytest.fixture(scope="module")
def call(world, genome, effects):
    """Score the world's VCF, or another."""
    listed = read_genes(world["genes.tsv"])
    genes = GenesInReach(listed.genes, genome)

    def run(output: Path, vcf: Path = world["in.vcf"], **options):
        sources = Sources(listed, world["genes.tsv"].with_name("none.json"))
        return score_expression(vcf, effects, genes, output, sources=sources, **options)

    return run


@pytest.fixture(scope="module")
def done(call, tmp_path_factory):
    folder = tmp_path_factory.mktemp("done")
    record = call(folder / "out.vcf.gz", table=folder / "out.parquet", command="as typed")
    return folder, record


def body(path: Path) -> list[list[str]]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def added(fields: list[str]) -> dict[str, str]:
    """Return what was appended to a record's INFO."""
    return dict(entry.split("=") for entry in fields[7].split(";")[1:])


def test_every_record_once_in_order_and_the_rest_as_it_was(done, world):
    before, after = body(world["in.vcf"]), body(done[0] / "out.vcf.gz")
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert new[7].startswith(f"{old[7]};MFD_")
        assert [*new[:7], old[7], *new[8:]] == old
    assert [added(fields)["MFD_GENE_STATUS"] for fields in after] == STATUS


def test_the_counts_reconcile(done):
    folder, record = done
    assert json.loads((folder / "out.stats.json").read_text()) == record
    assert record["records"] == 12
    assert record["alleles"] == sum(record["status"].values()) == 15
    with_gene, without = record["alleles_with_gene"], record["alleles_without_gene"]
    assert (with_gene, without, record["status"]["OK"]) == (7, 2, 9)
    assert record["pairs"] == sum(record["pairs_by_gene_status"].values()) == 8
    assert record["pairs_by_gene_status"] == {"OFF_CONTIG": 1, "OK": 7}
    genes = record["genes"]
    reached = genes["reached_by_status"]
    assert reached == {"OFF_CONTIG": 1, "OK": 2}
    assert genes["n"] == genes["off_reference"] + genes["not_reached"] + sum(reached.values())
    assert (genes["off_reference"], genes["not_reached"]) == (1, 1)
    assert genes["read"] == genes["n"] + genes["duplicates"] + genes["other_biotypes"] == 6
    assert genes["duplicates"] == 1
    n_alone = record["alleles"] - with_gene
    rows = pq.read_metadata(folder / "out.parquet").num_rows
    assert record["rows"] == rows == len(CELLS) * record["pairs"] + n_alone
    assert record["timing"]["windows"] > 200


def test_a_silent_alt_changes_exactly_nothing(done):
    table = pq.read_table(done[0] / "out.parquet").to_pandas()
    silent = table[table.pos == 9001]
    assert len(silent) == 2
    assert (silent.reference != 0).all()
    for name in NUMBERS:
        if not name.endswith("reference"):
            assert (silent[name] == 0).all()
            assert (table[(table.gene_status == "OK") & (table.pos != 9001)][name] != 0).any()


def test_the_vcf_says_what_the_table_says(done):
    table = pq.read_table(done[0] / "out.parquet").to_pylist()
    rows = iter([SimpleNamespace(**row) for row in table if row["gene_id"]])
    n = 0
    for fields in body(done[0] / "out.vcf.gz"):
        entries = added(fields).get("MFD_GENE")
        for entry in entries.split(",") if entries else []:
            row, n = next(rows), n + 1
            assert (row.chrom, str(row.pos), row.ref) == (fields[0], fields[1], fields[3])
            values = dict(zip(FORMAT.split("|"), entry.split("|"), strict=True))
            assert (values["ALLELE"], values["GENE"], values["CELL"]) == (
                row.alt, row.gene_id, row.cell
            )  # fmt: skip
            assert int(values["DISTANCE"]) == row.distance
            numbers = (row.combined, row.biological, row.technical, row.h3k4me3_combined)
            if row.gene_status != "OK":
                assert entry.endswith("|.|.|.|.|.")
                continue
            assert values["Consequence"] == (
                "." if row.combined == 0 else "gain" if row.combined > 0 else "loss"
            )
            for name, number in zip(
                ("COMBINED", "BIOLOGICAL", "TECHNICAL", "H3K4ME3"), numbers, strict=True
            ):
                assert float(values[name]) == pytest.approx(number, rel=1e-3)
    assert n == 16
    assert next(rows, None) is None


def test_duckdb_reads_the_table(done):
    path = done[0] / "out.parquet"
    found = duckdb.sql(
        f"SELECT id, gene_id, gene_name, strand, distance, cell FROM '{path}' "
        "WHERE pos = 8700 ORDER BY cell"
    ).fetchall()
    assert found == [("rs1;rs2", "ENSG1", "ONE", "+", -301, cell) for cell in sorted(CELLS)]
    alone = duckdb.sql(
        f"SELECT pos, status, gene_id, cell, combined FROM '{path}' WHERE gene_id IS NULL"
    ).fetchall()
    assert [row[1] for row in alone] == [
        "SYMBOLIC", "STAR", "REF_MISMATCH", "NO_ALT", "OK", "N_RICH", "OK", "CONTIG_MISSING",
    ]  # fmt: skip
    assert all(row[2:] == (None, None, None) for row in alone)
    ((value,),) = duckdb.sql(
        f"SELECT decode(value) FROM parquet_kv_metadata('{path}') WHERE key = 'mfdvep'"
    ).fetchall()
    about = json.loads(value)["provenance"]
    assert about == done[1]["provenance"]
    assert about["model"]["sha256"] == "5" * 64
    assert about["expression_model"]["sha256"] == "e" * 64
    assert about["target"] == "label"
    assert (about["device"], about["batch_size"]) == ("cpu", 64)
    assert about["command"] == "as typed"
    assert len(about["calibration"]["digest"]) == 64
    assert about["reference"]["file"] == "genome.fa"
    assert about["genes"]["file"] == "genes.tsv"
    assert about["tracks"]["HepG2/H3K4me3"] == ["H3K4me3/HepG2/E8"]


@needs_bcftools
def test_split_vep_reads_the_vcf(done):
    query = "%POS %ALLELE %GENE %GENE_NAME %DISTANCE %CELL %COMBINED %H3K4ME3 %Consequence\n"
    command = ["bcftools", "+split-vep", str(done[0] / "out.vcf.gz"), "-a", "MFD_GENE", "-d", "-f"]
    found = subprocess.run([*command, query], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")
    lines = [line.split(" ") for line in found.stdout.splitlines()]
    listed = [line for line in lines if line[2] != "."]
    assert len(listed) == 16
    assert {line[2] for line in listed} == {"ENSG1", "ENSG2", "ENSG3"}
    assert {line[-1] for line in listed} == {"gain", "loss", "."}
    two = [line[2:6] for line in listed if line[0] == "12600"]
    assert two == [
        ["ENSG1", "ONE", "3599", "K562"],
        ["ENSG1", "ONE", "3599", "HepG2"],
        ["ENSG2", "TWO", "2901", "K562"],
        ["ENSG2", "TWO", "2901", "HepG2"],
    ]


def test_the_header_says_how(done):
    text = gzip.decompress((done[0] / "out.vcf.gz").read_bytes()).decode()
    lines = [line for line in text.splitlines() if line.startswith("##mfdvep")]
    assert [line.partition("=")[0] for line in lines] == [
        f"##mfdvepGene{what}"
        for what in (
            "Version", "Command", "Model", "Reference", "ExpressionModel", "MarkCalibration",
            "List",
        )
    ]  # fmt: skip
    (own,) = [line for line in text.splitlines() if "<ID=MFD_GENE," in line]
    assert "mfdvep: " in own
    assert "log-odds of an expression above" in own
    assert FORMAT in own
    assert "TSS +-5 kb" in own
    assert "trained on observed marks" in own


def test_the_same_bytes_again_and_in_other_chunks(done, call, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "CHUNK_ALLELES", 1)
    out, table = tmp_path / "out.vcf.gz", tmp_path / "out.parquet"
    call(out, table=table, command="as typed")
    assert body(out) == body(done[0] / "out.vcf.gz")
    assert pq.read_table(table).equals(pq.read_table(done[0] / "out.parquet"))
    call(out, table=table, command="as typed", force=True)
    monkeypatch.undo()
    call(tmp_path / "b.vcf.gz", table=tmp_path / "b.parquet", command="as typed")
    assert (tmp_path / "b.parquet").read_bytes() == table.read_bytes()


def test_regions(call, tmp_path):
    record = call(tmp_path / "o.vcf", regions=Regions.parse(["chr1:8000-8900"]))
    assert record["records"] == 2
    assert record["provenance"]["regions"] is not None
    assert [fields[1] for fields in body(tmp_path / "o.vcf")] == ["8700", "8801"]


def test_progress_counts_records_and_pairs(call, tmp_path):
    calls = []
    call(tmp_path / "o.vcf", progress=lambda *given: calls.append(given))
    assert calls[-1] == (12, None, {"pairs": 8})


@needs_bcftools
def test_bcf_says_the_same(call, done, tmp_path):
    call(tmp_path / "o.bcf")
    command = ["bcftools", "view", "-H", str(tmp_path / "o.bcf")]
    found = subprocess.run(command, capture_output=True, text=True)
    lines = [line.split("\t") for line in found.stdout.splitlines()]
    assert [added(x) for x in lines] == [added(x) for x in body(done[0] / "out.vcf.gz")]


@pytest.mark.parametrize("name", ["out.vcf.gz", "out.bcf"])
def test_an_index_finds_the_records(call, tmp_path, name):
    for old in (".tbi", ".csi"):
        (tmp_path / f"{name}{old}").write_text("of an earlier output")
    call(tmp_path / name, index=True, force=True)
    ending = ".csi" if name.endswith(".bcf") else ".tbi"
    assert {p.name for p in tmp_path.iterdir()} == {name, f"{name}{ending}", "out.stats.json"}
    with pysam.VariantFile(str(tmp_path / name)) as file:
        records = list(file)
    with pysam.VariantFile(str(tmp_path / name)) as file:
        for record in records:
            found = [str(r) for r in file.fetch(record.chrom, record.start, record.stop)]
            assert str(record) in found


def test_what_no_index_can_hold(call, world, tmp_path):
    lines = world["in.vcf"].read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    vcf = tmp_path / "in.vcf"
    vcf.write_text("".join([*lines[:at], lines[at + 2], *lines[at : at + 2], *lines[at + 3 :]]))
    with pytest.raises(InputError, match=r"record 2 at .* the records are not sorted"):
        call(tmp_path / "out.vcf.gz", vcf, index=True)
    with pytest.raises(OutputError, match="only bgzip and BCF have an index"):
        call(tmp_path / "out.vcf", index=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.vcf"]


def test_an_annotated_vcf_is_refused_unless_it_is_replaced(done, call, tmp_path):
    annotated = done[0] / "out.vcf.gz"
    with pytest.raises(InputError, match="declares INFO MFD_GENE: it is annotated already"):
        call(tmp_path / "o.vcf.gz", annotated)
    assert list(tmp_path.iterdir()) == []
    call(tmp_path / "o.vcf.gz", annotated, replace=True, command="as typed")
    texts = [gzip.decompress(p.read_bytes()) for p in (tmp_path / "o.vcf.gz", annotated)]
    assert texts[0] == texts[1]


def test_outputs_that_exist_are_kept(done, call, tmp_path):
    out = tmp_path / "out.vcf.gz"
    for name in ("out.vcf.gz", "out.stats.json", "out.parquet"):
        (tmp_path / name).write_text("old")
        with pytest.raises(OutputError, match="exists; choose another output or use --force"):
            call(out, table=tmp_path / "out.parquet")
        assert (tmp_path / name).read_text() == "old"
        (tmp_path / name).unlink()
    (tmp_path / "out.vcf.gz.tbi").write_text("old")
    with pytest.raises(OutputError, match=r"old \.tbi index"):
        call(out)
    call(out, force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.stats.json", "out.vcf.gz"]


def test_an_input_is_never_overwritten(call, world):
    with pytest.raises(OutputError, match="is an input of this run"):
        call(world["in.vcf"], force=True)


def test_an_interrupted_run_leaves_nothing(call, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(tmp_path / "o.vcf.gz", table=tmp_path / "o.parquet", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_no_stream(call, tmp_path):
    with pytest.raises(OutputError, match="table -: Parquet is no stream"):
        call(tmp_path / "o.vcf", table="-")


@pytest.mark.parametrize(("name", "message"), [("-", "give a file"), ("o.txt", "ends in")])
def test_names_of_the_output(name, message):
    with pytest.raises(OutputError, match=message):
        stats_path(name)


def test_the_run_record_is_beside_the_output():
    assert stats_path("a/b.mfd.vcf.gz") == Path("a/b.mfd.stats.json")


def test_a_vcf_of_another_reference_is_refused(call, tmp_path):
    vcf = tmp_path / "wrong.vcf"
    lines = snv(8700).split("\t")
    wrong = []
    for i in range(30):
        ref = next(base for base in "ACGT" if base != BASES[9000 + i])
        wrong.append("\t".join([*lines[:1], str(9001 + i), ".", ref, "T", *lines[5:]]))
    vcf.write_text(HEADER + "".join(wrong))
    with pytest.raises(InputError, match="REF disagrees with"):
        call(tmp_path / "o.vcf", vcf)


def test_effects_are_float32_and_finite_where_the_gene_is_ok(done):
    table = pq.read_table(done[0] / "out.parquet").to_pandas()
    known = table.gene_status == "OK"
    assert known.sum() == 14
    for name in NUMBERS:
        assert table[name].dtype == np.float32
        assert np.isfinite(table[name][known]).all()
        assert table[name][~known].isna().all()
