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


class Gradients:
    """Gradients of B weighted sums of latent features with respect to one-hot tokens.

    Integrated gradients come from captum, one row a pair of a window and a sum. The gradients on
    the path are taken here, since all sums of a window share one pass of the trunk.

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
        self._captum = IntegratedGradients(self._row_values)
        self._captum.gradient_func = self._row_gradients

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

        def of_rows(rows: Tensor) -> Tensor:
            at_once = max(self.batch_size * len(self._weights), len(rows))
            return self._captum.attribute(
                rows,
                baselines=0.0,
                n_steps=n_steps,
                method="gausslegendre",
                internal_batch_size=at_once,
            )

        return self._scores(windows, of_rows)

    def times_input(self, windows: np.ndarray) -> np.ndarray:
        """Return gradient x input (..., B, 1152) float32 of tokens of windows (..., 1153)."""
        return self._scores(windows, lambda rows: self._row_gradients(inputs=(rows,))[0] * rows)

    def _batches(self, windows: np.ndarray) -> tuple[Tensor, ...]:
        """Return batches of the windows (n, 1153); an empty one of none."""
        return torch.from_numpy(windows.reshape(-1, windows.shape[-1])).split(self.batch_size)

    def _scores(self, windows: np.ndarray, of_rows: Callable[[Tensor], Tensor]) -> np.ndarray:
        """Return scores of tokens, by a function of rows: B of each window."""
        n_rows = len(self._weights)
        parts = []
        for codes in self._batches(windows):
            tokens = encode_tokens(codes.to(self._device))  # (m, 16, 1152)
            found = of_rows(tokens.repeat_interleave(n_rows, dim=0)).detach()
            # the sum over 16 channels is the one that is set
            parts.append(found.sum(dim=1).view(len(codes), n_rows, WINDOW_TOKENS).cpu())
        return torch.cat(parts).view(*windows.shape[:-1], n_rows, WINDOW_TOKENS).numpy()

    def _row_gradients(self, inputs: tuple[Tensor, ...], **_: object) -> tuple[Tensor]:
        """Return the gradients (k m B, 16, 1152) of rows in which B neighbours are alike.

        Called by captum with its steps' inputs: k steps of m windows of B rows.
        """
        n_rows = len(self._weights)
        distinct = inputs[0].detach()[::n_rows].requires_grad_()  # (k m, 16, 1152)
        with torch.enable_grad():
            sums = self._latent(distinct) @ self._weights.T  # (k m, B)
            each = [
                torch.autograd.grad(sums[:, b].sum(), distinct, retain_graph=b < n_rows - 1)[0]
                for b in range(n_rows)
            ]
        return (torch.stack(each, dim=1).flatten(0, 1),)

    def _row_values(self, rows: Tensor) -> Tensor:
        """Return the values (k m B,) of rows in which B neighbours are alike; captum asks."""
        return (self._latent(rows[:: len(self._weights)]) @ self._weights.T).flatten()

    def _latent(self, tokens: Tensor) -> Tensor:
        return torch.cat(self._model.features_of_tokens(tokens), dim=1)  # (n, C)

    @torch.no_grad()
    def _sums(self, tokens: Tensor) -> np.ndarray:
        return (self._latent(tokens) @ self._weights.T).double().cpu().numpy()
