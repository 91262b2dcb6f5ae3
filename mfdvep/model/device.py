"""Where a model computes, and in which precision that place is quick."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from mfdvep.errors import InputError

PRECISIONS = ("float32", "tf32", "bfloat16", "float16", "float64")
WIDE = 384  # narrower models spend their time elsewhere than in products
MANY_SHIFTS = 7  # over which rounding averages out
CPU_NUMBERS = 16_000_000  # activations of a batch; from a third to three times it is as quick
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
        if chosen.type not in ("cpu", "cuda"):
            raise RuntimeError("expected cpu, cuda, or cuda:1 and so on")
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
    return device.type == "cpu" and _cpu_has("_is_avx512_bf16_supported")


def precisions_of(device: torch.device) -> tuple[str, ...]:
    """Return the precisions below float32 that a device computes in hardware."""
    found = ["bfloat16"] if computes_in_bfloat16(device) else []
    if device.type == "cuda":
        return ("tf32", *found, "float16")
    if device.type == "cpu" and getattr(torch.ops.mkldnn, "_is_mkldnn_fp16_supported", bool)():
        found.append("float16")
    return tuple(found)


def _cpu_has(test: str) -> bool:
    """Return what a test of torch.cpu says; False where this version of torch cannot tell."""
    return getattr(torch.cpu, test, bool)()


@dataclass(frozen=True)
class Precision:
    """In which type convolutions and products take their factors.

    They add up in float32 or better; results in a shorter type are rounded to it once more.

    Attributes
    ----------
    name
        "float32"; "tf32" (10 bits, CUDA alone); "bfloat16", "float16"; "float64".
    """

    name: str

    @classmethod
    def pick(
        cls, name: str, device: torch.device, *, width: int, n_shifts: int, engine: str
    ) -> Precision:
        """Return a precision by name, or for "auto" the quickest that is good enough.

        That is bfloat16 on a CPU with AMX, for the incremental engine, a model `WIDE` enough to
        gain by it and `MANY_SHIFTS`; TF32 on CUDA, where its 10 bits were measured as float16
        on a CPU; float32 elsewhere. See tests/benchmarks/RESULTS.md.

        Raises
        ------
        InputError
            Not a precision, or one that the device has not.
        """
        if name == "auto":
            name = "float32"
            if device.type == "cuda":
                name = "tf32"
            elif (
                engine == "incremental"
                and width >= WIDE
                and n_shifts >= MANY_SHIFTS
                and _cpu_has("_is_amx_tile_supported")
            ):
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
        """Round to TF32 on a GPU only if that is this precision; add up in full."""
        products = torch.backends.cuda.matmul
        settings = {
            "allow_tf32": self.name == "tf32",
            "allow_bf16_reduced_precision_reduction": False,
            "allow_fp16_reduced_precision_reduction": False,
        }
        before = {name: getattr(products, name) for name in settings}
        try:
            for name, value in settings.items():
                setattr(products, name, value)
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=self.name == "tf32"):
                yield
        finally:
            for name, value in before.items():
                setattr(products, name, value)


def fetching(tensor: torch.Tensor) -> Callable[[], np.ndarray]:
    """Begin to copy a tensor from its device; return what waits for it and gives the array."""
    if tensor.device.type == "cpu":
        return tensor.numpy
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    arrived = torch.cuda.Event()
    arrived.record(torch.cuda.current_stream(tensor.device))

    def wait() -> np.ndarray:
        arrived.synchronize()
        return host.numpy()

    return wait


def windows_at_once(device: torch.device, width: int, *, engine: str) -> int:
    """Return a number of windows that is quick and fits into memory.

    Always the same on one kind of device, so that the numbers are too.

    Parameters
    ----------
    width
        W of the model.
    engine
        "incremental" or "plain".
    """
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        fit = int(total // 2 // (WINDOW_NUMBERS * 4 * width))
        return max(1, min(1024, 1 << fit.bit_length() >> 1))
    return 64 if engine == "plain" else max(1, CPU_NUMBERS // (width * 1152))
