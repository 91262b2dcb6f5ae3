"""Records in chunks: always the same chunks of the same input, and none too large to hold."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mfdvep.errors import InputError
from mfdvep.genomics.text import CODEC
from mfdvep.genomics.variants import Variant, VariantStatus, spelling_status
from mfdvep.genomics.vcf import Record
from mfdvep.scoring.chunks import ChunkStore
from mfdvep.scoring.windows import AlleleWindows, Prepared, alleles_of

MAX_RECORDS = 8192  # of a chunk
MAX_TEXT = 1 << 24  # characters of a chunk's lines; one line may be longer


@dataclass(frozen=True)
class Chunk:
    """Records that lie together, ready to be scored.

    Attributes
    ----------
    number
        0-based.
    records
        In order.
    digest
        Of their lines.
    contigs
        Name of each of their contigs -> that in the reference, or the same if it is not there.
    content
        All their ALTs; or, if an earlier process has finished the chunk, what it recorded of it.
    """

    number: int
    records: tuple[Record, ...]
    digest: str
    contigs: dict[str, str]
    content: Prepared | dict[str, Any]


def read_chunks(
    records: Iterable[Record],
    windows: AlleleWindows,
    store: ChunkStore | None,
    *,
    max_alleles: int,
) -> Generator[Chunk, None, None]:
    """Yield the chunks of records; those that `store` has finished without preparing them.

    Parameters
    ----------
    max_alleles
        ALTs spelled with ACGT in a chunk; a record is never cut.

    Raises
    ------
    InputError, OutputError
        As from the records, `AlleleWindows.prepare` and `ChunkStore.finished`.
    """
    for number, group in enumerate(_groups(records, max_alleles)):
        lines = "\n".join(record.line for record, _ in group)
        digest = hashlib.sha256(lines.encode(**CODEC)).hexdigest()
        content: Prepared | dict[str, Any] | None = None
        if store is not None:
            content = store.finished(number, digest)
        if content is None:
            content = windows.prepare([variant for _, variants in group for variant in variants])
        chunk = tuple(record for record, _ in group)
        names = dict.fromkeys(record.chrom for record in chunk)
        contigs = {name: windows.genome.resolve(name) or name for name in names}
        yield Chunk(number, chunk, digest, contigs, content)


def _groups(
    records: Iterable[Record], max_alleles: int
) -> Iterator[list[tuple[Record, list[Variant]]]]:
    group: list[tuple[Record, list[Variant]]] = []
    n_alleles = n_text = 0
    for record in records:
        variants = alleles_of(record)
        group.append((record, variants))
        n_alleles += sum(spelling_status(v.ref, v.alt) is VariantStatus.OK for v in variants)
        n_text += len(record.line)
        if n_alleles >= max_alleles or n_text >= MAX_TEXT or len(group) >= MAX_RECORDS:
            yield group
            group, n_alleles, n_text = [], 0, 0
    if group:
        yield group


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
