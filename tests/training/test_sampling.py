"""Batches: every bin once an epoch, its sequence and labels together, in any orientation."""

from __future__ import annotations

import numpy as np
import pytest
from training.simulated import simulate

from mfdvep.genomics.sequences import reverse_complement
from mfdvep.training.sampling import batches, group_bins, sequences


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("set") / "set", n_bins=300)[0]


@pytest.mark.parametrize("k", [1, 2, 5, 16])
@pytest.mark.parametrize("every", [1, 3])
def test_groups_hold_every_bin_once(data, k, every):
    rows = np.concatenate([data.rows("train"), data.rows("validation")])[::every]
    grouped = group_bins(data, rows, k, np.random.default_rng(0))
    assert sorted(grouped[grouped >= 0]) == rows.tolist()
    for group in grouped:
        held = group[group >= 0]
        assert len(set(data.bin_contig[held])) == 1
        position = data.bin_start[held] // 128 - np.flatnonzero(group >= 0)
        assert len(set(position)) == 1  # neighbours on one grid


def test_a_sequence_of_one_bin_is_its_window(data):
    rows = data.rows("train")[:4]
    still = np.zeros(4, dtype=np.int64), np.zeros(4, dtype=bool)
    codes, order = sequences(data, rows[:, None], *still)
    assert np.array_equal(codes, data.codes(rows))
    assert order.tolist() == rows[:, None].tolist()


def test_every_bin_of_a_sequence_has_its_own_window(data):
    grouped = group_bins(data, data.rows("train"), 4, np.random.default_rng(1))[:6]
    shifts = np.array([0, 1, -2, 3, 0, 0])
    flipped = np.array([False, False, True, True, False, True])
    codes, order = sequences(data, grouped, shifts, flipped)
    assert codes.shape == (6, 1153 + 3 * 128)
    for i in range(6):
        for bin_, row in enumerate(order[i]):
            if row >= 0:
                window = data.codes(np.array([row]), shifts[i])[0]
                expected = reverse_complement(window) if flipped[i] else window
                assert np.array_equal(codes[i, 128 * bin_ : 128 * bin_ + 1153], expected)


def test_an_epoch_can_be_entered_anywhere(data):
    options = {"n_sequences": 3, "k": 4, "max_shift": 3, "seed": 5, "epoch": 2}
    whole = list(batches(data, data.rows("train"), **options))
    rest = list(batches(data, data.rows("train"), **options, first=4))
    assert len(rest) == len(whole) - 4 > 0
    for a, b in zip(whole[4:], rest, strict=True):
        assert np.array_equal(a.codes, b.codes)
        assert np.array_equal(a.labels, b.labels)


def test_epochs_and_seeds_differ(data):
    def first(**changes):
        options = {"n_sequences": 3, "k": 4, "max_shift": 3, "seed": 5, "epoch": 2, **changes}
        return next(batches(data, data.rows("train"), **options)).codes

    assert np.array_equal(first(), first())
    assert not np.array_equal(first(), first(epoch=3))
    assert not np.array_equal(first(), first(seed=6))


def test_labels_come_in_the_order_of_the_kept_bins(data):
    batch = next(
        batches(data, data.rows("train")[::2], n_sequences=5, k=4, max_shift=0, seed=0, epoch=0)
    )
    assert len(batch.labels) == len(batch.mask) == batch.keep.sum()
    assert batch.keep.sum() < batch.keep.size


def test_shares_of_processes_make_up_the_batch(data):
    options = {"n_sequences": 5, "k": 4, "max_shift": 3, "seed": 5, "epoch": 1}
    whole = next(batches(data, data.rows("train"), **options))
    shares = [next(batches(data, data.rows("train"), **options, share=(i, 2))) for i in range(2)]
    assert [len(share.codes) for share in shares] == [3, 2]
    for i, share in enumerate(shares):
        assert np.array_equal(share.codes, whole.codes[i::2])
    owner = np.repeat(np.arange(5) % 2, whole.keep.sum(1))
    for i, share in enumerate(shares):
        assert np.array_equal(share.labels, whole.labels[owner == i])


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_parts_make_up_the_batch(data, n):
    rows = data.rows("train")[::2]  # some sequences hold fewer bins than others
    batch = next(batches(data, rows, n_sequences=5, k=4, max_shift=0, seed=0, epoch=0))
    parts = list(batch.parts(n))
    assert len(parts) == min(n, 5)
    for name in ("codes", "keep", "labels", "mask"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(joined, getattr(batch, name))
    assert all(len(part.labels) == part.keep.sum() for part in parts)
