"""The header of an annotated VCF: the input's lines, and what this tool adds to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mfdvep.errors import InputError
from mfdvep.genomics.own import ALLELES, Annotation, is_mfd

OWN = "mfdvep: "
"""How the Description of every INFO key of this tool starts."""

_FIELD = r'(?:[^",]|"(?:[^"\\]|\\.)*")*,'  # one of a header line's, with its comma
_DECLARED = re.compile(rf"##(INFO|FILTER|FORMAT|contig)=<(?:{_FIELD})*?ID=([^,>]+)")


def annotated_header(
    lines: Sequence[str],
    added: Sequence[str],
    *,
    own: Annotation = ALLELES,
    replace: bool = False,
) -> list[str]:
    """Return the header lines of the output: the input's, and new ones just before #CHROM.

    Parameters
    ----------
    lines
        As `VcfReader.header_lines`; a carriage return at their end is given to the new ones too.
    added
        New lines, without line ends.
    own
        The annotation that they are of; lines of another one stay.
    replace
        Whether the lines of an earlier run that made the same annotation are taken out.

    Raises
    ------
    InputError
        The header declares a key of the annotation and `replace` is not set; or an MFD key of
        another tool.
    """
    kept = []
    for line in lines:
        key = _mfd_key(line)
        if key is not None and f'Description="{OWN}' not in line:
            raise InputError(
                f"the VCF declares INFO {key} of another tool, and mfdvep keeps MFD and MFD_* for "
                f"itself; remove or rename it: bcftools annotate -x INFO/{key}"
            )
        is_own = key is not None and own.has(key)
        if is_own and not replace:
            raise InputError(
                f"the VCF declares INFO {key}: it is annotated already; score the original, or "
                f"give --replace to take the old annotation by {own.command} out"
            )
        if not is_own and not (replace and line.startswith(own.lines)):
            kept.append(line)
    end = "\r" if lines[-1].endswith("\r") else ""
    return [*kept[:-1], *(line + end for line in added), kept[-1]]


def _mfd_key(line: str) -> str | None:
    """Return the MFD key that a header line declares in INFO, or None."""
    found = _DECLARED.match(line)
    return found[2] if found and found[1] == "INFO" and is_mfd(found[2]) else None


@dataclass(frozen=True)
class Declared:
    """The IDs that a header declares, which is all that a BCF's records can use."""

    contig: frozenset[str]
    info: frozenset[str]
    filter: frozenset[str]
    format: frozenset[str]

    @classmethod
    def of(cls, lines: Sequence[str]) -> Declared:
        """Return what header lines declare."""
        ids: dict[str, set[str]] = {"contig": set(), "INFO": set(), "FILTER": {"PASS", "."}}
        ids["FORMAT"] = set()
        for found in filter(None, map(_DECLARED.match, lines)):
            ids[found[1]].add(found[2])
        return cls(*(frozenset(ids[key]) for key in ("contig", "INFO", "FILTER", "FORMAT")))

    def missing(self, line: str) -> str | None:
        """Return the first thing a record's line uses undeclared, such as "INFO XX", or None."""
        fields = line.rstrip("\r").split("\t", 9)
        if fields[0] not in self.contig:
            return f"contig {fields[0]}"
        info = (entry.partition("=")[0] for entry in fields[7].split(";") if entry not in ("", "."))
        used = [("FILTER", fields[6].split(";"), self.filter), ("INFO", info, self.info)]
        if len(fields) > 8 and fields[8] != ".":
            used.append(("FORMAT", fields[8].split(":"), self.format))
        for kind, keys, known in used:
            for key in keys:
                if key not in known:
                    return f"{kind} {key}"
        return None
