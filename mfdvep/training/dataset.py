"""The training set on disk: sequence, bins, sparse labels, missing labels, tracks, provenance.

A folder of four files:

- `set.json`: format version, geometry, contigs with their split, missing labels, counts, options,
  provenance, sha256 of the other three;
- `sequence.npy`: uint8 base codes (A0 C1 G2 T3 N4) of all contigs, `PAD` codes of N before each
  and after the last, so that no window reaches into another contig;
- `bins.parquet`: contig (rank), start (0-based), tracks (the positive ones, ascending), ordered by
  contig and start; a row group holds bins of one contig only;
- `tracks.tsv`: the experiments, in output order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.genomics.sequences import WINDOW_BASES
from mfdvep.model.tracks import TrackTable
from mfdvep.training.peaks import expand

FORMAT = "mfdvep training set"
VERSION = 1
MARKER = "set.json"
PAD = 8192
"""Codes of N between contigs: no window may reach further than this beyond a contig's end."""
SPLITS = ("train", "validation", "test")
FILES = ("sequence.npy", "bins.parquet", "tracks.tsv")


@dataclass(frozen=True)
class SetContig:
    """One contig of a training set: `length` in bases, `split` one of `SPLITS`."""

    name: str
    length: int
    split: str


class BinsWriter:
    """Writes `bins.parquet` of a set with `n_tracks` tracks; a context manager."""

    def __init__(self, path: Path, *, n_tracks: int) -> None:
        self._lists = pa.list_(pa.field("track", _track_type(n_tracks), nullable=False))
        self._schema = pa.schema(
            [
                pa.field("contig", pa.int32(), nullable=False),
                pa.field("start", pa.int64(), nullable=False),
                pa.field("tracks", self._lists, nullable=False),
            ]
        )
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> BinsWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(
        self, contig: int, start: np.ndarray, offsets: np.ndarray, tracks: np.ndarray
    ) -> None:
        """Write bins of one contig as a row group; raises OSError.

        Parameters
        ----------
        contig
            Rank of the contig.
        start
            (n,) int64, 0-based, ascending; n > 0.
        offsets
            (n + 1,) integers; the positive tracks of bin i are tracks[offsets[i]:offsets[i + 1]].
        tracks
            (offsets[n],) integers, ascending within a bin; fewer than 2^31 of them a call.
        """
        lists = pa.ListArray.from_arrays(
            pa.array(offsets.astype(np.int32)),
            pa.array(tracks, type=self._lists.value_type),
            type=self._lists,
        )
        ranks = pa.array(np.full(len(start), contig, dtype=np.int32))
        columns = [ranks, pa.array(start, type=pa.int64()), lists]
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema))


