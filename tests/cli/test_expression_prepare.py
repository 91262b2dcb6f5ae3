"""`mfdvep expression prepare`: from the files of a simulation to profiles, and what is told."""

from __future__ import annotations

import pytest
import simulate_expression

from mfdvep.expression.profiles import read_profiles

INPUTS = ("genes.gtf", "expression.tsv", "marks.tsv")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    simulate_expression.write_simulation(simulate_expression.simulate(genes=120), tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepare(run, *more, inputs=INPUTS):
    return run("expression", "prepare", *inputs, "-o", "p.parquet", *more)


def test_from_files_to_profiles(run, folder):
    code, out, err = prepare(run, "--test", "sim5", "--validation", "sim6", "--left-out", "sim4")
    assert (code, out) == (0, "")
    assert "120 genes read; 120 kept: train 60, validation 20, test 20, left out 20" in err
    assert "120 rows of expression, 0 came again, 0 of other genes" in err
    assert "H3K27me3" in err
    made = read_profiles("p.parquet")
    assert made.provenance["command"].startswith("mfdvep expression prepare genes.gtf")
    assert made.provenance["options"]["contigs"] == {
        "validation": ["sim6"], "test": ["sim5"], "left_out": ["sim4"]}  # fmt: skip
    assert len(made.provenance["inputs"]) == 2 + 10


def test_what_is_left_out_is_told(run, folder):
    lines = (folder / "genes.tsv").read_text().splitlines()
    lines += [lines[1], "simX\t5\t+\tENSG9\tX"]
    (folder / "genes.tsv").write_text("\n".join(lines) + "\n")
    code, _, err = prepare(run, inputs=("genes.tsv", *INPUTS[1:]))
    assert code == 0
    assert "122 genes read, 1 came again, 1 on contigs without marks (simX); 120 kept" in err


def test_a_file_is_replaced_by_force_alone_and_by_the_same_bytes(run, folder):
    assert prepare(run, "-q") == (0, "", "")
    before = (folder / "p.parquet").read_bytes()
    code, _, err = prepare(run, "-q")
    assert code == 1
    assert "p.parquet exists" in err
    assert prepare(run, "-q", "--force") == (0, "", "")
    again = (folder / "p.parquet").read_bytes()
    assert prepare(run, "-q", "--force") == (0, "", "")
    assert (folder / "p.parquet").read_bytes() == again != before  # the command is another


def test_a_refusal_is_one_line_and_leaves_no_file(run, folder):
    code, out, err = prepare(run, "-q", "--threshold", "1e6")
    assert (code, out) == (1, "")
    assert err.startswith(
        "mfdvep: error: sim-A: of 120 train genes 0 are above the threshold 1e+06"
    )
    assert err.count("\n") == 1
    assert not [p for p in folder.iterdir() if "parquet" in p.name]


@pytest.mark.parametrize("at", range(4))
def test_what_cannot_be_a_stream(run, folder, at):
    words = [*INPUTS, "p.parquet"]
    words[at] = "-"
    code, out, err = run("expression", "prepare", *words[:3], "-o", words[3])
    assert (code, out) == (2, "")
    assert "- is no file, and this cannot be a stream; give a file" in err
    assert not (folder / "-").exists()


def test_an_output_that_is_an_input_is_refused_before_any_work(run, folder):
    peaks = "peaks/sim-A.H3K4me3.bed.gz"
    code, _, err = run("expression", "prepare", *INPUTS, "-o", peaks, "--force")
    assert code == 1
    assert "is an input of this run" in err


@pytest.mark.parametrize("threshold", ["half", "nan"])
def test_a_threshold_is_median_or_a_number(run, folder, threshold):
    code, _, err = prepare(run, "--threshold", threshold)
    assert code == 2
    assert "expected median, or a number" in err


def test_the_group_tells_its_commands(run):
    code, out, _ = run("expression", "--help")
    assert code == 0
    for name in ("prepare", "train", "compare", "calibrate", "score", "explain"):
        assert f"  {name} " in out
    code, out, _ = run("expression", "prepare", "--help")
    assert code == 0
    assert "Example:\n    mfdvep expression prepare" in out
