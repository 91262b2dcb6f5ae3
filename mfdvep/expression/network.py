"""The networks: an autoencoder of profiles, and heads that tell expression from its latents.

Source: SimpleChrome (arXiv, December 2020), "Methods": convolutions 32 and 64 wide with a kernel of
5, 10 latents, mirrored transposed convolutions; a perceptron of 256 and 128 units on the latents.
Batch normalisation is an addition.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mfdvep.expression.bins import N_BINS

WIDTHS = (32, 64)
KERNEL = 5
HIDDEN = (256, 128)
_STRIDE = 2  # of each convolution: 100 bins -> 50 -> 25
_PLACES = N_BINS // _STRIDE ** len(WIDTHS)
_LOG_VARIANCE = (-12.0, 8.0)  # beyond, exp() gives nothing that trains


class Autoencoder(nn.Module):
    """A variational autoencoder of profiles.

    Parameters
    ----------
    n_marks
        Of a profile.
    n_latent
        Size of the representation.
    """

    def __init__(self, n_marks: int, n_latent: int) -> None:
        super().__init__()
        first, second = WIDTHS
        convolution: dict[str, Any] = {
            "kernel_size": KERNEL,
            "stride": _STRIDE,
            "padding": KERNEL // 2,
        }
        self.encoder = nn.Sequential(
            nn.Conv1d(n_marks, first, **convolution),
            nn.BatchNorm1d(first),
            nn.ReLU(),
            nn.Conv1d(first, second, **convolution),
            nn.BatchNorm1d(second),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.mean = nn.Linear(second * _PLACES, n_latent)
        self.log_variance = nn.Linear(second * _PLACES, n_latent)
        self.decoder = nn.Sequential(
            nn.Linear(n_latent, second * _PLACES),
            nn.ReLU(),
            nn.Unflatten(1, (second, _PLACES)),
            nn.ConvTranspose1d(second, first, **convolution, output_padding=1),
            nn.BatchNorm1d(first),
            nn.ReLU(),
            nn.ConvTranspose1d(first, n_marks, **convolution, output_padding=1),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latents, (n, k) each, of profiles (n, m, 100)."""
        h = self.encoder(x)  # (n, 64 * 25)
        return self.mean(h), self.log_variance(h).clamp(*_LOG_VARIANCE)

    def latent(self, x: Tensor) -> Tensor:
        """Return the mean of the latents, (n, k), of profiles (n, m, 100): nothing is drawn."""
        return self.mean(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """Return profiles (n, m, 100) of latents (n, k)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return profiles of latents drawn once each, and the mean and log variance of these."""
        mean, log_variance = self.encode(x)
        z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.decode(z), mean, log_variance


class Head(nn.Module):
    """A perceptron: (n, f) -> (n,).

    Parameters
    ----------
    n_features
        Latents, and what is beside them.
    dropout
        Share of the hidden units that is left out in training.
    """

    def __init__(self, n_features: int, dropout: float) -> None:
        super().__init__()
        first, second = HIDDEN
        self.layers = nn.Sequential(
            nn.Linear(n_features, first),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(second, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, 0]


class Heads(nn.Module):
    """The mean of several heads that differ by their seed, on standardised features.

    Parameters
    ----------
    heads
        At least one.
    mean, sd
        (f,) of the features, over training genes.
    output_mean, output_sd
        Of what the heads' outputs are multiples of; 0 and 1 for a logit.
    """

    feature_mean: Tensor
    feature_sd: Tensor
    output: Tensor

    def __init__(
        self,
        heads: list[nn.Module],
        mean: Tensor,
        sd: Tensor,
        *,
        output_mean: float = 0.0,
        output_sd: float = 1.0,
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.register_buffer("feature_mean", mean)
        self.register_buffer("feature_sd", sd)
        self.register_buffer("output", torch.tensor([output_mean, output_sd]))

    def forward(self, features: Tensor) -> Tensor:
        """Return a logit, or a log expression, (n,), of features (n, f)."""
        x = (features - self.feature_mean) / self.feature_sd
        values = torch.stack([head(x) for head in self.heads]).mean(0)
        return values * self.output[1] + self.output[0]


def with_cell(latent: Tensor, cell: Tensor, n_cells: int) -> Tensor:
    """Return latents (n, k) with the cell beside them, one-hot, if there are several: (n, k + c).

    Parameters
    ----------
    cell
        int64 (n,), which of the cells.
    """
    if n_cells == 1:
        return latent
    one_hot = torch.nn.functional.one_hot(cell, n_cells).to(latent.dtype)
    return torch.cat([latent, one_hot], dim=1)


class ExpressionNetwork(nn.Module):
    """Scaled profiles and their cells -> a logit, or log expression; latents are means.

    Parameters
    ----------
    autoencoder, heads
        Trained; the heads take the latents, and the cell where there are several.
    n_cells
        Cells that it knows.
    """

    def __init__(self, autoencoder: Autoencoder, heads: Heads, n_cells: int) -> None:
        super().__init__()
        self.autoencoder, self.heads, self.n_cells = autoencoder, heads, n_cells

    def forward(self, scaled: Tensor, cell: Tensor) -> Tensor:
        """Return (n,), of scaled profiles (n, m, 100) and cells int64 (n,); differentiable."""
        latent = self.autoencoder.latent(scaled)  # (n, k)
        return self.heads(with_cell(latent, cell, self.n_cells))
