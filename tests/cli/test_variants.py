"""`mfdvep variants` as typed."""

from __future__ import annotations

import gzip
from pathlib import Path

import cyvcf2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from enrichment.sets.simulated import (
    CREDIBLE,
    SUMS,
    gene_line,
    in_set,
    summary_row,
    write_tsv,
)
from test_downloads import serving

from mfdvep.cli.variants import COMMANDS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
P, N = "chr1_20000_A_G", "chr1_20500_C_T"
GTF = gene_line("ENSG1", "chr1", 1001, 2000, "lncRNA")
SITES = """\
##fileformat=VCFv4.2
##INFO=<ID=AC,Number=A,Type=Integer,Description="">
##INFO=<ID=AF,Number=A,Type=Float,Description="">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
chr1\t5\t.\tA\tC\t.\tPASS\tAC=1;AF=0.001
chr1\t6\t.\tA\tC\t.\tPASS\tAC=9;AF=0.3
chr1\t7\t.\tA\tC\t.\tPASS\tAC=9;AF=0.01
"""


def records(path) -> list[tuple[str, int]]:
    return [(record.ID, record.INFO["LABEL"]) for record in cyvcf2.VCF(str(path))]


def test_help_lists_the_kinds(run):
    code, out, _ = run("variants", "--help")
    assert code == 0
    assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_kind_has_one_example(run, name):
    code, out, _ = run("variants", name, "--help")
    assert code == 0
    assert out.count("Example:") == 1
    assert f"Example:\n    mfdvep variants {name}" in out


class TestGtex:
    @pytest.fixture
    def eqtl(self, tmp_path):
        folder = tmp_path / "eqtl"
        write_tsv(folder / "QTD000116.credible_sets.tsv.gz", CREDIBLE, [in_set(P, 1)])
        sums = [summary_row(P, 0.3), summary_row(N, 0.3)]
        write_tsv(folder / "QTD000116.cc.tsv.gz", SUMS, sums)
        return folder

    def test_into_the_data_folder(self, run, eqtl, tmp_path, monkeypatch):
        """The annotation is found in the folder, and the counts are told."""
        (eqtl / "gencode.gtf.gz").write_bytes(gzip.compress(GTF.encode()))
        monkeypatch.setenv("MFDVEP_DATA", str(tmp_path / "data"))
        code, out, err = run("variants", "gtex", str(eqtl), "--write-index")
        assert (code, out) == (0, "")
        path = tmp_path / "data" / "gtex.vcf.gz"
        assert records(path) == [(P, 1), (N, 0)]
        assert path.with_name("gtex.vcf.gz.tbi").exists()
        assert f"{path}: 2 variants: 1 positives, 1 negatives\n" in err
        assert "            1 SNVs in credible sets\n            1 positives\n" in err
        code, _, err = run("variants", "gtex", str(eqtl))
        assert code == 1
        assert "exists; choose another output or use --force" in err
        other = tmp_path / "other"
        assert run("variants", "gtex", str(eqtl), "--data", str(other), "-q") == (0, "", "")
        assert (other / "gtex.vcf.gz").exists()

    def test_downloaded_first(self, run, eqtl, tmp_path):
        there = {path.name: path.read_bytes() for path in eqtl.iterdir()}
        (tmp_path / "a.gtf").write_text(GTF)
        new, out = tmp_path / "new", tmp_path / "o.vcf"
        with serving() as server:
            for kind, ending in (("susie", "credible_sets"), ("sumstats", "cc")):
                name = f"QTD000116.{ending}.tsv.gz"
                server.files[f"/{kind}/QTS000015/QTD000116/{name}"] = there[name]
            args = ["variants", "gtex", str(new), "--download", "--dataset", "QTD000116",
                    "--base-url", server.url, "-o", str(out)]  # fmt: skip
            code, _, err = run(*args)
            assert code == 0
            assert "2 files downloaded" in err
            assert not out.exists()  # no annotation: nothing but the files was asked for
            code, _, err = run(*args, "--gtf", str(tmp_path / "a.gtf"))
            assert code == 0
            assert "0 files downloaded (0.0 MB), 2 there before" in err
        assert records(out) == [(P, 1), (N, 0)]

    def test_by_a_manifest(self, run, eqtl, tmp_path):
        with serving() as server:
            server.files = {f"/{path.name}": path.read_bytes() for path in eqtl.iterdir()}
            server.files["/g.gtf.gz"] = gzip.compress(GTF.encode())
            manifest = tmp_path / "m.tsv"
            manifest.write_text("url\n" + "".join(f"{server.url}{at}\n" for at in server.files))
            args = ["--download", "--manifest", str(manifest), "-o", str(tmp_path / "o.vcf.gz")]
            assert run("variants", "gtex", str(tmp_path / "new"), *args)[0] == 0
            code, _, err = run("variants", "gtex", str(tmp_path / "new"), *args, "--force",
                               "--dataset", "QTD000116")  # fmt: skip
            assert (code, "give it or --dataset" in err) == (2, True)
        assert records(tmp_path / "o.vcf.gz") == [(P, 1), (N, 0)]

    def test_without_annotation(self, run, eqtl, tmp_path):
        code, _, err = run("variants", "gtex", str(eqtl), "-o", str(tmp_path / "o.vcf"))
        assert code == 2
        assert "give the gene annotation with --gtf" in err