@dataclass(frozen=True)
class TrainingSet:
    """K contigs, N bins, O tracks, P positive labels; see the module for the files.

    Attributes
    ----------
    folder, info
        Where the set lies, and its `set.json`.
    contigs, contig_lengths, contig_offsets, contig_split
        Names; (K,) int64 bases; (K,) int64 place of base 0 in `sequence`; one of `SPLITS` each.
    sequence
        uint8 base codes, mapped from disk.
    bin_contig, bin_start
        (N,) int32 rank of the contig; (N,) int64, 0-based.
    label_offsets, label_tracks
        (N + 1,) int64; (P,) integers: positive tracks of bin i, ascending, are
        label_tracks[label_offsets[i]:label_offsets[i + 1]].
    tracks
        The O experiments, in output order.
    labelled
        (O, K) bool, False where the label of a track is missing on a contig.
    bin_size
        Bases a bin.
    """

    folder: Path
    info: dict[str, Any]
    contigs: tuple[str, ...]
    contig_lengths: np.ndarray
    contig_offsets: np.ndarray
    contig_split: tuple[str, ...]
    sequence: np.ndarray
    bin_contig: np.ndarray
    bin_start: np.ndarray
    label_offsets: np.ndarray
    label_tracks: np.ndarray
    tracks: TrackTable
    labelled: np.ndarray
    bin_size: int

    @classmethod
    def open(cls, folder: str | Path) -> TrainingSet:
        """Return the training set in a folder, after checking the sha256 of every file.

        Raises
        ------
        InputError
            Not a training set, of another version, incomplete, or damaged.
        """
        folder = Path(folder)
        remedy = "make it anew with mfdvep prepare"
        try:
            info = json.loads((folder / MARKER).read_text(encoding="utf-8"))
            version = (info["format"], info["version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{folder}: not a training set ({MARKER}: {error!r}); {remedy}"
            ) from error
        if version != (FORMAT, VERSION):
            raise InputError(
                f"{folder}: {version[0]!r} version {version[1]!r}; "
                f"expected {FORMAT!r} version {VERSION}; {remedy}"
            )
        try:
            for name in FILES:
                if sha256(folder / name) != info["sha256"][name]:
                    raise InputError(f"{folder}: {name} is damaged (sha256 differs); {remedy}")
            return cls._load(folder, info)
        except OSError as error:
            raise InputError(f"{folder}: incomplete: {error}; {remedy}") from error
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InputError(f"{folder}: {MARKER} is damaged ({error!r}); {remedy}") from error

    @classmethod
    def _load(cls, folder: Path, info: dict[str, Any]) -> TrainingSet:
        contigs = info["contigs"]
        tracks = TrackTable.read(folder / "tracks.tsv")
        labelled = np.ones((len(tracks), len(contigs)), dtype=bool)
        labelled[tuple(np.array(info["unlabelled"], dtype=np.int64).reshape(-1, 2).T)] = False
        n_bins = sum(info["counts"]["bins"].values())
        n_labels = sum(info["counts"]["positive_labels"].values())
        bin_contig = np.empty(n_bins, dtype=np.int32)
        bin_start = np.empty(n_bins, dtype=np.int64)
        label_offsets = np.zeros(n_bins + 1, dtype=np.int64)
        label_tracks = np.empty(n_labels, dtype=_track_type(len(tracks)).to_pandas_dtype())
        row = 0
        # Row group by row group: the whole table at once would need twice the memory.
        with pq.ParquetFile(folder / "bins.parquet") as table:
            for group in range(table.num_row_groups):
                part = table.read_row_group(group).combine_chunks()
                lists = part["tracks"].chunk(0)
                end, begin = row + len(lists), label_offsets[row]
                bin_contig[row:end] = part["contig"].to_numpy()
                bin_start[row:end] = part["start"].to_numpy()
                label_offsets[row + 1 : end + 1] = begin + lists.offsets.to_numpy()[1:]
                label_tracks[begin : label_offsets[end]] = lists.flatten().to_numpy()
                row = end
        if row != n_bins or label_offsets[-1] != n_labels:
            raise ValueError(f"counts {n_bins} bins, {n_labels} labels; bins.parquet has others")
        return cls(
            folder=folder,
            info=info,
            contigs=tuple(c["name"] for c in contigs),
            contig_lengths=np.array([c["length"] for c in contigs], dtype=np.int64),
            contig_offsets=np.array([c["offset"] for c in contigs], dtype=np.int64),
            contig_split=tuple(c["split"] for c in contigs),
            sequence=np.load(folder / "sequence.npy", mmap_mode="r"),
            bin_contig=bin_contig,
            bin_start=bin_start,
            label_offsets=label_offsets,
            label_tracks=label_tracks,
            tracks=tracks,
            labelled=labelled,
            bin_size=info["bin_size"],
        )

    @property
    def fingerprint(self) -> str:
        """sha256 of what the set holds; where it lies and how it was made do not enter."""
        what = {k: v for k, v in self.info.items() if k not in ("options", "provenance")}
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def rows(self, split: str) -> np.ndarray:
        """Return the bins of a split, (n,) int64, ascending; raises InputError for another name."""
        if split not in SPLITS:
            raise InputError(f"no split {split!r}; expected one of {', '.join(SPLITS)}")
        here = np.array([s == split for s in self.contig_split], dtype=bool)
        return np.flatnonzero(here[self.bin_contig])

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Return the labels of bins, (n, O) uint8; a missing label is 0, see `label_mask`."""
        begin, end = self.label_offsets[rows], self.label_offsets[np.asarray(rows) + 1]
        dense = np.zeros((len(rows), len(self.tracks)), dtype=np.uint8)
        owner = np.repeat(np.arange(len(rows)), end - begin)
        dense[owner, self.label_tracks[expand(begin, end)]] = 1
        return dense

    def label_mask(self, rows: np.ndarray) -> np.ndarray:
        """Return where bins have a label, (n, O) bool; False where it is missing."""
        return self.labelled.T[self.bin_contig[rows]]

    def codes(
        self, rows: np.ndarray, shift: int | np.ndarray = 0, n_bases: int = WINDOW_BASES
    ) -> np.ndarray:
        """Return the base codes of the windows of bins, (n, n_bases) uint8.

        Parameters
        ----------
        rows
            (n,) bins.
        shift
            Bases to the right, one for all or (n,).
        n_bases
            Bases a window, of which number n_bases // 2 is the bin's base number bin_size // 2
            at shift 0; beyond the ends of the contig it holds N.

        Raises
        ------
        ValueError
            A window reaches more than `PAD` bases beyond its contig.
        """
        contig = self.bin_contig[rows]
        start = self.bin_start[rows] + self.bin_size // 2 - n_bases // 2 + shift  # (n,)
        if (start < -PAD).any() or (start + n_bases > self.contig_lengths[contig] + PAD).any():
            raise ValueError(f"a window reaches more than {PAD} bases beyond its contig")
        at = self.contig_offsets[contig] + start
        return self.sequence[at[:, None] + np.arange(n_bases)]  # (n, n_bases)


def contig_offsets(lengths: Sequence[int]) -> np.ndarray:
    """Return the place of each contig's base 0 in `sequence.npy`, (K,) int64."""
    padded = np.asarray(lengths, dtype=np.int64) + PAD
    return PAD + np.cumsum(padded) - padded


def _track_type(n_tracks: int) -> pa.DataType:
    return pa.uint16() if n_tracks <= 1 << 16 else pa.int32()
