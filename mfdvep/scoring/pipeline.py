"""A VCF in; an annotated VCF, tables and a run record out.

The run is planned, its chunks are scored here or on the workers of a cluster, and what they give
is kept in a folder until all are done, so that a run can be resumed; then it is put in place.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from mfdvep.errors import InputError
from mfdvep.genomics.bcf import quiet_htslib
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.vcf import open_vcf
from mfdvep.scoring.annotation import header_lines
from mfdvep.scoring.calibration import Calibration
from mfdvep.scoring.calibration_use import quantiles_on
from mfdvep.scoring.chunk_store import ChunkStore
from mfdvep.scoring.chunks import Place
from mfdvep.scoring.cluster_scorer import ClusterScorer
from mfdvep.scoring.group_sink import GroupSink
from mfdvep.scoring.groups import TrackGroups
from mfdvep.scoring.guard import check_reference
from mfdvep.scoring.matrix import STORAGE
from mfdvep.scoring.outputs import kept_info, tables_of
from mfdvep.scoring.provenance import run_identity, run_provenance, without_versions
from mfdvep.scoring.report import RunSummary, multiqc, run_record
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.store_sink import StoreSink
from mfdvep.scoring.tally import Tally
from mfdvep.scoring.targets import Targets
from mfdvep.scoring.work import Work
from mfdvep.storage import Remote

CHUNK_ALLELES = {"cpu": 256, "cuda": 4096}  # some 3 s with two cores, and half a second
# about so many chunks are a section of an indexed file: 20 s of a CPU worker, or 2 of a GPU's; a
# task costs who started the run 5 ms
SECTION_CHUNKS = 4


def score_vcf(
    vcf: str | Path,
    scorer: Scorer | ClusterScorer,
    output: str | Path,
    *,
    matrix: str | Path | None = None,
    long: str | Path | None = None,
    store_features: str | Path | None = None,
    groups: str | Path | None = None,
    stats: str | Path | None = None,
    regions: Regions | None = None,
    top_k: int = 3,
    min_abs: float = 0.0,
    storage: str = "float32",
    store_type: str = "float32",
    group_by: Sequence[str] = (),
    labels: str | None = None,
    info: Sequence[str] = (),
    calibration: Calibration | None = None,
    quantiles: bool = False,
    index: bool = False,
    replace: bool = False,
    resume: bool = False,
    force: bool = False,
    inputs: Sequence[str | Path] = (),
    versions: bool = True,
    command: str = "",
    progress: Callable[..., None] | None = None,
) -> RunSummary:
    """Annotate every record of a VCF, in order, and return the counts of what was done.

    Parameters
    ----------
    vcf
        VCF, VCF.gz, BCF or "-".
    scorer
        Computes in this process, or on the workers of a cluster; the files are the same.
    output
        NAME.vcf.gz, NAME.vcf, NAME.bcf, or "-" for text. This and the other outputs may be on
        object storage, named as text by a URI that `pyarrow.fs.FileSystem.from_uri` takes.
    matrix, long
        Parquet files: all effects, one row an ALT; and the listed tracks alone, one row a track.
    store_features
        Parquet file of the alleles' latent features, from which `query_store` has the effects on
        any track later, on the logit scale.
    groups
        Parquet file of one effect a group of tracks, mean and largest; see `TrackGroups`.
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
    store_type
        Of the feature store, likewise; differences are taken before.
    group_by
        Columns of the track table whose values a group of `groups` has in common.
    labels
        An INFO key that says what each ALT is, such as causal or neutral: the matrix, the store
        and the groups keep it, and MATCH and ELEMENT where the header declares them.
    info
        INFO keys that they keep: columns of text under their names; of a Flag "1" and "0".
    calibration
        Sizes of effects of a background, which give effects signed quantiles: MFD_Q, MFD_BIO_Q and
        MFD_TECH_Q, the QUANTILE of listed tracks, and a column of `long`.
    quantiles
        Whether the matrix has those of all effects, as further lists.
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
        Called with the number of records done, and their total or None where that is not known; on
        a cluster also with what else can be shown, name -> number.

    Raises
    ------
    InputError
        Not a VCF; damaged; none of its contigs in the reference, or most REFs disagree with it;
        annotated already; not sorted, if it is to be indexed; its header declares no such INFO
        key, or a record has not one value an ALT of it, see `InfoColumns`; no such column to
        group by; see `quantiles_on`.
    ModelError
        The model gave a value that is not finite, or has too little memory.
    ClusterError
        See `ClusterScorer`.
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
    if not any((matrix, store_features, groups)) and (labels is not None or info):
        raise InputError("labels and info are columns of the matrix; give matrix a file")
    if groups is None and group_by:
        raise InputError("group_by is of the groups; give groups a file")
    if isinstance(scorer, ClusterScorer):
        scorer.check_output(output)
    rolled = None if groups is None else TrackGroups.of(scorer.tracks, group_by)
    ruler = quantiles_on(scorer, calibration, in_matrix=quantiles, matrix=matrix)
    with ExitStack() as stack:
        stack.enter_context(quiet_htslib())
        size = CHUNK_ALLELES[scorer.device.type]
        reader = stack.enter_context(
            open_vcf(vcf, regions=regions, section_size=SECTION_CHUNKS * size)
        )
        targets = Targets.of(
            output,
            matrix=matrix,
            long=long,
            features=store_features,
            groups=groups,
            stats=stats,
            index=index,
            contigs=reader.contigs,
        )
        fasta = scorer.windows.genome.path
        read = [vcf, f"{vcf}.tbi", f"{vcf}.csi", fasta, f"{fasta}.fai", f"{fasta}.gzi"]
        read += [calibration.path] if calibration is not None and calibration.path else []
        targets.check([*read, *inputs], force=force, resume=resume)
        kept_keys = kept_info(reader.header_lines, info, labels=labels, name=reader.name)
        records = check_reference(reader, scorer.windows, vcf)
        provenance = run_provenance(
            scorer,
            command=command,
            regions=regions,
            top_k=top_k,
            min_abs=min_abs,
            storage=storage,
            calibration=None if ruler is None else ruler.record,
        )
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
                store_type=store_type,
                group_by=list(group_by),
                quantiles=quantiles,
                chunk=size,
                sections=reader.sections,
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
        tables = tables_of(
            targets.in_parts, scorer.tracks, provenance, storage=storage, info=kept_keys,
            quantiles=quantiles,
        )  # fmt: skip
        if store_features is not None:
            tables["features"] = StoreSink(scorer.n_latent, provenance, store_type, kept_keys)
        if rolled is not None:
            tables["groups"] = GroupSink(rolled, provenance, kept_keys)
        work = Work(
            vcf=vcf,
            regions=regions,
            max_alleles=size,
            is_sorted=index,
            top_k=top_k,
            min_abs=min_abs,
            features=store_features is not None,
            quantiles=ruler,
            targets=targets,
            tables=tables,
            output=targets.files.get("vcf", output),
            header_lines=reader.header_lines,
            added_lines=header_lines(provenance),
            replace=replace,
            tracks=scorer.tracks,
        )
        scratch = targets.folder or Path()
        if isinstance(scratch, Remote):
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mfdvep-")))
        outputs = work.outputs(store, scratch)
        if not isinstance(scorer, ClusterScorer):
            all_done = work.done(records, scorer, outputs, name=reader.name)
        elif store is not None:  # it is for an output that is a file
            all_done = scorer.done(work, reader, records, store)
        tally, n_resumed = Tally.empty(), 0
        places: list[Place] = []
        for done in stack.enter_context(closing(all_done)):
            tally = tally.merge(done.tally)
            places += done.places
            n_resumed += done.n_resumed
            if progress is not None:
                progress(tally.n_records, done.total, *([done.figures] if done.figures else []))
        seconds = time.monotonic() - began
        timing: dict[str, Any] = {
            "seconds": seconds,
            "records_resumed": n_resumed,
            "records_per_second": (tally.n_records - n_resumed) / seconds,
        }
        if isinstance(scorer, ClusterScorer):
            timing["workers"] = scorer.rates()
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
