"""What this machine makes of effects: how exact each way of computing them is, and how fast."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import WINDOW_BASES, decode
from mfdvep.genomics.variants import Variant
from mfdvep.model.device import pick_device, precisions_of
from mfdvep.model.mfd import MFDModel
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.fidelity import Fidelity, compare
from mfdvep.scoring.scorer import Scorer

TOLERANCE = 1e-6  # of float32 effects, or twice the plain engine's own rounding if that is more


@dataclass(frozen=True)
class Way:
    """One way of computing the effects.

    Attributes
    ----------
    device, engine, precision, batch_size
        As for `Scorer`.
    alleles_per_second
        Of the second of two runs.
    fidelity
        Of each kind, against the plain engine in float64 on the CPU.
    """

    device: str
    engine: str
    precision: str
    batch_size: int | str
    alleles_per_second: float
    fidelity: tuple[Fidelity, ...]

    @property
    def is_good(self) -> bool:
        """Whether every kind of effect is good enough for `--precision auto`."""
        return all(each.is_good for each in self.fidelity)

    @property
    def largest(self) -> float:
        """The largest difference of any kind."""
        return max(each.largest for each in self.fidelity)


@dataclass(frozen=True)
class SelfTest:
    """What was measured.

    Attributes
    ----------
    n_alleles
        See `random_variants`.
    size
        Root mean square of the combined effects.
    ways
        The plain engine in float32 on the CPU first: its differences are the noise floor.
    differences
        What was compared -> the largest difference of any effect.
    limit
        What those may be.
    """

    n_alleles: int
    size: float
    ways: tuple[Way, ...]
    differences: dict[str, float]
    limit: float

    @property
    def passed(self) -> bool:
        """Whether all differences are within the limit."""
        return max(self.differences.values()) <= self.limit


def selftest(
    model: MFDModel,
    genome: Genome,
    *,
    n_alleles: int = 50,
    shifts: int | str = 11,
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> SelfTest:
    """Score random variants of a genome in every way that this machine has.

    Parameters
    ----------
    n_alleles, seed
        Number and choice of variants.
    shifts
        As for `Scorer`.
    device
        Measured beside the CPU.
    progress
        Called with the number of ways done, and their total.

    Raises
    ------
    InputError
        Too few bases that are known; an option with another value.
    """
    variants = random_variants(genome, n_alleles, np.random.default_rng(seed))
    place = pick_device(device)
    tried: list[tuple[str, str, str, int | str]] = [
        ("cpu", "plain", "float32", "auto"),
        ("cpu", "incremental", "float32", "auto"),
        ("cpu", "incremental", "float32", 1),
    ]
    if place.type != "cpu":
        tried += [(str(place), engine, "float32", "auto") for engine in ("plain", "incremental")]
    lower = precisions_of(place)
    tried += [(str(place), "incremental", precision, "auto") for precision in lower]
    report = progress or (lambda done, total: None)
    report(0, len(tried) + 1)

    def scored(way: tuple[str, str, str, int | str], *, runs: int) -> tuple[EffectBatch, float]:
        at, engine, precision, batch_size = way
        scorer = Scorer(
            deepcopy(model),
            genome,
            shifts=shifts,
            device=at,
            engine=engine,
            precision=precision,
            batch_size=batch_size,
        )
        prepared = scorer.windows.prepare(variants)
        for _ in range(runs):
            began = time.perf_counter()
            batch = scorer.score_prepared(prepared)
        return batch, time.perf_counter() - began

    reference, _ = scored(("cpu", "plain", "float64", "auto"), runs=1)
    report(1, len(tried) + 1)
    batches: dict[tuple[str, str, str, int | str], EffectBatch] = {}
    ways = []
    for way in tried:
        try:
            batches[way], seconds = scored(way, runs=2)
        except ModelError:  # too large for that precision
            if way[2] == "float32":
                raise
            nowhere = (np.nan,) * 6
            ways.append(Way(*way, np.nan, tuple(Fidelity(kind, *nowhere) for kind in KINDS)))
        else:
            rate = len(variants) / seconds
            ways.append(Way(*way, rate, tuple(compare(batches[way], reference))))
        report(1 + len(ways), len(tried) + 1)
    noise = ways[0].largest
    plain, fast, one = (batches[way] for way in tried[:3])
    differences = {
        "engine against plain, float32 on the CPU": _largest(fast, plain),
        "one window at once against many": _largest(one, fast),
    }
    if place.type != "cpu":
        on_device = batches[str(place), "incremental", "float32", "auto"]
        differences[f"{place} against CPU, float32"] = _largest(on_device, fast)
    size = float(np.sqrt((reference.combined.astype(np.float64) ** 2).mean()))
    limit = max(TOLERANCE, 2 * noise)
    return SelfTest(len(variants), size, tuple(ways), differences, limit)


def _largest(one: EffectBatch, other: EffectBatch) -> float:
    return max(float(np.abs(getattr(one, kind) - getattr(other, kind)).max()) for kind in KINDS)


def random_variants(genome: Genome, n: int, rng: np.random.Generator) -> list[Variant]:
    """Return variants at random places whose windows have no N.

    Of ten, six are SNVs, of which three lie together, two MNVs, and two indels.

    Raises
    ------
    InputError
        Such places are hard to find.
    """
    margin = WINDOW_BASES + 64  # so that those that follow near by have known windows too
    names = [name for name, length in genome.contigs.items() if length > 2 * margin]
    lengths = np.array([genome.contigs[name] for name in names], dtype=float)
    variants: list[Variant] = []
    for _ in range(100 * n):
        if len(variants) == n or not names:
            break
        kind = len(variants) % 10
        if kind in (1, 2):
            name, start = variants[-1].chrom, variants[-1].start + 20
        else:
            name = names[rng.choice(len(names), p=lengths / lengths.sum())]
            start = int(rng.integers(margin, genome.contigs[name] - margin))
            if (genome.fetch(name, start - margin, start + margin) > 3).any():
                continue
        n_bases = (1, 1, 1, 2, 1, 1, 1, 4, 1, 4)[kind]
        ref = decode(genome.fetch(name, start, start + n_bases))
        alt = "".join("ACGT"[("ACGT".index(b) + int(rng.integers(1, 4))) % 4] for b in ref)
        if kind == 4:
            alt = ref + "".join(rng.choice(list("ACGT"), 3))
        elif kind == 9:
            alt = ref[0]
        variants.append(Variant(name, start + 1, ref, alt, len(variants), 1))
    if len(variants) < n:
        raise InputError(
            f"{genome.path}: found {len(variants)} of {n} places without N around; give a FASTA "
            "of known sequence"
        )
    return variants


@contextmanager
def simulated_genome(n_bases: int = 200_000, seed: int = 0) -> Iterator[Genome]:
    """Give a genome of random bases, for where none is at hand."""
    bases = np.random.default_rng(seed).integers(0, 4, n_bases, dtype=np.uint8)
    with tempfile.TemporaryDirectory(prefix="mfdvep-") as folder:
        fasta = Path(folder) / "simulated.fa"
        fasta.write_text(f">chr1\n{decode(bases)}\n")
        Path(f"{fasta}.fai").write_text(f"chr1\t{n_bases}\t6\t{n_bases}\t{n_bases + 1}\n")
        with Genome(fasta) as genome:
            yield genome


def machine(device: str) -> str:
    """Return what computes here, in words: processor or GPU, threads, and PyTorch's version."""
    place = pick_device(device)
    name = f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    if place.type == "cuda":
        name += f"; {torch.cuda.get_device_name(place)}"
    return f"{name}; PyTorch {torch.__version__}"
