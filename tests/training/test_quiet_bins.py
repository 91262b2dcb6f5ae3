"""Which bins are quiet, and the windows round them."""

from __future__ import annotations

import numpy as np
import pytest

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable
from mfdvep.training.dataset import SetContig, TrainingSet
from mfdvep.training.quiet_bins import quiet_windows
from mfdvep.training.set_writer import TrainingSetWriter

N_TRACKS = 3


@pytest.fixture
def data(tmp_path):
    """Contig chr1 has bins with 0, 1, 2, 3, 0 ... peaks; chr2 has two with 0; chr3 is N."""
    rng = np.random.default_rng(1)
    lengths = {"chr1": 4096, "chr2": 2048, "chr3": 2048}
    with TrainingSetWriter(
        tmp_path / "a.set",
        tracks=TrackTable({"experiment": tuple("ABC")}),
        contigs=[SetContig(name, n, "train") for name, n in lengths.items()],
        labelled=np.ones((N_TRACKS, 3), dtype=bool),
        bin_size=128,
        min_overlap=64,
        options={},
        provenance={},
        force=False,
    ) as writer:
        for name, n in lengths.items():
            codes = rng.integers(0, 4, n, dtype=np.uint8)
            writer.add_contig(np.full_like(codes, 4) if name == "chr3" else codes)
            starts = np.arange(0, n, 128) if name == "chr1" else np.array([896, 1024])
            counts = np.arange(len(starts)) % 4 if name == "chr1" else np.zeros(2, dtype=int)
            tracks = np.concatenate([np.arange(k) for k in counts]).astype(np.int64)
            writer.add_bins(starts, np.concatenate([[0], counts.cumsum()]), tracks)
    return TrainingSet.open(tmp_path / "a.set")


def rows_of(data, codes):
    """Return which bins windows are of."""
    known = {data.codes(np.array([row]))[0].tobytes(): row for row in range(len(data.bin_start))}
    return sorted(known[window.tobytes()] for window in codes)


def test_bins_of_fewer_than_two_peaks_each_once(data):
    found = quiet_windows(data, 99, n_bases=1153, generator=np.random.default_rng(0),
                          contigs=["1"])  # fmt: skip
    expected = [row for row in range(32) if row % 4 < 2]
    kept = [r for r in expected if (data.codes(np.array([r]))[0] == 4).mean() <= 0.5]
    assert rows_of(data, found) == kept
    assert len(kept) == len(expected) - 1 or len(kept) == len(expected)


def test_as_many_as_are_asked_for_by_the_seed(data):
    one, other, third = (
        quiet_windows(data, 4, n_bases=1153, generator=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert len(one) == 4
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_contigs_of_the_sites_or_all(data):
    here = quiet_windows(data, 99, n_bases=1155, generator=np.random.default_rng(0),
                         contigs=["chr2"])  # fmt: skip
    assert here.shape == (2, 1155)
    everywhere = quiet_windows(data, 99, n_bases=1153, generator=np.random.default_rng(0),
                               contigs=["chr9"])  # fmt: skip
    assert len(everywhere) > 10


def test_none_is_refused(data):
    with pytest.raises(InputError, match="0 bins in the peaks of fewer than 2 experiments"):
        quiet_windows(data, 9, n_bases=1153, generator=np.random.default_rng(0),
                      contigs=["chr3"])  # fmt: skip
