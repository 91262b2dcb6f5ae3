"""A training set reads back as it was written, and a damaged one is refused."""

from __future__ import annotations

import json
import resource
import shutil
from contextlib import contextmanager
from itertools import chain

import numpy as np
import pyarrow.parquet as pq
import pytest

from mfdvep.errors import InputError, OutputError
from mfdvep.model.tracks import TrackTable
from mfdvep.training.dataset import PAD, BinsWriter, SetContig, TrainingSet
from mfdvep.training.set_writer import TrainingSetWriter

TRACKS = TrackTable({"experiment": ("A", "B", "C"), "lab": ("x", "", "y")})
CONTIGS = (
    SetContig("chr1", 3000, "train"),
    SetContig("chr2", 700, "test"),
    SetContig("chr3", 100, "validation"),
    SetContig("chr4", 1500, "train"),
)
BINS = {  # contig -> start -> positive tracks
    0: {0: [], 128: [0, 2], 1280: [1]},
    1: {512: [0, 1, 2]},
    2: {},
    3: {0: [2], 1280: []},
}
LABELLED = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 0]], dtype=bool)


def sequences() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 4, c.length, dtype=np.uint8) for c in CONTIGS]


def write(folder, *, force=False, provenance="p", labelled=LABELLED, fail=None):
    with TrainingSetWriter(
        folder,
        tracks=TRACKS,
        contigs=CONTIGS,
        labelled=labelled,
        bin_size=128,
        min_overlap=64,
        options={"seed": 3},
        provenance={"how": provenance},
        force=force,
    ) as writer:
        for k, codes in enumerate(sequences()):
            writer.add_contig(codes)
            offsets = np.cumsum([0, *map(len, BINS[k].values())])
            tracks = np.array(list(chain(*BINS[k].values())), dtype=np.int64)
            writer.add_bins(np.array(list(BINS[k]), dtype=np.int64), offsets, tracks)
            if fail is not None:
                raise fail
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "a.set")


@pytest.fixture
def data(folder):
    return TrainingSet.open(folder)


def test_reads_back_what_was_written(data):
    assert data.contigs == ("chr1", "chr2", "chr3", "chr4")
    assert data.contig_split == ("train", "test", "validation", "train")
    assert data.contig_lengths.tolist() == [3000, 700, 100, 1500]
    assert data.bin_contig.tolist() == [0, 0, 0, 1, 3, 3]
    assert data.bin_start.tolist() == [0, 128, 1280, 512, 0, 1280]
    assert data.label_offsets.tolist() == [0, 0, 2, 3, 6, 7, 7]
    assert data.label_tracks.tolist() == [0, 2, 1, 0, 1, 2, 2]
    assert data.tracks == TRACKS
    assert data.bin_size == 128
    assert data.info["counts"] == {
        "tracks": 3,
        "bins": {"train": 5, "validation": 0, "test": 1},
        "positive_labels": {"train": 4, "validation": 0, "test": 3},
    }
    np.testing.assert_array_equal(data.labelled, LABELLED)
    dtypes = (data.bin_contig, data.bin_start, data.label_offsets, data.sequence)
    assert [a.dtype for a in dtypes] == [np.int32, np.int64, np.int64, np.uint8]


def test_the_sequence_is_that_of_the_contigs_with_n_between(data):
    end = PAD
    assert (data.sequence[:PAD] == 4).all()
    for offset, codes in zip(data.contig_offsets, sequences(), strict=True):
        assert offset == end
        np.testing.assert_array_equal(data.sequence[offset : offset + len(codes)], codes)
        end = offset + len(codes) + PAD
        assert (data.sequence[end - PAD : end] == 4).all()
    assert len(data.sequence) == end


def test_rows_of_a_split(data):
    assert data.rows("train").tolist() == [0, 1, 2, 4, 5]
    assert data.rows("test").tolist() == [3]
    assert data.rows("validation").tolist() == []
    with pytest.raises(InputError, match="no split 'tset'; expected one of train"):
        data.rows("tset")


def test_labels_and_mask_of_rows_in_any_order(data):
    rows = np.array([3, 0, 5, 1, 3])
    labels, mask = data.labels(rows), data.label_mask(rows)
    assert labels.tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 0, 1], [1, 1, 1]]
    assert labels.dtype == np.uint8
    assert mask.tolist() == [[1, 0, 1], [1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 0, 1]]
    assert mask.dtype == bool
    assert data.labels(np.array([], dtype=np.int64)).shape == (0, 3)


def expected_window(contig: int, start: int, n_bases: int) -> list[int]:
    """The same by a plain loop over positions."""
    codes = sequences()[contig]
    return [codes[i] if 0 <= i < len(codes) else 4 for i in range(start, start + n_bases)]


def test_windows_agree_with_a_plain_loop(data):
    rows = np.arange(len(data.bin_start))
    for shift in (0, -3, 5, np.arange(-3, 3)):
        for n_bases in (1153, 1281, 128):
            codes = data.codes(rows, shift, n_bases)
            assert codes.shape == (6, n_bases)
            assert codes.dtype == np.uint8
            for row, moved in zip(rows, np.broadcast_to(shift, 6), strict=True):
                start = data.bin_start[row] + 64 - n_bases // 2 + moved
                want = expected_window(data.bin_contig[row], start, n_bases)
                assert codes[row].tolist() == want


def test_the_bin_is_tokens_512_to_639_of_its_window(data):
    window = data.codes(np.array([2]))[0]  # chr1:1280-1408
    np.testing.assert_array_equal(window[512:640], sequences()[0][1280:1408])


