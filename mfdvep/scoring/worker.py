"""What a worker of a Ray cluster does: it checks that it fits, then does the tasks of a run.

A worker is a process that Ray starts, and starts again elsewhere if it dies. It makes its scorer
once, and keeps it for the next task.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import ray
import torch

from mfdvep import __version__
from mfdvep.errors import ClusterError, MfdvepError
from mfdvep.files import sampled
from mfdvep.genomics.bcf import quiet_htslib
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.vcf import Part, Record, open_vcf
from mfdvep.model.mfd import MFDModel
from mfdvep.scoring.chunks import ChunkFolder, Place
from mfdvep.scoring.provenance import digest
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.tally import Tally
from mfdvep.scoring.work import Work
from mfdvep.storage import AnyPath


@dataclass(frozen=True)
class ScorerRecipe:
    """What a worker makes its scorer of.

    Attributes
    ----------
    model
        The model itself, so that no worker has another.
    fasta, fingerprint, sample
        The reference, which each worker opens; see `Genome.fingerprint`, `sampled`.
    version
        Of mfdvep.
    options
        Of `Scorer`.
    n_threads
        Of the CPU.
    """

    model: MFDModel
    fasta: Path
    fingerprint: str
    sample: str
    version: str
    options: dict[str, Any]
    n_threads: int

    def make(self) -> Scorer:
        """Return the scorer.

        Raises
        ------
        MfdvepError
            The reference is not here, or another one; an option cannot be met here; another
            version of mfdvep, of a machine that came after those that were asked at the start.
        """
        if self.version != __version__:
            raise ClusterError(f"mfdvep {__version__}, expected mfdvep {self.version}")
        torch.set_num_threads(self.n_threads)
        genome = Genome(self.fasta)
        if genome.fingerprint != self.fingerprint or sampled(self.fasta) != self.sample:
            alike = "agree" if genome.fingerprint == self.fingerprint else "differ"
            raise ClusterError(
                f"{self.fasta} is another file than where the run was started (its contigs and "
                f"their lengths {alike}); give every worker the same FASTA"
            )
        return Scorer(self.model, genome, **self.options)


@dataclass(frozen=True)
class Assignment:
    """A run as its workers get it.

    Attributes
    ----------
    work
        With paths from the root.
    folder, session, run_id
        See `ChunkFolder`.
    n_bytes, header_digest
        Of the input, if it is a file that the workers read.
    provenance
        Of the scorers that were made at the start, see `Scorer`.
    """

    work: Work
    folder: AnyPath
    session: str
    run_id: str
    n_bytes: int | None
    header_digest: str
    provenance: dict[str, Any]

    def check(self) -> None:
        """Raise an MfdvepError unless folder and input are those of who started the run."""
        if not ChunkFolder(self.folder, self.session, self.run_id).is_at_work():
            raise ClusterError(
                f"{self.folder} is not the folder where the run was started; give -o on a file "
                "system that all workers share, or on object storage"
            )
        if self.n_bytes is None:
            return
        with quiet_htslib(), open_vcf(self.work.vcf) as reader:
            found = Path(self.work.vcf).stat().st_size, digest(reader.header_lines)
        if found != (self.n_bytes, self.header_digest):
            raise ClusterError(
                f"{self.work.vcf} is another file than where the run was started ({found[0]} "
                f"bytes, expected {self.n_bytes}); give every worker the same input"
            )


Refs = Sequence[Any]
"""References in Ray's store to a `ScorerRecipe` and an `Assignment`; in a list, lest Ray fetches
what they refer to for every task anew."""


@dataclass(frozen=True)
class Report:
    """What a task tells of its chunks.

    Attributes
    ----------
    places, tally, n_resumed
        See `mfdvep.scoring.work.Done`; the tally as JSON has it, which is small.
    host, process
        Where it was done.
    seconds
        How long it took.
    warnings
        What was warned of.
    """

    places: tuple[Place, ...]
    tally: dict[str, Any]
    n_resumed: int
    host: str
    process: int
    seconds: float
    warnings: tuple[str, ...]


def inspect(recipe: Refs) -> tuple[str, dict[str, Any]]:
    """Make the scorer, and return the host and the scorer's provenance."""
    return socket.gethostname(), _scorer(recipe[0]).provenance


def check(refs: Refs) -> None:
    """Raise a ClusterError unless this worker fits the run."""
    _scorer_of(refs)


def count(refs: Refs, parts: Sequence[Part]) -> list[tuple[int, tuple[int, int]]]:
    """Return the number of each section, and how many lines and records it has."""
    work = _assignment(refs[1]).work
    found = []
    for part in parts:
        with quiet_htslib(), open_vcf(work.vcf, regions=work.regions, part=part) as reader:
            found.append((part.number, reader.count()))
    return found


def do_section(refs: Refs, part: Part) -> Report:
    """Score a section of the input, which is read here, and write its parts."""
    work = _assignment(refs[1]).work
    with quiet_htslib(), open_vcf(work.vcf, regions=work.regions, part=part) as reader:
        return _do(refs, reader, reader.name, first=0)


def do_chunk(refs: Refs, records: Sequence[Record], number: int, name: str) -> Report:
    """Score the records of a chunk and write its parts."""
    with quiet_htslib():
        return _do(refs, records, name, first=number)


def _do(refs: Refs, records: Iterable[Record], name: str, *, first: int) -> Report:
    began = time.monotonic()
    scorer, assignment = _scorer_of(refs), _assignment(refs[1])
    store = ChunkFolder(assignment.folder, assignment.session, assignment.run_id)
    places: list[Place] = []
    tally, n_resumed = Tally.empty(), 0
    with (
        warnings.catch_warnings(record=True) as heard,
        tempfile.TemporaryDirectory(prefix="mfdvep-") as scratch,
    ):
        outputs = assignment.work.outputs(store, Path(scratch))
        for done in assignment.work.done(records, scorer, outputs, name=name, first=first):
            places += done.places
            tally, n_resumed = tally.merge(done.tally), n_resumed + done.n_resumed
    return Report(
        places=tuple(sorted(places)),
        tally=tally.to_json(),
        n_resumed=n_resumed,
        host=socket.gethostname(),
        process=os.getpid(),
        seconds=time.monotonic() - began,
        warnings=tuple(dict.fromkeys(str(warning.message) for warning in heard)),
    )


def _scorer_of(refs: Refs) -> Scorer:
    """Return the scorer; raise a ClusterError unless it computes as those of the start do."""
    scorer, assignment = _scorer(refs[0]), _assignment(refs[1])
    for key, expected in assignment.provenance.items():
        found = scorer.provenance[key]
        if key != "torch" and found != expected:
            with _named():
                raise ClusterError(
                    f"{key} would be {found}, and is {expected} where the run began; name it"
                )
    return scorer


@lru_cache(maxsize=1)
def _scorer(ref: Any) -> Scorer:
    with _named():
        recipe: ScorerRecipe = ray.get(ref)
        return recipe.make()


@lru_cache(maxsize=1)
def _assignment(ref: Any) -> Assignment:
    assignment: Assignment = ray.get(ref)
    with _named():
        assignment.check()
    return assignment


@contextmanager
def _named() -> Iterator[None]:
    """Name the host in the error that says how this worker does not fit."""
    try:
        yield
    except MfdvepError as error:
        raise ClusterError(f"worker on {socket.gethostname()}: {error}") from error
