"""`mfdvep explain-variant`, on the example's genome with the bundled model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mfdvep import read_effects

EXAMPLES = Path(__file__).parents[2] / "examples"
VCF = EXAMPLES / "variants.vcf.gz"
GENOME = ("-f", str(EXAMPLES / "genome.fa"), "--device", "cpu")
QUICK = ("--shifts", "1", "--strand", "forward")
BROKEN = "chrA:1613:G:C"  # in a planted CTCF motif


def test_a_page_with_the_numbers_of_score(run, tmp_path):
    out = tmp_path / "explained"
    code, text, err = run(
        "explain-variant", BROKEN, *GENOME, *QUICK, "-o", str(out), "--where", "target == 'CTCF'",
        "--flank", "12", "--motifs", "CCANNAGRKGGC", "-q",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "CCANNAGRKGGC lost" in text
    said = json.loads((out / "explanation.json").read_text(encoding="utf-8"))
    vcf, matrix = tmp_path / "one.vcf", tmp_path / "one.parquet"
    vcf.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
                   "chrA\t1613\t.\tG\tC\t.\t.\t.\n")  # fmt: skip
    for scale in ("probability", "logit"):
        code, *_ = run("score", str(vcf), *GENOME, *QUICK, "--scale", scale, "--force", "-q",
                       "-o", str(tmp_path / "out.vcf"), "--matrix", str(matrix))  # fmt: skip
        assert code == 0
        effects = read_effects(matrix)
        assert list(effects.tracks.names) == said["tracks"]
        for kind in ("combined", "biological", "technical"):
            found = np.float32(said["effects"][scale][kind])
            assert np.array_equal(found, getattr(effects, kind)[0])
    assert said["bases"]["target"] == "group: target == 'CTCF'"
    assert said["bases"]["alleles"]["REF"]["converged"]
    by_target = [group for group in said["groups"] if group["column"] == "target"]
    ctcf = next(group for group in by_target if group["value"] == "CTCF")
    assert ctcf["mean"]["probability"]["biological"] < -0.1
    page = (out / "explanation.html").read_text(encoding="utf-8")
    assert "mfdvep explain-variant chrA:1613:G:C" in page
    assert said["provenance"]["model"]["sha256"] in page


def test_a_record_of_a_vcf_among_the_others(run, tmp_path):
    matrix = tmp_path / "all.parquet"
    code, *_ = run("score", str(VCF), *GENOME, *QUICK, "-q", "-o", str(tmp_path / "out.vcf"),
                   "--matrix", str(matrix))  # fmt: skip
    assert code == 0
    code, text, err = run("explain-variant", "--vcf", str(VCF), "--id", "CTCF_del.1", *GENOME,
                          *QUICK, "--background", str(matrix))  # fmt: skip
    assert (code, err) == (0, "")
    assert text.startswith("chrA:1610:CCAGGG:C  (CTCF_del.1)  deletion of CAGGG at chrA:1,611")
    assert "among 81 other variants of all.parquet" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["chrA-1613"], "expected chr1:12345:A:G (contig, position from 1, REF, ALT)"),
        (["chrA:1613:T:C"], "REF_MISMATCH: REF is not what the reference has there"),
        (["chrQ:1613:G:C"], "CONTIG_MISSING: contig is not in the reference"),
        ([BROKEN, "--track", "CTCF/K562/X025"], "nearest: CTCF/K562/X0253"),
        ([BROKEN, "--feature", "CTFC"], "nearest: CTCF"),
        ([BROKEN, "--where", "target == 'CTFC'"], "nearest: CTCF"),
        ([BROKEN, "--motifs", "no.meme"], "No such file"),
        (["--vcf", str(VCF), "--id", "CTCF_del"], "nearest: CTCF_del."),
        (["--vcf", str(VCF), "--id", "CTCF_multi.1"], "choose one with --alt"),
    ],
)
def test_refusals(run, args, words):
    code, text, err = run("explain-variant", *args, *GENOME, *QUICK)
    assert (code, text) == (1, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        [],
        [BROKEN, "--id", "rs1"],
        [BROKEN, "--vcf", str(VCF), "--id", "x"],
        ["--vcf", str(VCF)],
        ["--vcf", str(VCF), "--id", "x", "--record", "1"],
        [BROKEN, "--feature", "CTCF", "--track", "x"],
    ],
)
def test_usage(run, args):
    assert run("explain-variant", *args, *GENOME)[0] == 2
