"""The published MFD archive -> a training set: a BED of bins, their labels in HDF5, a metadata TSV.

Source: figshare 38200983; science.md "Training data".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mfdvep
from mfdvep.errors import InputError
from mfdvep.files import md5, sha256
from mfdvep.folders import check_output
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import WINDOW_BASES
from mfdvep.model.tracks import TrackTable
from mfdvep.training.dataset import MARKER, SetContig
from mfdvep.training.experiments import few, split_contigs
from mfdvep.training.peaks import Intervals, read_intervals
from mfdvep.training.prepare import BLOCK_BINS, PrepareSummary, n_unknown
from mfdvep.training.set_writer import TrainingSetWriter

ID_COLUMN = "File.accession"
_READ_AT_ONCE = 1 << 24  # labels


@dataclass(frozen=True)
class Archive:
    """The HDF5 file of labels, open.

    Attributes
    ----------
    path
        Of the file.
    accessions
        (O,) of the experiments, in order of their numbers.
    first_label
        (n_bins + 1,) int64: labels of row i of the BED are first_label[i]..first_label[i + 1].
    targets
        The dataset of experiment numbers, one a label.
    """

    path: Path
    accessions: tuple[str, ...]
    first_label: np.ndarray
    targets: Any

    def labels_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels of rows (n,) of the BED: offsets (n + 1,), experiments, ascending.

        Raises
        ------
        InputError
            An experiment that is not there.
        """
        n_experiments = len(self.accessions)
        count = self.first_label[rows + 1] - self.first_label[rows]
        runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
        parts = [
            self.targets[self.first_label[run[0]] : self.first_label[run[-1] + 1]]
            for run in runs
            if len(run)
        ]
        numbers = np.concatenate([np.zeros(0, int), *(np.ravel(part) for part in parts)])
        wrong = (numbers < 0) | (numbers >= n_experiments)
        if wrong.any():
            raise InputError(
                f"{self.path}: target has experiment {numbers[wrong][0]}; there are "
                f"{n_experiments}, counted from 0"
            )
        owner = np.repeat(np.arange(len(rows)), count)
        owner, numbers = np.divmod(np.unique(owner * n_experiments + numbers), n_experiments)
        n_of_row = np.bincount(owner, minlength=len(rows))
        return np.concatenate([[0], np.cumsum(n_of_row)]), numbers


@contextmanager
def open_archive(labels: str | Path, bins: str | Path, n_bins: int) -> Iterator[Archive]:
    """Give the labels of a BED file.

    Parameters
    ----------
    n_bins
        Rows of the BED.

    Raises
    ------
    InputError
        Not such a file; made for another BED, as its md5 says; a number out of range; not sorted.
    """
    try:
        import h5py
    except ImportError as error:
        raise InputError("HDF5 needs h5py; install it: pip install 'mfdvep[archive]'") from error
    try:
        file = h5py.File(labels, "r")
    except OSError as error:
        raise InputError(f"{labels}: cannot be read as HDF5: {error}") from error
    with file:
        for name in ("query", "target"):
            if not isinstance(file.get(name), h5py.Dataset):
                raise InputError(f"{labels}: no dataset {name!r}; it has: {few(file)}")
        for name in ("query.md5", "target.labels", "target.N"):
            if name not in file.attrs:
                raise InputError(f"{labels}: no attribute {name!r}; it has: {few(file.attrs)}")
        expected, found = _text(file.attrs["query.md5"]), md5(bins)
        if expected != found:
            raise InputError(
                f"{bins}: md5 {found}; {labels} is for a BED of md5 {expected}: give that file, "
                "as it was published"
            )
        accessions = tuple(_text(name) for name in np.ravel(file.attrs["target.labels"]))
        n = int(np.ravel(file.attrs["target.N"])[0])
        if n != len(accessions):
            raise InputError(f"{labels}: target.N is {n}, but target.labels has {len(accessions)}")
        first_label = _offsets(file["query"], n_bins, labels)
        targets = file["target"]
        if targets.size != first_label[-1]:
            raise InputError(
                f"{labels}: {first_label[-1]} numbers in query, {targets.size} in target"
            )
        yield Archive(Path(labels), accessions, first_label, targets)


def _offsets(query: Any, n_bins: int, labels: str | Path) -> np.ndarray:
    """Return where the labels of each row begin, from the sorted rows of all labels."""
    count, last = np.zeros(n_bins, dtype=np.int64), -1
    for begin in range(0, query.size, _READ_AT_ONCE):
        rows = np.asarray(query[begin : begin + _READ_AT_ONCE]).reshape(-1)
        if (np.diff(rows, prepend=max(last, 0)) < 0).any():
            raise InputError(f"{labels}: query is not sorted")
        if rows[0] < 0 or rows[-1] >= n_bins:
            raise InputError(
                f"{labels}: query has row {rows[-1] if rows[0] >= 0 else rows[0]}; the BED has "
                f"{n_bins}, counted from 0"
            )
        count += np.bincount(rows, minlength=n_bins)
        last = int(rows[-1])
    return np.concatenate([[0], np.cumsum(count)])


