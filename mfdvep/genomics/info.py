"""INFO as text: keys appended to a record's line, and values as VCF spells them. Pure Python."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mfdvep.errors import InputError
from mfdvep.genomics.own import ALLELES, Annotation

_ESCAPES = {i: f"%{i:02X}" for i in (*range(33), *b"%,:;=|", 127)}  # 32 is the space


def append_info(
    line: str,
    info: Iterable[tuple[str, str]],
    *,
    own: Annotation = ALLELES,
    replace: bool = False,
) -> str:
    """Return a record's line with keys and values appended to its INFO; every other byte stays.

    Parameters
    ----------
    line
        With 8 columns or more; no newline at its end, but perhaps a carriage return.
    info
        Keys and values, escaped where needed. They replace an INFO of ".", and come before
        semicolons at its end, so that taking them out gives the line again.
    own
        The annotation that they are of; keys of another one stay.
    replace
        Whether its keys that INFO has already are taken out first.

    Raises
    ------
    InputError
        INFO has a key of the annotation, which would then be there twice, and `replace` is not set.
    """
    text = ";".join(f"{key}={value}" for key, value in info)
    fields = line.split("\t", 8)
    old = fields[7].rstrip("\r")
    end = fields[7][len(old) :]
    if "MFD" in old:
        old = _without(own, old, f"{fields[0]}:{fields[1]}", replace=replace)
    if text and old not in ("", "."):
        kept = old.rstrip(";")
        text = f"{kept};{text}{old[len(kept) :]}"
    fields[7] = (text or old) + end
    return "\t".join(fields)


def _without(own: Annotation, info: str, where: str, *, replace: bool) -> str:
    """Return an INFO without an annotation's keys; InputError for one if not replaced."""
    entries = info.split(";")
    kept = [entry for entry in entries if not own.has(entry.partition("=")[0])]
    if len(kept) == len(entries):
        return info
    if not replace:
        key = next(entry for entry in entries if entry not in kept).partition("=")[0]
        raise InputError(
            f"the VCF's record at {where} has INFO {key}, which its header does not declare: it "
            "is annotated already; score the original, or give --replace"
        )
    return ";".join(kept) or "."


def format_float(x: float) -> str:
    """Return a number with 4 significant digits as VCF has it; "." unless it is finite."""
    return f"{x + 0.0:.4g}" if math.isfinite(x) else "."  # + 0.0: no minus zero


def escape_info(text: str) -> str:
    """Return text that an INFO value may hold: what VCF reserves, and "|", percent-encoded.

    Source: VCF 4.3, section 1.2.
    """
    return text.translate(_ESCAPES)
