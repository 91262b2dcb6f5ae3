"""A trunk's layers as they compute fastest for inference: rows of channels, folded BatchNorm.

Activations are rows of channels, (n, L, channels), contiguous: what a convolution calls channels
last. On two AVX-512 cores a k=5 convolution of such rows ran at the rate of matrix products
(.35 TFLOP/s in float32); of channels first, at .21 to .29.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfdvep.model.trunk import Trunk, one_hot

_BLOCK = 1 << 18  # numbers that a CPU activates at once, so that they stay in its cache
# gelu(y) = h (1 + tanh(h (K1 + K2 h^2))) with h = y / 2
_K1 = 2 * math.sqrt(2 / math.pi)
_K2 = 8 * math.sqrt(2 / math.pi) * 0.044715


class Activation:
    """BatchNorm with running statistics, then GELU (tanh): rows (..., channels) -> the same.

    On a CPU it is spelled out: torch's GELU (tanh) took .9 ns a number on two cores, this .45.
    """

    def __init__(self, norm: nn.Module) -> None:
        assert isinstance(norm, nn.BatchNorm1d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self._spelled = scale.device.type == "cpu"
        part = 0.5 if self._spelled else 1.0
        self._scale = (scale * part).detach()  # (channels,)
        self._shift = ((norm.bias - norm.running_mean * scale) * part).detach()
        self._k1 = torch.full_like(self._scale, _K1)

    def __call__(self, rows: Tensor) -> Tensor:
        if not self._spelled:
            return F.gelu(torch.addcmul(self._shift, rows, self._scale), approximate="tanh")
        flat = rows.reshape(-1, rows.shape[-1])
        out = torch.empty_like(flat)
        size = max(1, _BLOCK // flat.shape[1])
        for part, into in zip(flat.split(size), out.split(size), strict=True):
            half = torch.addcmul(self._shift, part, self._scale)
            torch.addcmul(self._k1, half, half, value=_K2, out=into)
            into.mul_(half).tanh_()
            torch.addcmul(half, half, into, out=into)
        return out.view(rows.shape)

    def change(self, rows: Tensor, by: Tensor) -> Tensor:
        """Return how much the activation of rows changes when `by` is added to them."""
        return self(rows + by) - self(rows)


class Product:
    """A pointwise convolution, or one over k rows laid end to end: a matrix product.

    Multiplies in `dtype`, adds up in float32 or better, rounds to `dtype`, and gives the type of
    its input.
    """

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        assert isinstance(layer, nn.Conv1d)
        weight = layer.weight.detach().to(dtype)  # (out, in, k)
        self._weight = weight.transpose(1, 2).flatten(1).contiguous()  # (out, k in)

    def __call__(self, rows: Tensor) -> Tensor:
        return F.linear(rows.to(self._weight.dtype), self._weight).to(rows.dtype)


class Convolution:
    """A convolution of rows: (n, L, channels) -> (n, L', channels'); types as in `Product`."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        assert isinstance(layer, nn.Conv1d)
        weight = layer.weight.detach().to(dtype)  # (out, in, k)
        self.taps = weight.shape[2]
        self._bias = None if layer.bias is None else layer.bias.detach().to(dtype)
        self._weight = weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        self._by_tap = weight.permute(2, 0, 1).flatten(0, 1).contiguous()  # (k out, in)

    def __call__(self, rows: Tensor, *, padding: int = 0, dilation: int = 1) -> Tensor:
        image = rows.to(self._weight.dtype).transpose(1, 2).unsqueeze(2)  # (n, channels, 1, L)
        done = F.conv2d(
            image, self._weight, self._bias, padding=(0, padding), dilation=(1, dilation)
        )
        return done.squeeze(2).transpose(1, 2).to(rows.dtype)  # (n, L', channels')

    def spread(self, rows: Tensor, *, dilation: int = 1) -> Tensor:
        """Return all that rows standing among zeros add to a convolution's result, bias apart.

        Parameters
        ----------
        rows
            (n, L, channels).

        Returns
        -------
        Tensor
            (n, L + (k - 1) dilation, channels'); row 0 lies (k - 1) / 2 * dilation before the
            first of `rows`. No zero is multiplied: L k products of rows.
        """
        n, length, _ = rows.shape
        each = F.linear(rows.to(self._by_tap.dtype), self._by_tap).to(rows.dtype)
        each = each.unflatten(2, (self.taps, -1))  # (n, L, k, channels')
        out = rows.new_zeros(n, length + (self.taps - 1) * dilation, each.shape[3])
        for tap in range(self.taps):
            first = (self.taps - 1 - tap) * dilation
            out[:, first : first + length] += each[:, :, tap]
        return out


@dataclass(frozen=True)
class Level:
    """One convolution with what stands before it, and the residual after it.

    Attributes
    ----------
    enter
        Activation of the pooled rows of the level before; None for the stem.
    convolution
        Its result is called c.
    inner, pointwise
        Of the residual: h = c + pointwise(inner(c)).
    """

    enter: Activation | None
    convolution: Convolution
    inner: Activation
    pointwise: Product

    def entered(self, rows: Tensor) -> Tensor:
        """Return rows as the convolution takes them."""
        return rows if self.enter is None else self.enter(rows)

    def residual(self, c: Tensor) -> Tensor:
        """Return h of rows c (..., channels)."""
        return self.pointwise(self.inner(c)).add_(c)

    def residual_change(self, c: Tensor, by: Tensor) -> Tensor:
        """Return how much h changes when `by` is added to rows c."""
        return self.pointwise(self.inner.change(c, by)).add_(by)


@dataclass(frozen=True)
class Block:
    """A dilated residual block: x + second(inner(first(enter(x))))."""

    enter: Activation
    first: Product
    inner: Activation
    second: Product


def _residual(residual: Any, dtype: torch.dtype) -> tuple[Activation, Product]:
    norm, _, pointwise = residual.layers[0]
    return Activation(norm), Product(pointwise, dtype)


class FoldedTrunk:
    """The layers of a trunk in evaluation mode, copied.

    Parameters
    ----------
    trunk
        On the device to compute on, in float32 or float64.
    dtype
        Of the factors of the convolutions and products of levels 2..6, which are four fifths of
        the work; by default that of the trunk, which all others keep. Of bfloat16's error .7 %,
        level 1 made half, since all that follows is built on it.

    Attributes
    ----------
    dtype
        Of the trunk.
    levels
        The stem and the 6 levels of the tower.
    blocks
        The two dilated blocks.
    exit, head
        Activation and product that give the latent features.
    """

    def __init__(self, trunk: Trunk, dtype: torch.dtype | None = None) -> None:
        self.dtype = full = trunk.stem.weight.dtype
        self.levels = [
            Level(None, Convolution(trunk.stem, full), *_residual(trunk.stem_residual, full))
        ]
        tower: Any = trunk.tower
        for (norm, _, layer), after in tower:
            own = full if dtype is None or len(self.levels) == 1 else dtype
            convolution = Convolution(layer, own)
            self.levels.append(Level(Activation(norm), convolution, *_residual(after, own)))
        self.blocks = []
        blocks: Any = trunk.blocks
        for enter, inner in (block.layers[:2] for block in blocks):
            first, second = Product(enter[2], full), Product(inner[2], full)
            self.blocks.append(Block(Activation(enter[0]), first, Activation(inner[0]), second))
        self.exit = Activation(trunk.pointwise[0])
        self.head = Product(trunk.pointwise[2], full)

    def one_hot(self, tokens: Tensor) -> Tensor:
        """Return rows (..., 16) of tokens 0..15; the zero row for 16."""
        return one_hot(tokens).to(self.dtype)
