"""A VCF in; an annotated VCF, tables and a run record out: read -> score -> write, in chunks.

The three overlap: one thread reads and checks, this one runs the model, another writes. What a
chunk gives is kept in a folder until all are done, so that a run can be resumed.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfdvep.errors import InputError
from mfdvep.genomics.bcf import quiet_htslib
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.vcf import open_vcf
from mfdvep.genomics.vcf_output import VcfOutput
from mfdvep.overlap import ahead
from mfdvep.scoring.annotation import header_lines
from mfdvep.scoring.chunks import ChunkStore, Finished, Place
from mfdvep.scoring.guard import check_reference
from mfdvep.scoring.matrix import STORAGE
from mfdvep.scoring.outputs import Scored, VcfSink, kept_info, tables_of, to_standard_output
from mfdvep.scoring.provenance import run_identity, run_provenance, without_versions
from mfdvep.scoring.publishing import Outputs
from mfdvep.scoring.reading import Chunk, in_order, read_chunks
from mfdvep.scoring.report import multiqc, run_record
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.sparse import select_tracks
from mfdvep.scoring.tally import Tally
from mfdvep.scoring.targets import Targets

CHUNK_ALLELES = {"cpu": 256, "cuda": 4096}  # some 3 s with two cores, and half a second

_BEHIND = 2  # chunks that may wait to be written


@dataclass(frozen=True)
class RunSummary:
    """What a run did; the counts of statuses sum to the alleles.

    Attributes
    ----------
    records, alleles
        Read; a record without an ALT counts as one allele.
    status
        Status name -> number of alleles.
    unscored
        Alleles that have a status other than OK and NO_ALT.
    contigs
        Contig names of the VCF that the reference spells otherwise -> the reference's name.
    seconds
        Wall time of this process.
    resumed
        Records whose scores an earlier process had finished.
    record
        The whole run record, as in OUT.stats.json.
    """

    records: int
    alleles: int
    status: dict[str, int]
    unscored: int
    contigs: dict[str, str]
    seconds: float
    resumed: int
    record: dict[str, Any]


def score_vcf(
    vcf: str | Path,
    scorer: Scorer,
    output: str | Path,
    *,
    matrix: str | Path | None = None,
    long: str | Path | None = None,
    stats: str | Path | None = None,
    regions: Regions | None = None,
    top_k: int = 3,
    min_abs: float = 0.0,
    storage: str = "float32",
    labels: str | None = None,
    info: Sequence[str] = (),
    index: bool = False,
    replace: bool = False,
    resume: bool = False,
    force: bool = False,
    inputs: Sequence[str | Path] = (),
    versions: bool = True,
    command: str = "",
    progress: Callable[[int, int | None], None] | None = None,
) -> RunSummary:
    """Annotate every record of a VCF, in order, and return the counts of what was done.

    Parameters
    ----------
    vcf
        VCF, VCF.gz, BCF or "-".
    output
        NAME.vcf.gz, NAME.vcf, NAME.bcf, or "-" for text.
    matrix, long
        Parquet files: all effects, one row an ALT; and the listed tracks alone, one row a track.
    stats
        NAME.stats.json: the run record; beside it NAME.skipped.tsv, every allele that has no
        score with the reason, and NAME_mqc.json for MultiQC.
    regions
        Only records whose REF overlaps them.
    top_k, min_abs
        The tracks that MFD and `long` list for an ALT: the `top_k` of largest combined effect in
        size, of those with at least `min_abs`.
    storage
        Of the matrix: "float32" or "float16".
    labels
        An INFO key that says what each ALT is, such as causal or neutral: the matrix keeps it, and
        MATCH and ELEMENT where the header declares them.
    info
        INFO keys that the matrix keeps: columns of text under their names; of a Flag "1" and "0".
    index
        Write the index of the output; the records must be sorted.
    replace
        Take out an earlier annotation by this tool, which is otherwise refused.
    resume
        Go on with a run that was interrupted, if its folder, OUTPUT.parts, is there; one that
        writes to standard output begins anew.
    force
        Overwrite outputs.
    inputs
        Other files that were read, which no output may overwrite.
    versions
        Whether the files name versions, the command and how long it took.
    command
        For the files' provenance.
    progress
        Called with the number of records done, and None for the unknown total.

    Raises
    ------
    InputError
        Not a VCF; damaged; none of its contigs in the reference, or most REFs disagree with it;
        annotated already; not sorted, if it is to be indexed; its header declares no such INFO
        key, or a record has not one value an ALT of it, see `InfoColumns`.
    ModelError
        The model gave a value that is not finite, or has too little memory.
    OutputError
        See `check_outputs`, `ChunkStore`; an output cannot be written. None is half-written.
    BrokenPipeError
        Who reads standard output has closed it.
    """
    began = time.monotonic()
    if not (top_k >= 0 and 0 <= min_abs < math.inf):
        raise InputError(f"top_k {top_k}, min_abs {min_abs}; expected numbers of at least 0")
    if storage not in STORAGE:
        raise InputError(f"storage {storage!r}; expected {' or '.join(STORAGE)}")
    if matrix is None and (labels is not None or info):
        raise InputError("labels and info are columns of the matrix; give matrix a file")
    with ExitStack() as stack:
        stack.enter_context(quiet_htslib())
        reader = stack.enter_context(open_vcf(vcf, regions=regions))
        targets = Targets.of(
            output, matrix=matrix, long=long, stats=stats, index=index, contigs=reader.contigs
        )
        fasta = scorer.windows.genome.path
        read = [vcf, f"{vcf}.tbi", f"{vcf}.csi", fasta, f"{fasta}.fai", f"{fasta}.gzi"]
        targets.check([*read, *inputs], force=force, resume=resume)
        kept_keys = kept_info(reader.header_lines, info, labels=labels, name=reader.name)
        records = check_reference(reader, scorer.windows, vcf)
        if index:
            records = in_order(records, reader.name)
        provenance = run_provenance(
            scorer,
            command=command,
            regions=regions,
            top_k=top_k,
            min_abs=min_abs,
            storage=storage,
        )
        size = CHUNK_ALLELES[scorer.device.type]
        store = None
        if targets.folder is not None:
            run = run_identity(
                provenance,
                scorer,
                reader.header_lines,
                outputs=targets.relative(),
                replace=replace,
                versions=versions,
                info=kept_keys.keys,
                chunk=size,
            )
            kept = "vcf" in targets.files  # who reads a stream wants it from its start
            store = ChunkStore(
                targets.folder,
                run,
                resume=resume and kept,
                force=force or resume,
                keep=kept,
            )
            stack.enter_context(store)
            provenance["command"] = store.command
        if not versions:
            provenance = without_versions(provenance)
        form = VcfOutput(
            output,
            reader.header_lines,
            header_lines(provenance),
            folder=targets.folder or Path(),
            replace=replace,
        )
        tables = tables_of(
            targets.in_parts, scorer.tracks, provenance, storage=storage, info=kept_keys
        )
        outputs = Outputs(targets, store, VcfSink(form, scorer.tracks), tables)
        chunks = ahead(read_chunks(records, scorer.windows, store, max_alleles=size))
        stack.enter_context(closing(chunks))
        scored = _scored(chunks, scorer, outputs, top_k=top_k, min_abs=min_abs)
        tally, places, n_resumed = Tally.empty(), [], 0
        for place, part, was_resumed in stack.enter_context(closing(scored)):
            tally = tally.merge(part)
            places.append(place)
            n_resumed += part.n_records if was_resumed else 0
            if progress is not None:
                progress(tally.n_records, None)
        seconds = time.monotonic() - began
        timing = {
            "seconds": seconds,
            "records_resumed": n_resumed,
            "records_per_second": (tally.n_records - n_resumed) / seconds,
        }
        record = run_record(tally, provenance=provenance, timing=timing if versions else None)
        name = Path(reader.name).name
        outputs.publish(sorted(places), {"stats": record, "multiqc": multiqc(tally, sample=name)})
    return RunSummary(
        records=tally.n_records,
        alleles=tally.n_alleles,
        status=tally.status,
        unscored=tally.unscored,
        contigs=tally.contigs,
        seconds=seconds,
        resumed=n_resumed,
        record=record,
    )


def _scored(
    chunks: Iterable[Chunk], scorer: Scorer, outputs: Outputs, *, top_k: int, min_abs: float
) -> Generator[tuple[Place, Tally, bool], None, None]:
    """Score chunks and have them written; yield each one's tally, and whether it was resumed.

    The model runs in this thread, so that an interrupt ends it at once; another one writes.
    """
    pool = ThreadPoolExecutor(1, "writer")
    waiting: deque[tuple[Place, Future[tuple[Tally, bytes]]]] = deque()

    def written() -> tuple[Place, Tally, bool]:
        place, writing = waiting.popleft()
        tally, text = writing.result()
        if text:
            to_standard_output(text)
        return place, tally, False

    try:
        for chunk in chunks:
            if isinstance(chunk.content, Finished):
                tally = Tally.from_json(chunk.content.figures)
                yield chunk.place, tally, chunk.content.resumed
                continue
            batch = scorer.score_prepared(chunk.content)
            selected = select_tracks(batch, top_k=top_k, min_abs=min_abs)
            writing = pool.submit(outputs.write, Scored(chunk, batch, selected))
            waiting.append((chunk.place, writing))
            if len(waiting) > _BEHIND:
                yield written()
        while waiting:
            yield written()
    finally:
        pool.shutdown()  # writes what is scored, so that it is not lost
