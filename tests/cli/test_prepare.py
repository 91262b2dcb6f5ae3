"""`mfdvep prepare` hands its options over and says on stderr what it made."""

from __future__ import annotations

import hashlib

import h5py
import numpy as np
import pysam
import pytest
from click.testing import CliRunner

from mfdvep.cli.prepare import prepare
from mfdvep.errors import InputError
from mfdvep.training.dataset import TrainingSet


@pytest.fixture
def typed(tmp_path):
    """A command line that works."""
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 4000))
    (tmp_path / "g.fa").write_text(f">chr1\n{bases}\n>chr2\n{bases}\n>chr3\n{bases}\n")
    pysam.faidx(str(tmp_path / "g.fa"))
    (tmp_path / "a.bed").write_text("chr1\t1000\t1500\nchr2\t0\t900\nchrM\t1\t2\n")
    (tmp_path / "t.tsv").write_text("experiment\tpeaks\nA\ta.bed\n")
    return [str(tmp_path / "t.tsv"), "-f", str(tmp_path / "g.fa"), "-o", str(tmp_path / "s")]


def test_makes_a_set_and_says_what_is_in_it(typed, tmp_path):
    options = ["--test", "chr2", "--validation", "chr3, 1", "--min-positives", "1"]
    result = CliRunner().invoke(prepare, [*typed, *options, "--keep-others", "0"])
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].startswith("preparing: 4/4 experiments and contigs")
    assert lines[1] == f"{tmp_path / 's'}: 1 of 1 experiments"
    assert lines[3].split() == ["validation", "4", "bins", "4", "positive", "labels"]
    assert lines[4].split() == ["test", "7", "bins", "7", "positive", "labels"]
    assert lines[6] == "  1 peaks are on contigs that the genome lacks: chrM"
    data = TrainingSet.open(tmp_path / "s")
    assert data.contig_split == ("validation", "test", "validation")
    assert data.info["provenance"]["command"].startswith("mfdvep")


def test_quiet_shows_no_progress(typed):
    result = CliRunner().invoke(prepare, [*typed, "-q", "--keep-others", "1"])
    assert result.exit_code == 0
    assert "preparing" not in result.stderr


def test_the_genome_can_come_from_the_environment(typed):
    del typed[1]
    fasta = typed.pop(1)
    result = CliRunner(env={"MFDVEP_FASTA": fasta}).invoke(prepare, [*typed, "--keep-others", "1"])
    assert result.exit_code == 0
    missing = CliRunner(env={"MFDVEP_FASTA": ""}).invoke(prepare, typed)
    assert missing.exit_code == 2
    assert "MFDVEP_FASTA" in missing.stderr


def test_an_error_of_the_library_goes_up(typed):
    result = CliRunner().invoke(prepare, [*typed, "--test", "chr9"])
    assert isinstance(result.exception, InputError)
    assert "--test chr9" in str(result.exception)


def test_help_has_an_example():
    result = CliRunner().invoke(prepare, ["--help"])
    assert "mfdvep prepare experiments.tsv -f genome.fa.gz -o human.set" in result.stdout


def test_the_bin_is_the_one_that_models_predict(typed):
    result = CliRunner().invoke(prepare, [*typed, "--bin-size", "64"])
    assert result.exit_code == 2
    assert "No such option" in result.stderr


@pytest.fixture
def archive(typed, tmp_path):
    """The same command line with an archive: A has a peak in the first of two bins."""
    bins = tmp_path / "bins.bed"
    bins.write_text("chr1\t1024\t1152\nchr2\t1024\t1152\n")
    with h5py.File(tmp_path / "labels.h5", "w") as file:
        file["query"], file["target"] = [0], [[0]]
        file.attrs["query.md5"] = hashlib.md5(bins.read_bytes()).hexdigest()
        file.attrs["target.labels"], file.attrs["target.N"] = [b"A"], 1
    (tmp_path / "t.tsv").write_text("File.accession\tpeaks\nA\tnone.bed\n")
    return [*typed, "--mfd-archive", str(tmp_path / "labels.h5"), "--bins", str(bins)]


def test_an_archive(archive, tmp_path):
    result = CliRunner().invoke(prepare, [*archive, "--test", "chr2"])
    assert result.exit_code == 0, result.output
    assert "1 of 1 experiments" in result.stderr
    data = TrainingSet.open(tmp_path / "s")
    assert data.bin_start.tolist() == [1024, 1024]
    assert data.label_tracks.tolist() == [0]


@pytest.mark.parametrize(
    ("drop", "add", "says"),
    [
        (2, [], "--mfd-archive and --bins belong together"),
        (0, ["--min-peaks", "3"], "--min-peaks is not for an archive"),
    ],
)
def test_options_that_do_not_fit_an_archive(archive, drop, add, says):
    result = CliRunner().invoke(prepare, [*archive[: len(archive) - drop], *add])
    assert result.exit_code == 2
    assert says in result.stderr
