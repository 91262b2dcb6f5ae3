"""Contributions and the roles of latents, of a linear model whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from mfdvep.errors import InputError
from mfdvep.expression.contributions import contributions
from mfdvep.expression.explain_folder import write_explained
from mfdvep.expression.explaining import choose_cells, explain, find_genes
from mfdvep.expression.genes import Tss
from mfdvep.expression.model import ExpressionModel
from mfdvep.expression.profiles import Profiles
from mfdvep.expression.roles import bin_edges
from mfdvep.expression.scaling import Scale

MARKS = ("H3K27me3", "H3K4me3", "H3K9me3")
CELLS = ("one", "two")
N = 60
SD = np.array([[1.0, 2.0, 1.0], [1.0, 4.0, 1.0]], dtype=np.float32)


class Linear(nn.Module):
    """Latent 1 is H3K4me3 in bins 50 to 59; latent 2 H3K27me3 in bins 20 to 79, less a little."""

    def __init__(self) -> None:
        super().__init__()
        self.autoencoder, self.n_cells = SimpleNamespace(latent=self.latent), 2
        weights = torch.zeros(2, 3, 100)
        weights[0, 1, 50:60], weights[1, 0, 20:80], weights[1, 1, 50:60] = 1.0, 0.5, -0.01
        self.register_buffer("weights", weights)

    def latent(self, x):
        return torch.einsum("kmb,nmb->nk", self.weights, x)

    def heads(self, features):
        """The second cell has a base of 7 instead of 3."""
        return 2 * features[:, 0] - features[:, 1] + 3 * features[:, 2] + 7 * features[:, 3]

    def forward(self, x, cell):
        raise NotImplementedError


@pytest.fixture(scope="module")
def model() -> ExpressionModel:
    return ExpressionModel(
        Linear(), cells=CELLS, marks=MARKS, target="label", scale=Scale(SD), about={}
    )


@pytest.fixture(scope="module")
def profiles(model) -> Profiles:
    rng = np.random.default_rng(3)
    signal = np.zeros((2, N, 3, 100), dtype=np.float32)
    height = rng.exponential(5, (2, N, 2)).astype(np.float32)
    signal[:, :, 1, 48:62] = height[:, :, :1]
    signal[:, :, 0, 20:80] = height[:, :, 1:]
    signal[:, :, 0, 0] = 1.0  # never varies
    expression = signal[:, :, 1, 50] + 0.1 * rng.random((2, N), dtype=np.float32)
    expression[0, 3] = np.nan
    return Profiles(
        genes=tuple(Tss(f"ENSG{i}", f"G{i // 2 if i < 2 else i}", "chr1", 9_000 * i, "+")
                    for i in range(N)),
        split=np.array(["train"] * 10 + ["validation"] * 5 + ["test"] * (N - 15)),
        cells=CELLS,
        marks=MARKS,
        signal=signal,
        expression=expression,
        thresholds=np.array([2.0, 2.0], dtype=np.float32),
        provenance={},
    )  # fmt: skip


def test_contributions_of_a_linear_model_are_weight_times_scaled_signal(model, profiles):
    for c, cell in enumerate(CELLS):
        found = contributions(model, profiles.signal[c], cell, n_steps=8, with_latents=True)
        assert found.outputs == ("prediction", "z1", "z2")
        scaled = np.log1p(profiles.signal[c]) / SD[c][:, None]
        weights = model.network.weights.numpy()
        expected = np.einsum("kmb,nmb->nkmb", weights, scaled)
        np.testing.assert_allclose(found.scores[:, 1:], expected, rtol=1e-4, atol=1e-6)
        total = 2 * expected[:, 0] - expected[:, 1]
        np.testing.assert_allclose(found.scores[:, 0], total, rtol=1e-4, atol=1e-5)
        assert found.base.tolist() == [(3, 7)[c], 0, 0]
        assert np.abs(found.gaps).max() < 1e-3
        np.testing.assert_allclose(found.slopes, np.tile([2.0, -1.0], (N, 1)))


def test_what_latents_stand_for(model, profiles):
    (found,) = explain(model, profiles, genes=[], cells=["one"], n_steps=8).roles
    test = profiles.rows("test")
    assert found.n_genes == len(test)
    latent = np.log1p(profiles.signal[0, test, 1, 50:60]).sum(1) / 2
    assert found.sd[0] == pytest.approx(latent.std(ddof=1), rel=1e-4)
    assert found.effect[:, 0] == pytest.approx([2 * found.sd[0]] * 3)
    assert found.effect[0, 1] == pytest.approx(-found.sd[1])
    assert found.rising.tolist() == [1.0, 0.0]
    assert found.expression[0, 1] > 0.9
    assert found.expression[1, 1] < found.expression[0, 1] < found.expression[2, 1]
    # all bins that the peak covers correlate alike, those beside it in nothing
    assert found.strongest(1) == (1, 48, 62)
    assert found.strongest(2) == (0, 20, 80)
    assert np.isnan(found.correlation[1, 0, 0])
    mean = found.contribution[:, 1, 1, 55] * found.sd[0]
    assert mean[0] == pytest.approx(latent.mean() / 10, rel=1e-4)
    assert mean[1] < mean[0] < mean[2]


def test_a_named_gene_has_its_contributions_in_each_cell(model, profiles):
    found = explain(model, profiles, genes=["G7", "ENSG8.2"], n_steps=8)
    assert [(one.gene.id, one.cell) for one in found.genes] == [
        ("ENSG7", "one"), ("ENSG7", "two"), ("ENSG8", "one"), ("ENSG8", "two")]  # fmt: skip
    for one in found.genes:
        assert one.split == "train"
        assert one.scores.sum() == pytest.approx(one.prediction - one.base, abs=1e-3)
    assert found.unit == "logit"
    assert found.completeness["genes"] == 2 * (45 + 2)
    assert found.completeness["largest"] < 1e-3


def test_splits_are_those_of_the_models_training(model, profiles):
    genes = [replace(gene, chrom=f"chr{1 + i // 20}") for i, gene in enumerate(profiles.genes)]
    split = {"validation": [], "test": ["2"], "left_out": ["chr3"]}
    trained = ExpressionModel(
        Linear(), cells=CELLS, marks=MARKS, target="label", scale=Scale(SD), about={"split": split}
    )
    others = replace(profiles, genes=tuple(genes), split=np.array(["test"] * N))
    found = explain(trained, others, genes=["ENSG3", "ENSG25", "ENSG45"], cells=["one"], n_steps=8)
    assert [one.split for one in found.genes] == ["train", "test", "left_out"]
    assert found.roles[0].n_genes == 20
    with pytest.raises(InputError, match="0 genes that were validation in the model's training"):
        explain(trained, others, genes=[], split="validation")


def test_profiles_with_marks_in_another_order_say_the_same(model, profiles):
    order = [2, 0, 1]
    turned = replace(
        profiles, marks=tuple(MARKS[i] for i in order), signal=profiles.signal[:, :, order]
    )
    here, there = (explain(model, p, genes=["G7"], n_steps=8) for p in (profiles, turned))
    np.testing.assert_array_equal(here.genes[0].scores, there.genes[0].scores)
    assert here.marks == there.marks == MARKS
    with pytest.raises(InputError, match="the profiles lack H3K9me3, which the model takes"):
        explain(model, replace(profiles, marks=("H3K27me3", "H3K4me3", "x")), genes=[])


def test_the_genes_averaged_over_are_drawn_alike_for_a_seed(model, profiles):
    first, again, other = (
        explain(model, profiles, genes=[], cells=["one"], n_steps=8, most=20, seed=seed).roles[0]
        for seed in (1, 1, 2)
    )
    assert first.n_genes == 20
    assert first.sd.tolist() == again.sd.tolist() != other.sd.tolist()


def test_genes_that_are_not_there_or_not_one_are_refused(profiles):
    assert find_genes(profiles, ["ENSG1.4", "G5", "ENSG5"]) == [1, 5]
    with pytest.raises(InputError, match="gene 'G0': a name of several: ENSG0, ENSG1; give an id"):
        find_genes(profiles, ["G0"])
    with pytest.raises(InputError, match="gene 'ENSG999': not in the profiles; nearest: ENSG9"):
        find_genes(profiles, ["ENSG999"])
    with pytest.raises(InputError, match=r"'xyz': not in the profiles; they have: [EG]"):
        find_genes(profiles, ["xyz"])


def test_cells_that_are_not_in_both_are_refused(model, profiles):
    assert choose_cells(model, profiles, []) == ["one", "two"]
    with pytest.raises(InputError, match="cell 'three': the model knows one, two, the profiles"):
        choose_cells(model, profiles, ["three"])
    with pytest.raises(InputError, match="no cell in common"):
        choose_cells(model, replace(profiles, cells=("a", "b")), [])


def test_a_split_of_few_genes_is_refused(model, profiles):
    with pytest.raises(InputError, match=r"5 genes that were validation .*; averages need 10"):
        explain(model, profiles, genes=[], split="validation")


def test_bins_are_counted_from_the_start_site():
    first, end = bin_edges()
    assert (first[50], end[50], first[0], end[99]) == (0, 100, -5000, 5000)


def test_no_figure_takes_the_file_of_another(model, profiles, tmp_path):
    found = explain(model, profiles, genes=[], most=20, n_steps=8)
    named = [replace(of, cell=cell) for of, cell in zip(found.roles, ("a/b", "a_b"), strict=True)]
    write_explained(replace(found, roles=named), tmp_path / "out", about={})
    figures = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert figures == {"latents.a_b.png", "latents.a_b.2.png"}
