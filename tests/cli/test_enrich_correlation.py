"""`mfdvep enrich --correlation`: the table, the folder, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from enrichment.flat import write_table
from scipy.stats import spearmanr

N = 80


@pytest.fixture
def table(tmp_path):
    """Four scores of which the second follows the activity; two elements."""
    rng = np.random.default_rng(0)
    activity = rng.standard_normal(N)
    scores = rng.standard_normal((4, N))
    scores[1] += 2 * activity
    element = ["TERT" if i % 2 else "SORT1" for i in range(N)]
    path = tmp_path / "mpra.parquet"
    write_table(path, scores, np.zeros(N), element=element, activity=activity)
    return path, spearmanr(scores[1], activity).statistic


def test_table_and_folder(run, table, tmp_path):
    path, expected = table
    args = ["enrich", str(path), "--labels", "activity", "--correlation"]
    code, out, err = run(*args, "-o", str(tmp_path / "r"))
    assert code == 0
    assert out.startswith("80 variants used of 80: correlation with activity; 2 elements\n")
    assert out.endswith("\n")
    assert not out.endswith("\n\n")
    first = out.splitlines()[out.splitlines().index("score") + 1].split()
    assert first[:2] == ["s1", f"{expected:+.3f}"]
    assert "report.html" in err
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"elements.tsv", "means.tsv", "correlation.png", "elements.svg", "report.html"} <= names
    about = json.loads((tmp_path / "r" / "correlation.json").read_text())
    assert about["settings"]["command"].startswith("mfdvep enrich ")
    code, _, err = run(*args, "-q", "-o", str(tmp_path / "r"))
    assert (code, "exists already" in err) == (1, True)
    code, _, err = run(*args, "-q", "--force", "--sided", "absolute", "-o", str(tmp_path / "r"))
    assert (code, err) == (0, "")
    assert json.loads((tmp_path / "r" / "correlation.json").read_text()) != about


def test_the_chosen_element_and_tracks(run, table):
    path, _ = table
    code, out, _ = run("enrich", str(path), "--labels", "activity", "--correlation", "-q",
                       "--element", "element", "--tracks", "s1")  # fmt: skip
    assert code == 0
    assert "s0" not in out
    code, _, err = run("enrich", str(path), "--labels", "activity", "--correlation", "-q",
                       "--element", "none")  # fmt: skip
    assert code == 1
    assert "no column 'none'" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--element", "x"], "--element goes with --correlation"),
        (["--correlation", "--quantiles", "0.9"], "--correlation has no --quantiles"),
        (["--correlation", "--permute", "5"], "--correlation has no --permute"),
        (["--correlation", "--group-by", "assay"], "--correlation has no --group-by"),
        (["--correlation", "--legacy"], "--correlation has no --legacy"),
        (["--correlation", "--sided", "both"], "--correlation has no tails"),
    ],
)
def test_options_that_do_not_go_together(run, args, says):
    code, out, err = run("enrich", "none.parquet", *args)
    assert (code, out) == (2, "")
    assert says in err


def test_labels_that_are_all_equal(run, table):
    code, out, err = run("enrich", str(table[0]), "--labels", "label", "--correlation", "-q")
    assert (code, out) == (1, "")
    assert "all 80 labels label are 0; expected quantities" in err


def test_quantities_without_the_option_are_told_of_it(run, table):
    code, _, err = run("enrich", str(table[0]), "--labels", "activity", "-q")
    assert code == 1
    assert "quantities are for --correlation" in err
