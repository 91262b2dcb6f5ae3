"""INFO keys of a VCF as columns: text as in the records, one value an ALT. Pure Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mfdvep.errors import InputError
from mfdvep.genomics.info import is_mfd
from mfdvep.genomics.vcf import Record

_INFO = "##INFO=<"
_ATTRIBUTE = re.compile(r'([^=,]+)=("(?:[^"\\]|\\.)*"|[^,>]*)')


@dataclass(frozen=True)
class InfoColumns:
    """Which INFO keys are kept, and how their values are shared among the ALTs of a record.

    Attributes
    ----------
    keys
        Each once.
    split
        Those that the header declares Number=A: one value an ALT.
    flags
        Those that have no value.
    name
        Of the VCF, for messages.
    """

    keys: tuple[str, ...]
    split: frozenset[str]
    flags: frozenset[str]
    name: str

    @classmethod
    def of(
        cls, header: Iterable[str], keys: Sequence[str], *, also: Sequence[str] = (), name: str
    ) -> InfoColumns:
        """Return the columns of these keys, in order.

        Parameters
        ----------
        header
            As `VcfReader.header_lines`.
        keys
            That the header must declare.
        also
            Kept after the first key, if the header declares them.
        name
            See `InfoColumns`.

        Raises
        ------
        InputError
            The header does not declare a key; or it is one of those that mfdvep writes.
        """
        declared: dict[str, dict[str, str]] = {}
        for line in header:
            if line.startswith(_INFO):
                found = _ATTRIBUTE.findall(line[len(_INFO) :])
                attributes = dict(reversed(found))  # of a name that is there twice, the first
                declared.setdefault(attributes.get("ID", ""), attributes)
        for key in keys:
            if is_mfd(key):
                raise InputError(
                    f"INFO {key}: mfdvep keeps MFD and MFD_* for what it writes, and the matrix "
                    "has it anyway; leave it out"
                )
            if key not in declared:
                raise InputError(
                    f"{name}: its header declares no INFO {key}; {_nearest(key, list(declared))}"
                )
        wanted = [*keys[:1], *(key for key in also if key in declared), *keys[1:]]
        return cls(
            tuple(dict.fromkeys(wanted)),
            frozenset(key for key in wanted if declared[key].get("Number") == "A"),
            frozenset(key for key in wanted if declared[key].get("Type") == "Flag"),
            name,
        )

    def values(self, records: Iterable[Record]) -> list[list[str | None]]:
        """Return the column of each key, one value an ALT, as `alleles_of` orders them.

        None where a record has no value or ".". A key of `split` has the ALT's own value (None if
        there is no ALT), a flag "1", and any other key its whole text on every ALT.

        Raises
        ------
        InputError
            A record has a key twice; or not one value an ALT of a key that is split.
        """
        columns: list[list[str | None]] = [[] for _ in self.keys]
        for record in records:
            found = self._texts(record)
            for key, column in zip(self.keys, columns, strict=True):
                column += self._of_alts(key, found.get(key), record)
        return columns

    def _texts(self, record: Record) -> dict[str, str]:
        """Return the values that a record has of the keys, as they are written."""
        texts: dict[str, str] = {}
        for entry in record.line.split("\t", 8)[7].rstrip("\r").split(";"):
            key, equals, text = entry.partition("=")
            if key not in self.keys:
                continue
            if key in texts:
                raise InputError(f"{self._at(record)}: INFO {key} is there twice; take one out")
            texts[key] = text if equals or key not in self.flags else "1"
        return texts

    def _of_alts(self, key: str, text: str | None, record: Record) -> list[str | None]:
        n_alts = len(record.alts)
        if key not in self.split or text in (None, "", "."):
            return [_known(text)] * max(n_alts, 1)
        if not n_alts:
            return [None]
        texts = text.split(",")
        if len(texts) != n_alts:
            raise InputError(
                f"{self._at(record)}: INFO {key} has {len(texts)} values ({text[:40]}) for "
                f"{n_alts} ALTs, and the header declares Number=A; repair it, or declare Number=."
            )
        return list(map(_known, texts))

    def _at(self, record: Record) -> str:
        return f"{self.name}: record {record.index + 1} at {record.chrom}:{record.pos}"


def _known(text: str | None) -> str | None:
    return None if text in ("", ".") else text


def _nearest(key: str, declared: Sequence[str]) -> str:
    """Return what to do about a key that is not declared."""
    upper = {name.upper(): name for name in declared}
    near = [upper[name] for name in get_close_matches(key.upper(), upper, n=3)]
    if near:
        return f"nearest: {', '.join(near)}"
    has = f"it declares {', '.join(declared[:10])}" if declared else "it declares none"
    return f"{has}; a key in the records alone needs its ##INFO line: bcftools annotate -h"
