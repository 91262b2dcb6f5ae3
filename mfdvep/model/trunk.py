"""The convolutional trunk: 1152 dinucleotide tokens in, C latent features of the central bin out.

Source: science.md "Network" 1-2 (MFD; Basenji2, Kelley 2018; Avsec 2021, Extended Data Fig. 1).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfdvep.model.normalisation import BatchNorm

WINDOW_TOKENS = 1152  # dinucleotide tokens a window; it needs one base more
BIN = 128  # bp a bin, the product of the seven poolings
WINDOW_BINS = WINDOW_TOKENS // BIN  # 9, of which the central one is read
CROP = 4  # bins cropped on each side
TOKEN_CHANNELS = 16


def tower_channels(width: int, levels: int = 6) -> tuple[int, ...]:
    """Return the channels before and after each tower level, from width/2 to width.

    They grow geometrically and are truncated, e.g. 384, 431, 483, 543, 609, 684, 768.
    """
    half = width // 2
    # the added 1e-9 keeps the last term, width/2 * 2, from being truncated to width - 1
    return tuple(int(half * 2 ** (level / levels) + 1e-9) for level in range(levels + 1))


def tokens_of(codes: Tensor) -> Tensor:
    """Return the dinucleotides (..., L) int64 of base codes (..., L + 1).

    4 * first + second, 0..15; 16 for one that touches a code above 3.
    """
    codes = codes.long()
    first, second = codes[..., :-1], codes[..., 1:]
    known = (first < 4) & (second < 4)
    return torch.where(known, 4 * first + second, TOKEN_CHANNELS)


def one_hot(tokens: Tensor) -> Tensor:
    """Return the integer rows (..., 16) of tokens 0..15; the zero row for 16."""
    return F.one_hot(tokens, TOKEN_CHANNELS + 1)[..., :TOKEN_CHANNELS]


def encode_tokens(codes: Tensor) -> Tensor:
    """Return the one-hot dinucleotides of base codes.

    Parameters
    ----------
    codes
        (n, L + 1) integer, A0 C1 G2 T3; 4 and above is anything else.

    Returns
    -------
    Tensor
        (n, 16, L) float32, a view of rows of channels; token i covers bases i and i + 1, channel
        4 * first + second. A token that touches a code above 3 is the zero vector.
    """
    return one_hot(tokens_of(codes)).float().transpose(1, 2)


class _Halve(torch.autograd.Function):
    """The maximum of each pair of positions: (n, channels, 1, L) -> (n, channels, 1, L / 2).

    The same as max_pool1d(x, 2), forward and backward, which took a fifth of a training step on
    CPU; so did the gradient of torch.maximum.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        first, second = x[..., ::2], x[..., 1::2]
        of_first = first >= second
        ctx.save_for_backward(of_first)
        return torch.where(of_first, first, second)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (of_first,) = (x.permute(0, 2, 3, 1) for x in ctx.saved_tensors)  # (n, 1, L / 2, channels)
        rows = gradient.permute(0, 2, 3, 1)
        n, _, length, channels = rows.shape
        out = rows.new_empty((n, 1, length, 2, channels))
        torch.mul(rows, of_first, out=out[:, :, :, 0])
        torch.mul(rows, ~of_first, out=out[:, :, :, 1])
        return out.view(n, 1, 2 * length, channels).permute(0, 3, 1, 2)


class _RowConv(nn.Conv1d):
    """A convolution of (n, channels, 1, L), which may lie in memory as rows of channels.

    A training step on such rows took .7 of the time of one on (n, channels, L) on CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        padding, dilation = int(self.padding[0]), self.dilation[0]
        weight = self.weight.unsqueeze(2)  # (out, in, 1, k)
        return F.conv2d(x, weight, self.bias, padding=(0, padding), dilation=(1, dilation))


class _Conv(nn.Sequential):
    """BatchNorm, GELU (tanh), convolution without bias and with 'same' zero padding."""

    def __init__(self, n_in: int, n_out: int, kernel: int, dilation: int = 1) -> None:
        super().__init__(
            BatchNorm(n_in),
            nn.GELU(approximate="tanh"),
            _RowConv(
                n_in,
                n_out,
                kernel,
                dilation=dilation,
                padding=dilation * (kernel // 2),
                bias=False,
            ),
        )


class _Residual(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Trunk(nn.Module):
    """Latent features of every bin of a sequence that has 4 bins of context on both sides.

    A sequence of 1152 tokens has one such bin, its centre: the published model. A longer one, of
    1152 + 128 (k - 1) tokens, gives k bins at (8 + k) / 9 of the cost of one: the stem and tower
    run once over all of it, and the dilated blocks see each bin's own nine positions, padded
    with zeros as they are in a window of its own. What then differs from k windows is the
    zero padding of the tower at the windows' ends.

    Parameters
    ----------
    width
        W, channels after the tower.
    n_latent
        C, latent features.
    dropout
        Share of what a dilated block adds, and of the latent features' input, that is left out
        at random in training; .3 in Basenji2's blocks.
    """

    def __init__(self, width: int, n_latent: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        channels = tower_channels(width)
        self.stem = _RowConv(TOKEN_CHANNELS, channels[0], 15, padding=7)
        self.stem_residual = _Residual(_Conv(channels[0], channels[0], 1))
        self.tower = nn.ModuleList(
            nn.Sequential(_Conv(n_in, n_out, 5), _Residual(_Conv(n_out, n_out, 1)))
            for n_in, n_out in pairwise(channels)
        )
        self.blocks = nn.Sequential(
            *(
                _Residual(
                    _Conv(width, width, 3, dilation=dilation),
                    _Conv(width, width, 1),
                    nn.Dropout(dropout),
                )
                for dilation in (2, 3)
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.pointwise = _Conv(width, n_latent, 1)

    def forward(self, codes: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return the latent features, before their BatchNorm.

        Parameters
        ----------
        codes
            (n, 1153 + 128 (k - 1)) integer base codes.
        keep
            (n, k) bool: the bins wanted, all by default.

        Returns
        -------
        Tensor
            (n_kept, C), bins in order of sequence, then of position.
        """
        return self.of_tokens(encode_tokens(codes).to(self.stem.weight.dtype), keep)

    def of_tokens(self, tokens: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return what `forward` does, of tokens (n, 16, 1152 + 128 (k - 1)) of any weights.

        One-hot tokens are those of bases; a gradient is taken with respect to them.
        """
        # rows of channels, which the convolutions are quickest with
        h = tokens.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        h = _Halve.apply(self.stem_residual(self.stem(h)))  # (n, W/2, 1, 576 ...)
        for level in self.tower:
            h = _Halve.apply(level(h))
        # (n, W, 1, 8 + k) -> every bin with the 4 positions on each side of it
        h = h.squeeze(2).unfold(2, WINDOW_BINS, 1).permute(0, 2, 3, 1)  # (n, k, 9, W)
        h = h.flatten(0, 1) if keep is None else h[keep]  # (n_kept, 9, W)
        h = h.transpose(1, 2).unsqueeze(2)  # (n_kept, W, 1, 9)
        h = self.blocks(h)[..., CROP:-CROP]  # (n_kept, W, 1, 1)
        return self.pointwise(self.dropout(h)).flatten(1)  # (n_kept, C)
