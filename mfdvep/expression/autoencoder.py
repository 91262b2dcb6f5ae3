"""Training of the autoencoder: profiles in, no labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mfdvep.errors import TrainingError
from mfdvep.expression.fitting import Progress, fit, seeded
from mfdvep.expression.network import Autoencoder
from mfdvep.expression.options import TrainOptions

_BATCH, _RATE = 256, 3e-3
_AT_ONCE = 4096  # profiles that are encoded together


def train_autoencoder(
    profiles: np.ndarray,
    held_out: np.ndarray | None,
    options: TrainOptions,
    *,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Autoencoder, list[dict[str, float]]]:
    """Return an autoencoder, in evaluation mode, and its losses by epoch.

    The loss is the mean squared error of profiles rebuilt from latents that are drawn, plus
    `options.kl` times the divergence; on held-out profiles it is of the latents' means.

    Parameters
    ----------
    profiles
        float32 (n, m, 100), scaled.
    held_out
        Like it: the epoch that rebuilds these best is kept. None or empty: the last.

    Raises
    ------
    TrainingError
        No profiles, or a loss that is not finite.
    """
    if len(profiles) == 0:
        raise TrainingError("no training profiles; prepare them with other --test/--validation")
    x = torch.from_numpy(np.ascontiguousarray(profiles))
    other = None if held_out is None or len(held_out) == 0 else torch.from_numpy(held_out)
    with seeded(seed):
        network = Autoencoder(x.shape[1], options.n_latent)

        def loss(rows: Tensor) -> Tensor:
            batch = x[rows]
            rebuilt, mean, log_variance = network(batch)
            divergence = (mean**2 + log_variance.exp() - 1 - log_variance).mean() / 2
            return torch.nn.functional.mse_loss(rebuilt, batch) + options.kl * divergence

        def of_held_out() -> float:
            assert other is not None
            return rebuilding_error(network, other)

        log = fit(
            network,
            len(x),
            loss,
            epochs=options.epochs,
            batch=_BATCH,
            rate=_RATE,
            held_out=None if other is None else of_held_out,
            progress=progress,
        )
    return network, log


@torch.no_grad()
def rebuilding_error(network: Autoencoder, x: Tensor) -> float:
    """Return the mean squared error of profiles (n, m, 100) rebuilt from their latents' means."""
    total = 0.0
    for part in x.split(_AT_ONCE):
        total += float(((network.decode(network.latent(part)) - part) ** 2).sum())
    return total / x.numel()


@torch.no_grad()
def latents(network: Autoencoder, profiles: np.ndarray) -> np.ndarray:
    """Return the latents' means, float32 (n, k), of scaled profiles (n, m, 100)."""
    if len(profiles) == 0:
        return np.zeros((0, network.mean.out_features), dtype=np.float32)
    x = torch.from_numpy(np.ascontiguousarray(profiles))
    return torch.cat([network.latent(part) for part in x.split(_AT_ONCE)]).numpy()
