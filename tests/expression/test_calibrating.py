"""Calibrating on genes of a small genome: which are used, what is learnt, the command."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from conftest import make_model, random_bases, write_fasta

from mfdvep.cli.main import main
from mfdvep.errors import InputError
from mfdvep.expression.calibrating import (
    calibrate_marks,
    choose_genes,
    observed_of,
    predict_genes,
)
from mfdvep.expression.calibration import read_calibration
from mfdvep.expression.genes import Tss
from mfdvep.expression.predicted import MarkPredictor
from mfdvep.expression.profiles import Profiles, write_profiles
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import VariantStatus
from mfdvep.model.checkpoint import save_model
from mfdvep.model.tracks import TrackTable

CELLS, MARKS = ("K562", "HepG2"), ("H3K4me1", "H3K4me3")
TRACKS = TrackTable(
    {
        "experiment": ("E0", "E1", "E2", "E3"),
        "assay": ("ChIP",) * 4,
        "target": MARKS * 2,
        "biosample": ("K562", "K562", "HepG2", "HepG2"),
        "lab": ("a", "b", "a", "b"),
    }
)
CONTIGS = {"chr1": 30_000, "chr2": 26_000, "chr3": 15_000}
GENES = tuple(
    Tss(f"G{i}", "", chrom, at, "+-"[i % 2])
    for i, (chrom, at) in enumerate(
        [("chr1", at) for at in range(5000, 25_000, 1500)]
        + [("chr2", at) for at in range(5000, 20_000, 4000)]
        + [("chr3", 6000), ("chr3", 9000)]
    )
)
# the same genes elsewhere: in another assembly, as profiles may be
ELSEWHERE = tuple(replace(gene, chrom="chr7", tss=gene.tss + 10_000) for gene in GENES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("calibrating")


@pytest.fixture(scope="module")
def genome(folder):
    contigs = {name: random_bases(n, i) for i, (name, n) in enumerate(CONTIGS.items())}
    with Genome(write_fasta(folder / "genome.fa", contigs)) as found:
        yield found


class Remembering(MarkPredictor):
    """Predicts the same windows once only, for the sake of time."""

    known: ClassVar[dict[bytes, np.ndarray]] = {}

    def profile(self, windows: np.ndarray) -> np.ndarray:
        key = windows.tobytes()
        if key not in self.known:
            self.known[key] = super().profile(windows)
        return self.known[key]


@pytest.fixture(scope="module")
def predictor():
    return Remembering(make_model(TRACKS), CELLS, MARKS, device="cpu")


@pytest.fixture(scope="module")
def profiles(genome, predictor):
    """Signals that rise with the prediction: 10 p and noise, but on chr3, where there is none."""
    _, probability = predict_genes(GENES, genome, predictor)
    noise = np.random.default_rng(0).uniform(0.5, 1.5, probability.shape)
    signal = (10 * np.nan_to_num(probability) * noise).astype(np.float32)
    split = np.array(["train"] * len(GENES))
    split[3], split[4] = "test", "validation"
    expression = np.arange(2.0 * len(GENES), dtype=np.float32).reshape(2, -1)
    return Profiles(
        ELSEWHERE, split, CELLS, MARKS, signal.transpose(2, 0, 3, 1).copy(), expression,
        np.array([5, 20], np.float32), {},
    )  # fmt: skip


def calibrated(profiles, genome, predictor, genes=GENES, **options):
    return calibrate_marks(profiles, genes, genome, predictor, about={"command": ""}, **options)


def test_observed_signal_is_met_by_id(profiles):
    found = observed_of([GENES[5], GENES[2]], profiles)
    assert found.shape == (2, 100, 2, 2)
    assert (found[0, 7, 1, 0] == profiles.signal[1, 5, 0, 7]).all()


def test_genes_have_one_use_each(profiles):
    more = [*GENES, Tss("other", "", "chr1", 9000, "+")]
    found = choose_genes(more, profiles, test=["2"], left_out=["chr3"])
    assert {use: len(genes) for use, genes in found.items()} == {
        "fitted": 12,
        "test": 4,
        "of other splits of the profiles": 2,
        "on contigs left out": 2,
        "not in the profiles": 1,
    }


def test_the_rule_is_found_and_measured_on_the_contig_held_out(profiles, genome, predictor):
    found = calibrated(profiles, genome, predictor, test=["chr2"], left_out=["chr3"])
    probability = np.full((1, 2, 2), 0.3)
    lows = [found.calibration.knots[c, m][0, 0] for c in CELLS for m in MARKS]
    assert max(lows) < np.log(0.3 / 0.7)  # 0.3 was seen
    assert np.allclose(found.calibration.signal(probability), 3, rtol=0.1)
    assert sorted(found.reliability) == ["fitted", "test"]
    assert [row.n_bins for row in found.reliability["test"]] == [400] * 4
    assert min(row.r2 for row in found.reliability["test"]) > 0.5
    assert sum(found.counts.values()) == len(GENES)
    assert found.calibration.provenance["contigs"]["fitted"] == {"chr1": 12}
    assert found.calibration.provenance["genes"] == found.counts
    assert found.calibration.provenance["model"] == predictor.model.provenance


def test_nothing_is_learnt_from_genes_held_out(profiles, genome, predictor):
    signal = profiles.signal.copy()
    signal[:, [3, 4, *range(14, len(GENES))]] *= 1000  # not training, chr2, chr3
    options = {"test": ["chr2"], "left_out": ["chr3"]}
    here = calibrated(profiles, genome, predictor, **options).calibration
    there = calibrated(replace(profiles, signal=signal), genome, predictor, **options).calibration
    assert here.digest == there.digest


def test_genes_without_windows_are_counted(profiles, genome, predictor):
    genes = [replace(GENES[0], tss=100), *GENES[1:]]
    found = calibrated(profiles, genome, predictor, genes, test=["chr2"])
    assert found.counts["OFF_CONTIG"] == 1
    assert sum(found.counts.values()) == len(GENES)
    status, probability = predict_genes(genes[:2], genome, predictor)
    assert status == [VariantStatus.OFF_CONTIG, VariantStatus.OK]
    assert np.isnan(probability[0]).all()
    assert np.isfinite(probability[1]).all()


def test_what_is_refused(profiles, genome, predictor):
    strange = [replace(gene, id=f"X{gene.id}") for gene in GENES]
    with pytest.raises(InputError, match=r"genes are XG0, XG1, XG2; profiles are of G0, G1, G2"):
        choose_genes(strange, profiles)
    with pytest.raises(InputError, match="contig chr9: no gene of the table lies there"):
        choose_genes(GENES, profiles, test=["chr9"])
    with pytest.raises(InputError, match="is for testing and left out"):
        choose_genes(GENES, profiles, test=["chr2"], left_out=["2"])
    with pytest.raises(InputError, match="200 bins of training genes"):
        calibrated(profiles, genome, predictor, test=["chr1", "chr2"])


@pytest.fixture(scope="module")
def inputs(folder, genome, profiles, predictor):
    """Options of the command, on files."""
    save_model(predictor.model, folder / "model", about={"name": "small"})
    write_profiles(folder / "profiles.parquet", profiles)
    lines = ["chrom\ttss\tstrand\tgene_id"]
    lines += [f"{g.chrom}\t{g.tss}\t{g.strand}\t{g.id}.3" for g in GENES]
    (folder / "genes.tsv").write_text("\n".join(lines) + "\n")
    return [
        str(folder / "profiles.parquet"), "--genes", str(folder / "genes.tsv"),
        "-f", str(genome.path), "-m", str(folder / "model"), "--device", "cpu",
    ]  # fmt: skip


def run(monkeypatch, capsys, *args: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["mfdvep", "expression", "calibrate", *args])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, capsys.readouterr().err


def test_the_command(inputs, profiles, genome, predictor, tmp_path, monkeypatch, capsys):
    output, figure = tmp_path / "c.json", tmp_path / "c.png"
    more = ["--test", "chr2", "--left-out", "chr3", "-o", str(output), "--figure", str(figure)]
    code, said = run(monkeypatch, capsys, *inputs, *more)
    assert code == 0, said
    assert "20 genes: 12 fitted, 4 test" in said
    assert "R2 test" in said
    found = read_calibration(output)
    whole = calibrated(profiles, genome, predictor, test=["chr2"], left_out=["chr3"])
    for pair, knots in whole.calibration.knots.items():
        assert np.allclose(found.knots[pair], knots, atol=1e-5)
    record = json.loads(output.read_text())["provenance"]
    assert record["command"].startswith("mfdvep expression calibrate")
    assert record["profiles"]["file"] == "profiles.parquet"
    assert record["tracks"]["HepG2/H3K4me3"] == ["H3K4me3/HepG2/E3"]
    assert len(record["reliability"]["test"]) == 4
    assert figure.read_bytes().startswith(b"\x89PNG")
    code, said = run(monkeypatch, capsys, *inputs, *more)
    assert code == 1
    assert "exists" in said


def test_the_command_says_that_nothing_was_held_out(inputs, tmp_path, monkeypatch, capsys):
    code, said = run(monkeypatch, capsys, *inputs, "-o", str(tmp_path / "c.json"))
    assert code == 0, said
    assert "warning: measured on the genes that it was fitted on alone" in said
    code, said = run(
        monkeypatch, capsys, *inputs, "-o", str(tmp_path / "d.json"), "--figure", "x.gif"
    )
    assert code == 2
    assert "expected a name that ends in .png" in said
