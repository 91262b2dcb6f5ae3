"""Scoring on the workers of a Ray cluster.

Sections of an indexed file are read, scored and written by the workers; of a stream, this process
sends the records of each chunk. What comes back is small: counts, and which parts were written.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfdvep import __version__
from mfdvep.errors import ClusterError, InputError, OutputError
from mfdvep.files import sampled
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.vcf import Part, Record, VcfReader
from mfdvep.model.mfd import MFDModel
from mfdvep.scoring.chunk_store import ChunkStore
from mfdvep.scoring.chunks import Place
from mfdvep.scoring.cluster import Cluster
from mfdvep.scoring.provenance import digest
from mfdvep.scoring.reading import groups, in_order
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.tally import Tally
from mfdvep.scoring.work import Done, Work

if TYPE_CHECKING:
    from mfdvep.scoring.worker import Report


class ClusterScorer:
    """Scores on the workers of a cluster; stands where a `Scorer` stands for `score_vcf`.

    A CPU's workers compute as a `Scorer` does with as many threads: the same bytes.

    Parameters
    ----------
    cluster
        Connected.
    model, genome, options
        As of `Scorer`. The model is sent to the workers; they open the genome's file by its path.

    Attributes
    ----------
    windows, tracks, n_latent, model_provenance
        As of `Scorer`.
    device
        Of the workers; has a `type`.
    provenance
        As of `Scorer`, of the workers.

    Raises
    ------
    ClusterError
        A machine has another version of mfdvep or Python, or not the genome; or the machines
        would compute in different ways.
    InputError
        See `Scorer`.
    """

    def __init__(self, cluster: Cluster, model: MFDModel, genome: Genome, **options: Any) -> None:
        from mfdvep.scoring.worker import ScorerRecipe, inspect

        self.cluster = cluster
        _check_versions(cluster)
        # what has to be known here of a scorer; the workers' precision and batches are their own
        here = {**options, "device": "cpu", "precision": "float32", "batch_size": 1}
        scorer = Scorer(model, genome, **here)
        self.windows, self.tracks, self.n_latent = scorer.windows, scorer.tracks, scorer.n_latent
        self.model_provenance = scorer.model_provenance
        if options.get("device", "auto") == "auto":
            options = {**options, "device": "cuda" if cluster.gpus else "cpu"}
        fasta = Path(genome.path).absolute()  # its index lies beside a link, not what that names
        recipe = ScorerRecipe(
            model=model,
            fasta=fasta,
            fingerprint=genome.fingerprint,
            sample=sampled(fasta),
            version=__version__,
            options=options,
            n_threads=cluster.threads,
        )
        self._recipe = cluster.ray.put(recipe)
        self.provenance = _common(cluster.everywhere(inspect, [self._recipe]))
        self.device = _Device(self.provenance["device"])
        self._rates: dict[tuple[str, int], tuple[int, float]] = {}

    def check_output(self, output: str | Path) -> None:
        """Raise OutputError unless an output is one that workers may write beside."""
        if str(output) == "-":
            raise OutputError("the workers of a cluster write to files; give -o NAME.vcf.gz")

    def done(
        self,
        work: Work,
        reader: VcfReader,
        records: Iterable[Record],
        store: ChunkStore,
    ) -> Generator[Done, None, None]:
        """Score on the workers; yield what is done when it is, not in order.

        Parameters
        ----------
        work
            What is done.
        reader
            Of the input, which is cut into sections if it is indexed.
        records
            Of the reader; read here if it is not.
        store
            The folder of the run.

        Raises
        ------
        MfdvepError
            As a worker's work does.
        InputError
            Other records were scored than the sections were found to have.
        ClusterError
            A worker does not fit; a chunk ended its worker three times.
        """
        from mfdvep.scoring.worker import Assignment, check

        self._rates.clear()  # of an earlier run
        store.announce()
        vcf = Path(work.vcf).absolute() if reader.sections else None
        assignment = Assignment(
            work if vcf is None else replace(work, vcf=vcf),
            folder=store.folder.absolute(),
            session=store.session,
            run_id=store.run_id,
            n_bytes=None if vcf is None else vcf.stat().st_size,
            header_digest=digest(reader.header_lines),
            provenance=self.provenance,
        )
        refs = [self._recipe, self.cluster.ray.put(assignment)]
        self.cluster.everywhere(check, refs)
        if reader.sections:
            parts = self._parts(refs, reader)
            total = parts[-1].n_records
            tasks = self._sections(refs, parts, store)
        else:
            total = None
            if work.is_sorted:  # a worker sees one chunk
                records = in_order(records, reader.name)
            tasks = self._chunks(refs, reader.name, records, work.max_alleles)
        n_records = 0
        for report in self.cluster.each(tasks):
            done = self._done(report, total)
            n_records += done.tally.n_records
            yield done
        if total is not None and n_records != total:
            raise InputError(
                f"{reader.name}: {n_records} records were scored, and its sections had {total}: "
                "the input was changed while it was read, or its index is of another file; make "
                f"that again: bcftools index -f {reader.name}"
            )

    def rates(self) -> list[dict[str, Any]]:
        """Return what each worker did, as JSON has it: host, process, records, seconds, rate."""
        return [
            {
                "host": host,
                "process": process,
                "records": n,
                "seconds": seconds,
                "records_per_second": n / seconds if seconds else 0.0,
            }
            for (host, process), (n, seconds) in sorted(self._rates.items())
        ]

    def _parts(self, refs: Sequence[Any], reader: VcfReader) -> list[Part]:
        """Return the sections with what comes before each, and one beyond the last."""
        from mfdvep.scoring.worker import count

        sections = [Part(number, section) for number, section in enumerate(reader.sections)]
        size = max(1, len(sections) // (4 * self.cluster.n_workers))
        task = self.cluster.task(count)
        tasks = (
            (task.remote(refs, sections[at : at + size]), lambda: "counting records")
            for at in range(0, len(sections), size)
        )
        counts = dict(chain.from_iterable(self.cluster.each(tasks)))
        parts: list[Part] = []
        n_lines = n_records = 0
        for part in sections:
            parts.append(replace(part, n_lines=n_lines, n_records=n_records))
            more_lines, more_records = counts[part.number]
            n_lines, n_records = n_lines + more_lines, n_records + more_records
        end = Part(len(parts), parts[-1].section, n_lines, n_records)
        return [*parts, end]

    def _sections(
        self, refs: Sequence[Any], parts: Sequence[Part], store: ChunkStore
    ) -> Iterator[tuple[Any, Callable[[], str]]]:
        from mfdvep.scoring.worker import do_section

        task = self.cluster.task(do_section)
        for part, after in pairwise(parts):
            what = partial(_unfinished, store, part, after.n_records)
            yield task.remote(refs, part), what

    def _chunks(
        self, refs: Sequence[Any], name: str, records: Iterable[Record], max_alleles: int
    ) -> Iterator[tuple[Any, Callable[[], str]]]:
        from mfdvep.scoring.worker import do_chunk

        task = self.cluster.task(do_chunk)
        for number, (chunk, _) in enumerate(groups(records, max_alleles)):
            if chunk[0].native is not None:
                raise InputError(
                    f"{name}: a BCF without an index cannot be shared out; make one: bcftools "
                    f"index {name}"
                )
            what = partial(_named, chunk[0].index, chunk[-1].index + 1)
            yield task.remote(refs, chunk, number, name), what

    def _done(self, report: Report, total: int | None) -> Done:
        for text in report.warnings:
            warnings.warn(f"{report.host}: {text}", stacklevel=3)
        tally = Tally.from_json(report.tally)
        who = report.host, report.process
        n, seconds = self._rates.get(who, (0, 0.0))
        self._rates[who] = n + tally.n_records - report.n_resumed, seconds + report.seconds
        figures = {"workers": self.cluster.n_workers}
        return Done(report.places, tally, report.n_resumed, total, figures)


class _Device:
    """What `score_vcf` asks of a device."""

    def __init__(self, kind: str) -> None:
        self.type = kind


def _named(start: int, end: int) -> str:
    """Return what records are called, 0-based and half-open."""
    return f"a chunk of records {start + 1} to {end}"


def _unfinished(store: ChunkStore, part: Part, end: int) -> str:
    """Return what the records of a section are called that come after its finished chunks."""
    start, number = part.n_records, 0
    while (figures := store.figures(Place(part.number, number))) is not None:
        start, number = start + figures["n_records"], number + 1
    return _named(start, end)


def _check_versions(cluster: Cluster) -> None:
    """Raise ClusterError if a machine has another version of mfdvep than this, or none."""

    # sent as it is, for a machine on which mfdvep may not be found
    def versions() -> tuple[str, str | None, str]:
        import platform
        import socket

        try:
            import mfdvep

            found = mfdvep.__version__
        except ImportError:
            found = None
        return socket.gethostname(), found, platform.python_version()

    for host, found, python in cluster.everywhere(versions):
        if found != __version__:
            raise ClusterError(
                f"worker on {host}: {f'mfdvep {found}' if found else 'mfdvep is not installed'}, "
                f"expected mfdvep {__version__}; install that in its Python {python}"
            )


def _common(found: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return the provenance of all scorers; raise ClusterError if theirs differ."""
    first, provenance = found[0]
    for host, other in found[1:]:
        for key, value in provenance.items():
            if other[key] == value:
                continue
            differ = f"{key} is {other[key]} on {host} and {value} on {first}"
            if key != "torch":
                raise ClusterError(
                    f"the workers would compute in different ways: {differ}; name it"
                )
            warnings.warn(f"{differ}: last digits may differ", stacklevel=3)
    return provenance
