"""One spelling for every event, by which a cohort and its scores are joined."""

from __future__ import annotations

from mfdvep.enrichment.keys import Key, key_of
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode
from mfdvep.genomics.variants import left_align


class Speller:
    """Gives keys: contig without "chr", 1-based position and alleles of the least change.

    Strands are never flipped: REF and ALT are taken as they are written.

    Parameters
    ----------
    genome
        By which insertions and deletions are moved to the left as far as they go; None: they are
        only trimmed, so that an indel of a repeat which is aligned differently has another key.
    """

    def __init__(self, genome: Genome | None = None) -> None:
        self._genome = genome
        self._names: dict[str, str | None] = {}

    def key(self, chrom: str, pos: int, ref: str, alt: str) -> Key:
        """Return the key of an ALT of letters; with a genome REF must be what it has there."""
        found = key_of(chrom, pos, ref, alt)
        if self._genome is None or bool(found[2]) == bool(found[3]):
            return found
        contig, pos, ref, alt = found
        name, genome = self._name(chrom), self._genome
        if name is None:
            return found
        start, ref, alt = left_align(pos - 1, ref, alt, lambda at: genome.base(name, at))
        return contig, start + 1, ref, alt

    def ref_is_wrong(self, chrom: str, pos: int, ref: str) -> bool:
        """Return whether the genome has other bases, or no such contig; False without a genome."""
        if self._genome is None:
            return False
        name = self._name(chrom)
        if name is None:
            return True
        return decode(self._genome.fetch(name, pos - 1, pos - 1 + len(ref))) != ref.upper()

    def _name(self, chrom: str) -> str | None:
        if chrom not in self._names:
            assert self._genome is not None
            self._names[chrom] = self._genome.resolve(chrom)
        return self._names[chrom]


def span(key: Key) -> tuple[int, int]:
    """Return the bases that an event changes, 0-based half-open; of an insertion that before it."""
    _, pos, ref, _ = key
    return (pos - 1, pos - 1 + len(ref)) if ref else (max(pos - 2, 0), max(pos - 1, 1))
