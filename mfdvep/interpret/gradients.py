"""Scores of tokens by integrated gradients or gradient x input, and values, window by window.

Source: Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, ICML 2017.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from mfdvep.model.device import windows_at_once
from mfdvep.model.mfd import MFDModel
from mfdvep.model.trunk import TOKEN_CHANNELS, WINDOW_TOKENS, encode_tokens


class PathGradients:
    """Gradients of B weighted sums of a function's outputs, and integrals of these along a path.

    Integrated gradients come from captum, one row a pair of an input and a sum. The gradients on
    the path are taken here, since all sums of an input share one pass of the function.

    Parameters
    ----------
    function
        (n, ...) -> (n, C).
    weights
        (B, C) float32.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], weights: Tensor) -> None:
        self._function, self._weights = function, weights
        self._captum = IntegratedGradients(self._row_values)
        self._captum.gradient_func = self._row_gradients

    def integrated(self, inputs: Tensor, *, n_steps: int, at_once: int) -> Tensor:
        """Return integrated gradients (n, B, ...) of inputs (n, ...), from all zeros on.

        Parameters
        ----------
        n_steps
            Points on the path, those of Gauss and Legendre.
        at_once
            Inputs on the path in one pass, at least n.
        """
        n_rows = len(self._weights)
        found = self._captum.attribute(
            inputs.repeat_interleave(n_rows, dim=0),
            baselines=0.0,
            n_steps=n_steps,
            method="gausslegendre",
            internal_batch_size=max(at_once, len(inputs)) * n_rows,
        )
        return found.detach().unflatten(0, (len(inputs), n_rows))

    def times_input(self, inputs: Tensor) -> Tensor:
        """Return gradient x input (n, B, ...) of inputs (n, ...)."""
        rows = inputs.repeat_interleave(len(self._weights), dim=0)
        found = self._row_gradients(inputs=(rows,))[0] * rows
        return found.detach().unflatten(0, (len(inputs), len(self._weights)))

    def _row_gradients(self, inputs: tuple[Tensor, ...], **_: object) -> tuple[Tensor]:
        """Return the gradients (k m B, ...) of rows in which B neighbours are alike.

        Called by captum with its steps' inputs: k steps of m inputs of B rows.
        """
        n_rows = len(self._weights)
        distinct = inputs[0].detach()[::n_rows].requires_grad_()  # (k m, ...)
        with torch.enable_grad():
            sums = self._function(distinct) @ self._weights.T  # (k m, B)
            each = [
                torch.autograd.grad(sums[:, b].sum(), distinct, retain_graph=b < n_rows - 1)[0]
                for b in range(n_rows)
            ]
        return (torch.stack(each, dim=1).flatten(0, 1),)

    def _row_values(self, rows: Tensor) -> Tensor:
        """Return the values (k m B,) of rows in which B neighbours are alike; captum asks."""
        return (self._function(rows[:: len(self._weights)]) @ self._weights.T).flatten()


class Gradients:
    """Gradients of B weighted sums of latent features with respect to one-hot tokens.

    Parameters
    ----------
    model
        In evaluation mode.
    weights
        (B, C) float32.
    batch_size
        Windows at once; 0: what suits the model's device.
    """

    def __init__(self, model: MFDModel, weights: np.ndarray, *, batch_size: int = 0) -> None:
        self._model, self._device = model, model.bias.device
        self._weights = torch.from_numpy(weights).to(self._device)
        fit = windows_at_once(self._device, model.config.width, engine="incremental")
        # a backward pass holds some four times the activations of the widest level
        self.batch_size = batch_size or max(1, fit // 4)
        self._paths = PathGradients(self._latent, self._weights)

    def values(self, windows: np.ndarray) -> np.ndarray:
        """Return the sums (..., B) float64 of windows (..., 1153) of base codes."""
        parts = [
            self._sums(encode_tokens(codes.to(self._device))) for codes in self._batches(windows)
        ]
        return np.concatenate(parts).reshape(*windows.shape[:-1], len(self._weights))

    def value_of_zeros(self) -> np.ndarray:
        """Return the sums (B,) of a window whose tokens are all zero, as of N."""
        return self._sums(torch.zeros(1, TOKEN_CHANNELS, WINDOW_TOKENS, device=self._device))[0]

    def integrated(self, windows: np.ndarray, n_steps: int) -> np.ndarray:
        """Return integrated gradients (..., B, 1152) float32 of tokens, from all zeros on.

        Parameters
        ----------
        windows
            (..., 1153) uint8 base codes.
        n_steps
            Points on the path, those of Gauss and Legendre.
        """

        return self._scores(
            windows,
            lambda tokens: self._paths.integrated(tokens, n_steps=n_steps, at_once=self.batch_size),
        )

    def times_input(self, windows: np.ndarray) -> np.ndarray:
        """Return gradient x input (..., B, 1152) float32 of tokens of windows (..., 1153)."""
        return self._scores(windows, self._paths.times_input)

    def _batches(self, windows: np.ndarray) -> tuple[Tensor, ...]:
        """Return batches of the windows (n, 1153); an empty one of none."""
        return torch.from_numpy(windows.reshape(-1, windows.shape[-1])).split(self.batch_size)

    def _scores(self, windows: np.ndarray, of_tokens: Callable[[Tensor], Tensor]) -> np.ndarray:
        """Return scores of tokens, by a function of one-hot tokens."""
        parts = []
        for codes in self._batches(windows):
            found = of_tokens(encode_tokens(codes.to(self._device)))  # (m, B, 16, 1152)
            parts.append(found.sum(dim=2).cpu())  # the sum over 16 channels is the one that is set
        n_rows = len(self._weights)
        return torch.cat(parts).view(*windows.shape[:-1], n_rows, WINDOW_TOKENS).numpy()

    def _latent(self, tokens: Tensor) -> Tensor:
        return torch.cat(self._model.features_of_tokens(tokens), dim=1)  # (n, C)

    @torch.no_grad()
    def _sums(self, tokens: Tensor) -> np.ndarray:
        return (self._latent(tokens) @ self._weights.T).double().cpu().numpy()
