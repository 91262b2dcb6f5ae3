"""What each mark and bin of a profile contributes to a prediction, and to the latents.

Source: Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, ICML 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfdvep.expression.model import ExpressionModel
from mfdvep.expression.network import with_cell
from mfdvep.interpret.gradients import PathGradients

PREDICTION = "prediction"
_GENES, _AT_ONCE = 128, 2048  # genes together, and their profiles on the path: some 50 MB


@dataclass(frozen=True)
class Contributions:
    """Integrated gradients of n genes in one cell, for K outputs.

    The path goes from a gene without any mark straight to the gene, in the scale that the network
    takes (log1p of the signal, divided by its spread). A gene without marks is one that occurs,
    and a bin without signal contributes 0, so what a figure colours is a mark that is there. The
    mean profile, the other choice, is a smear over promoters that no gene has, and gives
    contributions to what is absent. Stripes of every other bin are the network's: its convolutions
    step over two bins, so the kernel meets neighbours with different weights.

    Attributes
    ----------
    outputs
        K names: the prediction, and perhaps z1, z2 ... for the latents.
    values
        float64 (n, K), of the genes.
    base
        float64 (K,), of a gene without marks.
    scores
        float32 (n, K, m, 100): with `base` they sum to `values`, but for the steps of the path.
    slopes
        float64 (n, K - 1): the derivative of the prediction by each latent at the gene.
    """

    outputs: tuple[str, ...]
    values: np.ndarray
    base: np.ndarray
    scores: np.ndarray
    slopes: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """What the contributions lack of the difference that they should sum to: (n, K)."""
        return self.values - self.base - self.scores.sum(axis=(2, 3), dtype=np.float64)


def contributions(
    model: ExpressionModel,
    signal: np.ndarray,
    cell: str,
    *,
    n_steps: int,
    with_latents: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Contributions:
    """Return what the bins of profiles contribute.

    Parameters
    ----------
    signal
        float32 (n, m, 100), as `Profiles.signal` has it, in the model's order of marks; n >= 1.
    n_steps
        Points on the path.
    with_latents
        Whether the latents are outputs too.
    progress
        Called with genes done and their number.

    Raises
    ------
    InputError
        See `ExpressionModel.scaled`.
    """
    network, number = model.network, model.cell_number(cell)

    def predicted(latent: Tensor) -> Tensor:
        cells = torch.full((len(latent),), number)
        return network.heads(with_cell(latent, cells, network.n_cells))

    def outputs(x: Tensor) -> Tensor:
        latent = network.autoencoder.latent(x)
        found = predicted(latent)[:, None]
        return torch.cat([found, latent], dim=1) if with_latents else found  # (n, K)

    scaled = model.scaled(signal, cell)  # (n, m, 100)
    with torch.no_grad():
        base = outputs(torch.zeros_like(scaled[:1]))[0]
    paths = PathGradients(outputs, torch.eye(len(base)))
    values, scores, slopes = [], [], []
    for i, part in enumerate(scaled.split(_GENES)):
        scores.append(paths.integrated(part, n_steps=n_steps, at_once=_AT_ONCE))
        with torch.no_grad():
            values.append(outputs(part))
        latent = network.autoencoder.latent(part).detach().requires_grad_()
        (slope,) = torch.autograd.grad(predicted(latent).sum(), latent)
        slopes.append(slope if with_latents else slope[:, :0])
        if progress is not None:
            progress(min((i + 1) * _GENES, len(scaled)), len(scaled))
    return Contributions(
        outputs=(PREDICTION, *(f"z{k}" for k in range(1, len(base)))),
        values=torch.cat(values).double().numpy(),
        base=base.double().numpy(),
        scores=torch.cat(scores).numpy(),
        slopes=torch.cat(slopes).double().numpy(),
    )
