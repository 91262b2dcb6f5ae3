"""Windows to latent features of both strands, pooled by region, in batches, and into a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfdvep import __version__
from mfdvep.errors import InputError
from mfdvep.files import Parts, check_outputs
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import WINDOW_BASES, reverse_complement
from mfdvep.interpret.features.feature_file import FeatureWriter
from mfdvep.interpret.features.items import Item, items_of, kind_of
from mfdvep.interpret.features.tiling import STRIDE
from mfdvep.model.device import windows_at_once
from mfdvep.model.mfd import MFDModel
from mfdvep.overlap import ahead
from mfdvep.scoring.windows import MAX_N

POOLINGS = ("mean", "max")
_MOST_ITEMS = 4096  # of a batch, also where none has a window


@dataclass(frozen=True)
class FeatureBatch:
    """n items with their features, float32 (n, 2 Cb) and (n, 2 Ct); NaN where not OK."""

    items: tuple[Item, ...]
    biological: np.ndarray
    technical: np.ndarray


@dataclass(frozen=True)
class FeatureSummary:
    """What came of the rows of an input: status -> their number; these sum to all rows."""

    n_rows: int
    status: dict[str, int]


def feature_batches(
    model: MFDModel,
    items: Iterable[Item],
    *,
    pooling: str = "mean",
    batch_size: int | None = None,
) -> Iterator[FeatureBatch]:
    """Yield all items, in order, with the latent features of their windows.

    Each half is that of the forward windows, then that of their reverse complements; over the
    windows of an item each feature's mean or maximum is taken.

    Parameters
    ----------
    model
        In evaluation mode, on the device to use.
    pooling
        "mean" or "max".
    batch_size
        Windows at once; by default what is quick on the device.

    Raises
    ------
    InputError
        Another pooling; a batch size below 1; or from `items`.
    """
    if pooling not in POOLINGS:
        raise InputError(f"pooling {pooling!r}; expected {' or '.join(POOLINGS)}")
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch size {batch_size}; expected at least 1")
    size = batch_size or windows_at_once(model.bias.device, model.config.width, engine="plain")
    waiting, n_windows = list[Item](), 0
    for item in items:
        waiting.append(item)
        n_windows += len(item.windows)
        if n_windows >= size or len(waiting) >= _MOST_ITEMS:
            yield _features_of(model, waiting, pooling=pooling, size=size)
            waiting, n_windows = [], 0
    if waiting:
        yield _features_of(model, waiting, pooling=pooling, size=size)


def write_features(
    source: str | Path,
    model: MFDModel,
    output: str | Path,
    *,
    genome: Genome | None = None,
    stride: int = STRIDE,
    pooling: str = "mean",
    batch_size: int | None = None,
    command: str = "",
    progress: Callable[[int, int | None], None] | None = None,
    force: bool = False,
) -> FeatureSummary:
    """Write the latent features of a BED's regions, a FASTA's sequences or a VCF's alleles.

    Parameters
    ----------
    source
        BED, FASTA, or VCF, BCF or Parquet of variants, told by content.
    model
        In evaluation mode, on the device to use.
    output
        Parquet, see `mfdvep.interpret.features.feature_file`; it appears whole or not at all.
    genome
        The reference; a FASTA of sequences needs none.
    stride, pooling, batch_size
        Of regions longer than a window, see `window_starts` and `feature_batches`.
    command
        As typed; "" from Python.
    progress
        Called with rows done, and None.
    force
        Replace an existing output.

    Raises
    ------
    InputError
        See `items_of` and `feature_batches`; a stride below 1.
    OutputError
        The output exists, is an input, or cannot be written.
    """
    if stride < 1:
        raise InputError(f"stride {stride}; expected at least 1 base")
    inputs = [source, *([] if genome is None else [genome.path])]
    check_outputs({"output": output}, inputs, force=force)
    kind = kind_of(source)
    about = {
        "mfdvep": __version__,
        "command": command,
        "model": model.provenance,
        "has_halves": bool(model.config.variables),
        "input": {"file": Path(source).name, "kind": kind},
        "reference": None if genome is None or kind == "fasta" else genome.record,
        "window": WINDOW_BASES,
        "stride": stride,
        "pooling": pooling,
        "strands": ["forward", "reverse complement"],
        "most_n": MAX_N,
    }
    counts = Counter[str]()
    half = model.config.n_latent // 2
    with (
        Parts(output) as parts,
        FeatureWriter(parts[output], [2 * half] * 2, about) as writer,
        # the thread reads the genome while the model computes
        closing(ahead(items_of(source, genome, stride=stride), depth=64)) as items,
    ):
        for batch in feature_batches(model, items, pooling=pooling, batch_size=batch_size):
            writer.write(batch.items, batch.biological, batch.technical)
            counts.update(str(item.status) for item in batch.items)
            if progress is not None:
                progress(counts.total(), None)
    return FeatureSummary(counts.total(), dict(counts.most_common()))


def _features_of(model: MFDModel, items: list[Item], *, pooling: str, size: int) -> FeatureBatch:
    """Return the features of some items."""
    windows = np.concatenate([item.windows for item in items])  # (k, 1153)
    scored = [i for i, item in enumerate(items) if len(item.windows)]
    ends = list(accumulate(len(items[i].windows) for i in scored))
    halves: list[np.ndarray] = []
    for strands in zip(*(_both_halves(model, w, size) for w in _strands(windows)), strict=True):
        values = np.concatenate(strands, axis=1)  # (k, 2 Cb)
        out = np.full((len(items), values.shape[1]), np.nan, dtype=np.float32)
        for i, start, end in zip(scored, [0, *ends], ends, strict=False):
            part = values[start:end]
            out[i] = part.max(0) if pooling == "max" else part.mean(0, dtype=np.float64)
        halves.append(out)
    return FeatureBatch(tuple(items), *halves)


def _strands(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return windows, reverse_complement(windows)


def _both_halves(model: MFDModel, windows: np.ndarray, size: int) -> list[Any]:
    """Return the biological and technical features (k, C / 2) of windows (k, 1153)."""
    half = model.config.n_latent // 2
    parts = [[np.empty((0, half), np.float32)] * 2]
    with torch.inference_mode():
        for start in range(0, len(windows), size):
            codes = torch.from_numpy(windows[start : start + size]).to(model.bias.device)
            parts.append([h.float().cpu().numpy() for h in model.features(codes)])
    return [np.concatenate(half) for half in zip(*parts, strict=True)]
