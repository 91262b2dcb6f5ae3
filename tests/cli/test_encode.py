"""`mfdvep encode` as typed."""

from __future__ import annotations

import pytest
from test_downloads import serving
from training.test_encode import PEAKS, row, write

CELLS = {"Biosample_type": "cell line"}


@pytest.fixture
def table(tmp_path):
    rows = [row(1), row(2, Assay="DNase-seq", Experiment_target=""), row(3, **CELLS)]
    return str(write(tmp_path / "metadata.tsv", rows))


def test_downloads_and_says_what_was_removed(run, table, tmp_path):
    out = tmp_path / "e"
    with serving() as server:
        names = [f"ENCFF{n:03}AAA" for n in (1, 2)]
        server.files = {f"/files/{n}/@@download/{n}.bed.gz": PEAKS for n in names}
        args = ["encode", table, "-o", str(out), "--paper", "--base-url", server.url]
        code, stdout, err = run(*args)
        assert (code, stdout) == (0, "")
        assert run(*args)[0] == 1  # experiments.tsv exists
        code, _, quiet = run(*args, "--force", "-q", "--jobs", "1")
        assert code == 0
    lines = err.splitlines()
    assert lines[0].startswith("downloading: ")
    assert f"{out / 'experiments.tsv'}: 2 experiments" in lines
    counts = [int(line.split()[0]) for line in lines if line.startswith("      ")]
    assert counts[0] + sum(counts[1:-1]) == counts[-1] == 2
    assert "           -1 --biosample-type tissue" in lines
    assert lines[-1] == "  2 files downloaded (0.0 MB), 0 there before"
    assert "downloading" not in quiet
    assert "0 files downloaded (0.0 MB), 2 there before" in quiet
    assert len(list((out / "peaks").iterdir())) == 2


def test_only_the_table(run, table, tmp_path):
    options = ["--assay", "DNase-seq", "--assay", "CTCF ChIP-seq", "--target", "CTCF"]
    options += ["--biosample-type", "cell line", "--output-type", "IDR thresholded peaks"]
    code, _, err = run("encode", table, "-o", str(tmp_path / "e"), "--no-download", *options)
    assert code == 0
    assert "  1 peak files are missing; put them in" in err
    assert "ENCFF003AAA" in (tmp_path / "e" / "experiments.tsv").read_text()


def test_a_download_that_fails_is_one_line(run, table, tmp_path):
    with serving() as server:
        code, _, err = run(
            "encode", table, "-o", str(tmp_path / "e"), "--base-url", server.url, "-q"
        )
    assert code == 1
    assert err.startswith("mfdvep: error: 3 of 3 files could not be downloaded; first http://")
    assert err.count("\n") == 1
    assert not (tmp_path / "e" / "experiments.tsv").exists()


@pytest.mark.parametrize("option", ["--assay", "--target", "--biosample-type", "--organism"])
def test_the_papers_choice_is_not_mixed_with_others(run, table, tmp_path, option):
    code, _, err = run("encode", table, "-o", str(tmp_path / "e"), "--paper", option, "x")
    assert code == 2
    assert f"--paper chooses the {option} itself" in err
