"""`mfdvep expression score` as it is typed: models, calibration and genes from files."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from expression.variants.worlds import (
    CELLS,
    calibration,
    expression_model,
    mfd_model,
    write_world,
)

from mfdvep.expression.calibration import write_calibration
from mfdvep.expression.model import save_expression_model
from mfdvep.files import sha256
from mfdvep.model.checkpoint import save_model


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Genome, VCF and genes; a model of marks, and one of expression with its calibration."""
    folder = tmp_path_factory.mktemp("files")
    write_world(folder)
    save_model(mfd_model(), folder / "mfd", about={})
    save_expression_model(expression_model(), folder / "head")
    digest = sha256(folder / "mfd" / "model.safetensors")
    write_calibration(calibration(sha256=digest), folder / "head" / "calibration.json")
    return folder


@pytest.fixture
def score(run, files, tmp_path):
    def call(*options, output="out.vcf.gz", vcf=files / "in.vcf"):
        given = ["-f", "genome.fa", "--genes", "genes.tsv", "-m", "mfd", "--expression", "head"]
        named = [str(files / word) if (files / word).exists() else word for word in given]
        return run(
            "expression", "score", str(vcf), *named, "-o", str(tmp_path / output),
            "--device", "cpu", *map(str, options),
        )  # fmt: skip

    return call


def test_as_typed(score, tmp_path):
    code, out, err = score("--table", tmp_path / "out.parquet", "--cell", "HepG2")
    assert (code, out) == (0, "")
    assert "12 records, 15 alleles: OK 9, NO_ALT 1" in err
    assert "7 alleles in reach of a gene, 2 of none; 8 pairs of an allele and a gene" in err
    assert "6 genes read, 1 came again, 0 of other biotypes; of 5: 3 reached, 1 on no" in err
    record = json.loads((tmp_path / "out.stats.json").read_text())
    assert record["provenance"]["command"].startswith("mfdvep expression score ")
    assert record["provenance"]["cells"] == ["HepG2"]
    assert record["provenance"]["expression_model"]["name"] == "head"
    cells = pq.read_table(tmp_path / "out.parquet")["cell"].to_pylist()
    assert set(cells) == {"HepG2", None}


def test_quiet_and_all_cells(score, tmp_path):
    assert score("-q", "--table", tmp_path / "t.parquet") == (0, "", "")
    cells = pq.read_table(tmp_path / "t.parquet")["cell"].to_pylist()
    assert set(cells) == {*CELLS, None}
    code, _, err = score("-q")
    assert code == 1
    assert "out.vcf.gz exists; choose another output or use --force" in err
    assert score("-q", "--force")[0] == 0


def test_where_narrows_the_tracks(score, tmp_path):
    code, _, err = score("--where", "lab == 'a'")
    assert code == 1
    assert "has no track of H3K36me3 in K562 that meets --where lab == 'a'" in err
    code, _, _ = score("-q", "--where", "assay == 'ChIP'", "-r", "chr1:8000-8800")
    assert code == 0
    provenance = json.loads((tmp_path / "out.stats.json").read_text())["provenance"]
    assert len(provenance["tracks"]) == 10


def test_both_annotations_in_one_file_in_either_order(run, score, files, tmp_path):
    def alleles(vcf, output, *options):
        given = ["-f", files / "genome.fa", "-m", files / "mfd", "--shifts", "1", *options]
        return run("score", *map(str, [vcf, *given, "-o", tmp_path / output]), "-q")

    def lines(name):
        return (tmp_path / name).read_text().splitlines()

    def sets(name):
        """The header, and each record with its INFO, in no order."""
        header, body = lines(name), [line.split("\t") for line in lines(name) if line[0] != "#"]
        return (
            sorted(x for x in header if x.startswith("##") and "Command=" not in x),
            [[*x[:7], sorted(x[7].split(";")), *x[8:]] for x in body],
        )

    assert alleles(files / "in.vcf", "a.vcf")[0] == 0
    assert score("-q", output="ag.vcf", vcf=tmp_path / "a.vcf") == (0, "", "")
    assert score("-q", output="g.vcf") == (0, "", "")
    assert alleles(tmp_path / "g.vcf", "ga.vcf")[0] == 0
    assert sets("ag.vcf") == sets("ga.vcf")
    info = lines("ag.vcf")[-5].split("\t")[7]
    keys = ["MFD", "MFD_MAX", "MFD_STATUS", "MFD_GENE", "MFD_GENE_STATUS"]
    assert [info.count(f";{key}=") for key in keys] == [1] * 5
    for again in (score("-q", output="x.vcf", vcf=tmp_path / "ga.vcf"),
                  alleles(tmp_path / "ag.vcf", "x.vcf")):  # fmt: skip
        assert again[0] == 1
        assert "annotated already" in again[2]
    assert score("-q", "--replace", output="gag.vcf", vcf=tmp_path / "ga.vcf")[0] == 0
    assert alleles(tmp_path / "ag.vcf", "aga.vcf", "--replace")[0] == 0
    assert sets("gag.vcf") == sets("aga.vcf") == sets("ga.vcf")


def test_a_calibration_of_another_model(score, tmp_path):
    write_calibration(calibration(), tmp_path / "c.json")
    code, _, err = score("--calibration", tmp_path / "c.json")
    assert code == 1
    assert "the calibration is of the MFD model small with the weights 555555555555, not" in err
    assert "give it with --calibration" in err
    assert not (tmp_path / "out.vcf.gz").exists()


def test_no_calibration(score, tmp_path):
    code, _, err = score("--calibration", tmp_path / "none.json")
    assert code == 1
    assert "mfdvep expression calibrate" in err


def test_a_cell_that_is_not_known(score):
    code, _, err = score("--cell", "HeLa")
    assert code == 1
    assert "cell 'HeLa': the model of expression knows K562, HepG2" in err


def test_genes_of_another_reference(score, tmp_path):
    (tmp_path / "g.tsv").write_text("chrom\ttss\tstrand\tgene_id\nX1\t5\t+\tG1\nX2\t5\t+\tG2\n")
    code, _, err = score("--genes", tmp_path / "g.tsv")
    assert code == 1
    assert "the genes' contigs begin with X1, X2, those of the FASTA with chr1, chr2, chrN" in err


def test_the_help_says_what_it_rests_on(run):
    code, out, _ = run("expression", "score", "--help")
    text = " ".join(out.split())
    assert code == 0
    assert "start site +-5 kb" in text
    assert "trained on observed marks" in text
    assert "experimental" in text
