"""One training run in several processes, started by torchrun: what they have in common.

A run's loss is the sum of its processes' losses. Sums over processes carry gradients, so that
moments over the whole batch (BatchNorm, the penalty) are differentiated as in one process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.distributed.nn.functional import all_reduce

from mfdvep.errors import InputError, MfdvepError
from mfdvep.model.device import pick_device

PATIENCE = timedelta(hours=2)  # of a process that waits for another


@contextmanager
def together(device: str) -> Iterator[str]:
    """Join the processes that torchrun started, and give this one's device.

    Parameters
    ----------
    device
        As for `pick_device`; with "auto" or "cuda" each process of a host has a GPU of its own.

    Raises
    ------
    InputError
        One device for several processes, or fewer GPUs than processes on this host.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(pick_device(device))
    elif device != "cpu":
        raise InputError(
            f"device {device!r} for {os.environ['WORLD_SIZE']} processes; expected auto, cpu or "
            "cuda, of which each takes one"
        )
    # the first process validates while the others wait
    distributed.init_process_group("gloo" if device == "cpu" else "nccl", timeout=PATIENCE)
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


def anywhere(flag: bool) -> bool:
    """Return whether a flag is set in any process; all of them must ask."""
    if n_processes() == 1:
        return flag
    place = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    held = torch.tensor(int(flag), device=place)
    distributed.all_reduce(held, distributed.ReduceOp.MAX)
    return bool(held)


def first_does(work: Callable[[], object]) -> None:
    """Do something in process 0 alone; what it refuses is raised in all of them."""
    refused: list[MfdvepError | None] = [None]
    if process() == 0:
        try:
            work()
        except MfdvepError as error:
            refused[0] = error
    if n_processes() > 1:
        distributed.broadcast_object_list(refused, src=0)
    if refused[0] is not None:
        raise refused[0]


def of_first(value: dict[str, float] | None) -> dict[str, float]:
    """Return the value that process 0 gives, in all of them."""
    held = [value]
    if n_processes() > 1:
        distributed.broadcast_object_list(held, src=0)
    assert held[0] is not None
    return held[0]
