"""The published archive's layout, built small, becomes the set that its labels say."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import h5py
import numpy as np
import pysam
import pytest
from conftest import random_bases
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.training.archive import prepare_archive
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.sampling import group_bins

GENOME = {"chr1": random_bases(4000, seed=1), "chr2": random_bases(2000, seed=2) + "N" * 2000}
BINS = [("chr1", 0), ("chr1", 128), ("chr1", 1280), ("chrUn", 0), ("chr2", 256), ("chr2", 3000)]
LABELS = [(0, 2), (0, 0), (1, 1), (3, 1), (4, 0), (4, 1), (4, 2), (5, 0)]
ACCESSIONS = ["ENCFF003", "ENCFF001", "ENCFF002"]


def build(
    folder: Path,
    *,
    bins=BINS,
    labels=LABELS,
    accessions=ACCESSIONS,
    md5: str | None = None,
    leave_out: str = "",
    length: int = 128,
) -> dict[str, Path]:
    """Write an archive and a genome; return the arguments of `prepare_archive`."""
    fasta = folder / "genome.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in GENOME.items()))
    pysam.faidx(str(fasta))
    bed = folder / "bins.bed"
    bed.write_text("".join(f"{c}\t{s}\t{s + length}\n" for c, s in bins))
    with h5py.File(folder / "labels.h5", "w") as file:
        query, target = np.array(labels, dtype=np.int64).reshape(-1, 2).T
        arrays = {"query": query, "target": target[:, None].astype(np.int32)}
        attributes = {
            "query.md5": md5 or hashlib.md5(bed.read_bytes()).hexdigest(),
            "target.labels": [a.encode() for a in accessions],
            "target.N": np.array([len(accessions)]),
        }
        for name, values in arrays.items():
            if name != leave_out:
                file[name] = values
        for name, value in attributes.items():
            if name != leave_out:
                file.attrs[name] = value
    table = folder / "metadata.tsv"
    rows = [("ENCFF001", "CTCF"), ("ENCFF002", "H3K4me3"), ("other", "x"), ("ENCFF003", "open")]
    table.write_text("File.accession\tproc_target\n" + "".join(f"{a}\t{b}\n" for a, b in rows))
    return {"metadata": table, "fasta": fasta, "labels": folder / "labels.h5", "bins": bed}


def made(folder: Path, files: dict[str, Path], **options) -> TrainingSet:
    files = dict(files)
    prepare_archive(files.pop("metadata"), files.pop("fasta"), folder / "set", **files, **options)
    return TrainingSet.open(folder / "set")


def labels_of(data: TrainingSet) -> dict[tuple[str, int], list[int]]:
    rows = np.arange(len(data.bin_start))
    return {
        (data.contigs[c], int(s)): np.flatnonzero(row).tolist()
        for c, s, row in zip(data.bin_contig, data.bin_start, data.labels(rows), strict=True)
    }


def test_bins_labels_and_metadata_are_those_of_the_archive(tmp_path):
    """A bin rich in N is left out, and one on a contig that the FASTA lacks."""
    data = made(tmp_path, build(tmp_path), test=["chr2"])
    assert labels_of(data) == {
        ("chr1", 0): [0, 2], ("chr1", 128): [1], ("chr1", 1280): [], ("chr2", 256): [0, 1, 2],
    }  # fmt: skip
    assert data.tracks["File.accession"] == tuple(ACCESSIONS)
    assert data.tracks["proc_target"] == ("open", "CTCF", "H3K4me3")
    assert data.contig_split == ("train", "test")
    assert data.bin_size == 128
    assert data.info["provenance"]["absent_contigs"] == {"chrUn": 1}


def test_bins_beside_a_grid_have_no_sequence_in_common(tmp_path):
    data = made(tmp_path, build(tmp_path, bins=[("chr1", 100), ("chr1", 228)], labels=[(0, 0)]))
    rows, rng = np.arange(2), np.random.default_rng(0)
    assert group_bins(data, rows, 1, rng).tolist() == [[0], [1]]
    with pytest.raises(InputError, match=r"not on a grid of 128 bases.*bins_per_sequence = 1"):
        group_bins(data, rows, 4, rng)


@settings(max_examples=25, deadline=None)
@given(
    places=st.sets(
        st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(0, 1800)), min_size=1, max_size=30
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_order_of_bins(tmp_path_factory, places, seed):
    folder = tmp_path_factory.mktemp("a")
    rng = np.random.default_rng(seed)
    bins = [sorted(places)[i] for i in rng.permutation(len(places))]
    has = rng.random((len(bins), 3)) < 0.4
    files = build(folder, bins=bins, labels=np.argwhere(has).tolist())
    found = labels_of(made(folder, files, max_n=1))
    assert found == {
        place: np.flatnonzero(row).tolist() for place, row in zip(bins, has, strict=True)
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"md5": "0" * 32}, "is for a BED of md5 0000"),
        ({"leave_out": "query"}, "no dataset 'query'"),
        ({"leave_out": "target"}, "no dataset 'target'"),
        ({"leave_out": "query.md5"}, "no attribute 'query.md5'"),
        ({"leave_out": "target.labels"}, "no attribute 'target.labels'"),
        ({"labels": [(1, 0), (0, 0), (5, 0)]}, "query is not sorted"),
        ({"labels": [(0, 0), (6, 0)]}, "query has row 6; the BED has 6, counted from 0"),
        ({"labels": [(0, 3), (5, 0)]}, "target has experiment 3; there are 3, counted from 0"),
        ({"accessions": [*ACCESSIONS, "ENCFF009"]}, "no row for 1 of 4 experiments: ENCFF009"),
        ({"bins": [*BINS[:2], ("chr1", 128), *BINS[3:]]}, "bins 2 and 3 are the same"),
        ({"length": 1200, "bins": BINS[:3]}, "bins of 1200 bases; expected at most 1153"),
        ({"bins": [("chr7", 0)], "labels": []}, "no bin on the FASTA's contigs; it has chr7"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, changes, says):
    with pytest.raises(InputError, match=says):
        made(tmp_path, build(tmp_path, **changes))
    assert not (tmp_path / "set").exists()


def test_what_is_not_hdf5(tmp_path):
    files = build(tmp_path)
    files["labels"].write_bytes(gzip.compress(b"x"))
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        made(tmp_path, files)


def test_bins_of_several_lengths(tmp_path):
    files = build(tmp_path)
    text = files["bins"].read_text().replace("1280\t1408", "1280\t1400")
    files["bins"].write_text(text)
    with pytest.raises(InputError, match="bin 3 is 120 bases, the first 128"):
        made(tmp_path, files)
