"""Refuses a VCF that is not on the reference, before anything is scored; needs no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.genomics.assemblies import guess_assembly
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.vcf import Record, VcfReader
from mfdvep.scoring.windows import AlleleWindows, alleles_of

GUARD = 1000  # records looked at before anything is scored
GUARD_TEXT = 1 << 24  # characters of their lines; those of many samples are long
LEAST_WRONG = 10  # so few mismatches may be an accident of a small file


def check_reference(reader: VcfReader, windows: AlleleWindows, vcf: str | Path) -> Iterator[Record]:
    """Return the records, after the first thousand were held against the reference.

    Parameters
    ----------
    reader
        Not iterated yet.
    windows
        With the reference.
    vcf
        For messages.

    Raises
    ------
    InputError
        No contig of them is in the reference, or most of their REF alleles disagree with it; or
        what the reader and the genome raise on a damaged file.
    """
    records = iter(reader)
    head = first_records(records)
    problem = refusal(reader, windows, vcf, head)
    if problem is not None:
        raise InputError(problem)
    return chain(head, records)


def first_records(records: Iterator[Record]) -> list[Record]:
    """Return the records that are looked at before anything is scored."""
    head: list[Record] = []
    n_text = 0
    for record in islice(records, GUARD):
        head.append(record)
        n_text += len(record.line)
        if n_text >= GUARD_TEXT:
            break
    return head


def refusal(
    reader: VcfReader, windows: AlleleWindows, vcf: str | Path, head: Sequence[Record]
) -> str | None:
    """Return the one line that says why a VCF is not scored on a reference, or None if it is.

    Parameters
    ----------
    reader, windows, vcf
        As for `check_reference`; of the reader only the header is looked at.
    head
        The first records, up to `GUARD`.

    Raises
    ------
    InputError
        The genome's file cannot be read there.
    """
    genome = windows.genome
    header, fasta = guess_assembly(reader.contigs), guess_assembly(genome.contigs)
    chroms = list(dict.fromkeys(record.chrom for record in head))
    named = [*chroms, *reader.contigs]
    if chroms and all(genome.resolve(chrom) is None for chrom in named):
        said = _in_brackets(_assemblies(header, fasta))
        return (
            f"{vcf}: no contig of the first {len(head)} records ({_few(chroms)}) is in "
            f"{genome.path} ({_few(list(genome.contigs))}){said}; "
            "give the FASTA that the VCF was called on"
        )
    seen = Counter(windows.reference_agrees(alleles_of(record)[0]) for record in head)
    wrong, right = seen[False], seen[True]
    if wrong < LEAST_WRONG or wrong <= right:
        return None
    because = [*_assemblies(header, fasta), *_other_lengths(reader, genome)]
    if header is not None and header == fasta:
        remedy = (
            "are REF and ALT swapped, or the positions of another assembly? See which records: "
            f"bcftools norm --check-ref w -f {genome.path} {vcf}"
        )
    else:
        remedy = "is the FASTA the right assembly? Give the one the VCF was called on"
    return (
        f"{vcf}: REF disagrees with {genome.path} in {wrong} of the first {wrong + right} records "
        f"checked{_in_brackets(because)}; {remedy}"
    )


def _assemblies(header: str | None, fasta: str | None) -> list[str]:
    """Return what the contigs' lengths say of the assembly of each file, if anything."""
    said = [f"the VCF's header says {header}"] if header else []
    said += [f"the FASTA's lengths say {fasta}"] if fasta else []
    return [", ".join(said)] if said else []


def _other_lengths(reader: VcfReader, genome: Genome) -> list[str]:
    """Return the first contigs whose length in the VCF's header is not the reference's."""
    differ = []
    for name, length in reader.contigs.items():
        found = genome.resolve(name)
        if length is not None and found is not None and genome.contigs[found] != length:
            differ.append(f"{name} has {length} bases in the VCF, {genome.contigs[found]} here")
    return differ[:3]


def _in_brackets(reasons: Sequence[str]) -> str:
    return f" ({'; '.join(reasons)})" if reasons else ""


def _few(names: Sequence[str]) -> str:
    return ", ".join([*names[:5], *(["..."] if len(names) > 5 else [])])
