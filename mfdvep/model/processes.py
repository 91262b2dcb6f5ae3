"""One training run in several processes, started by torchrun: what they have in common.

A run's loss is the sum of its processes' losses. Sums over processes carry gradients, so that
moments over the whole batch (BatchNorm, the penalty) are differentiated as in one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed
from torch.distributed.nn.functional import all_reduce


@contextmanager
def together(device: str) -> Iterator[str]:
    """Join the processes that torchrun started, and give this one's device.

    Parameters
    ----------
    device
        As for `pick_device`; with "auto" or "cuda" each process of a host has a GPU of its own.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def n_processes() -> int:
    """Return the number of processes of the run; 1 where none was started by torchrun."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def process() -> int:
    """Return the number of this process among them, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def total(x: Tensor) -> Tensor:
    """Return the sum over all processes of a tensor, of its shape; differentiable."""
    return x if n_processes() == 1 else all_reduce(x)


def least(value: int, device: torch.device) -> int:
    """Return the smallest value of all processes."""
    if n_processes() == 1:
        return value
    held = torch.tensor(value, device=device)
    distributed.all_reduce(held, distributed.ReduceOp.MIN)
    return int(held)


@torch.no_grad()
def add_up_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its sum over all processes, in one message."""
    if n_processes() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def of_first(value: dict[str, float] | None) -> dict[str, float]:
    """Return the value that process 0 gives, in all of them."""
    held = [value]
    if n_processes() > 1:
        distributed.broadcast_object_list(held, src=0)
    assert held[0] is not None
    return held[0]
