"""Where a model computes, and in which precision that place is quick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mfdvep.errors import InputError


def pick_device(device: str) -> torch.device:
    """Return the torch device for "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", ...

    Raises
    ------
    InputError
        Not a device, or one that is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {device!r} cannot be used: {reason}; try --device cpu") from error
    return chosen


def computes_in_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 in hardware, so that it is the faster type.

    On 2 AVX-512 BF16 cores a training step at width 192 took 0.57 of the time of float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


@contextmanager
def full_float32() -> Iterator[None]:
    """Keep convolutions and products in float32 where a GPU would round to TF32 (10 bits)."""
    products = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = products
