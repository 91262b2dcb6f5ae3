"""INFO keys of a VCF as columns: text as in the records, one value an ALT. Pure Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from mfdvep.errors import InputError
from mfdvep.genomics.own import is_mfd
from mfdvep.genomics.vcf import Record

_INFO = "##INFO=<"
_UNKNOWN = frozenset(("", "."))
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
        Those that the header declares Type=Flag: they have no value, are true where a record has
        them and false where it has not.
    name
        Of the VCF, for messages.
    by_alt
        Those with one value an ALT whatever the header declares, or none that is known.
    """

    keys: tuple[str, ...]
    split: frozenset[str]
    flags: frozenset[str]
    name: str
    by_alt: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        header: Iterable[str],
        keys: Sequence[str],
        *,
        also: Sequence[str] = (),
        by_alt: Sequence[str] = (),
        name: str,
    ) -> InfoColumns:
        """Return the columns of these keys, in order.

        Parameters
        ----------
        header
            As `VcfReader.header_lines`.
        keys
            That the header must declare.
        also
            Kept after the first key, if the header declares them; they may be all there is.
        by_alt
            Those that have one value an ALT whatever Number the header declares, as VCF reserves
            AC and AF. A record with more or fewer is not refused: its values are not known.
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
        flags = frozenset(key for key in wanted if declared[key].get("Type") == "Flag")
        own = frozenset(by_alt) - flags
        split = frozenset(key for key in wanted if declared[key].get("Number") == "A")
        return cls(tuple(dict.fromkeys(wanted)), split - flags - own, flags, name, own)

    def values(self, records: Iterable[Record]) -> list[list[str | None]]:
        """Return the column of each key, one value an ALT, as `alleles_of` orders them.

        A key of `split` or `by_alt` has the ALT's own value (None if there is no ALT); a flag is
        "1" on every ALT of a record that has it and "0" on those of any other, and never None; any
        other key has its whole text on every ALT. None where a record has no value or ".".

        Raises
        ------
        InputError
            A record has a key twice; not one value an ALT of a key of `split`; or a value other
            than 1 of a flag.
        """
        columns: list[list[str | None]] = [[] for _ in self.keys]
        for record in records:
            found = self.of_record(record)
            for key, column in zip(self.keys, columns, strict=True):
                column += found[key]
        return columns

    def of_record(self, record: Record) -> dict[str, list[str | None]]:
        """Return each key -> one value an ALT of a record, or one if it has no ALT.

        See `values`, which also says what is raised.
        """
        texts = self._texts(record)
        n_alts = len(record.alts)
        n = n_alts or 1
        found: dict[str, list[str | None]] = {}
        for key in self.keys:
            text = texts.get(key)
            if key in self.flags:
                found[key] = [self._flag(key, text, record)] * n
            elif text is None or text in _UNKNOWN:
                found[key] = [None] * n
            elif key not in self.split and key not in self.by_alt:
                found[key] = [text] * n
            elif n_alts == 1 and "," not in text:
                found[key] = [text]
            else:
                found[key] = self._of_alts(key, text, record)
        return found

    @cached_property
    def _wanted(self) -> frozenset[str]:
        return frozenset(self.keys)

    def _texts(self, record: Record) -> dict[str, str]:
        """Return the values that a record has of the keys, as they are written."""
        texts: dict[str, str] = {}
        wanted = self._wanted
        for entry in record.line.split("\t", 8)[7].rstrip("\r").split(";"):
            key, _, text = entry.partition("=")
            if key not in wanted:
                continue
            if key in texts:
                raise InputError(f"{self._at(record)}: INFO {key} is there twice; take one out")
            texts[key] = text
        return texts

    def _flag(self, key: str, text: str | None, record: Record) -> str:
        if text not in (None, "", "1"):
            raise InputError(
                f"{self._at(record)}: INFO {key}={text[:40]}: the header declares a Flag, which "
                "has no value and is false where it is absent; repair it, or declare its Type"
            )
        return "0" if text is None else "1"

    def _of_alts(self, key: str, text: str, record: Record) -> list[str | None]:
        n_alts = len(record.alts)
        if not n_alts:
            return [None]
        texts = text.split(",")
        if len(texts) != n_alts and key in self.by_alt:
            return [None] * n_alts
        if len(texts) != n_alts:
            raise InputError(
                f"{self._at(record)}: INFO {key} has {len(texts)} values ({text[:40]}) for "
                f"{n_alts} ALTs, and the header declares Number=A; repair it, or declare Number=."
            )
        return [None if own in _UNKNOWN else own for own in texts]

    def _at(self, record: Record) -> str:
        return f"{self.name}: record {record.index + 1} at {record.chrom}:{record.pos}"


def _nearest(key: str, declared: Sequence[str]) -> str:
    """Return what to do about a key that is not declared."""
    upper = {name.upper(): name for name in declared}
    near = [upper[name] for name in get_close_matches(key.upper(), upper, n=3)]
    if near:
        return f"nearest: {', '.join(near)}"
    has = f"it declares {', '.join(declared[:10])}" if declared else "it declares none"
    return f"{has}; a key in the records alone needs its ##INFO line: bcftools annotate -h"
