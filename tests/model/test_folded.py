"""Folded layers against those they are made of."""

from __future__ import annotations

import pytest
import torch
from conftest import make_model
from torch.nn import functional as F

from mfdvep.model.folded import Activation, Convolution, FoldedTrunk, Product


@pytest.fixture(scope="module")
def trunk():
    return make_model(width=24).trunk


def channels_first(rows: torch.Tensor) -> torch.Tensor:
    return rows.transpose(1, 2)


@pytest.mark.parametrize("n", [1, 400_000 // 12])
def test_activation(trunk, n):
    """More numbers than are activated at once; and far from zero, where tanh is 1."""
    norm, gelu, _ = trunk.tower[0][0]
    with torch.no_grad():
        norm.weight.uniform_(-2, 2)
        norm.bias.normal_()
        rows = torch.randn(1, n, 12, dtype=torch.float32) * 30
        expected = gelu(norm(channels_first(rows)))
        found = Activation(norm)(rows)
    torch.testing.assert_close(channels_first(found), expected, rtol=1e-6, atol=4e-6)


def test_the_change_of_an_activation(trunk):
    activation = Activation(trunk.tower[0][0][0])
    rows, by = torch.randn(2, 5, 12), torch.randn(2, 5, 12)
    torch.testing.assert_close(
        activation.change(rows, by), activation(rows + by) - activation(rows)
    )
    assert not activation.change(rows, torch.zeros_like(rows)).any()


@pytest.mark.parametrize("dilation", [1, 4])
def test_convolution(trunk, dilation):
    layer = trunk.tower[0][0][2].double()
    rows = torch.randn(3, 30, 12, dtype=torch.float64)
    expected = F.conv1d(channels_first(rows), layer.weight, dilation=dilation, padding=3)
    found = Convolution(layer, torch.float64)(rows, dilation=dilation, padding=3)
    torch.testing.assert_close(channels_first(found), expected)
    assert found.is_contiguous()
    trunk.float()


@pytest.mark.parametrize("dilation", [1, 4])
def test_spread_is_a_convolution_of_rows_among_zeros(trunk, dilation):
    layer = trunk.tower[0][0][2].double()
    rows = torch.randn(3, 6, 12, dtype=torch.float64)
    among_zeros = F.pad(channels_first(rows), (4 * dilation, 4 * dilation))
    expected = F.conv1d(among_zeros, layer.weight, dilation=dilation)
    found = Convolution(layer, torch.float64).spread(rows, dilation=dilation)
    torch.testing.assert_close(channels_first(found), expected)
    trunk.float()


def test_product_of_rows_laid_end_to_end(trunk):
    layer = trunk.blocks[0].layers[0][2]  # k = 3, dilation 2
    rows = torch.randn(4, 3, 24)
    found = Product(layer, torch.float32)(rows.flatten(1))  # rows are 2 apart
    middle = F.conv1d(channels_first(rows), layer.weight)[..., 0]
    torch.testing.assert_close(found, middle)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_spares_what_all_else_is_built_on(trunk, dtype):
    folded = FoldedTrunk(trunk, dtype)
    types = [level.convolution._weight.dtype for level in folded.levels]
    assert types == [torch.float32] * 2 + [dtype] * 5
    assert folded.head._weight.dtype == torch.float32
    rows = torch.randn(2, 9, 24)
    assert folded.levels[6].convolution(rows[..., :21]).dtype == torch.float32