def _text(value: Any) -> str:
    value = np.ravel(value)[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def prepare_archive(
    metadata: str | Path,
    fasta: str | Path,
    out: str | Path,
    *,
    labels: str | Path,
    bins: str | Path,
    max_n: float = 0.5,
    test: Sequence[str] = (),
    validation: Sequence[str] = (),
    exclude: Sequence[str] = (),
    force: bool = False,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> PrepareSummary:
    """Write the training set that the published archive holds, and return what is in it.

    Memory: 8 bytes a bin and a few bytes a base of the longest contig; labels are read in blocks.

    Parameters
    ----------
    metadata
        Tab-separated table with a header; its column `File.accession` names the experiments of
        `labels`. Other rows are left out.
    fasta, out, max_n, test, validation, exclude, force, command, progress
        As for `prepare`.
    labels
        HDF5: datasets `query`, the row of `bins` of each label, sorted, from 0, and `target`, its
        experiment, from 0; attributes `query.md5`, `target.labels`, `target.N`.
    bins
        BED of bins of one length.

    Raises
    ------
    InputError
        As from `open_archive`, `read_intervals` and `split_contigs`; an experiment without
        metadata, or with two rows; bins of several lengths, or one twice; none kept.
    OutputError
        `out` exists, or cannot be written whole.
    """
    if not 0 <= max_n <= 1:
        raise InputError(f"--max-n is {max_n}; expected 0 to 1")
    check_output(Path(out), marker=MARKER, force=force)
    table = TrackTable.read(metadata)
    with Genome(fasta) as genome:
        split_of = split_contigs(genome, test=test, validation=validation, exclude=exclude)
        found = read_intervals(bins, genome.contigs, resolve=genome.resolve)
        bin_size = _length(found, bins)
        kept = [(k, name, split) for k, (name, split) in enumerate(split_of.items()) if split]
        contigs = [SetContig(name, genome.contigs[name], split) for _, name, split in kept]
        with open_archive(labels, bins, len(found) + sum(found.absent.values())) as archive:
            tracks = table.take(_rows_of(archive.accessions, table, metadata))
            n_rich = 0
            with TrainingSetWriter(
                out,
                tracks=tracks,
                contigs=contigs,
                labelled=np.ones((len(tracks), len(contigs)), dtype=bool),
                bin_size=bin_size,
                min_overlap=bin_size // 2,
                options={"max_n": max_n, "exclude": list(exclude)},
                provenance={
                    "mfdvep": mfdvep.__version__,
                    "command": command,
                    "experiments": str(metadata),
                    "experiments_sha256": sha256(metadata),
                    "archive_sha256": sha256(labels),
                    "bins_sha256": sha256(bins),
                    "fasta": Path(fasta).name,
                    "fasta_fingerprint": genome.fingerprint,
                    "absent_contigs": found.absent,
                },
                force=force,
            ) as writer:
                for done, ((k, _, _), contig) in enumerate(zip(kept, contigs, strict=True), 1):
                    codes = genome.fetch(contig.name, 0, contig.length)
                    writer.add_contig(codes)
                    n_rich += _add_bins(writer, archive, found, k, codes, bin_size, max_n, bins)
                    if progress is not None:
                        progress(done, len(contigs))
                if not sum(writer.bins.values()):
                    raise InputError(
                        f"{bins}: no bin is left on {genome.path} ({n_rich} rich in N); raise "
                        "--max-n, or match the contigs: "
                        f"{few(found.absent) or 'all'} are not in the FASTA"
                    )
    return PrepareSummary(
        n_experiments=len(table),
        n_tracks=len(tracks),
        bins=writer.bins,
        positive_labels=writer.positive_labels,
        blacklisted=0,
        n_rich=n_rich,
        absent=found.absent,
    )


def _length(found: Intervals, bins: str | Path) -> int:
    """Return the length of all bins."""
    lengths = found.end - found.start
    if not len(lengths):
        raise InputError(f"{bins}: no bin on the FASTA's contigs; it has {few(found.absent)}")
    odd = np.flatnonzero(lengths != lengths[0])
    if len(odd):
        raise InputError(
            f"{bins}: bin {found.row[odd[0]] + 1} is {lengths[odd[0]]} bases, the first "
            f"{lengths[0]}; expected bins of one length"
        )
    if lengths[0] > WINDOW_BASES:
        raise InputError(f"{bins}: bins of {lengths[0]} bases; expected at most {WINDOW_BASES}")
    return int(lengths[0])


def _rows_of(accessions: Sequence[str], table: TrackTable, path: str | Path) -> list[int]:
    """Return the row of the table of each experiment."""
    if ID_COLUMN not in table.columns:
        raise InputError(f"{path}: no column {ID_COLUMN!r}; it has: {', '.join(table.columns)}")
    row_of: dict[str, int] = {}
    for row, accession in enumerate(table[ID_COLUMN]):
        if row_of.setdefault(accession, row) != row:
            raise InputError(
                f"{path}: row {row + 1}: {accession} again, as in row {row_of[accession] + 1}"
            )
    missing = [accession for accession in accessions if accession not in row_of]
    if missing:
        raise InputError(
            f"{path}: no row for {len(missing)} of {len(accessions)} experiments: {few(missing)}"
        )
    return [row_of[accession] for accession in accessions]


def _add_bins(
    writer: TrainingSetWriter,
    archive: Archive,
    found: Intervals,
    contig: int,
    codes: np.ndarray,
    bin_size: int,
    max_n: float,
    bins: str | Path,
) -> int:
    """Write the bins of a contig; return how many were left out as rich in N."""
    mine = np.flatnonzero(found.contig == contig)
    mine = mine[np.argsort(found.start[mine], kind="stable")]
    twice = np.flatnonzero(np.diff(found.start[mine]) == 0)
    if len(twice):
        rows = found.row[mine[twice[0]]] + 1, found.row[mine[twice[0] + 1]] + 1
        raise InputError(f"{bins}: bins {rows[0]} and {rows[1]} are the same")
    n_rich = 0
    for begin in range(0, len(mine), BLOCK_BINS):
        block = mine[begin : begin + BLOCK_BINS]
        start = found.start[block]
        keep = n_unknown(codes, start, bin_size) <= max_n * WINDOW_BASES
        n_rich += int((~keep).sum())
        offsets, tracks = archive.labels_of(found.row[block[keep]])
        writer.add_bins(start[keep], offsets, tracks)
    return n_rich
