"""`mfdvep burden` as typed: scored, summed, told; the outputs of errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from cohort.test_burden import Case

from mfdvep.cli.burden import burden


@pytest.fixture
def case(tmp_path) -> Case:
    return Case(tmp_path)


def typed(case, *more):
    files = (case.cohort, case.scores, "--regions", case.regions, "-o", case.output)
    return CliRunner().invoke(burden, [*map(str, files), "--maf-max", "0.5", *more])


def test_it_says_what_was_counted(case):
    done = typed(case, "--samples", str(write(case, "cat\ndan\nann\n")))
    assert done.exit_code == 0, done.output
    assert "b.parquet: 2 people, 4 columns" in done.stderr
    assert "people: 1 of the cohort left out, 1 of --samples not in it" in done.stderr
    assert "ALTs: 4 of 4 count; left out: none" in done.stderr
    assert "genotypes: 2 of 8 imputed to the mean (0 half calls)" in done.stderr
    assert "regions: 2 of 2 have an ALT that counts" in done.stderr
    assert not done.stdout


def write(case, text):
    path = case.folder / "people.txt"
    path.write_text(text)
    return path


def test_weights_are_named_and_quiet_is_quiet(case):
    done = typed(case, "--weight", "combined:signed", "--weight", "technical", "-q")
    assert (done.exit_code, done.output) == (0, "")
    assert pq.read_table(case.output).column_names[1:3] == [
        "left|combined_signed", "left|technical_absolute"
    ]  # fmt: skip
    assert json.loads((case.folder / "b.stats.json").read_text())["command"].startswith("mfdvep")


def test_swapped_alleles_and_major_alts_are_told(case):
    text = case.cohort.read_text()
    text = text.replace("chr1\t10\t.\tA\tC", "chr1\t10\t.\tC\tA")
    case.cohort.write_text(text.replace("0|0\t1|.\t0|1", "1|1\t1|.\t0|1"))
    done = typed(case)
    assert "note: 1 have REF and ALT the other way round" in done.stderr
    assert "note: 1 of them are the common allele" in done.stderr


def test_an_event_on_two_lines_is_told(case):
    case.cohort.write_text(case.cohort.read_text() + "1\t10\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/0\t0/0\n")
    assert "note: 1 ALTs that count are the event of another line" in typed(case).stderr


def test_scores_that_lack_most_alts_are_told(case):
    assert "not in the scores" not in typed(case).stderr
    case.cohort.write_text(case.cohort.read_text().replace("\t20\t", "\t21\t"))
    case.cohort.write_text(case.cohort.read_text().replace("\t40\t", "\t41\t"))
    done = typed(case, "--force")
    assert "note: 3 of 4 ALTs in regions are not in the scores; are both of one" in done.stderr


def test_an_error_is_one_line_and_leaves_nothing(case):
    command = [sys.executable, "-m", "mfdvep", "burden", case.cohort, case.scores]
    command += ["--regions", case.regions, "-o", case.output, "--maf-max", "0.01", "-q"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "none of 4 ALTs counts (4 above_maf)" in done.stderr
    assert not list(case.folder.glob("*b.*"))
