"""Writes the folder of a training set, contig by contig."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.files import sha256
from mfdvep.folders import new_folder, writing
from mfdvep.genomics.sequences import N_CODE, WINDOW_BASES
from mfdvep.model.tracks import TrackTable
from mfdvep.training.dataset import (
    FILES,
    FORMAT,
    MARKER,
    PAD,
    SPLITS,
    VERSION,
    BinsWriter,
    SetContig,
    contig_offsets,
)


class TrainingSetWriter:
    """Writes a training set contig by contig; a context manager.

    On leaving without an error the folder appears whole, otherwise nothing is left.

    Parameters
    ----------
    folder, force
        Where the set will be, and whether to replace one that is there.
    tracks
        The O experiments, in output order.
    contigs
        The K contigs, in the order in which `add_contig` will be called.
    labelled
        (O, K) bool, False where the label of a track is missing on a contig.
    bin_size, min_overlap
        Bases; the geometry of the labels.
    options, provenance
        Recorded in `set.json` as they are.

    Raises
    ------
    OutputError
        On entering, writing or leaving: the folder exists, or cannot be written whole.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        tracks: TrackTable,
        contigs: Sequence[SetContig],
        labelled: np.ndarray,
        bin_size: int,
        min_overlap: int,
        options: dict[str, Any],
        provenance: dict[str, Any],
        force: bool = False,
    ) -> None:
        self._folder, self._force = Path(folder), force
        self._tracks, self._contigs = tracks, tuple(contigs)
        self._current = -1
        offsets = contig_offsets([c.length for c in self._contigs])
        self._info = {
            "format": FORMAT,
            "version": VERSION,
            "bin_size": bin_size,
            "window_bases": WINDOW_BASES,
            "min_overlap": min_overlap,
            "options": options,
            "provenance": provenance,
            "contigs": [
                {**asdict(c), "offset": int(o)} for c, o in zip(self._contigs, offsets, strict=True)
            ],
            "unlabelled": np.argwhere(~labelled).tolist(),
        }
        self._bins, self._labels = dict.fromkeys(SPLITS, 0), dict.fromkeys(SPLITS, 0)

    def __enter__(self) -> TrainingSetWriter:
        with ExitStack() as stack:
            part = stack.enter_context(new_folder(self._folder, marker=MARKER, force=self._force))
            self._part = part
            stack.enter_context(writing(self._folder))
            stack.push(self._finish)  # when the two files below are closed
            self._sequence = stack.enter_context(open(part / "sequence.npy", "wb"))
            self._table = stack.enter_context(
                BinsWriter(part / "bins.parquet", n_tracks=len(self._tracks))
            )
            total = sum(c.length + PAD for c in self._contigs) + PAD
            header = {"descr": "|u1", "fortran_order": False, "shape": (total,)}
            np.lib.format.write_array_header_1_0(self._sequence, header)
            self._sequence.write(bytes([N_CODE]) * PAD)
            self._tracks.write(part / "tracks.tsv")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)

    @property
    def bins(self) -> dict[str, int]:
        """Split -> bins written so far."""
        return dict(self._bins)

    @property
    def positive_labels(self) -> dict[str, int]:
        """Split -> positive labels written so far."""
        return dict(self._labels)

    def add_contig(self, codes: np.ndarray) -> None:
        """Write the next contig's sequence, (length,) uint8; raises OutputError."""
        self._current += 1
        if len(codes) != self._contigs[self._current].length:
            raise ValueError(f"{len(codes)} codes for {self._contigs[self._current]}")
        with writing(self._folder):
            self._sequence.write(np.ascontiguousarray(codes, dtype=np.uint8).data)
            self._sequence.write(bytes([N_CODE]) * PAD)

    def add_bins(self, start: np.ndarray, offsets: np.ndarray, tracks: np.ndarray) -> None:
        """Write bins of the contig added last, which come after those written before.

        Parameters
        ----------
        start
            (n,) int64, 0-based, ascending.
        offsets
            (n + 1,) integers; the positive tracks of bin i are tracks[offsets[i]:offsets[i + 1]].
        tracks
            (offsets[n],) integers, ascending within a bin; fewer than 2^31 of them a call.

        Raises
        ------
        OutputError
            The disk is full or the like.
        """
        if len(start) == 0:
            return
        split = self._contigs[self._current].split
        self._bins[split] += len(start)
        self._labels[split] += len(tracks)
        with writing(self._folder):
            self._table.write(self._current, start, offsets, tracks)

    def _finish(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is not None:
            return
        if self._current + 1 != len(self._contigs):
            raise ValueError(f"{self._current + 1} of {len(self._contigs)} contigs were added")
        self._info["counts"] = {
            "tracks": len(self._tracks),
            "bins": self._bins,
            "positive_labels": self._labels,
        }
        self._info["sha256"] = {name: sha256(self._part / name) for name in FILES}
        text = json.dumps(self._info, indent=1)
        (self._part / MARKER).write_text(text + "\n", encoding="utf-8")
