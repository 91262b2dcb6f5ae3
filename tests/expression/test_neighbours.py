"""The nearest genes, their latents beside a gene's own, and attention over them."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.expression.genes import Tss
from mfdvep.expression.neighbours import AttentionHead, nearest, neighbour_features


def genes(*places):
    return [Tss(f"G{i}", "", chrom, tss, "+") for i, (chrom, tss) in enumerate(places)]


def test_the_nearest_are_of_the_same_contig_and_the_nearest_first():
    found = nearest(genes(("1", 100), ("2", 101), ("1", 500), ("1", 150), ("1", 9000)), 2)
    assert found.rows.tolist() == [[3, 2], [-1, -1], [3, 0], [0, 2], [2, 3]]
    expected = [[50, 400], [np.nan] * 2, [350, 400], [50, 350], [8500, 8850]]
    np.testing.assert_array_equal(found.distances, expected)


@given(
    st.lists(st.tuples(st.sampled_from("12"), st.integers(0, 60)), min_size=1, max_size=25),
    st.integers(1, 5),
)
def test_no_gene_is_nearer_than_the_nearest(places, k):
    listed = genes(*places)
    found = nearest(listed, k)
    for i, gene in enumerate(listed):
        away = sorted(
            abs(other.tss - gene.tss)
            for j, other in enumerate(listed)
            if j != i and other.chrom == gene.chrom
        )[:k]
        rows = [row for row in found.rows[i] if row >= 0]
        assert len(rows) == len(set(rows)) == len(away)
        assert i not in rows
        assert [abs(listed[row].tss - gene.tss) for row in rows] == away
        assert found.distances[i, : len(away)].tolist() == away


def test_features_of_missing_neighbours_are_zero():
    latent = np.arange(8, dtype=np.float32).reshape(4, 2) + 1
    found = neighbour_features(latent, nearest(genes(("1", 0), ("1", 9), ("2", 5), ("1", 99)), 3))
    assert found.shape == (4, 2 + 3 * 4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :2], latent)
    near = np.log10(1 + np.array([9, 99])) / np.log10(1_000_001)
    expected = [3, 4, near[0], 1, 7, 8, near[1], 1, 0, 0, 0, 0]
    np.testing.assert_allclose(found[0, 2:], expected, rtol=1e-6)
    assert not found[2, 2:].any()


def test_attention_has_no_weight_for_missing_neighbours():
    torch.manual_seed(1)
    head = AttentionHead(2, 3, 0.0).eval()
    x = torch.rand(5, 2 + 3 * 4)
    x[:, [5, 9]], x[:, 13] = 1, 0  # the third neighbour is not there
    other = x.clone()
    other[:, 10:13] = 99
    with torch.no_grad():
        assert torch.equal(head(x), head(other))
        x[:, [5, 9]] = 0
        alone = head(x)
    assert torch.isfinite(alone).all()
    own = torch.cat([x[:, :2], torch.zeros(5, 16)], dim=1)
    torch.testing.assert_close(alone, head.head(own))


def test_attention_does_not_ask_in_which_order_neighbours_come():
    torch.manual_seed(2)
    head = AttentionHead(2, 2, 0.0).eval()
    x = torch.rand(4, 10)
    x[:, [5, 9]] = 1
    swapped = x[:, [0, 1, 6, 7, 8, 9, 2, 3, 4, 5]]
    torch.testing.assert_close(head(x), head(swapped))
    assert not torch.allclose(head(x), head(x * torch.tensor([1.0, 1, 3, 1, 1, 1, 1, 1, 1, 1])))


def test_attention_trains_where_a_gene_has_no_neighbour():
    head = AttentionHead(2, 2, 0.0)
    x = torch.rand(4, 10)
    x[:, [5, 9]] = 0
    head(x).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters() if p.grad is not None)
