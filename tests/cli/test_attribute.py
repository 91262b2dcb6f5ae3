"""`mfdvep attribute`, on the example's genome with the bundled model."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
GENOME = ("-f", str(EXAMPLES / "genome.fa"), "--device", "cpu", "-q")
QUICK = ("--shifts", "1", "--strand", "forward")


def test_a_broken_motif_loses_its_letters(run, tmp_path):
    """The variant of the help, which breaks a planted CTCF motif at chrA:1604-1622."""
    out = tmp_path / "ctcf"
    code, _, err = run(
        "attribute", "--variant", "chrA:1613:G:C", "--feature", "ctcf", *QUICK, *GENOME,
        "-o", str(out),
    )  # fmt: skip
    assert (code, err) == (0, "")
    with open(out / "summary.tsv") as handle:
        ref, alt = csv.DictReader(handle, delimiter="\t")
    assert (ref["target"], ref["half"], ref["converged"]) == ("target=CTCF", "biological", "true")
    assert 1604 <= int(ref["largest_at"]) <= 1622
    assert float(ref["value"]) > float(alt["value"]) + 1
    assert len(list((out / "figures").iterdir())) == 2


def test_mutagenesis_of_a_region_as_npz(run, tmp_path):
    out = tmp_path / "ism.npz"
    code, _, err = run(
        "attribute", "-r", "chrA:1613", "--where", "target == 'CTCF'", "--half", "combined",
        "--method", "ism", "--flank", "8", *QUICK, *GENOME[:-1], "-o", str(out),
    )  # fmt: skip
    assert code == 0
    assert f"{out}: 1 sequences: OK 1" in err
    with np.load(out) as arrays:
        effects = arrays["effects"][0, 0]
    assert effects.shape == (17, 4)
    assert effects[8, 1] < -1  # G to C


def test_sequences_of_a_fasta_need_no_genome(run, tmp_path):
    fasta = tmp_path / "s.fa"
    fasta.write_text(">s\n" + "ACGTTGCA" * 20 + "\n>long\n" + "ACGGTCAT" * 200 + "\n")
    code, _, err = run(
        "attribute", "--fasta-in", str(fasta), "--feature", "DNase-seq", "--method", "gradient",
        *QUICK, "--device", "cpu", "-o", str(tmp_path / "s"),
    )  # fmt: skip
    assert code == 0
    assert "2 sequences: OK 2" in err
    assert "1 are longer than a window" in err
    assert not (tmp_path / "s" / "bedgraph").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--feature", "CTFC"), "no direct feature 'CTFC'; nearest: CTCF"),
        (("--track", "X9999"), "no track or file 'X9999'; nearest: X"),
        (("--where", "target == 'CTCFF'"), "CTCF"),
        (("--feature", "CTCF", "--half", "technical"), "target=CTCF has no technical half"),
        (("--feature", "CTCF", "--shifts", "-100,0"), "offset -100 is beyond 64"),
        (("--feature", "CTCF", "-r", "chrZ:1-2"), "chrZ:1-2: CONTIG_MISSING"),
        (("--feature", "CTCF", "--variant", "chrA:1613:A:C"), "REF_MISMATCH"),
    ],
)
def test_refusals_are_one_line(run, tmp_path, args, words):
    place = () if {"-r", "--variant"} & set(args) else ("-r", "chrA:1613")
    code, out, err = run("attribute", *place, *args, *GENOME, "-o", str(tmp_path / "out"))
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [(("--feature", "CTCF"), "give a place"), (("-r", "chrA:1613"), "give what to explain")],
)
def test_what_is_left_out_is_usage(run, tmp_path, args, words):
    code, _, err = run("attribute", *args, "-o", str(tmp_path / "out"))
    assert code == 2
    assert words in err


def test_an_output_that_exists_is_refused_before_any_work(run, tmp_path):
    (tmp_path / "out.parquet").write_text("")
    code, _, err = run(
        "attribute", "-r", "chrA:1613", "--feature", "CTCF", "-o", str(tmp_path / "out.parquet")
    )
    assert code == 1
    assert "exists; choose another output or use --force" in err
