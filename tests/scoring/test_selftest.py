"""The self-test finds what is wrong, and says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import make_model, write_fasta

from mfdvep.cli.selftest import render
from mfdvep.cli.selftest import selftest as command
from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode
from mfdvep.scoring.selftest import random_variants, selftest, simulated_genome


@pytest.fixture(scope="module")
def genome():
    with simulated_genome(20_000) as opened:
        yield opened


def test_every_way_is_measured_and_passes(genome, monkeypatch):
    calls = []
    monkeypatch.setattr("mfdvep.scoring.selftest.precisions_of", lambda device: ["bfloat16"])
    found = selftest(
        make_model(width=16), genome, n_alleles=10, shifts=3, device="cpu",
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    assert found.passed
    assert [way.precision for way in found.ways] == ["float32"] * 3 + ["bfloat16"]
    assert [way.is_good for way in found.ways[:3]] == [True] * 3
    assert 0 < found.ways[0].largest < 1e-4 < found.ways[3].largest
    assert calls == [(i, 5) for i in range(6)]
    text = render(found)
    assert "engine against plain" in text
    assert text.count(" ok") == 2


def test_a_wrong_engine_fails(genome, monkeypatch):
    monkeypatch.setattr("mfdvep.scoring.shared.halve", lambda rows: rows[:, ::2])
    found = selftest(make_model(width=16), genome, n_alleles=5, shifts=2, device="cpu")
    assert not found.passed
    assert "TOO LARGE" in render(found)


def test_random_variants(genome):
    variants = random_variants(genome, 50, np.random.default_rng(0))
    assert variants == random_variants(genome, 50, np.random.default_rng(0))
    assert sum(len(v.ref) == len(v.alt) for v in variants) == 40
    assert sum(len(v.ref) == len(v.alt) > 1 for v in variants) == 10
    assert [v.pos - variants[0].pos for v in variants[:3]] == [0, 20, 40]
    for v in variants:
        assert v.ref == decode(genome.fetch(v.chrom, v.start, v.end))
        assert v.ref != v.alt


def test_unknown_sequence_is_refused(tmp_path):
    with (
        Genome(write_fasta(tmp_path / "n.fa", {"chr1": "N" * 5000})) as unknown,
        pytest.raises(InputError, match="found 0 of 5 places"),
    ):
        random_variants(unknown, 5, np.random.default_rng(0))


def test_what_overflows_is_not_good(genome, monkeypatch):
    monkeypatch.setattr("mfdvep.scoring.selftest.precisions_of", lambda device: ["float16"])
    model = make_model(width=16)
    with torch.no_grad():
        model.trunk.tower[3][0][2].weight *= 1e6
    found = selftest(model, genome, n_alleles=3, shifts=1, device="cpu")
    assert not found.ways[-1].is_good
    assert "nan" in render(found)


def test_the_command_fails_where_the_engine_does(monkeypatch):
    monkeypatch.setattr("mfdvep.scoring.shared.halve", lambda rows: rows[:, ::2])
    done = CliRunner().invoke(command, ["--alleles", "3", "--shifts", "1", "--device", "cpu", "-q"])
    assert done.exit_code == 1
    assert "TOO LARGE" in done.output


def test_the_command():
    done = CliRunner().invoke(command, ["--alleles", "3", "--shifts", "1", "--device", "cpu", "-q"])
    assert done.exit_code == 0, done.output
    assert "regulome45, 442 tracks; 3 alleles, shifts 1" in done.output
