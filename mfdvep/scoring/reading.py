"""Records in chunks: always the same chunks of the same input, and none too large to hold."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from mfdvep.errors import InputError
from mfdvep.genomics.text import CODEC
from mfdvep.genomics.variants import Variant, VariantStatus, spelling_status
from mfdvep.genomics.vcf import Record
from mfdvep.scoring.chunks import ChunkFolder, Finished, Place
from mfdvep.scoring.windows import AlleleWindows, Prepared, alleles_of

MAX_RECORDS = 8192  # of a chunk
MAX_TEXT = 1 << 24  # characters of a chunk's lines; one line may be longer


@dataclass(frozen=True)
class Chunk:
    """Records that lie together, ready to be scored.

    Attributes
    ----------
    place
        Its section and number.
    records
        In order.
    digest
        Of their lines.
    contigs
        Name of each of their contigs -> that in the reference, or the same if it is not there.
    content
        All their ALTs; or, if the chunk was finished before, what was recorded of it.
    """

    place: Place
    records: tuple[Record, ...]
    digest: str
    contigs: dict[str, str]
    content: Prepared | Finished


def read_chunks(
    records: Iterable[Record],
    windows: AlleleWindows,
    store: ChunkFolder | None,
    *,
    max_alleles: int,
    first: int = 0,
) -> Generator[Chunk, None, None]:
    """Yield the chunks of records; those that `store` has finished without preparing them.

    A chunk holds records of one section, so that a section has the same chunks whether or not
    those before it are read.

    Parameters
    ----------
    max_alleles
        ALTs spelled with ACGT in a chunk; a record is never cut.
    first
        Number of the first chunk.

    Raises
    ------
    InputError, OutputError
        As from the records, `AlleleWindows.prepare` and `ChunkFolder.finished`.
    """
    place = None
    for chunk, variants in groups(records, max_alleles):
        section = chunk[0].section
        if place is None or place.section != section:
            place = Place(section, first if place is None else 0)
        else:
            place = Place(section, place.number + 1)
        lines = "\n".join(record.line for record in chunk)
        digest = hashlib.sha256(lines.encode(**CODEC)).hexdigest()
        content: Prepared | Finished | None = None
        if store is not None:
            content = store.finished(place, digest)
        if content is None:
            content = windows.prepare(variants)
        names = dict.fromkeys(record.chrom for record in chunk)
        contigs = {name: windows.genome.resolve(name) or name for name in names}
        yield Chunk(place, tuple(chunk), digest, contigs, content)


def groups(
    records: Iterable[Record], max_alleles: int
) -> Iterator[tuple[list[Record], list[Variant]]]:
    """Yield the records of each chunk, and their ALTs; see `read_chunks`."""
    group: list[Record] = []
    alleles: list[Variant] = []
    n_alleles = n_text = 0
    for record in records:
        if group and record.section != group[0].section:
            yield group, alleles
            group, alleles, n_alleles, n_text = [], [], 0, 0
        variants = alleles_of(record)
        group.append(record)
        alleles += variants
        n_alleles += sum(spelling_status(v.ref, v.alt) is VariantStatus.OK for v in variants)
        n_text += len(record.line)
        if n_alleles >= max_alleles or n_text >= MAX_TEXT or len(group) >= MAX_RECORDS:
            yield group, alleles
            group, alleles, n_alleles, n_text = [], [], 0, 0
    if group:
        yield group, alleles


class Order:
    """Tells whether records come as an index needs them: contigs together, positions not falling.

    Attributes
    ----------
    chrom, pos
        Of the last record.
    """

    def __init__(self) -> None:
        self.chrom, self.pos = "", 0
        self._seen: set[str] = set()

    def admits(self, record: Record) -> bool:
        """Return whether a record may come next; it is the last from now on."""
        same = record.chrom == self.chrom
        fits = record.pos >= self.pos if same else record.chrom not in self._seen
        self.chrom, self.pos = record.chrom, record.pos
        self._seen.add(record.chrom)
        return fits


def in_order(records: Iterable[Record], name: str) -> Iterator[Record]:
    """Yield records, and raise InputError for one out of order, which no index could hold."""
    order = Order()
    for record in records:
        before = f"{order.chrom}:{order.pos}"
        if not order.admits(record):
            raise InputError(
                f"{name}: record {record.index + 1} at {record.chrom}:{record.pos} comes after "
                f"{before}: the records are not sorted, so the output cannot be indexed; "
                "sort them (bcftools sort), or leave out --write-index"
            )
        yield record
