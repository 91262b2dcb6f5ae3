"""AUROCs of expression read off marks, against scikit-learn, and the whole run on a small world."""

from __future__ import annotations

import json

import expression_numbers
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import make_model, random_bases, write_fasta
from expression.variants.worlds import CELLS, calibration, expression_model, tracks
from expression_numbers import cpg_counts, measure
from sklearn.metrics import roc_auc_score

from mfdvep.errors import InputError
from mfdvep.expression.bins import MARKS
from mfdvep.expression.calibration import write_calibration
from mfdvep.expression.genes import Tss
from mfdvep.expression.model import save_expression_model
from mfdvep.expression.profiles import Profiles, write_profiles
from mfdvep.genomics.genome import Genome
from mfdvep.model.checkpoint import load_model, save_model


def test_areas_are_those_of_scikit_learn_and_differences_are_paired():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 120).astype(float)
    score = labels + rng.normal(0, 1, 120)
    scores = {"predicted": score, "predicted_h3k4me3": score, "cpg": -score}
    labels[:5] = np.nan
    found = measure(scores, labels, np.arange(120) // 3)
    truth = roc_auc_score(labels[5:], score[5:])
    value, low, high = found["auroc"]["predicted"]
    assert value == pytest.approx(truth, abs=1e-4)
    assert low < value < high
    assert found["auroc"]["cpg"][0] == pytest.approx(1 - truth, abs=1e-4)
    assert found["difference"]["predicted - predicted_h3k4me3"] == [0, 0, 0]
    assert (found["n"], found["n_high"], found["blocks"]) == (115, int(np.nansum(labels)), 39)


def test_one_class_is_refused():
    with pytest.raises(InputError, match="4 genes of one class"):
        measure({"cpg": np.arange(4.0)}, np.ones(4), np.arange(4))


def test_cpg_within_500_bases(tmp_path):
    bases = ["A"] * 4000
    for at in (1499, 1500, 2498, 2500, 3000):  # of which 1500..2500 start within reach
        bases[at : at + 2] = "CG"
    path = write_fasta(tmp_path / "g.fa", {"chr1": "".join(bases)})
    with Genome(path) as genome:
        found = cpg_counts(genome, [Tss("a", "", "1", 2000, "-"), Tss("b", "", "chr9", 9, "+")])
    assert bases[1500] == "C"
    assert found[0] == 2  # 1500 and 2498; at 2500 the G is beyond
    assert np.isnan(found[1])


@pytest.fixture
def options(tmp_path):
    """A run on 2 contigs with 5 genes each, too near to each other for an interval."""
    rng = np.random.default_rng(1)
    genes = [
        Tss(f"G{chrom}{i}", "", f"chr{chrom}", 6000 + 1000 * i, "+-"[i % 2])
        for chrom in (1, 2)
        for i in range(5)
    ]
    contigs = {f"chr{chrom}": random_bases(16_000, chrom) for chrom in (1, 2)}
    fasta = write_fasta(tmp_path / "g.fa", contigs)
    save_model(make_model(tracks()), tmp_path / "mfd", about={})
    save_expression_model(expression_model(), tmp_path / "head")
    made = calibration(sha256=load_model(tmp_path / "mfd").provenance["sha256"])
    write_calibration(made, tmp_path / "c.json")
    signal = rng.exponential(1, (2, 10, len(MARKS), 100)).astype(np.float32)
    expression = rng.permuted(np.arange(20.0).reshape(2, 10), axis=1).astype(np.float32)
    split = np.array(["train"] * 10)
    profiles = Profiles(
        tuple(genes), split, CELLS, MARKS, signal, expression, np.array([5, 15], np.float32), {}
    )
    write_profiles(tmp_path / "p.parquet", profiles)
    lines = [f"{g.chrom}\t{g.tss}\t{g.strand}\t{g.id}" for g in genes]
    (tmp_path / "genes.tsv").write_text("\n".join(["chrom\ttss\tstrand\tgene_id", *lines]) + "\n")
    files = {
        "--genes": "genes.tsv", "-f": fasta.name, "-m": "mfd", "--expression": "head",
        "--calibration": "c.json", "-o": "n.json", "--figure": "n.png", "--cache": "cache.npz",
    }  # fmt: skip
    given = [str(tmp_path / "p.parquet"), "--test", "chr2"]
    for option, name in files.items():
        given += [option, str(tmp_path / name)]
    return given


def test_a_run_measures_both_sets_and_keeps_what_was_predicted(options, tmp_path):
    done = CliRunner().invoke(expression_numbers.main, options)
    assert done.exit_code == 0, done.output
    first = (tmp_path / "n.json").read_text()
    numbers = json.loads(first)
    assert numbers["status"] == {"test": {"OK": 5}, "fitted": {"OK": 5}}
    for cells in numbers["sets"].values():
        for of in cells.values():
            assert (of["n"], of["blocks"]) == (5, 1)
            assert of["auroc"]["observed"][1:] == [None, None]
            assert set(of["auroc"]) == set(expression_numbers.SCORES)
    assert (tmp_path / "n.png").stat().st_size > 1000
    again = CliRunner().invoke(expression_numbers.main, [*options, "--force"])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "n.json").read_text() == first
    with np.load(tmp_path / "cache.npz") as kept:
        assert kept["probability"].shape == (10, 100, 2, 5)
        np.savez(tmp_path / "cache.npz", **{**kept, "model": "other"})
    refused = CliRunner().invoke(expression_numbers.main, [*options, "--force"])
    assert refused.exit_code == 1
    assert "of another model or of other genes" in refused.output
