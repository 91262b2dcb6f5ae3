"""What scoring a VCF would come to, found without a model: counts, contigs, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from mfdvep.errors import InputError
from mfdvep.genomics.assemblies import guess_assembly
from mfdvep.genomics.header import annotated_header
from mfdvep.genomics.reasons import REASONS
from mfdvep.genomics.variants import VariantStatus
from mfdvep.genomics.vcf import VcfReader
from mfdvep.scoring.guard import first_records, refusal
from mfdvep.scoring.reading import Order
from mfdvep.scoring.windows import AlleleWindows, alleles_of

REF_AGREES = (VariantStatus.OK, VariantStatus.TOO_LONG, VariantStatus.N_RICH)
"""Statuses that are given only after REF was found in the reference."""
CONTIG_ROWS = 30  # contigs that a report lists
PROGRESS_EVERY = 1000  # records


class ContigCheck(NamedTuple):
    """A contig that has records.

    Attributes
    ----------
    name, reference
        By the VCF, and by the reference; None where the reference has none.
    n_records
        At least 1.
    length, reference_length
        Bases, by the VCF's header and in the reference; None where it is not known.
    declared
        Whether the VCF's header has a ##contig line for it.
    """

    name: str
    reference: str | None
    n_records: int
    length: int | None
    reference_length: int | None
    declared: bool


@dataclass(frozen=True)
class CheckReport:
    """What a VCF holds, seen from a reference.

    Attributes
    ----------
    vcf, fasta
        Names of the files.
    n_records, n_alleles
        A record without an ALT counts as one allele.
    status
        Every status -> number of alleles; they sum to the alleles.
    contigs
        Those that have records, in order of appearance.
    vcf_assembly, reference_assembly
        As the lengths in the VCF's header and in the reference say; None where they do not.
    n_ref_checked, n_ref_mismatch
        Alleles whose REF was held against the reference, and those of them where it differs.
    sorted
        Whether an index of the output can be made: contigs in one stretch each, and positions
        that never go back.
    problem
        The one line that scoring would be refused with; None where it would not.
    """

    vcf: str
    fasta: str
    n_records: int
    n_alleles: int
    status: dict[str, int]
    contigs: tuple[ContigCheck, ...]
    vcf_assembly: str | None
    reference_assembly: str | None
    n_ref_checked: int
    n_ref_mismatch: int
    sorted: bool
    problem: str | None


def check_vcf(
    reader: VcfReader,
    windows: AlleleWindows,
    *,
    vcf: str | Path,
    replace: bool = False,
    progress: Callable[[int, int | None], object] | None = None,
) -> CheckReport:
    """Return what scoring a VCF would come to; reads it once, to its end, in constant memory.

    Parameters
    ----------
    reader
        Not iterated yet.
    windows
        With the reference.
    vcf
        Name of the VCF, for the report.
    replace
        Whether an earlier annotation would be replaced.
    progress
        Called with the number of records done, and None for the unknown total.

    Raises
    ------
    InputError
        The VCF is damaged, or the genome's file cannot be read. What scoring would refuse a whole
        VCF for, by its header or its first records, is in the report instead.
    """
    genome = windows.genome
    records = iter(reader)
    head = first_records(records)
    problem = _refusal_of_header(reader, replace=replace) or refusal(reader, windows, vcf, head)
    counts: Counter[VariantStatus] = Counter()
    n_records: dict[str, int] = {}
    order, is_sorted, done = Order(), True, 0
    for done, record in enumerate(chain(head, records), start=1):
        counts.update(windows.status(variant) for variant in alleles_of(record))
        is_sorted = order.admits(record) and is_sorted
        n_records[record.chrom] = n_records.get(record.chrom, 0) + 1
        if progress is not None and done % PROGRESS_EVERY == 0:
            progress(done, None)
    if progress is not None:
        progress(done, None)
    contigs = []
    for name, n in n_records.items():
        found = genome.resolve(name)
        bases = None if found is None else genome.contigs[found]
        declared = name in reader.contigs
        contigs.append(ContigCheck(name, found, n, reader.contigs.get(name), bases, declared))
    wrong = counts[VariantStatus.REF_MISMATCH]
    return CheckReport(
        vcf=str(vcf),
        fasta=str(genome.path),
        n_records=done,
        n_alleles=counts.total(),
        status={state.value: counts[state] for state in VariantStatus},
        contigs=tuple(contigs),
        vcf_assembly=guess_assembly(reader.contigs),
        reference_assembly=guess_assembly(genome.contigs),
        n_ref_checked=wrong + sum(counts[state] for state in REF_AGREES),
        n_ref_mismatch=wrong,
        sorted=is_sorted,
        problem=problem,
    )


def _refusal_of_header(reader: VcfReader, *, replace: bool) -> str | None:
    """Return why a VCF is not annotated, or not once more, or None."""
    try:
        annotated_header(reader.header_lines, [], replace=replace)
    except InputError as error:
        return str(error)
    return None


def render(report: CheckReport) -> str:
    """Return a report as the text that a person sees: what is wrong first, no final newline."""
    wrong = _wrong(report)
    parts = [wrong or ["Nothing is wrong."], _summary(report)]
    if report.n_records:
        parts += [_statuses(report), _contigs(report)]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _wrong(report: CheckReport) -> list[str]:
    found = [f"Scoring would be refused: {report.problem}"] if report.problem else []
    if not report.n_records:
        found.append("The VCF has no records.")
    if report.n_records and not report.status[VariantStatus.OK]:
        found.append("No allele can be scored.")
    if not report.sorted:
        found.append(
            "Not sorted, so the output cannot be indexed; sort it: bcftools sort "
            f"{report.vcf} -Oz -o sorted.vcf.gz"
        )
    if report.n_ref_mismatch:
        found.append(
            f"REF disagrees with the reference in {report.n_ref_mismatch:,} of "
            f"{report.n_ref_checked:,} alleles checked."
        )
    missing = [contig for contig in report.contigs if contig.reference is None]
    if missing:
        n = sum(contig.n_records for contig in missing)
        found.append(
            f"Not in the reference: {_plural(len(missing), 'contig')} with {_plural(n, 'record')}."
        )
    other = [c for c in report.contigs if c.length and c.reference_length not in (None, c.length)]
    if other:
        found.append(f"Of another length in the reference: {_plural(len(other), 'contig')}.")
    undeclared = [contig for contig in report.contigs if not contig.declared]
    if undeclared:
        found.append(f"Without a ##contig line in the VCF: {_plural(len(undeclared), 'contig')}.")
    return found


def _summary(report: CheckReport) -> list[str]:
    return _table(
        [
            ("VCF", report.vcf),
            ("reference", report.fasta),
            ("assembly", _assembly(report)),
            ("records", f"{report.n_records:,}"),
            ("alleles", f"{report.n_alleles:,}"),
        ]
    )


def _assembly(report: CheckReport) -> str:
    vcf, fasta = (name or "not known" for name in (report.vcf_assembly, report.reference_assembly))
    return f"{vcf} by the VCF's header, {fasta} by the FASTA's lengths"


def _statuses(report: CheckReport) -> list[str]:
    rows = [(state, report.status[state], REASONS[state]) for state in VariantStatus]
    return _table([(state.value, f"{n:,}", text) for state, n, text in rows if n], right=(1,))


def _contigs(report: CheckReport) -> list[str]:
    rows = [("in the VCF", "in the reference", "records", "length in VCF", "length in reference")]
    for contig in report.contigs[:CONTIG_ROWS]:
        length = _bases(contig.length) if contig.declared else "not declared"
        bases = _bases(contig.reference_length)
        name = contig.reference or "missing"
        rows.append((contig.name, name, f"{contig.n_records:,}", length, bases))
    more = len(report.contigs) - CONTIG_ROWS
    return [*_table(rows, right=(2, 3, 4)), *([f"... and {more:,} more"] if more > 0 else [])]


def _bases(length: int | None) -> str:
    return "-" if length is None else f"{length:,}"


def _plural(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return lines of columns two spaces apart, to the left but for the numbered ones."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
