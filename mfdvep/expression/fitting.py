"""One loop for all networks: batches in an order that the seed gives, the best epoch kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mfdvep.errors import TrainingError

Progress = Callable[[int, int, dict[str, float]], None]
"""Called with (epochs done, epochs, figures)."""

MIN_STEPS = 60
"""Steps at least, so that few labels are passed over more often."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from this seed inside (weights, order, dropout, latents), as before outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def fit(
    network: nn.Module,
    n: int,
    loss: Callable[[Tensor], Tensor],
    *,
    epochs: int,
    batch: int,
    rate: float,
    weight_decay: float = 0.0,
    held_out: Callable[[], float] | None = None,
    progress: Progress | None = None,
) -> list[dict[str, float]]:
    """Train a network in place, leave it in evaluation mode, and return what each epoch gave.

    AdamW; the learning rate rises over the first 30 % of the steps and falls to nothing (one
    cycle).

    Parameters
    ----------
    n
        Examples.
    loss
        Of a batch, given as int64 (b,) of 0 to n - 1.
    epochs
        Passes over the examples; more where `MIN_STEPS` asks for them.
    batch
        Examples a step; fewer if there are fewer. What an epoch leaves over is not used in it.
    rate
        The highest learning rate.
    held_out
        Loss on examples that train nothing, after each epoch: the weights of the smallest are
        kept. None: those of the last epoch.

    Raises
    ------
    TrainingError
        A loss that is not finite.
    """
    batch = min(batch, n)
    steps = n // batch
    epochs = max(epochs, math.ceil(MIN_STEPS / steps))
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=epochs * steps)
    log: list[dict[str, float]] = []
    best, kept = math.inf, None
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for rows in torch.randperm(n)[: steps * batch].split(batch):
            value = loss(rows)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total += float(value.detach())
        network.eval()
        entry = {"loss": total / steps}
        if held_out is not None:
            with torch.no_grad():
                entry["held_out"] = held_out()
        if not all(math.isfinite(value) for value in entry.values()):
            raise TrainingError(
                f"epoch {epoch + 1}: the loss is {entry}; expected finite numbers: are the marks' "
                "signals of a sane size?"
            )
        if held_out is not None and entry["held_out"] < best:
            best = entry["held_out"]
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        log.append(entry)
        if progress is not None:
            progress(epoch + 1, epochs, entry)
    if kept is not None:
        network.load_state_dict(kept)
    return log
