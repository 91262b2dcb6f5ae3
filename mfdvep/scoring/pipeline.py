"""A VCF in, an annotated VCF, a matrix and a run record out: reader -> batches -> writers."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mfdvep import __version__
from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.info import escape_info
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.genomics.vcf import Record, VcfWriter, open_vcf
from mfdvep.scoring.annotation import header_lines, info_values
from mfdvep.scoring.effects import EffectWriter
from mfdvep.scoring.scorer import Scorer

CHUNK = 128  # records a batch
GUARD = 1000  # records looked at before anything is scored


@dataclass(frozen=True)
class RunSummary:
    """What a run did; the counts of statuses sum to the alleles.

    Attributes
    ----------
    records, alleles
        Read; a record without an ALT counts as one allele.
    status
        Status name -> number of alleles.
    contigs
        Contig names of the VCF that the reference spells otherwise -> the reference's name.
    seconds
        Wall time of the run.
    provenance
        Versions, model, reference and options.
    """

    records: int
    alleles: int
    status: dict[str, int]
    contigs: dict[str, str]
    seconds: float
    provenance: dict[str, Any] = field(default_factory=dict)


def alleles_of(record: Record) -> list[Variant]:
    """Return one variant an ALT of a record; for none, one with an empty ALT and allele 0."""
    alts = [(i, alt) for i, alt in enumerate(record.alts, start=1)] or [(0, "")]
    return [Variant(record.chrom, record.pos, record.ref, alt, record.index, i) for i, alt in alts]


def score_vcf(
    vcf: str | Path,
    scorer: Scorer,
    output: str | Path,
    *,
    matrix: str | Path | None = None,
    stats: str | Path | None = None,
    top_k: int = 3,
    command: str = "",
    force: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> RunSummary:
    """Annotate every record of a VCF, in order, and return the counts of what was done.

    Parameters
    ----------
    vcf, output
        VCF, VCF.gz, BCF or "-"; and VCF, VCF.gz or "-".
    matrix, stats
        Parquet matrix of all effects, and the summary as JSON; none by default.
    top_k
        Tracks an ALT that the INFO key MFD lists.
    progress
        Called with the number of records done, and None for the unknown total.

    Raises
    ------
    InputError
        Not a VCF; damaged; none of its contigs in the reference, or most REFs disagree with it.
    OutputError
        An output exists and `force` is not set. No output is left half-written.
    """
    began = time.monotonic()
    for path in (matrix, stats):
        if path is not None and Path(path).exists() and not force:
            raise OutputError(f"{path} exists; choose another output or use --force")
    provenance = run_provenance(scorer, command)
    names = [escape_info(name) for name in scorer.tracks.names]
    counts: Counter[VariantStatus] = Counter()
    contigs: dict[str, str] = {}
    n_records = 0
    with ExitStack() as stack:
        reader = stack.enter_context(open_vcf(vcf))
        records = check_reference(reader, scorer, vcf)
        added = header_lines(provenance, command=command, top_k=top_k)
        parts = stack.enter_context(_Parts(matrix, stats))
        writer = stack.enter_context(VcfWriter(output, reader.header_lines, added, force=force))
        table = EffectWriter(parts[matrix], scorer.tracks, provenance) if matrix else None
        if table is not None:
            stack.callback(table.close)
        for chunk in _chunks(records, CHUNK):
            owned = [alleles_of(record) for record in chunk]
            batch = scorer.score([variant for variants in owned for variant in variants])
            counts.update(batch.status)
            if table is not None:
                table.write(batch)
            row = 0
            for record, variants in zip(chunk, owned, strict=True):
                rows = range(row, row + len(variants))
                row = rows.stop
                writer.write(record.line, info_values(batch, rows, names, top_k=top_k))
                found = scorer.genome.resolve(record.chrom)
                if found not in (None, record.chrom):
                    contigs[record.chrom] = found
            n_records += len(chunk)
            if progress is not None:
                progress(n_records, None)
        if table is not None:
            table.close()
        status = {name.value: counts[name] for name in VariantStatus}
        summary = RunSummary(
            n_records, counts.total(), status, contigs, time.monotonic() - began, provenance
        )
        if stats is not None:
            text = json.dumps(asdict(summary), indent=1)
            parts[stats].write_text(text + "\n", encoding="utf-8")
    return summary


def run_provenance(scorer: Scorer, command: str) -> dict[str, Any]:
    """Return what the numbers of a run depend on, for headers and file metadata."""
    return {
        "mfdvep": __version__,
        "command": command,
        "model": scorer.model_provenance,
        "reference": _reference(scorer.genome),
        "n_tracks": len(scorer.tracks),
        **scorer.provenance,
    }


def _reference(genome: Genome) -> dict[str, str]:
    return {"file": Path(genome.path).name, "fingerprint": genome.fingerprint}


def check_reference(records: Iterable[Record], scorer: Scorer, vcf: str | Path) -> Iterator[Record]:
    """Return the records again, after the first thousand were held against the reference.

    Raises
    ------
    InputError
        No contig of them is in the reference, or most of their REF alleles disagree with it.
    """
    records = iter(records)
    head = list(islice(records, GUARD))
    seen = Counter(scorer.status(v) for record in head for v in alleles_of(record))
    found, total = sorted({record.chrom for record in head}), seen.total()
    reference = scorer.genome
    if total and seen[VariantStatus.CONTIG_MISSING] == total:
        raise InputError(
            f"{vcf}: no contig of the first {len(head)} records ({', '.join(found[:5])}) is in "
            f"{reference.path} ({', '.join(list(reference.contigs)[:5])}, ...); "
            "give the FASTA that the VCF was called on"
        )
    wrong, right = seen[VariantStatus.REF_MISMATCH], seen[VariantStatus.OK]
    if wrong > right and wrong >= 10:
        raise InputError(
            f"{vcf}: REF disagrees with {reference.path} in {wrong} of the first {wrong + right} "
            "alleles checked; is the FASTA the right assembly? Give the one the VCF was called on"
        )
    return chain(head, records)


class _Parts:
    """Temporary files beside the outputs: moved into place together, or removed on an error."""

    def __init__(self, *outputs: str | Path | None) -> None:
        self._parts = {
            out: Path(out).with_name(f".{Path(out).name}.{os.getpid()}.part")
            for out in outputs
            if out is not None
        }

    def __getitem__(self, output: str | Path) -> Path:
        return self._parts[output]

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for output, part in self._parts.items():
            if kind is None:
                os.replace(part, output)
            else:
                part.unlink(missing_ok=True)


def _chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    records = iter(records)
    while chunk := list(islice(records, size)):
        yield chunk
