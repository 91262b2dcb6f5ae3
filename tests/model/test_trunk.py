"""The trunk: tokens, sizes of the published model, neighbouring bins of one sequence."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mfdvep.model.trunk import Trunk, _Halve, encode_tokens, tower_channels


def test_channels_of_the_published_width():
    assert tower_channels(768) == (384, 431, 483, 543, 609, 684, 768)


@pytest.mark.parametrize("width", [2, 8, 64, 192, 256, 1024])
def test_channels_end_at_the_width(width):
    channels = tower_channels(width)
    assert (channels[0], channels[-1], len(channels)) == (width // 2, width, 7)
    assert list(channels) == sorted(channels)


@pytest.mark.parametrize(
    ("bases", "tokens"),
    [
        ([0, 0], [0]),  # AA
        ([0, 1], [1]),  # AC
        ([3, 3], [15]),  # TT
        ([2, 0, 1], [8, 1]),  # GAC
        ([0, 4], [None]),
        ([4, 0], [None]),
        ([0, 4, 3, 3], [None, None, 15]),
    ],
)
def test_tokens(bases, tokens):
    encoded = encode_tokens(torch.tensor([bases], dtype=torch.uint8))[0]  # (16, n)
    assert encoded.shape == (16, len(tokens))
    for column, token in zip(encoded.T, tokens, strict=True):
        expected = torch.zeros(16)
        if token is not None:
            expected[token] = 1
        assert torch.equal(column, expected)


def test_parameters_of_the_published_trunk():
    n = sum(p.numel() for p in Trunk(768, 1536).parameters())
    assert n == pytest.approx(17.8e6, rel=0.005)


def test_flops_of_the_published_trunk():
    """Multiply-adds of the convolutions, counted where they run, as two operations each."""
    trunk = Trunk(768, 1536).eval()
    counted = []

    def count(module: nn.Conv1d, inputs: tuple, output: torch.Tensor) -> None:
        kernel = module.kernel_size[0] * module.in_channels
        counted.append(2 * kernel * output.shape[1] * output.shape[-1])

    for module in trunk.modules():
        if isinstance(module, nn.Conv1d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        features = trunk(torch.zeros(1, 1153, dtype=torch.uint8))
    assert features.shape == (1, 1536)
    assert sum(counted) == pytest.approx(3.59e9, rel=0.005)


def bins_and_windows(trunk: Trunk) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the features of 4 bins of 2 sequences, read together and each in its own window."""
    codes = torch.randint(0, 4, (2, 1153 + 128 * 3), generator=torch.Generator().manual_seed(1))
    windows = torch.cat([codes[:, 128 * i : 128 * i + 1153] for i in range(4)])
    with torch.inference_mode():
        alone = trunk(windows).reshape(4, 2, -1).transpose(0, 1)
        return trunk(codes).reshape(2, 4, -1), alone


def test_bins_of_one_sequence_are_windows_where_the_tower_pads_nothing(small_model):
    trunk = small_model.trunk
    with torch.no_grad():
        for conv in (trunk.stem, *(level[0][2] for level in trunk.tower)):
            middle = conv.kernel_size[0] // 2
            conv.weight[..., :middle] = 0
            conv.weight[..., middle + 1 :] = 0
    together, alone = bins_and_windows(trunk)
    assert torch.allclose(together, alone, atol=1e-4 * alone.std())


def test_bins_of_one_sequence_are_nearly_windows(small_model):
    together, alone = bins_and_windows(small_model.trunk)
    assert torch.corrcoef(torch.stack([together.flatten(), alone.flatten()]))[0, 1] > 0.95


def test_keep_gives_the_bins_wanted_in_order(small_model):
    codes = torch.randint(0, 4, (3, 1153 + 128))
    keep = torch.tensor([[True, False], [True, True], [False, True]])
    with torch.inference_mode():
        every = small_model.trunk(codes).reshape(3, 2, -1)
        chosen = small_model.trunk(codes, keep)
    assert torch.allclose(chosen, every[keep], atol=1e-6)


def test_dropout_is_for_training_alone():
    torch.manual_seed(0)
    plain, dropping = Trunk(8, 16), Trunk(8, 16, dropout=0.5)
    dropping.load_state_dict(plain.state_dict())  # no parameter of its own
    codes = torch.randint(0, 4, (3, 1153), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(plain.eval()(codes), dropping.eval()(codes))
        assert not torch.equal(dropping.train()(codes), dropping(codes))


@pytest.mark.parametrize("length", [2, 8])
def test_halving_is_max_pooling_and_so_is_its_gradient(length):
    x = torch.randn(3, 5, 1, length, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    weight = torch.randn(3, 5, 1, length // 2)
    found, expected = _Halve.apply(x), F.max_pool1d(y.squeeze(2), 2).unsqueeze(2)
    assert torch.equal(found, expected)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    assert torch.equal(x.grad, y.grad)
