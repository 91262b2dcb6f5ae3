"""BatchNorm over the whole batch, also where it is spread over the processes of a training run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mfdvep.model.processes import n_processes, total


class BatchNorm(nn.BatchNorm1d):
    """BatchNorm of dimension 1 of (n, channels, ...), any number of dimensions after it.

    In training with several processes the moments are those of all their samples together, and so
    is the gradient. (torch's SyncBatchNorm is for GPUs alone.)
    """

    def _check_input_dim(self, input: Tensor) -> None:  # any will do
        return

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input, of its shape and type."""
        if not self.training or n_processes() == 1:
            return super().forward(input)
        dims = [i for i in range(input.ndim) if i != 1]
        x = input.float()
        n = x.new_tensor([x.numel() / x.shape[1]])
        sums, count = total(torch.cat([x.sum(dims), n])).split([x.shape[1], 1])
        shape = [-1 if i == 1 else 1 for i in range(input.ndim)]
        mean = sums / count  # (channels,)
        centred = x - mean.view(shape)
        variance = total(centred.square().sum(dims)) / count
        with torch.no_grad():
            unbiased = variance * count / (count - 1)
            for running, value in ((self.running_mean, mean), (self.running_var, unbiased)):
                assert running is not None
                running.lerp_(value, self.momentum or 0.0)
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
        out = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(input.dtype)
