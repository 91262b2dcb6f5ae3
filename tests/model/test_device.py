"""Which precision and batch size are chosen."""

from __future__ import annotations

import pytest
import torch

from mfdvep.errors import InputError
from mfdvep.model import device as module
from mfdvep.model.device import Precision, pick_device, windows_at_once

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("device", "amx", "width", "n_shifts", "engine", "expected"),
    [
        (CPU, True, 768, 11, "incremental", "bfloat16"),
        (CPU, False, 768, 11, "incremental", "float32"),
        (CPU, True, 128, 11, "incremental", "float32"),
        (CPU, True, 768, 3, "incremental", "float32"),
        (CPU, True, 768, 11, "plain", "float32"),
        (CUDA, False, 128, 1, "plain", "tf32"),
    ],
)
def test_auto(device, amx, width, n_shifts, engine, expected, monkeypatch):
    monkeypatch.setattr(module, "_cpu_has", lambda test: amx)
    found = Precision.pick("auto", device, width=width, n_shifts=n_shifts, engine=engine)
    assert found.name == expected


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float64", torch.float64)],
)
def test_a_name_is_a_type(name, dtype):
    found = Precision.pick(name, CPU, width=8, n_shifts=1, engine="plain")
    assert found.dtype == dtype
    assert Precision("tf32").dtype == torch.float32


def test_tf32_lasts_as_long_as_it_is_in_force():
    products = torch.backends.cuda.matmul
    before = products.allow_tf32
    with Precision("tf32").in_force():
        assert products.allow_tf32
        with Precision("float32").in_force():
            assert not products.allow_tf32
            assert not torch.backends.cudnn.allow_tf32
            assert not products.allow_bf16_reduced_precision_reduction
        assert products.allow_tf32
    assert products.allow_tf32 == before


def test_windows_at_once():
    assert windows_at_once(CPU, 768, engine="plain") == 64
    assert windows_at_once(CPU, 768, engine="incremental") == 18
    assert windows_at_once(CPU, 10**9, engine="incremental") == 1


def test_other_devices_are_refused():
    with pytest.raises(InputError, match="device 'meta' cannot be used: expected cpu, cuda"):
        pick_device("meta")
