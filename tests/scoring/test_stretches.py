"""Changes laid out in stretches: all of them, in windows cut as the plain engine cuts them."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import random_bases, write_fasta
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import Variant
from mfdvep.scoring.stretches import Batch, Stretches
from mfdvep.scoring.windows import AlleleWindows

BASES = random_bases(9000, seed=3)


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    contigs = {"chr1": BASES, "chr2": BASES[::-1]}
    with Genome(write_fasta(tmp_path_factory.mktemp("g") / "g.fa", contigs)) as opened:
        yield opened


def variant(pos: int, n_ref: int, n_alt: int, chrom: str = "chr1") -> Variant:
    ref = (BASES if chrom == "chr1" else BASES[::-1])[pos - 1 : pos - 1 + n_ref]
    alt = "".join("ACGT"["ACGT".index(b) - 1] for b in (ref * n_alt)[:n_alt])
    return Variant(chrom, pos, ref, alt, 0, 1)


def cut(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows of all pairs with REF and with ALT, (n_pairs, 1153) each."""

    def windows(index: np.ndarray, codes: np.ndarray) -> np.ndarray:
        stretch, offset = batch.window_stretch[index], batch.window_offset[index]
        return codes[stretch[:, None], offset[:, None] + np.arange(1153)]

    before = windows(batch.pair_window, batch.codes)
    if batch.pair_other is not None:
        return before, windows(batch.pair_other, batch.codes)
    after = before.copy()
    start = batch.change_start[batch.pair_change] - batch.window_offset[batch.pair_window]
    same = batch.change_stretch[batch.pair_change] == batch.window_stretch[batch.pair_window]
    assert same.all()
    for row, at, change in zip(after, start, batch.pair_change, strict=True):
        bases = batch.change_bases[change]
        row[at : at + len(bases)] = bases
    return before, after


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(
        st.tuples(
            st.integers(1, 8900),
            st.sampled_from([(1, 1), (1, 1), (1, 1), (3, 3), (64, 64), (65, 65), (1, 4), (9, 2)]),
            st.sampled_from(["chr1", "chr2"]),
        ),
        max_size=40,
    ),
    near=st.booleans(),
    shifts=st.sampled_from(["1", "2", "11", "-64,0,9"]),
    strand=st.sampled_from(["both", "forward", "reverse"]),
    n_rows=st.sampled_from([1, 20_000, 1_000_000]),
)
def test_every_pair_of_windows_is_that_of_its_variant(genome, places, near, shifts, strand, n_rows):
    variants = [
        variant(3000 + pos % 700 if near else pos, *lengths, chrom)
        for pos, lengths, chrom in places
    ]
    windows = AlleleWindows(genome, shifts=shifts, strand=strand)
    changes = [change for change in windows.prepare(variants).changes if change is not None]
    seen = []
    for batch in Stretches(windows.shifts, strand, 128).batches(changes, n_rows=n_rows):
        seen += batch.of.tolist()
        before, after = (
            each.reshape(windows.n_strands, len(batch.of), -1, 1153) for each in cut(batch)
        )
        for k, i in enumerate(batch.of):
            expected = windows.cut(changes[i]).reshape(2, windows.n_strands, -1, 1153)
            assert np.array_equal(before[:, k], expected[0])
            assert np.array_equal(after[:, k], expected[1])
    assert sorted(seen) == list(range(len(changes)))


def batches(genome, variants, **options):
    windows = AlleleWindows(genome, shifts=options.pop("shifts", 11))
    changes = windows.prepare(variants).changes
    made = Stretches(windows.shifts, "both", 768).batches(changes, **{"n_rows": 10**9, **options})
    return list(made)


def test_neighbours_share_a_stretch_and_strangers_a_batch(genome):
    near = [variant(pos, 1, 1) for pos in (3000, 3020, 3040, 3060)]
    (batch,) = batches(genome, near)
    assert batch.codes.shape == (2, 1163 + 64)
    assert len(batch.window_offset) == 2 * 4 * 11
    (batch,) = batches(genome, [variant(pos, 1, 1) for pos in (1500, 3000, 4500, 6000)])
    assert batch.codes.shape == (2 * 4, 1163)


def test_windows_are_shared_by_alts_of_a_record_and_near_neighbours(genome):
    alts = [Variant("chr1", 3000, BASES[2999], b, 0, i) for i, b in enumerate("ACGT", 1)]
    alts = [v for v in alts if v.alt != v.ref]
    (batch,) = batches(genome, [*alts, *alts])  # and duplicates
    assert batch.codes.shape == (2, 1163)
    assert len(batch.window_offset) == 2 * 11
    assert len(batch.change_start) == 2 * 6
    (batch,) = batches(genome, [variant(pos, 1, 1) for pos in range(3000, 3010)])
    assert len(batch.window_offset) == 2 * (10 + 10)


def test_batches_are_no_larger_than_is_asked(genome):
    far = [variant(pos, 1, 1) for pos in range(700, 8900, 650)]
    one = batches(genome, far, n_rows=1)
    assert [len(batch.of) for batch in one] == [1] * len(far)
    some = batches(genome, far, n_rows=15_000)
    assert {len(batch.of) for batch in some[:-1]} == {3}
