"""The one allele that is explained, found in a VCF, and why an allele cannot be."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.reasons import REASONS
from mfdvep.genomics.sequences import decode
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.genomics.vcf import Record, open_vcf
from mfdvep.model.where import shown
from mfdvep.scoring.windows import alleles_of

_MOST_KEPT = 100_000  # IDs that a name which is not there is compared with


def find_allele(
    vcf: str | Path, *, name: str = "", number: int = 0, alt: str = ""
) -> tuple[Variant, str]:
    """Return an allele of a VCF, and its record's ID ("" for ".").

    The file is read up to the record and those that follow at the same place.

    Parameters
    ----------
    name
        A word of the record's ID, or its place as "chr1:12345".
    number
        Of the record, from 1; 0: by name.
    alt
        Which ALT of the record, as it is written there; "": the only one.

    Raises
    ------
    InputError
        No such record (the nearest IDs are named), or several; no such ALT, or several.
    """
    what = f"record {number}" if number else shown(name)
    found, known = _records(vcf, name=name, number=number)
    if not found:
        near = get_close_matches(name, known, n=3) if name else []
        hint = f"nearest: {', '.join(near)}" if near else "give an ID, or a place as chr1:12345"
        if number:
            hint = f"it has {len(known):,} records"
        raise InputError(f"{vcf}: no {what if number else f'record with ID {what}'}; {hint}")
    alleles = [(variant, record) for record in found for variant in alleles_of(record)]
    if alt:
        alleles = [each for each in alleles if each[0].alt == alt] or _no_alt(vcf, alleles, alt)
    if len(alleles) > 1:
        listed = ", ".join(f"{variant.ref}>{variant.alt}" for variant, _ in alleles[:8])
        raise InputError(
            f"{vcf}: {what} has {len(alleles)} alleles ({listed}); choose one with --alt, or name "
            "it as chr1:12345:A:G"
        )
    variant, record = alleles[0]
    said = _id_of(record)
    return variant, "" if said == "." else said


def why_not(variant: Variant, status: VariantStatus, genome: Genome) -> InputError:
    """Return the error that says why an allele has no effects, with what the reference has."""
    named = name_of(variant)
    said = f"{named}: {status}: {REASONS[status]}"
    contig = genome.resolve(variant.chrom)
    if contig is None:
        some = list(genome.contigs)
        near = get_close_matches(variant.chrom, some, n=3) or some[:3]
        return InputError(f"{said}; {genome.path} has {len(some)} contigs, nearest: "
                          f"{', '.join(near)}")  # fmt: skip
    size = genome.contigs[contig]
    if status is VariantStatus.OFF_CONTIG:
        return InputError(f"{said}; {contig} of {genome.path} has {size:,} bases")
    if status is VariantStatus.REF_MISMATCH:
        there = decode(genome.fetch(contig, variant.start, variant.end))
        swapped = " (which is ALT: are they swapped?)" if there == variant.alt.upper() else ""
        return InputError(f"{said}: {genome.path} has {_short(there)}{swapped}; give the assembly "
                          "that the variant is of, or correct REF")  # fmt: skip
    return InputError(f"{said}; name another allele")


def name_of(variant: Variant) -> str:
    """Return "chr1:12345:A:G", long alleles by their first bases."""
    return f"{variant.chrom}:{variant.pos}:{_short(variant.ref)}:{_short(variant.alt or '.')}"


def _records(vcf: str | Path, *, name: str, number: int) -> tuple[list[Record], list[str]]:
    """Return the records that are meant, and the IDs that were read before."""
    found: list[Record] = []
    known: list[str] = []
    with open_vcf(vcf) as reader:
        for record in reader:
            if found and (record.chrom, record.pos) != (found[0].chrom, found[0].pos):
                break
            said = _id_of(record)
            if number:
                meant = record.index + 1 == number
            else:
                meant = name in (*said.split(";"), f"{record.chrom}:{record.pos}")
            if meant:
                found.append(record)
                if number:
                    break
            if number or len(known) < _MOST_KEPT:
                known.append(said)
    return found, known


def _no_alt(vcf: str | Path, alleles: list[tuple[Variant, Record]], alt: str) -> list:
    has = ", ".join(variant.alt or "." for variant, _ in alleles[:8])
    raise InputError(f"{vcf}: the record has no ALT {shown(alt)}; it has: {has}")


def _id_of(record: Record) -> str:
    return record.line.split("\t", 3)[2]


def _short(bases: str) -> str:
    return bases if len(bases) <= 20 else f"{bases[:17]}... ({len(bases)} bases)"
