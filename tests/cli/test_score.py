"""`mfdvep score` as it is typed, on the example and with the bundled model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cyvcf2
import numpy as np
import pytest

from mfdvep.cli.score import _command, default_output
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.matrix import read_effects

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(
    ("vcf", "output"),
    [
        ("a/in.vcf.gz", "a/in.mfd.vcf.gz"),
        ("in.vcf", "in.mfd.vcf.gz"),
        ("in.bcf", "in.mfd.vcf.gz"),
        ("in.parquet", "in.mfd.vcf.gz"),
        ("in.txt", "in.txt.mfd.vcf.gz"),
        ("-", "-"),
    ],
)
def test_default_output(vcf, output):
    assert default_output(vcf) == output


@pytest.fixture
def few(tmp_path):
    """The header and the first four records of the example."""
    import gzip

    with gzip.open(EXAMPLES / "variants.vcf.gz", "rt") as file:
        lines = file.read().splitlines()
    n_header = sum(line.startswith("#") for line in lines)
    path = tmp_path / "few.vcf"
    path.write_text("\n".join(lines[: n_header + 4]) + "\n")
    return path


def score(run, vcf, *options: str) -> tuple[int, str, str]:
    return run(
        "score", str(vcf), "-f", str(EXAMPLES / "genome.fa"), "--shifts", "1",
        "--strand", "forward", "--threads", "1", *options,
    )  # fmt: skip


def test_score_writes_all_outputs(run, few, tmp_path):
    matrix, stats = tmp_path / "m.parquet", tmp_path / "s.json"
    code, out, err = score(run, few, "--matrix", str(matrix), "--stats", str(stats))
    assert (code, out) == (0, "")
    assert "4 records, 5 alleles: OK 4, STAR 1" in err
    assert (tmp_path / "few.mfd.vcf.gz").exists()
    assert json.loads(stats.read_text())["provenance"]["model"]["name"] == "regulome45"
    assert np.isfinite(read_effects(matrix).combined).sum() == 4 * 442


def test_score_to_standard_output(run, few):
    code, out, err = score(run, few, "-o", "-", "-q")
    assert (code, err) == (0, "")
    body = [line for line in out.splitlines() if not line.startswith("#")]
    assert len(body) == 4
    assert all("MFD_STATUS=OK" in line for line in body)


def test_outputs_are_not_overwritten_without_force(run, few, tmp_path):
    (tmp_path / "few.mfd.vcf.gz").write_text("mine")
    code, _, err = score(run, few)
    assert code == 1
    assert "exists" in err
    assert score(run, few, "--force", "-q") == (0, "", "")


def test_the_index_finds_records_by_region(run, few, tmp_path):
    assert score(run, few, "--write-index", "-q")[0] == 0
    found = list(cyvcf2.VCF(str(tmp_path / "few.mfd.vcf.gz"))("chrA:1600-1612"))
    assert [record.POS for record in found] == [1610]


def test_where_chooses_tracks(run, few, tmp_path):
    matrix = tmp_path / "m.parquet"
    code, *_ = score(run, few, "--where", 'target == "CTCF"', "--matrix", str(matrix))
    assert code == 0
    effects = read_effects(matrix)
    assert set(effects.tracks["target"]) == {"CTCF"}
    assert effects.combined.shape == (5, len(effects.tracks))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--where", 'target == "CTFC"'], "nearest: CTCF"),
        (["-m", "nothing"], "bundled models: regulome45"),
        (["--shifts", "0"], "shifts"),
        (["-o", "x.txt"], "ends in .vcf.gz"),
        (["-o", "x.vcf", "--write-index"], "only bgzip and BCF have an index"),
        (["--matrix", "-"], "standard output is for the VCF alone"),
        (["-o", "few.vcf.gz", "--matrix", "few.vcf.gz"], "is the output too"),
    ],
)
def test_refusals(run, few, options, says):
    code, _, err = score(run, few, *options)
    assert code == 1
    assert says in err
    assert {path.name for path in few.parent.iterdir()} == {"few.vcf"}


def test_side_files_lie_beside_the_output(run, few, tmp_path):
    assert score(run, few, "-q") == (0, "", "")
    assert {path.name for path in tmp_path.iterdir()} == {
        "few.vcf", "few.mfd.vcf.gz", "few.mfd.stats.json", "few.mfd.skipped.tsv", "few.mfd_mqc.json"
    }  # fmt: skip


def test_a_run_is_the_same_whoever_asks(run, few, tmp_path):
    """With --no-version the bytes depend on neither the command nor its spelling."""
    for name in ("a", "b"):
        options = ("--matrix", str(tmp_path / f"{name}.parquet"), "--no-version", "-q")
        assert score(run, few, "-o", str(tmp_path / f"{name}.vcf.gz"), *options)[0] == 0
    for kind in ("vcf.gz", "parquet", "skipped.tsv", "stats.json"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_the_command_is_in_the_header_without_resume(run, few, tmp_path):
    score(run, few, "--resume", "-o", str(tmp_path / "o.vcf"), "-q")
    (line,) = (x for x in (tmp_path / "o.vcf").read_text().splitlines() if "mfdvepCommand" in x)
    assert "--resume" not in line
    assert line.endswith(f"-o {tmp_path / 'o.vcf'} -q")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--strict"], 3),
        (["--max-unscored", "0"], 3),
        (["--max-unscored", "1"], 0),
        (["--max-unscored", "19%"], 3),
        (["--max-unscored", "20%"], 0),
    ],
)
def test_too_many_unscored_is_3_and_the_output_is_there(run, few, tmp_path, options, code):
    """One of the five alleles is a star."""
    found, _, err = score(run, few, *options, "-q")
    assert found == code
    assert ("1 ALTs have no score, more than" in err) == (code == 3)
    assert (tmp_path / "few.mfd.vcf.gz").exists()


@pytest.mark.parametrize("limit", ["-1", "x", "1.5", "%", "nan"])
def test_a_limit_is_a_count_or_a_share(run, few, limit):
    code, _, err = score(run, few, "--max-unscored", limit)
    assert code == 2
    assert "expected a count such as 100, or a share such as 1%" in err


def test_check_scores_nothing_and_says_what_would_come(run, few, tmp_path):
    code, out, _ = score(run, few, "--check")
    assert code == 0
    assert "Nothing is wrong." in out
    assert "allele missing because of an upstream deletion" in out
    assert "To run: 4 alleles, at " in out
    assert [path.name for path in tmp_path.iterdir()] == ["few.vcf"]


def test_check_knows_the_limit(run, few):
    assert score(run, few, "--check", "--strict")[0] == 3
    assert score(run, few, "--check", "--max-unscored", "1")[0] == 0


def test_check_of_what_would_be_refused_is_1(run, few):
    text = few.read_text().replace("\nchrA\t", "\nNC_1\t")
    few.write_text("".join(x for x in text.splitlines(True) if "##contig" not in x))
    code, out, _ = score(run, few, "--check", "-m", "none of the bundled ones")
    assert code == 1
    assert out.startswith("Scoring would be refused: ")
    assert "no contig of the first 4 records" in out
    assert "no estimate of the time: " in out


def test_check_knows_that_a_vcf_is_annotated(run, few, tmp_path):
    assert score(run, few, "-o", str(tmp_path / "once.vcf"), "-q")[0] == 0
    code, out, err = score(run, tmp_path / "once.vcf", "--check")
    assert code == 1
    assert "it is annotated already" in out
    assert "it is annotated already" in err
    assert score(run, tmp_path / "once.vcf", "--check", "--replace")[0] == 0


def test_regions_and_a_bed_choose_records(run, few, tmp_path):
    (tmp_path / "a.bed").write_text("chrA\t1609\t1610\n")
    for option in (["-r", "chrA:1610"], ["-R", str(tmp_path / "a.bed")]):
        code, out, _ = score(run, few, *option, "-o", "-", "-q")
        assert code == 0
        assert [x.split("\t")[1] for x in out.splitlines() if x[0] != "#"] == ["1610"]


def test_tracks_by_name_or_from_a_file(run, few, tmp_path):
    names = load_model().tracks.names
    (tmp_path / "names.txt").write_text(f"{names[5]}\n")
    matrix = tmp_path / "m.parquet"
    options = ("--tracks", names[2], "--tracks", str(tmp_path / "names.txt"))
    assert score(run, few, *options, "--matrix", str(matrix), "-q")[0] == 0
    assert read_effects(matrix).tracks.names == (names[2], names[5])


def test_bcf_holds_what_the_text_holds(run, few, tmp_path):
    for name in ("text.vcf", "binary.bcf"):
        assert score(run, few, "-o", str(tmp_path / name), "-q", "--no-version")[0] == 0
    text = [str(record) for record in cyvcf2.VCF(str(tmp_path / "text.vcf"))]
    assert [str(record) for record in cyvcf2.VCF(str(tmp_path / "binary.bcf"))] == text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-R", "r.bed", "--matrix", "r.bed"], "matrix r.bed is an input"),
        (["--tracks", "t.txt", "--long", "t.txt"], "long table t.txt is an input"),
        (["--matrix", "few.vcf.tbi"], "matrix few.vcf.tbi is an input"),
        (["--matrix", "fifo"], "is no regular file"),
        (["-o", "o.vcf", "--matrix", ".o.vcf.part"], "is the temporary file of the output too"),
        (["-o", "o.vcf", "--matrix", "o.vcf.parts"], "is where this run keeps its parts"),
        (["--min-abs", "inf"], "min_abs inf; expected numbers of at least 0"),
        (["--min-abs", "nan"], "min_abs nan; expected numbers of at least 0"),
        (["-r", "chrQ:1-5"], "has no contig of the regions (chrQ); those that it declares"),
    ],
)
def test_nothing_that_is_read_is_written_over(run, few, monkeypatch, options, says):
    monkeypatch.chdir(few.parent)
    (few.parent / "r.bed").write_text("chrA\t0\t99999\n")
    (few.parent / "t.txt").write_text(f"{load_model().tracks.names[0]}\n")
    os.mkfifo("fifo")
    before = {path.name for path in few.parent.iterdir()}
    code, _, err = score(run, few, *options, "--force", "-q")
    assert code == 1
    assert says in err
    assert {path.name for path in few.parent.iterdir()} == before


def test_an_index_of_an_earlier_output_does_not_stay(run, few, tmp_path):
    out = tmp_path / "few.mfd.vcf.gz"
    assert score(run, few, "--write-index", "-q")[0] == 0
    (tmp_path / "few.mfd.vcf.gz.csi").write_text("of another file")
    out.rename(tmp_path / "away")
    assert "error: old .tbi index " in score(run, few, "--stats", str(tmp_path / "s.json"))[2]
    assert score(run, few, "--write-index", "--force", "-q")[0] == 0
    assert not (tmp_path / "few.mfd.vcf.gz.csi").exists()
    assert score(run, few, "--force", "-q")[0] == 0
    assert not out.with_name(f"{out.name}.tbi").exists()


def test_a_link_is_kept_and_its_file_written(run, few, tmp_path):
    (tmp_path / "real.vcf").write_text("old")
    (tmp_path / "link.vcf").symlink_to("real.vcf")
    assert score(run, few, "-o", str(tmp_path / "link.vcf"), "--force", "-q")[0] == 0
    assert (tmp_path / "link.vcf").is_symlink()
    assert "MFD_STATUS=OK" in (tmp_path / "real.vcf").read_text()


def test_a_stream_by_another_name_goes_to_standard_output(tmp_path):
    os.mkfifo(tmp_path / "fifo.vcf")
    assert default_output(str(tmp_path / "fifo.vcf")) == "-"
    assert default_output("/dev/stdin") == "-"


@pytest.mark.parametrize("size", ["0", "-3", "x", "1.5", "65537"])
def test_a_batch_size_is_auto_or_a_count(run, few, size):
    code, _, err = score(run, few, "--batch-size", size)
    assert code == 2
    assert "expected auto, or a count from 1 to 65536" in err


@pytest.mark.parametrize(("engine", "size"), [("incremental", 108), ("plain", 64)])
def test_engines_and_precisions_are_recorded(run, few, tmp_path, engine, size):
    code, _, err = score(run, few, "--engine", engine, "--precision", "float32")
    assert code == 0
    assert "on cpu in float32" in err
    record = json.loads((tmp_path / "few.mfd.stats.json").read_text())
    made = record["provenance"]
    assert (made["engine"], made["precision"], made["batch_size"]) == (engine, "float32", size)


def test_strict_is_a_limit(run, few):
    code, _, err = score(run, few, "--strict", "--max-unscored", "5")
    assert code == 2
    assert "give one of them" in err


def test_labels_are_columns_of_the_matrix(run, few, tmp_path):
    """MATCH is kept too, which is declared; ELEMENT is not."""
    declared = '##INFO=<ID=MATCH,Number=.,Type=String,Description="groups">\n#CHROM'
    few.write_text(few.read_text().replace("#CHROM", declared).replace("MOTIF=CTCF", "MATCH=m1"))
    matrix = tmp_path / "m.parquet"
    options = ["--labels", "EFFECT", "--info", "MOTIF", "--matrix", str(matrix), "-q"]
    assert score(run, few, *options) == (0, "", "")
    file = EffectFile(matrix)
    assert file.extra == ("EFFECT", "MATCH", "MOTIF")
    assert file.text("EFFECT") == ["break", "break", None, "break", "make"]
    assert file.text("MATCH") == ["m1", "m1", "m1", None, None]
    assert file.text("MOTIF") == [None, None, None, "GATA", "AP-1"]


@pytest.mark.parametrize("options", [["--labels", "EFFECT"], ["--info", "MOTIF"]])
def test_labels_without_a_matrix_are_a_wrong_usage(run, few, options):
    code, _, err = score(run, few, *options)
    assert code == 2
    assert "are kept in tables; give --matrix" in err


@pytest.mark.parametrize("options", [["--labels", "EFFECT"], ["--info", "MOTIF"]])
def test_check_needs_no_matrix_for_labels(run, few, tmp_path, options):
    """It writes nothing, and says of the keys what a run would."""
    code, out, _ = score(run, few, "--check", *options)
    assert code == 0
    assert "Nothing is wrong." in out
    assert [path.name for path in tmp_path.iterdir()] == ["few.vcf"]
    code, _, err = score(run, few, "--check", *options, "--info", "MOTIV")
    assert code == 1
    assert "declares no INFO MOTIV; nearest: MOTIF" in err


def test_a_flag_labels_every_alt(run, few, tmp_path):
    """In the matrix, as `mfdvep variants label --key` has it."""
    declared = '##INFO=<ID=DB,Number=0,Type=Flag,Description="known">\n#CHROM'
    few.write_text(few.read_text().replace("#CHROM", declared).replace("MOTIF=CTCF", "DB"))
    matrix, out = tmp_path / "m.parquet", tmp_path / "labels.vcf"
    assert score(run, few, "--labels", "DB", "--matrix", str(matrix), "-q")[0] == 0
    file = EffectFile(matrix)
    assert file.text("DB") == ["1", "1", "1", "0", "0"]
    assert run("variants", "label", str(few), "--key", "DB", "-o", str(out), "-q")[0] == 0
    scored = zip(file.text("DB"), file.variants().alt, strict=True)
    labels = [(str(r.INFO["LABEL"]), r.ALT[0]) for r in cyvcf2.VCF(str(out))]
    assert labels == [pair for pair in scored if pair[1] != "*"]


def test_check_knows_the_keys_of_the_input(run, few, tmp_path):
    code, _, err = score(
        run, few, "--check", "--labels", "EFECT", "--matrix", str(tmp_path / "m.parquet")
    )
    assert code == 1
    assert "declares no INFO EFECT; nearest: EFFECT" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--workers", "2"], "give --ray too"),
        (["--gpus-per-worker", "0"], "give --ray too"),
        (["--ray", "in.vcf"], "expected auto, local, HOST:PORT"),
        (["--ray", "local", "--workers", "0"], "0 is not in the range"),
        (["--ray", "local", "--gpus-per-worker", "2"], "2.0 is not in the range"),
    ],
)
def test_options_of_a_cluster_that_are_a_wrong_usage(run, few, options, says):
    code, _, err = run("score", str(few), "-f", "none.fa", *options)
    assert code == 2
    assert says in err


def test_the_command_does_not_say_where_it_ran(monkeypatch):
    typed = ["score", "in.vcf", "--ray", "-f", "g.fa", "--workers", "2", "--resume", "--ray"]
    typed += ["local", "--workers=3", "--gpus-per-worker", ".5", "--threads", "2"]
    monkeypatch.setattr("sys.argv", ["mfdvep", *typed])
    assert _command() == "mfdvep score in.vcf -f g.fa --threads 2"
