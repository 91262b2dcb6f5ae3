"""The training's input against a plain DataLoader, in one run; call it with -m bench -s.

The paper's procedure: 256 windows of one bin a step, 2,106 tracks. Ours cuts base codes from the
mapped genome and makes the labels dense (`batches`, made ahead by a thread); the device does the
one-hot encoding. The other is what one would write first: a Dataset that fetches a window,
encodes it one-hot on the host and makes its labels, one item at a time, and torch's DataLoader
over it. Both read the same bins. What the host does and what goes to the device are compared; then
the whole with the encoding, which on a CPU is the host's work again. Then a model is trained and
the share of its time that it waits for input is read from its log.
"""

from __future__ import annotations

import json
import time
from contextlib import closing

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from training.simulated import RECIPE

from mfdvep.model.tracks import TrackTable
from mfdvep.model.trunk import encode_tokens
from mfdvep.overlap import ahead
from mfdvep.training.dataset import SetContig, TrainingSet
from mfdvep.training.recipe import Recipe
from mfdvep.training.sampling import batches
from mfdvep.training.set_writer import TrainingSetWriter
from mfdvep.training.trainer import LOG, Trainer

N_TRACKS, N_BINS, WINDOWS, ROUNDS = 2106, 10_000, 256, 3
POSITIVE = 0.02


def make_set(folder) -> TrainingSet:
    """Write a set of random sequence with the paper's number of tracks and share of peaks."""
    rng = np.random.default_rng(0)
    table = {
        "experiment": tuple(f"E{i}" for i in range(N_TRACKS)),
        "target": tuple("XYZ"[i % 3] for i in range(N_TRACKS)),
        "assay": tuple("ab"[i % 2] for i in range(N_TRACKS)),
    }
    contigs = [SetContig("one", N_BINS * 128, "train"), SetContig("two", 64 * 128, "validation")]
    with TrainingSetWriter(
        folder,
        tracks=TrackTable(table),
        contigs=contigs,
        labelled=np.ones((N_TRACKS, 2), dtype=bool),
        bin_size=128,
        min_overlap=64,
        options={},
        provenance={},
    ) as writer:
        for contig in contigs:
            n = contig.length // 128
            counts = rng.binomial(N_TRACKS, POSITIVE, n)
            tracks = [np.sort(rng.choice(N_TRACKS, c, replace=False)) for c in counts]
            writer.add_contig(rng.integers(0, 4, contig.length).astype(np.uint8))
            offsets = np.concatenate([[0], np.cumsum(counts)])
            writer.add_bins(np.arange(n) * 128, offsets, np.concatenate(tracks))
    return TrainingSet.open(folder)


class OneByOne(Dataset):
    """A bin an item: one-hot dinucleotides (16, 1152) and labels (O,), float32, on the host."""

    def __init__(self, data: TrainingSet) -> None:
        self.data, self.rows = data, data.rows("train")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        row = self.rows[i : i + 1]
        tokens = encode_tokens(torch.from_numpy(self.data.codes(row)))[0]
        labels = torch.from_numpy(self.data.labels(row)[0]).float()
        return tokens, labels, torch.from_numpy(self.data.label_mask(row)[0])


def with_loader(data: TrainingSet, device: torch.device, n_workers: int) -> float:
    loader = DataLoader(OneByOne(data), WINDOWS, shuffle=True, num_workers=n_workers)
    began, n = time.perf_counter(), 0
    for tokens, labels, mask in loader:
        tokens.to(device), labels.to(device), mask.to(device)
        n += len(tokens)
    return n / (time.perf_counter() - began)


def with_batches(data: TrainingSet, device: torch.device, *, encode: bool) -> float:
    options = {"n_sequences": WINDOWS, "k": 1, "max_shift": 3, "seed": 0, "epoch": 0}
    began, n = time.perf_counter(), 0
    with closing(ahead(batches(data, data.rows("train"), **options))) as stream:
        for batch in stream:
            codes = torch.from_numpy(batch.codes).to(device)
            if encode:
                encode_tokens(codes)
            torch.from_numpy(batch.labels).to(device)
            torch.from_numpy(batch.mask).to(device)
            n += len(batch.codes)
    return n / (time.perf_counter() - began)


@pytest.mark.bench
def test_input_is_several_times_as_fast_as_a_plain_loader(tmp_path, capsys):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = make_set(tmp_path / "set")
    names = ("loader", "loader, 2 workers", "batches", "batches, encoded")
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        rates["batches"].append(with_batches(data, device, encode=False))
        rates["batches, encoded"].append(with_batches(data, device, encode=True))
        rates["loader"].append(with_loader(data, device, 0))
        rates["loader, 2 workers"].append(with_loader(data, device, 2))
    found = {name: float(np.median(values)) for name, values in rates.items()}
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.replace("width = 8", "width = 128"))
    changes = {"steps": 12, "sequences": 64, "bins_per_sequence": 1, "validate_every": 12}
    Trainer(Recipe.read(recipe).override(**changes), data, tmp_path / "run").run()
    last = json.loads((tmp_path / "run" / LOG).read_text().splitlines()[-1])
    with capsys.disabled():
        print(f"\n{device}, {WINDOWS} windows a step, {N_TRACKS} tracks, windows a second:")
        for name, rate in found.items():
            print(f"  {name:<18} {rate:>9,.0f}  {rate / found['loader']:.1f} times the loader")
        ours, theirs = WINDOWS * (1153 + 2 * N_TRACKS), WINDOWS * (16 * 1152 * 4 + 5 * N_TRACKS)
        print(f"to the device: {ours / 1e6:.1f} MB a step, the loader {theirs / 1e6:.1f}")
        print(f"training at width 128: waits {100 * last['waiting']:.1f} % of its time for input")
    assert found["batches"] > 2 * found["loader"]
    assert last["waiting"] < 0.1
