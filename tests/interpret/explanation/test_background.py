"""Quantiles among other variants, against all effects at once."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import make_model
from interpret.explanation.small import explained, genome_in, snv

from mfdvep import read_effects
from mfdvep.errors import InputError
from mfdvep.interpret.explanation.background import compare
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

ONE = {"shifts": 1, "strand": "forward"}
POSITIONS = (900, 1200, 1500, 1800, 2100, 2400)


@pytest.fixture
def genome(tmp_path):
    with genome_in(tmp_path) as opened:
        yield opened


def matrix(folder, model, genome, *, positions=POSITIONS, **options):
    """Return a matrix of SNVs at positions, and one allele that is not scored."""
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr1>",
             "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]  # fmt: skip
    for pos in positions:
        variant = snv(pos)
        lines.append(f"chr1\t{pos}\t.\t{variant.ref}\t{variant.alt}\t.\t.\t.")
    lines.append("chr1\t2500\t.\tA\t<DEL>\t.\t.\t.")
    vcf = folder / "many.vcf"
    vcf.write_text("\n".join(lines) + "\n")
    scorer = Scorer(model, genome, **{**ONE, "device": "cpu", **options})
    path = folder / "many.parquet"
    score_vcf(vcf, scorer, folder / "out.vcf", matrix=path)
    return path


@pytest.mark.parametrize("scale", ["probability", "logit"])
def test_quantiles_are_shares_of_the_others(small_model, genome, tmp_path, scale):
    """On the scale of the matrix; the allele itself, which is in it, does not count."""
    path = matrix(tmp_path, small_model, genome, scale=scale)
    found = explained(small_model, genome, snv(1500))
    background = compare(found, path)
    others = np.abs(read_effects(path).combined[[0, 1, 3, 4, 5]])  # (5, O)
    own = np.abs(found.effects[scale]["combined"])
    assert (background.n, background.scale, background.cap) == (5, scale, 0.8)
    expected = np.minimum((others < own).sum(axis=0) / 5, 0.8)
    assert np.array_equal(background.tracks["combined"], expected)
    largest = (others.max(axis=1) < own.max()).mean()
    assert background.largest["combined"] == pytest.approx(min(largest, 0.8))
    assert set(background.largest) == {"combined", "biological", "technical"}
    assert background.differences == ()


def test_an_effect_beyond_all_others_is_capped(small_model, genome, tmp_path, monkeypatch):
    """And rows are read a few at a time."""
    monkeypatch.setattr("mfdvep.interpret.explanation.background._ROWS", 2)
    path = matrix(tmp_path, small_model, genome)
    found = explained(small_model, genome, snv(1500))
    for effects in found.effects["probability"].values():
        effects *= 1e6
    background = compare(found, path)
    assert set(background.tracks["technical"].tolist()) == {0.8}
    assert set(background.largest.values()) == {0.8}


def test_some_tracks_and_other_settings(small_model, genome, tmp_path):
    path = matrix(tmp_path, small_model, genome, tracks=[3, 1], shifts=3, strand="reverse")
    background = compare(explained(small_model, genome, snv(1500)), path)
    assert background.rows == (1, 3)
    assert len(background.tracks["combined"]) == 2
    assert "shifts [-1, 0, 1], not [0]" in background.differences[0]
    assert "strand reverse, not forward" in background.differences[1]


def test_refusals(small_model, genome, tmp_path):
    found = explained(small_model, genome, snv(1500))
    with pytest.raises(InputError, match="no other variant with effects"):
        compare(found, matrix(tmp_path, small_model, genome, positions=[1500]))
    with pytest.raises(InputError, match="not a matrix of effects"):
        compare(found, tmp_path / "many.vcf")
    other = make_model(seed=1)
    other.provenance = {"name": "other", "sha256": "1" * 64}
    (tmp_path / "other").mkdir()
    path = matrix(tmp_path / "other", other, genome)
    with pytest.raises(InputError, match=r"effects of another model .other, sha256 1111"):
        compare(found, path)
