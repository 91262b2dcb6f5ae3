"""Where a model computes, and in which precision that place is quick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from mfdvep.errors import InputError

PRECISIONS = ("float32", "tf32", "bfloat16", "float16", "float64")
WIDE = 384  # narrower models spend their time elsewhere than in products
CACHED_NUMBERS = 6_000_000  # activations that two cores hold near them
WINDOW_NUMBERS = 14 * 1152  # activations a window and unit of width, at the peak


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


def precisions_of(device: torch.device) -> tuple[str, ...]:
    """Return the precisions below float32 that a device computes in hardware."""
    found = ["bfloat16"] if computes_in_bfloat16(device) else []
    if device.type == "cuda":
        return ("tf32", *found, "float16")
    if device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_fp16_supported():
        found.append("float16")
    return tuple(found)


def _has_amx() -> bool:
    """Return whether the CPU has tiles of bfloat16 products; False where torch cannot tell."""
    return getattr(torch.cpu, "_is_amx_tile_supported", bool)()


@dataclass(frozen=True)
class Precision:
    """In which type convolutions and products take their factors; they add up in float32 or better.

    Attributes
    ----------
    name
        "float32"; "tf32" (10 bits, CUDA alone); "bfloat16", "float16"; "float64".
    """

    name: str

    @classmethod
    def pick(cls, name: str, device: torch.device, *, width: int) -> Precision:
        """Return a precision by name, or for "auto" the quickest that is good enough.

        That is TF32 on CUDA; bfloat16 on a CPU with AMX, if a model is `WIDE` enough to gain
        by it; float32 elsewhere. tests/benchmarks/RESULTS.md has the measurements.

        Raises
        ------
        InputError
            Not a precision, or one that the device has not.
        """
        if name == "auto":
            name = "float32"
            if device.type == "cuda":
                name = "tf32"
            elif device.type == "cpu" and width >= WIDE and _has_amx():
                name = "bfloat16"
        if name not in PRECISIONS:
            raise InputError(f"precision {name!r}; expected auto, {', '.join(PRECISIONS)}")
        if name == "tf32" and device.type != "cuda":
            raise InputError(f"precision tf32 is for CUDA, not {device.type}; try bfloat16")
        return cls(name)

    @property
    def dtype(self) -> torch.dtype:
        """Of the factors."""
        return torch.float32 if self.name == "tf32" else getattr(torch, self.name)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Keep float32 what a GPU would round to TF32, or let it be rounded."""
        rounds = self.name == "tf32"
        products = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = rounds
        try:
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=rounds):
                yield
        finally:
            torch.backends.cuda.matmul.allow_tf32 = products


def windows_at_once(device: torch.device, width: int, *, engine: str) -> int:
    """Return a number of windows that is quick and fits into memory.

    Parameters
    ----------
    width
        W of the model.
    engine
        "incremental" or "plain".
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(max(1, min(1024, free // 2 // (WINDOW_NUMBERS * 4 * width))))
    return 64 if engine == "plain" else max(1, CACHED_NUMBERS // (width * 1152))
