"""Regions with labels of tasks, and the files they are written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError, OutputError
from mfdvep.files import Parts, check_outputs

UNKNOWN = -1
_LINE = 60  # bases


@dataclass(frozen=True)
class LabelSet:
    """n regions, T tasks.

    Attributes
    ----------
    name
        n names, no two the same.
    chrom
        n contigs.
    start, end
        int64 (n,), 0-based half-open.
    tasks
        T names.
    labels
        int8 (n, T): 1, 0, or -1 where not known.
    sequences
        n sequences; none if the source has none.
    counts
        What was read and what became of it, for people.
    """

    name: Sequence[str]
    chrom: Sequence[str]
    start: np.ndarray
    end: np.ndarray
    tasks: Sequence[str]
    labels: np.ndarray
    sequences: Sequence[str] = ()
    counts: dict[str, int] = field(default_factory=dict)


def targets(prefix: str | Path, *, sequences: bool) -> dict[str, Path]:
    """Return use -> path of the files that a prefix stands for."""
    endings = {"regions": ".bed", "labels": ".labels.tsv"}
    if sequences:
        endings["sequences"] = ".fa"
    return {use: Path(f"{prefix}{ending}") for use, ending in endings.items()}


def check_targets(prefix: str | Path, inputs: Sequence[str | Path], *, force: bool) -> None:
    """Refuse outputs that exist or are inputs, before any work; see `check_outputs`.

    Raises
    ------
    OutputError
        See `check_outputs`.
    """
    check_outputs(targets(prefix, sequences=True), inputs, force=force)


def write_label_set(found: LabelSet, prefix: str | Path) -> dict[str, Path]:
    """Write PREFIX.bed, PREFIX.labels.tsv and, with sequences, PREFIX.fa; return their paths.

    They appear all or not at all. The labels have columns name, chrom, start, end and a column a
    task with 1, 0 or nothing.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    files = targets(prefix, sequences=bool(found.sequences))
    places = list(
        zip(found.name, found.chrom, found.start.tolist(), found.end.tolist(), strict=True)
    )
    with Parts(*files.values()) as parts:
        bed = (f"{chrom}\t{start}\t{end}\t{name}\n" for name, chrom, start, end in places)
        _write(parts[files["regions"]], bed, files["regions"])
        _write(parts[files["labels"]], _label_lines(found, places), files["labels"])
        if found.sequences:
            lines = _fasta_lines(found)
            _write(parts[files["sequences"]], lines, files["sequences"])
    return files


def keep_tasks(found: LabelSet, least: int) -> LabelSet:
    """Return the tasks that have at least so many positives, and so many negatives.

    Raises
    ------
    InputError
        None has.
    """
    enough = [
        i
        for i in range(len(found.tasks))
        if min((found.labels[:, i] == 1).sum(), (found.labels[:, i] == 0).sum()) >= least
    ]
    if not enough:
        raise InputError(
            f"none of {len(found.tasks)} tasks has {least} positives and {least} negatives; lower "
            "--least"
        )
    return LabelSet(
        found.name,
        found.chrom,
        found.start,
        found.end,
        [found.tasks[i] for i in enough],
        found.labels[:, enough],
        found.sequences,
        {**found.counts, "tasks": len(enough), "tasks left out": len(found.tasks) - len(enough)},
    )


def _label_lines(found: LabelSet, places: Sequence[tuple]) -> Iterator[str]:
    yield "\t".join(["name", "chrom", "start", "end", *found.tasks]) + "\n"
    texts = np.array(["0", "1", ""])  # the last is that of -1
    for place, row in zip(places, texts[found.labels], strict=True):
        yield "\t".join([*map(str, place), *row]) + "\n"


def _fasta_lines(found: LabelSet) -> Iterator[str]:
    for name, sequence in zip(found.name, found.sequences, strict=True):
        yield f">{name}\n"
        for at in range(0, len(sequence), _LINE):
            yield f"{sequence[at : at + _LINE]}\n"


def _write(part: Path, lines: Iterator[str], output: Path) -> None:
    try:
        with open(part, "w", encoding="utf-8") as handle:
            handle.writelines(lines)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error
