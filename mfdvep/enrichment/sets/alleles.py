"""ALTs of any file of variants: VCF or BCF, a table with a header, or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from mfdvep.enrichment.keys import Key, key_of
from mfdvep.enrichment.sets.counts import Counts
from mfdvep.enrichment.sets.labelled import Value
from mfdvep.enrichment.sets.tables import MISSING, Table
from mfdvep.errors import InputError
from mfdvep.genomics.info_columns import InfoColumns
from mfdvep.genomics.parquet_variants import COLUMNS
from mfdvep.genomics.text import TextStream
from mfdvep.genomics.variants import VariantStatus, spelling_status
from mfdvep.genomics.vcf import open_vcf

NO_ALT, NOT_ACGT = "without an ALT", "with other letters than ACGT, symbolic or *"
_REPORT_EVERY = 10_000
_NAMES = {"gene_id": "gene", **{name: name for name in COLUMNS}}  # of a table -> here
_KEYS = {key: name for name, (key, *_) in COLUMNS.items()}
# frequencies that are wrong in a record are no reason to refuse a file
_NUMBERS = [key for name, (key, number, *_) in COLUMNS.items() if number == "A" and name != "label"]
_VCF_HEADS = (b"##fileformat=VC", b"BCF\x02", b"BCF\x04")

Progress = Callable[[int, None], None] | None


@dataclass(frozen=True, slots=True)
class Allele:
    """One ALT, in upper case, with what the file says of it.

    Attributes
    ----------
    chrom, pos, ref, alt
        As in VCF; `pos` 1-based.
    info
        INFO key, or column, -> text, as `InfoColumns` has it; keys without a value are not there.
    escaped
        Whether the text has VCF's percent codes.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    info: Mapping[str, str]
    escaped: bool = False

    @property
    def is_snv(self) -> bool:
        """Whether one base changes."""
        return len(self.ref) == len(self.alt) == 1 and self.ref != self.alt

    @property
    def key(self) -> Key:
        """What is the same for the same change, however contig and alleles are spelled."""
        return key_of(self.chrom, self.pos, self.ref, self.alt)

    def values(self) -> dict[str, Value]:
        """Return what the file says of it under the names of `COLUMNS`, but for the label."""
        found: dict[str, Value] = {}
        for key, text in self.info.items():
            name = _KEYS.get(key) or _NAMES.get(key, "label")
            if name == "label" or text in MISSING:
                continue
            if COLUMNS[name][2] == "String":
                parts = filter(None, text.split(","))
                found[name] = tuple(map(unquote, parts) if self.escaped else parts)
            elif (number := number_of(text)) is not None:
                found[name] = number
        return found


def number_of(text: str | None) -> float | None:
    """Return text as a finite number, or None."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def read_alleles(
    path: str | Path, counts: Counts, *, keys: tuple[str, ...] = (), progress: Progress = None
) -> Iterator[Allele]:
    """Yield the ALTs of a file that are spelled with ACGT.

    Parameters
    ----------
    path
        VCF or BCF; or Parquet or a tab-separated table whose first line names chrom, pos, ref and
        alt, and perhaps label, match_group, maf, gene_id and others of `COLUMNS`.
    counts
        Every ALT is counted as read, and those that are not yielded as removed.
    keys
        INFO keys or columns that are kept besides those of `COLUMNS`; INFO keys only if the header
        declares them.
    progress
        Called with the ALTs read and None.

    Raises
    ------
    InputError
        See `open_vcf` and `Table`; a position that is no number; a record with a kept INFO key
        twice or with not one value an ALT, see `InfoColumns.values`.
    """
    with closing(TextStream(path)) as text:
        if not text.is_file:
            raise InputError(f"{text.name}: a stream, which is read once; give a file")
        is_vcf = text.head.startswith(_VCF_HEADS)
    found = _of_vcf(path, keys) if is_vcf else _of_table(path, keys)
    for allele in found:
        counts.read()
        if progress is not None and counts.n_read % _REPORT_EVERY == 0:
            progress(counts.n_read, None)
        if allele.alt in ("", "."):
            counts.remove(NO_ALT)
        elif spelling_status(allele.ref, allele.alt) is not VariantStatus.OK:
            counts.remove(NOT_ACGT)
        else:
            yield allele


def _of_vcf(path: str | Path, keys: tuple[str, ...]) -> Iterator[Allele]:
    with open_vcf(path) as reader:
        info = InfoColumns.of(
            reader.header_lines,
            (),
            also=(*_KEYS, *keys),
            by_alt=[key for key in _NUMBERS if key not in keys],
            name=reader.name,
        )
        for record in reader:
            found = info.of_record(record)
            for i, alt in enumerate(record.alts or (".",)):
                own = {key: text for key, texts in found.items() if (text := texts[i]) is not None}
                yield Allele(record.chrom, record.pos, record.ref.upper(), alt.upper(), own, True)


def _of_table(path: str | Path, keys: tuple[str, ...]) -> Iterator[Allele]:
    needed = ("chrom", "pos", "ref", "alt")
    with Table(path, needed, [name for name in (*_NAMES, *keys) if name not in needed]) as table:
        at = [table.place.pop(name) for name in needed]
        for number, line in table:
            if not line:
                continue
            fields = table.fields(number, line)
            chrom, pos, ref, alt = (fields[i] for i in at)
            if not (pos.isdecimal() and len(pos) < 11 and chrom and ref):
                raise InputError(
                    f"{table.name}:{number}: {chrom!r} {pos!r} {ref[:20]!r}; expected contig, "
                    "1-based position and REF; mend it"
                )
            info = {name: fields[i] for name, i in table.place.items()}
            yield Allele(chrom, int(pos), ref.upper(), alt.upper(), info)