def test_a_window_far_beyond_its_contig_is_refused(data):
    assert (data.codes(np.array([0]), 512 - PAD) == 4).all()
    with pytest.raises(ValueError, match="more than 8192 bases beyond"):
        data.codes(np.array([0]), 511 - PAD)
    data.codes(np.array([5]), 1500 + PAD - 1153 - 768)
    with pytest.raises(ValueError, match="more than 8192 bases beyond"):
        data.codes(np.array([5]), 1500 + PAD - 1153 - 767)


def test_bins_parquet_is_plain_parquet(folder):
    table = pq.read_table(folder / "bins.parquet").to_pylist()
    assert table[1] == {"contig": 0, "start": 128, "tracks": [0, 2]}
    assert pq.ParquetFile(folder / "bins.parquet").num_row_groups == 3  # chr3 has no bins


def test_more_tracks_than_uint16_holds(tmp_path):
    rows = (np.array([0]), np.array([0, 2]), np.array([1, 70_000]))
    for n_tracks, kind in ((1 << 16, "uint16"), ((1 << 16) + 5000, "int32")):
        with BinsWriter(tmp_path / kind, n_tracks=n_tracks) as writer:
            writer.write(0, *rows[:2], np.minimum(rows[2], n_tracks - 1))
        assert kind in str(pq.read_schema(tmp_path / kind).field("tracks").type)


def test_the_fingerprint_is_of_the_content(data, tmp_path):
    again = TrainingSet.open(write(tmp_path / "b.set", provenance="elsewhere"))
    other = LABELLED.copy()
    other[0, 0] = False
    changed = TrainingSet.open(write(tmp_path / "c.set", labelled=other))
    assert again.fingerprint == data.fingerprint
    assert changed.fingerprint != data.fingerprint
    assert len(data.fingerprint) == 64


@pytest.mark.parametrize("name", ["sequence.npy", "bins.parquet", "tracks.tsv"])
def test_a_damaged_file_is_refused(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged"):
        TrainingSet.open(folder)


@pytest.mark.parametrize("name", ["sequence.npy", "bins.parquet", "tracks.tsv"])
def test_an_incomplete_set_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"incomplete: .*{name}"):
        TrainingSet.open(folder)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '"x"', "\x00"])
def test_what_is_not_a_set_is_refused(folder, text):
    (folder / "set.json").unlink()
    if text is not None:
        (folder / "set.json").write_text(text)
    with pytest.raises(InputError, match=r"not a training set .* mfdvep prepare"):
        TrainingSet.open(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2; expected 'mfdvep training set' version 1"),
        ({"format": "model"}, "'model' version 1; expected"),
        ({"contigs": None}, r"set\.json is damaged"),
        ({"contigs": [{"name": "chr1"}]}, r"set\.json is damaged"),
        ({"unlabelled": [[9, 9]]}, r"set\.json is damaged"),
        ({"sha256": {}}, r"set\.json is damaged"),
        ({"counts": {}}, r"set\.json is damaged"),
        ({"counts": {"bins": {"a": 5}, "positive_labels": {"a": 7}}}, r"set\.json is damaged"),
        ({"counts": {"bins": {"a": 7}, "positive_labels": {"a": 7}}}, r"set\.json is damaged"),
        ({"counts": {"bins": {"a": 6}, "positive_labels": {"a": 8}}}, r"set\.json is damaged"),
    ],
)
def test_another_version_or_a_damaged_set_json_is_refused(folder, change, message):
    info = json.loads((folder / "set.json").read_text())
    (folder / "set.json").write_text(json.dumps({**info, **change}))
    with pytest.raises(InputError, match=message):
        TrainingSet.open(folder)


def test_an_existing_folder_is_replaced_only_with_force(folder, tmp_path):
    before = (folder / "set.json").read_bytes()
    with pytest.raises(OutputError, match=r"exists already; .* --force"):
        write(folder)
    assert (folder / "set.json").read_bytes() == before
    write(folder, force=True, provenance="new")
    assert TrainingSet.open(folder).info["provenance"] == {"how": "new"}
    assert [p.name for p in tmp_path.iterdir()] == ["a.set"]


def test_force_does_not_replace_what_is_no_training_set(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("work")
    (tmp_path / "file").write_text("work")
    for name in ("home", "file"):
        with pytest.raises(OutputError, match=r"--force replaces only a folder with set\.json"):
            write(tmp_path / name, force=True)
    assert (tmp_path / "home" / "thesis.txt").read_text() == "work"
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", force=True)


@pytest.mark.parametrize("fail", [KeyboardInterrupt(), ValueError("x")])
def test_nothing_is_left_after_an_error_and_the_old_set_stays(folder, tmp_path, fail):
    for name in ("a.set", "new.set"):
        with pytest.raises(type(fail)):
            write(tmp_path / name, force=True, fail=fail)
    assert [p.name for p in tmp_path.iterdir()] == ["a.set"]
    TrainingSet.open(folder)


def test_a_set_without_all_its_contigs_is_not_kept(tmp_path):
    with (
        pytest.raises(ValueError, match="0 of 4 contigs"),
        TrainingSetWriter(
            tmp_path / "a.set",
            tracks=TRACKS,
            contigs=CONTIGS,
            labelled=LABELLED,
            bin_size=128,
            min_overlap=64,
            options={},
            provenance={},
        ),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@contextmanager
def largest_file(n_bytes: int):
    """Let writes beyond this size fail, as on a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.parametrize("n_bytes", [0, 100, 10_000, 30_000])
def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path, n_bytes):
    with largest_file(n_bytes), pytest.raises(OutputError, match=r"a\.set: cannot write it whole"):
        write(tmp_path / "a.set")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write it whole"):
        write(tmp_path / "file" / "a.set")


def test_a_set_can_be_moved(folder, tmp_path, data):
    shutil.move(folder, tmp_path / "moved")
    assert TrainingSet.open(tmp_path / "moved").fingerprint == data.fingerprint
