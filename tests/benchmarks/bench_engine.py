"""The incremental engine against the plain loop: ratios, FLOPs, memory. RESULTS.md has what came.

python -m pytest -m bench -s tests/benchmarks/bench_engine.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_model
from torch.utils.flop_counter import FlopCounterMode

from mfdvep.genomics.sequences import decode
from mfdvep.genomics.variants import Variant
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.selftest import machine, simulated_genome

TESTS = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.bench
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROUNDS = 3


def model_of(name: str):
    """Return the bundled model, or one of the paper's size with random weights."""
    bundled = load_model()
    return bundled if name == "bundled" else make_model(bundled.tracks, width=768)


def every(genome, n: int, step: int) -> list[Variant]:
    """Return n SNVs `step` bases apart."""
    bases = decode(genome.fetch("chr1", 2000, 2000 + n * step))
    return [
        Variant("chr1", 2001 + i, bases[i], "ACGT"["ACGT".index(bases[i]) - 1], 0, 1)
        for i in range(0, n * step, step)
    ]


def matmul_rate() -> float:
    """Return the FLOP a second of float32 products of large matrices here, the best of ten."""
    a, best = torch.randn(4096, 4096, device=DEVICE), 0.0
    for _ in range(10):
        began = time.perf_counter()
        (a @ a)[0, 0].item()
        best = max(best, 2 * 4096**3 / (time.perf_counter() - began))
    return best


def timed(scorer: Scorer, variants: list[Variant]) -> float:
    """Return seconds an allele, variants checked beforehand."""
    prepared = scorer.windows.prepare(variants)
    began = time.perf_counter()
    scorer.score_prepared(prepared)
    return (time.perf_counter() - began) / len(variants)


def paired(one: Scorer, n_one: int, other: Scorer, n_other: int, variants) -> tuple[float, ...]:
    """Return the medians of seconds an allele of two scorers that take turns, and of the ratio."""
    for scorer in (one, other):
        timed(scorer, variants[: min(n_one, n_other)])
    rounds = [
        (timed(one, variants[:n_one]), timed(other, variants[:n_other])) for _ in range(ROUNDS)
    ]
    times = np.array([(a, b, a / b) for a, b in rounds])
    return tuple(float(x) for x in np.median(times, axis=0))


@pytest.fixture(autouse=True)
def all_cores():
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("name", "step", "n_plain", "n_fast", "goal"),
    [
        ("bundled", 3000, 16, 64, 4.5),
        ("paper", 3000, 16, 16, 5),
        ("bundled", 20, 16, 256, 10),
        ("paper", 20, 16, 64, 10),
    ],
)
def test_speed_over_the_plain_loop(name, step, n_plain, n_fast, goal, capsys):
    """11 shifts, both strands, float32."""
    with simulated_genome(300_000) as genome:
        plain, fast = (
            Scorer(model_of(name), genome, engine=engine, precision="float32", device=DEVICE)
            for engine in ("plain", "incremental")
        )
        variants = every(genome, n_fast, step)
        slow, quick, ratio = paired(plain, n_plain, fast, n_fast, variants)
        flops = []
        for scorer, n in ((plain, n_plain), (fast, n_fast)):
            with FlopCounterMode(display=False) as counter:
                scorer.score(variants[:n])
            flops.append(counter.get_total_flops() / n)
        peak = matmul_rate()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            plain._model.features(torch.zeros(1, 1153, dtype=torch.long, device=DEVICE))
        a_window = counter.get_total_flops()
        a, b = (scorer.score(variants[:n_plain]) for scorer in (plain, fast))
        apart = max(float(np.abs(getattr(a, k) - getattr(b, k)).max()) for k in KINDS)
        largest = max(float(np.abs(getattr(a, k)).max()) for k in KINDS)
    with capsys.disabled():
        print(
            f"\n{machine(DEVICE)}\n{name}, an SNV every {step} bases: {1 / quick:.1f} alleles/s, "
            f"plain {1 / slow:.2f}: {ratio:.1f} times (goal {goal})\n  GFLOP an allele "
            f"{flops[1] / 1e9:.2f}, plain {flops[0] / 1e9:.2f}: 1/{flops[0] / flops[1]:.2f}; "
            f"at {flops[1] / quick / 1e9:.0f} GFLOP/s, plain {flops[0] / slow / 1e9:.0f}, of "
            f"{peak / 1e9:.0f} for products: {flops[1] / quick / peak:.0%}, plain "
            f"{flops[0] / slow / peak:.0%}\n  largest difference of an effect {apart:.1e}, largest "
            f"effect {largest:.1e}"
        )
    assert flops[0] == pytest.approx(44 * a_window, rel=0.03)  # the plain loop wastes nothing
    assert ratio >= goal
    # random weights of this size blow rounding up; RESULTS.md has what trained ones give
    assert apart <= (1e-6 if name == "bundled" else 1e-3 * largest)


@pytest.mark.parametrize(("name", "n"), [("bundled", 64), ("paper", 16)])
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_speed_of_low_precision(name, n, precision, capsys):
    """Its fidelity is for `mfdvep selftest -f GENOME`, since it needs trained weights."""
    with simulated_genome(300_000) as genome:
        full, low = (
            Scorer(model_of(name), genome, precision=each, device=DEVICE)
            for each in ("float32", precision)
        )
        a, b, ratio = paired(full, n, low, n, every(genome, n, 3000))
    with capsys.disabled():
        print(
            f"\n{name}, {precision}: {1 / b:.1f} alleles/s, float32 {1 / a:.1f}: {ratio:.2f} times"
        )


MEMORY = """
import re, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import torch
from benchmarks.bench_engine import every, model_of
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.selftest import simulated_genome
name, engine, size = sys.argv[3:]
def memory(which):
    return int(re.search(which + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
with simulated_genome(300_000) as genome:
    scorer = Scorer(model_of(name), genome, engine=engine, precision="float32",
                    batch_size=int(size), device="cpu")
    before = memory("VmRSS")
    open("/proc/self/clear_refs", "w").write("5")  # the largest from here on
    scorer.score(every(genome, max(1, 2 * int(size) // 8), 1000))
print(before, memory("VmHWM"))
"""


@pytest.mark.parametrize(("name", "sizes"), [("bundled", (8, 32, 128)), ("paper", (2, 8, 32))])
@pytest.mark.parametrize("engine", ["incremental", "plain"])
def test_memory_by_batch_size(name, sizes, engine, capsys):
    """MiB over what the model takes; RSS, so freed memory that is kept counts."""
    used = {}
    for size in sizes:
        command = [sys.executable, "-c", MEMORY, str(TESTS), str(TESTS.parent), name, engine]
        done = subprocess.run([*command, str(size)], capture_output=True, text=True, check=True)
        before, after = (float(x) for x in done.stdout.split())
        used[size] = round(after - before)
    with capsys.disabled():
        print(f"\n{name}, {engine}: MiB by --batch-size {used}")
