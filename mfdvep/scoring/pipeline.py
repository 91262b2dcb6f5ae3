"""A VCF in, an annotated VCF, a matrix and a run record out: reader -> batches -> writers."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mfdvep import __version__
from mfdvep.errors import InputError
from mfdvep.files import Parts, check_outputs
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.info import escape_info
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.genomics.vcf import Record, VcfReader, VcfWriter, open_vcf
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
        See `check_outputs`; or an output cannot be written. None is left half-written.
    """
    began = time.monotonic()
    outputs = {"output": output, "matrix": matrix, "stats": stats}
    fasta = scorer.genome.path
    check_outputs(outputs, [vcf, fasta, f"{fasta}.fai", f"{fasta}.gzi"], force=force)
    provenance = run_provenance(scorer, command)
    names = [escape_info(name) for name in scorer.tracks.names]
    counts: Counter[VariantStatus] = Counter()
    contigs: dict[str, str] = {}
    n_records = 0
    with ExitStack() as stack:
        reader = stack.enter_context(open_vcf(vcf))
        records = check_reference(reader, scorer, vcf)
        added = header_lines(provenance, command=command, top_k=top_k)
        parts = stack.enter_context(Parts(matrix, stats))
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
            parts.write_text(stats, json.dumps(asdict(summary), indent=1) + "\n")
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


def check_reference(reader: VcfReader, scorer: Scorer, vcf: str | Path) -> Iterator[Record]:
    """Return the records, after the first thousand were held against the reference.

    Raises
    ------
    InputError
        No contig of them is in the reference, or most of their REF alleles disagree with it.
    """
    records = iter(reader)
    head = list(islice(records, GUARD))
    genome = scorer.genome
    chroms = sorted({record.chrom for record in head})
    if chroms and all(genome.resolve(chrom) is None for chrom in chroms):
        raise InputError(
            f"{vcf}: no contig of the first {len(head)} records ({', '.join(chroms[:5])}) is in "
            f"{genome.path} ({', '.join(list(genome.contigs)[:5])}, ...); "
            "give the FASTA that the VCF was called on"
        )
    seen = Counter(scorer.status(v) for record in head for v in alleles_of(record))
    wrong, right = seen[VariantStatus.REF_MISMATCH], seen[VariantStatus.OK]
    if wrong > right and wrong >= 10:
        raise InputError(
            f"{vcf}: REF disagrees with {genome.path} in {wrong} of the first {wrong + right} "
            f"alleles checked{_other_lengths(reader, genome)}; is the FASTA the right assembly? "
            "Give the one the VCF was called on"
        )
    return chain(head, records)


def _other_lengths(reader: VcfReader, genome: Genome) -> str:
    """Return the first contigs whose length in the VCF's header is not the reference's."""
    differ = []
    for name, length in reader.contigs.items():
        found = genome.resolve(name)
        if length is not None and found is not None and genome.contigs[found] != length:
            differ.append(f"{name} has {length} bases in the VCF, {genome.contigs[found]} here")
    return f" ({'; '.join(differ[:3])})" if differ else ""


def _chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    records = iter(records)
    while chunk := list(islice(records, size)):
        yield chunk