def test_gnomad(run, tmp_path):
    (tmp_path / "s.vcf").write_text(SITES)
    (tmp_path / "c.bed").write_text("chr1\t0\t100\tdELS\n")
    args = ["variants", "gnomad", str(tmp_path / "s.vcf"), "--ccres", str(tmp_path / "c.bed")]
    code, _, err = run(*args, "--data", str(tmp_path))
    assert code == 0
    assert records(tmp_path / "gnomad.vcf.gz") == [("chr1_5_A_C", 1), ("chr1_6_A_C", 0)]
    assert "           -1 neither rare nor common" in err
    code, _, err = run(*args, "-o", str(tmp_path / "o.vcf"), "--outside")
    assert code == 1
    assert "no rare variant is left" in err
    assert not (tmp_path / "o.vcf").exists()


def test_controls_and_label(run, tmp_path):
    """Of the example; and from VCF to Parquet by the name."""
    out, parquet = tmp_path / "c.vcf.gz", tmp_path / "c.parquet"
    code, _, err = run("variants", "controls", str(EXAMPLES / "variants.vcf.gz"), "-f",
                       str(EXAMPLES / "genome.fa"), "-o", str(out), "--per-positive", "2",
                       "--seed", "1")  # fmt: skip
    assert code == 0
    assert "not an SNV, for which no control is drawn" in err
    found = records(out)
    assert run("variants", "label", str(out), "-o", str(parquet), "-q") == (0, "", "")
    labels = pq.read_table(parquet).to_pydict()["label"]
    assert labels == [label == 1 for _, label in found]
    assert labels.count(True) * 2 == labels.count(False)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["a.vcf", "--positive", "b.vcf", "--negative", "c.vcf"],
        ["--positive", "b.vcf"],
        ["a.vcf", "--bed", "b.bed", "--key", "X"],
        ["--positive", "b.vcf", "--negative", "c.vcf", "--bed", "b.bed"],
    ],
)
def test_label_takes_one_kind_of_input(run, tmp_path, args):
    code, _, err = run("variants", "label", *args, "-o", str(tmp_path / "o.vcf"))
    assert code == 2
    assert "give VARIANTS, with --key or --bed or neither" in err


def test_label_by_bed_and_by_two_files(run, tmp_path):
    (tmp_path / "s.vcf").write_text(SITES)
    (tmp_path / "b.bed").write_text("chr1\t4\t5\n")
    out = str(tmp_path / "o.vcf")
    assert run("variants", "label", str(tmp_path / "s.vcf"), "--bed", str(tmp_path / "b.bed"),
               "-o", out)[0] == 0  # fmt: skip
    assert [label for _, label in records(out)] == [1, 0, 0]
    other = tmp_path / "t.tsv"
    other.write_text("chrom\tpos\tref\talt\nchr1\t90\tG\tT\n")
    code, _, err = run("variants", "label", "--positive", str(other), "--negative",
                       str(tmp_path / "s.vcf"), "-o", out, "--force")  # fmt: skip
    assert code == 0
    assert [label for _, label in records(out)] == [0, 0, 0, 1]
    assert "1 positives, 3 negatives" in err


def test_score_takes_traitgym(run, tmp_path):
    """A Parquet of variants is scored as the VCF of them is; labels and groups stay."""
    vcf = cyvcf2.VCF(str(EXAMPLES / "variants.vcf.gz"))
    some = [r for r in vcf if len(r.ALT) == 1 and set(r.REF + r.ALT[0]) <= set("ACGT")][:4]
    table = {
        "chrom": [r.CHROM for r in some],
        "pos": [r.POS for r in some],
        "ref": [r.REF for r in some],
        "alt": [r.ALT[0] for r in some],
        "label": [True, False, True, False],
        "match_group": ["a", "a", "b", "b"],
    }
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    assert run("variants", "label", str(tmp_path / "t.parquet"), "-o",
               str(tmp_path / "t.vcf"))[0] == 0  # fmt: skip
    for name, ending in (("t.parquet", "a.bcf"), ("t.vcf", "b.vcf.gz")):
        code, _, err = run("score", str(tmp_path / name), "-f", str(EXAMPLES / "genome.fa"),
                           "--shifts", "1", "--strand", "forward", "--threads", "1",
                           "-o", str(tmp_path / ending), "--write-index")  # fmt: skip
        assert code == 0, err
        assert "4 records, 4 alleles: OK 4" in err
    both = [cyvcf2.VCF(str(tmp_path / name)) for name in ("a.bcf", "b.vcf.gz")]
    for one, other, label in zip(*both, table["label"], strict=True):
        assert (one.POS, one.INFO["MFD_BIO"]) == (other.POS, other.INFO["MFD_BIO"])
        assert one.INFO["MATCH"] == other.INFO["MATCH"]
        assert one.INFO["LABEL"] == other.INFO["LABEL"] == int(label)
