"""The convolutional trunk: 1152 dinucleotide tokens in, C latent features of the central bin out.

Source: science.md "Network" 1-2 (MFD; Basenji2, Kelley 2018; Avsec 2021, Extended Data Fig. 1).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
        (n, 16, L) float32; token i covers bases i and i + 1, channel 4 * first + second.
        A token that touches a code above 3 is the zero vector.
    """
    return one_hot(tokens_of(codes)).transpose(1, 2).float().contiguous()


def _halve(x: Tensor) -> Tensor:
    """Return the maximum of each pair of positions: (n, channels, L) -> (n, channels, L / 2).

    The same as max_pool1d(x, 2), whose forward pass that keeps indices took 19 % of a training
    step on CPU.
    """
    return torch.maximum(x[..., ::2], x[..., 1::2])


class _Conv(nn.Sequential):
    """BatchNorm, GELU (tanh), convolution without bias and with 'same' zero padding."""

    def __init__(self, n_in: int, n_out: int, kernel: int, dilation: int = 1) -> None:
        super().__init__(
            nn.BatchNorm1d(n_in),
            nn.GELU(approximate="tanh"),
            nn.Conv1d(
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
    """

    def __init__(self, width: int, n_latent: int) -> None:
        super().__init__()
        self.width = width
        channels = tower_channels(width)
        self.stem = nn.Conv1d(TOKEN_CHANNELS, channels[0], 15, padding=7)
        self.stem_residual = _Residual(_Conv(channels[0], channels[0], 1))
        self.tower = nn.ModuleList(
            nn.Sequential(_Conv(n_in, n_out, 5), _Residual(_Conv(n_out, n_out, 1)))
            for n_in, n_out in pairwise(channels)
        )
        self.blocks = nn.Sequential(
            *(
                _Residual(_Conv(width, width, 3, dilation=dilation), _Conv(width, width, 1))
                for dilation in (2, 3)
            )
        )
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
        h = encode_tokens(codes).to(self.stem.weight.dtype)  # (n, 16, 1152 + 128 (k - 1))
        h = _halve(self.stem_residual(self.stem(h)))  # (n, W/2, 576 ...)
        for level in self.tower:
            h = _halve(level(h))
        # (n, W, 8 + k) -> every bin with the 4 positions on each side of it
        h = h.unfold(2, WINDOW_BINS, 1).transpose(1, 2)  # (n, k, W, 9)
        h = h.flatten(0, 1) if keep is None else h[keep]  # (n_kept, W, 9)
        h = self.blocks(h)[..., CROP:-CROP]  # (n_kept, W, 1)
        return self.pointwise(h).squeeze(2)  # (n_kept, C)
