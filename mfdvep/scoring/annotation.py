"""What the annotated VCF says of an allele: INFO keys, their header lines, their values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from mfdvep.errors import one_line
from mfdvep.genomics.header import OWN
from mfdvep.genomics.info import escape_info, format_float
from mfdvep.genomics.variants import VariantStatus
from mfdvep.scoring.effects import KINDS, EffectBatch, at_largest, overall_technical_share

# bcftools +split-vep refuses a key without a field of the last name; samtools/bcftools issue 2566
_FORMAT = "ALLELE|TRACK|COMBINED|BIOLOGICAL|TECHNICAL|TECHNICAL_SHARE|Consequence"
_SUMMARY = {"combined": "MFD_MAX", "biological": "MFD_BIO", "technical": "MFD_TECH"}


def header_lines(provenance: dict) -> list[str]:
    """Return the header lines that an annotated VCF gets, without line ends.

    Parameters
    ----------
    provenance
        Of the run; with "command" and "mfdvep" if the header is to say who made it.
    """
    p = provenance
    n_shifts, strand = len(p["shifts"]), p["strand"]
    how = (
        f"ALT minus REF on the {p['scale']} scale, averaged over "
        f"{n_shifts} shift{'s' if n_shifts > 1 else ''} and "
        f"{'both strands' if strand == 'both' else f'the {strand} strand'}"
    )
    model, reference = p["model"], p["reference"]
    lines = []
    if "mfdvep" in p:
        lines += [
            f"##mfdvepVersion={p['mfdvep']}",
            f"##mfdvepCommand={one_line(p['command'])}",
        ]
    at_least = f" of at least {p['min_abs']:g}" if p["min_abs"] else ""
    lines += [
        f'##mfdvepModel=<ID=model,Name="{_quoted(model["name"])}",SHA256={model["sha256"]}>',
        f'##mfdvepReference=<ID=reference,File="{_quoted(reference["file"])}",'
        f"Fingerprint={reference['fingerprint']}>",
        f'##INFO=<ID=MFD,Number=.,Type=String,Description="{OWN}the '
        f"{p['top_k']} tracks of each ALT with the largest combined effect in size{at_least}, "
        f"{how}; TECHNICAL_SHARE is |TECHNICAL| / (|BIOLOGICAL| + |TECHNICAL|); "
        "Consequence is gain where COMBINED is above 0, loss below. "
        f'Format: {_FORMAT}">',
    ]
    lines += [
        f'##INFO=<ID={key},Number=A,Type=Float,Description="{OWN}the {kind} effect of '
        f'largest size over the {p["n_tracks"]} chosen tracks, with its sign; {how}">'
        for kind, key in _SUMMARY.items()
    ]
    lines.append(
        f'##INFO=<ID=MFD_TSHARE,Number=A,Type=Float,Description="{OWN}the technical share of the '
        f"effects on the {p['n_tracks']} chosen tracks, from 0 to 1: the sum of |technical| over "
        f'them, divided by that of |biological| + |technical|; {how}">'
    )
    known = ", ".join(VariantStatus)
    lines.append(
        "##INFO=<ID=MFD_STATUS,Number=A,Type=String,"
        f'Description="{OWN}OK, or why the ALT has no effect; one of {known}">'
    )
    return lines


def info_values(
    batch: EffectBatch, selected: Sequence[np.ndarray], names: Sequence[str]
) -> list[list[tuple[str, str]]]:
    """Return the INFO keys and values of each record of a batch, in order.

    Parameters
    ----------
    batch
        All ALTs of each of its records, which lie together.
    selected
        The tracks that MFD lists, for each ALT.
    names
        The O track names, as text that INFO may hold (see `escape_info`).
    """
    kinds = [getattr(batch, kind) for kind in KINDS]
    rows = np.arange(len(batch))
    numbers_of = {
        key: values[rows, at_largest(values)].tolist()
        for key, values in zip(_SUMMARY.values(), kinds, strict=True)
    }
    share = overall_technical_share(batch.biological, batch.technical)
    numbers_of["MFD_TSHARE"] = share.tolist()
    listed_of = [*kinds, batch.technical_share]
    entries = [
        _entries(escape_info(batch.variants[row].alt), [k[row] for k in listed_of], tracks, names)
        for row, tracks in enumerate(selected)
    ]
    found = []
    for _, group in groupby(range(len(batch)), key=lambda row: batch.variants[row].record):
        own = list(group)
        listed = [entry for row in own for entry in entries[row]]
        values = [("MFD", ",".join(listed))] if listed else []
        for key, numbers in numbers_of.items():
            values.append((key, ",".join(format_float(numbers[row]) for row in own)))
        values.append(("MFD_STATUS", ",".join(batch.status[row] for row in own)))
        found.append(values)
    return found


def _entries(
    alt: str, listed: Sequence[np.ndarray], tracks: np.ndarray, names: Sequence[str]
) -> list[str]:
    """Return the values of MFD for one ALT with what is listed of its tracks, (O,) each."""
    entries = []
    for track in tracks:
        numbers = [float(values[track]) for values in listed]
        fields = [alt, names[track], *map(format_float, numbers), _direction(numbers[0])]
        entries.append("|".join(fields))
    return entries


def _direction(combined: float) -> str:
    """Return whether the ALT raises or lowers the readout of a track; "." for neither."""
    if combined == 0:
        return "."
    return "gain" if combined > 0 else "loss"


def _quoted(text: str) -> str:
    """Return text for between the quotes of a header value. Source: VCF 4.3, section 1.4."""
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
