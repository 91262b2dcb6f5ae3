"""What a run does with its records: read -> score -> write, in chunks.

The three overlap: one thread reads and checks, this one runs the model, another writes. A run on
this machine and the workers of a cluster do the same work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from mfdvep.genomics.regions import Regions
from mfdvep.genomics.vcf import Record
from mfdvep.genomics.vcf_output import VcfOutput
from mfdvep.model.tracks import TrackTable
from mfdvep.overlap import ahead
from mfdvep.scoring.calibration import TrackQuantiles
from mfdvep.scoring.chunks import ChunkFolder, Finished, Place
from mfdvep.scoring.outputs import Scored, Sink, VcfSink, to_standard_output
from mfdvep.scoring.publishing import Outputs
from mfdvep.scoring.reading import in_order, read_chunks
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.sparse import select_tracks
from mfdvep.scoring.tally import Tally
from mfdvep.scoring.targets import Targets
from mfdvep.storage import AnyPath

_BEHIND = 2  # chunks that may wait to be written


@dataclass(frozen=True)
class Done:
    """Chunks whose parts are written.

    Attributes
    ----------
    places
        Theirs.
    tally
        Of their records.
    n_resumed
        How many of the records an earlier run had finished.
    total
        Records of the whole run, where that is known.
    figures
        For who watches: name -> number.
    """

    places: tuple[Place, ...]
    tally: Tally
    n_resumed: int
    total: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """How the records of a run are scored and what is written of them; can be sent to a process.

    Attributes
    ----------
    vcf, regions
        What is read.
    max_alleles
        Of a chunk, see `read_chunks`.
    is_sorted
        Whether records have to come in order.
    top_k, min_abs
        See `select_tracks`.
    features
        Whether the latent features are wanted.
    quantiles
        See `Scored`.
    targets, tables
        See `Outputs`.
    output, header_lines, added_lines, replace
        See `VcfOutput`.
    tracks
        Of the scorer.
    """

    vcf: str | Path
    regions: Regions | None
    max_alleles: int
    is_sorted: bool
    top_k: int
    min_abs: float
    features: bool
    quantiles: TrackQuantiles | None
    targets: Targets
    tables: Mapping[str, Sink]
    output: str | AnyPath
    header_lines: Sequence[str]
    added_lines: Sequence[str]
    replace: bool
    tracks: TrackTable

    def outputs(self, store: ChunkFolder | None, scratch: Path) -> Outputs:
        """Return what writes the outputs.

        Parameters
        ----------
        store
            See `Outputs`.
        scratch
            A folder for files that are made on the way; no other process may use it.

        Raises
        ------
        InputError, OutputError
            See `VcfOutput`.
        """
        form = VcfOutput(
            self.output, self.header_lines, self.added_lines, folder=scratch, replace=self.replace
        )
        return Outputs(self.targets, store, VcfSink(form, self.tracks), self.tables)

    def done(
        self,
        records: Iterable[Record],
        scorer: Scorer,
        outputs: Outputs,
        *,
        name: str,
        first: int = 0,
    ) -> Generator[Done, None, None]:
        """Score records and have them written; yield each chunk when it is, not always in order.

        The model runs in this thread, so that an interrupt ends it at once.

        Parameters
        ----------
        name
            Of the input, for messages.
        first
            Number of the first chunk.

        Raises
        ------
        InputError, OutputError, ModelError
            See `read_chunks`, `Outputs.write`, `Scorer.score_prepared`; records out of order.
        """
        if self.is_sorted:
            records = in_order(records, name)
        store, size = outputs.store, self.max_alleles
        chunks = ahead(read_chunks(records, scorer.windows, store, max_alleles=size, first=first))
        pool = ThreadPoolExecutor(1, "writer")
        waiting: deque[tuple[Place, Future[tuple[Tally, bytes]]]] = deque()

        def written() -> Done:
            place, writing = waiting.popleft()
            tally, text = writing.result()
            if text:
                to_standard_output(text)
            return Done((place,), tally, 0)

        with closing(chunks):
            try:
                for chunk in chunks:
                    if isinstance(chunk.content, Finished):
                        tally = Tally.from_json(chunk.content.figures)
                        yield Done(
                            (chunk.place,), tally, tally.n_records if chunk.content.resumed else 0
                        )
                        continue
                    batch = scorer.score_prepared(chunk.content, features=self.features)
                    selected = select_tracks(batch, top_k=self.top_k, min_abs=self.min_abs)
                    scored = Scored(chunk, batch, selected, self.quantiles)
                    waiting.append((chunk.place, pool.submit(outputs.write, scored)))
                    if len(waiting) > _BEHIND:
                        yield written()
                while waiting:
                    yield written()
            finally:
                pool.shutdown()  # writes what is scored, so that it is not lost
