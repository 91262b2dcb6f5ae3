"""Peaks, metadata and a genome -> a training set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import mfdvep
from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.folders import check_output
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import CENTRE, N_CODE, WINDOW_BASES
from mfdvep.model.tracks import TrackTable
from mfdvep.training.dataset import MARKER, SetContig
from mfdvep.training.experiments import (
    DEFAULT_UNLABELLED_COLUMN,
    few,
    labelled_contigs,
    peak_files,
    split_contigs,
)
from mfdvep.training.labels import BinLabels, Grid
from mfdvep.training.peaks import Intervals, read_intervals
from mfdvep.training.set_writer import TrainingSetWriter

BLOCK_BINS = 1 << 14
"""Bins handled at once."""


@dataclass(frozen=True)
class PrepareSummary:
    """What `prepare` made and what it left out.

    Attributes
    ----------
    n_experiments, n_tracks
        Rows of the table; those of them with enough peaks.
    bins, positive_labels
        Split -> bins, and positive labels in them.
    blacklisted, n_rich
        Bins left out for this reason that would have been kept; counted as the first that applies.
    absent
        Contig name as in the files -> peaks there, for contigs that the FASTA lacks.
    """

    n_experiments: int
    n_tracks: int
    bins: dict[str, int]
    positive_labels: dict[str, int]
    blacklisted: int
    n_rich: int
    absent: dict[str, int]


def prepare(
    experiments: str | Path,
    fasta: str | Path,
    out: str | Path,
    *,
    peaks_column: str = "peaks",
    min_peaks: int = 0,
    min_positives: int = 2,
    keep_others: float = 0.1,
    max_n: float = 0.5,
    blacklist: str | Path | None = None,
    test: Sequence[str] = (),
    validation: Sequence[str] = (),
    exclude: Sequence[str] = (),
    unlabelled_column: str = DEFAULT_UNLABELLED_COLUMN,
    bin_size: int = 128,
    min_overlap: int = 64,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> PrepareSummary:
    """Write the training set of these experiments on this genome, and return what is in it.

    Each peak file is read once and kept as ranges of positive bins; then the genome is gone
    through contig by contig, in blocks of `BLOCK_BINS` bins. Memory: 8 bytes a range (about one a
    peak) over all experiments, about 50 bytes a positive label of one block, a few bytes a base of
    the longest contig, and one peak file with its columns. 2,106 experiments of 100,000 peaks on
    3.1 Gb take at most 4 GB and 4 minutes, by tests/benchmarks/bench_prepare.py at a tenth of it.

    Parameters
    ----------
    experiments
        Tab-separated table with a header, one row an experiment, any columns.
    fasta
        Indexed FASTA.
    out
        Folder to write.
    peaks_column
        Column with the path of the peaks (BED, narrowPeak, broadPeak), relative to the table.
    min_peaks
        Experiments with fewer peaks, as in the file, on contigs of this FASTA are left out.
    min_positives
        Bins positive in at least so many experiments are kept.
    keep_others
        Of the other bins, this fraction is kept at random, 0 to 1.
    max_n
        Bins with more N than this fraction of their window of 1153 bases are left out, 0 to 1;
        what is beyond the contig counts as N.
    blacklist
        BED file; bins that share a base with it are left out.
    test, validation, exclude
        Contigs; the rest is for training.
    unlabelled_column
        Column with a comma list of contigs where the experiment has no labels; a table without
        the default column has labels everywhere.
    bin_size
        Bases a bin, 1 to 1153; only complete bins, on a grid from base 0 of each contig.
    min_overlap
        Bases of a bin that an experiment's merged peaks must cover for it to be positive.
    seed
        Of the random choice among the other bins.
    force
        Replace an existing training set.
    command
        Recorded in the set, so that it can be made again.
    progress
        Called with experiments and contigs done, and their total.

    Raises
    ------
    InputError
        Table: missing or damaged, see `peak_files` and `labelled_contigs`. Peaks: see
        `read_intervals`; on none of the FASTA's contigs; on contigs where the experiment is
        unlabelled. Contigs: see `split_contigs`. FASTA: see `Genome`. No experiment with enough
        peaks; no bin kept; a value out of range.
    OutputError
        `out` exists, or cannot be written whole.

    Source: science.md "Training data".
    """
    for name, value, low, high in (
        ("min-peaks", min_peaks, 0, None),
        ("min-positives", min_positives, 0, None),
        ("keep-others", keep_others, 0, 1),
        ("max-n", max_n, 0, 1),
        ("bin-size", bin_size, 1, WINDOW_BASES),
        ("min-overlap", min_overlap, 1, bin_size),
        ("seed", seed, 0, None),
    ):
        if not (value >= low and (high is None or value <= high)):
            limit = f"at least {low}" if high is None else f"{low} to {high}"
            raise InputError(f"--{name} is {value}; expected {limit}")
    check_output(Path(out), marker=MARKER, force=force)
    experiments = Path(experiments)
    table = TrackTable.read(experiments)
    files = peak_files(table, experiments, peaks_column)
    with Genome(fasta) as genome:
        split_of = split_contigs(genome, test=test, validation=validation, exclude=exclude)
        kept = [k for k, split in enumerate(split_of.values()) if split is not None]
        labelled = labelled_contigs(table, experiments, unlabelled_column, genome)
        grid = Grid.over(list(genome.contigs.values()), bin_size)
        banned = np.zeros(grid.size, dtype=bool)
        if blacklist is not None:
            regions = read_intervals(blacklist, genome.contigs, resolve=genome.resolve)
            _check_contigs(regions, blacklist, genome)
            banned[grid.bins(regions, 1)] = True

        def step(done: int) -> None:
            if progress is not None:
                progress(done, len(files) + len(kept))

        labels, rows = BinLabels(grid), []
        absent: Counter[str] = Counter()
        for row, file in enumerate(files):
            peaks = read_intervals(file, genome.contigs, resolve=genome.resolve)
            _check_labelled(peaks, labelled[row], file, genome)
            absent.update(peaks.absent)
            if len(peaks) >= min_peaks:
                _check_contigs(peaks, file, genome)
                labels.add(grid.bins(peaks, min_overlap))
                rows.append(row)
            step(row + 1)
        if not rows:
            raise InputError(
                f"{experiments}: none of {len(files)} experiments has {min_peaks} peaks or more "
                f"on {genome.path}; lower --min-peaks"
                + (f", or match the contigs: it has no {few(absent)}" if absent else "")
            )

        contigs = [
            SetContig(name, genome.contigs[name], split)
            for name, split in split_of.items()
            if split is not None
        ]
        rng = np.random.default_rng(seed)
        n_banned = n_rich = 0
        with TrainingSetWriter(
            out,
            tracks=table.take(rows),
            contigs=contigs,
            labelled=labelled[np.ix_(rows, kept)],
            bin_size=bin_size,
            min_overlap=min_overlap,
            options={
                "peaks_column": peaks_column,
                "min_peaks": min_peaks,
                "min_positives": min_positives,
                "keep_others": keep_others,
                "max_n": max_n,
                "blacklist": None if blacklist is None else str(blacklist),
                "exclude": list(exclude),
                "unlabelled_column": unlabelled_column,
                "seed": seed,
            },
            provenance={
                "mfdvep": mfdvep.__version__,
                "command": command,
                "experiments": str(experiments),
                "experiments_sha256": sha256(experiments),
                "fasta": Path(fasta).name,
                "fasta_fingerprint": genome.fingerprint,
                "absent_contigs": dict(absent),
            },
            force=force,
        ) as writer:
            for done, (k, contig) in enumerate(zip(kept, contigs, strict=True), len(files) + 1):
                codes = genome.fetch(contig.name, 0, contig.length)
                writer.add_contig(codes)
                n_bins, offset = int(grid.count[k]), int(grid.first[k])
                for begin in range(0, n_bins, BLOCK_BINS):
                    end = min(begin + BLOCK_BINS, n_bins)
                    count, tracks = labels.between(offset + begin, offset + end)
                    wanted = (count >= min_positives) | (rng.random(end - begin) < keep_others)
                    good = wanted & ~banned[offset + begin : offset + end]
                    unknown = n_unknown(codes, np.arange(begin, end) * bin_size, bin_size)
                    keep = good & (unknown <= max_n * WINDOW_BASES)
                    n_banned += int(wanted.sum() - good.sum())
                    n_rich += int(good.sum() - keep.sum())
                    start = (np.flatnonzero(keep) + begin) * bin_size
                    offsets = np.concatenate([[0], np.cumsum(count[keep])])
                    writer.add_bins(start, offsets, tracks[np.repeat(keep, count)])
                step(done)
            if not sum(writer.bins.values()):
                raise InputError(
                    f"{experiments}: no bin is left on {genome.path} ({n_banned} blacklisted, "
                    f"{n_rich} rich in N); lower --min-positives, or raise --keep-others or --max-n"
                )
    return PrepareSummary(
        n_experiments=len(files),
        n_tracks=len(rows),
        bins=writer.bins,
        positive_labels=writer.positive_labels,
        blacklisted=n_banned,
        n_rich=n_rich,
        absent=dict(absent),
    )


def n_unknown(codes: np.ndarray, start: np.ndarray, bin_size: int) -> np.ndarray:
    """Return how many N are in the windows of bins, (n,) int64; what is beyond the contig counts.

    Parameters
    ----------
    codes
        Of the contig, (length,) uint8.
    start
        (n,) of the bins, ascending.
    """
    if not len(start):
        return np.zeros(0, dtype=np.int64)
    first = start + bin_size // 2 - CENTRE
    low, high = max(int(first[0]), 0), min(int(first[-1]) + WINDOW_BASES, len(codes))
    total = np.concatenate([[0], np.cumsum(codes[low:high] == N_CODE)])
    begin, end = (np.clip(at, low, high) - low for at in (first, first + WINDOW_BASES))
    return WINDOW_BASES - (end - begin) + total[end] - total[begin]


def _check_labelled(peaks: Intervals, labelled: np.ndarray, file: Path, genome: Genome) -> None:
    """Refuse peaks on contigs where the experiment is said to have no labels."""
    wrong = np.flatnonzero(~labelled[peaks.contig])
    if len(wrong):
        i = wrong[0]
        raise InputError(
            f"{file}: a peak at {list(genome.contigs)[peaks.contig[i]]}:{peaks.start[i]}-"
            f"{peaks.end[i]}, where the table says that the experiment has no labels; mend one"
        )


def _check_contigs(intervals: Intervals, file: str | Path, genome: Genome) -> None:
    """Refuse a file of which no interval lies on the genome: its labels would all be 0."""
    if len(intervals) == 0 and intervals.absent:
        raise InputError(
            f"{file}: none of its contigs ({few(intervals.absent)}) is in {genome.path} "
            f"({few(genome.contigs)}); are they of the same assembly? If so leave the file out "
            "(an experiment: --min-peaks 1)"
        )
