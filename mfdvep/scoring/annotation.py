"""What the annotated VCF says of an allele: INFO keys, their header lines, their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from mfdvep.errors import one_line
from mfdvep.genomics.header import OWN
from mfdvep.genomics.info import escape_info, format_float
from mfdvep.genomics.variants import VariantStatus
from mfdvep.scoring.calibration import TrackQuantiles, quantile_text
from mfdvep.scoring.effects import KINDS, EffectBatch, at_largest, overall_technical_share

# bcftools +split-vep refuses a key without a field of the last name; samtools/bcftools issue 2566
_FORMAT = "ALLELE|TRACK|COMBINED|BIOLOGICAL|TECHNICAL|TECHNICAL_SHARE|QUANTILE|Consequence"
_SUMMARY = {"combined": "MFD_MAX", "biological": "MFD_BIO", "technical": "MFD_TECH"}
_OF_SUMMARY = {"combined": "MFD_Q", "biological": "MFD_BIO_Q", "technical": "MFD_TECH_Q"}


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
    at_least = f" of at least {p['min_abs']:g}" if p["min_abs"] else ""
    lines = [
        *run_lines(p),
        *(
            f'##mfdvepVirtualTrack=<ID=virtual{number},Name="{quoted(name)}",Made="{quoted(made)}">'
            for number, (name, made) in enumerate(p["virtual"].items(), start=1)
        ),
        f'##INFO=<ID=MFD,Number=.,Type=String,Description="{OWN}the '
        f"{p['top_k']} tracks of each ALT with the largest combined effect in size{at_least}, "
        f"{how}; TECHNICAL_SHARE is |TECHNICAL| / (|BIOLOGICAL| + |TECHNICAL|); "
        f"{_of_track(p['calibration'])}"
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
    if p["calibration"] is not None:
        lines += [
            f'##INFO=<ID={key},Number=A,Type=Float,Description="{OWN}{_SUMMARY[kind]} as a signed '
            f"quantile: the share of {_background(p['calibration'])} whose largest {kind} effect "
            f'over the same tracks is smaller in size, with the sign of {_SUMMARY[kind]}">'
            for kind, key in _OF_SUMMARY.items()
        ]
    return [*lines, status_line("MFD_STATUS")]


def status_line(key: str) -> str:
    """Return the header line of the key that has an allele's status."""
    return (
        f"##INFO=<ID={key},Number=A,Type=String,"
        f'Description="{OWN}OK, or why the ALT has no effect; one of {", ".join(VariantStatus)}">'
    )


def run_lines(provenance: Mapping[str, Any], *, of: str = "") -> list[str]:
    """Return the header lines that say of a run its version and command, model and reference.

    Parameters
    ----------
    provenance
        With "model" and "reference", and perhaps "mfdvep" and "command".
    of
        Comes into their names, as in mfdvepGeneVersion, for an annotation beside the usual one.
    """
    model, reference = provenance["model"], provenance["reference"]
    lines = []
    if "mfdvep" in provenance:
        lines += [
            f"##mfdvep{of}Version={provenance['mfdvep']}",
            f"##mfdvep{of}Command={one_line(provenance['command'])}",
        ]
    return [
        *lines,
        f'##mfdvep{of}Model=<ID=model,Name="{quoted(model["name"])}",SHA256={model["sha256"]}>',
        f'##mfdvep{of}Reference=<ID=reference,File="{quoted(reference["file"])}",'
        f"Fingerprint={reference['fingerprint']}>",
    ]


def _of_track(calibration: Mapping[str, Any] | None) -> str:
    """Return what MFD's QUANTILE is."""
    if calibration is None:
        return ""
    return (
        f"QUANTILE is the share of {_background(calibration)} whose combined effect on the track "
        "is smaller in size, with the sign of COMBINED; "
    )


def _background(calibration: Mapping[str, Any]) -> str:
    """Return "the 3761 variants of common.vcf.gz (at most 1 - 1/3761 = 0.9997)"."""
    n = calibration["n"]
    return (
        f"the {n} variants of {quoted(calibration['background'])} (at most 1 - 1/{n} = "
        f"{quantile_text(calibration['cap'], n)})"
    )


def info_values(
    batch: EffectBatch,
    selected: Sequence[np.ndarray],
    names: Sequence[str],
    quantiles: TrackQuantiles | None = None,
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
    quantiles
        What gives those of the effects; None leaves them out.
    """
    kinds = [getattr(batch, kind) for kind in KINDS]
    rows = np.arange(len(batch))
    largest = [values[rows, at_largest(values)] for values in kinds]
    summary = dict(zip(_SUMMARY.values(), [[*map(format_float, x)] for x in largest], strict=True))
    share = overall_technical_share(batch.biological, batch.technical)
    summary["MFD_TSHARE"] = [*map(format_float, share.tolist())]
    signed = [["."] * len(tracks) for tracks in selected]
    if quantiles is not None:
        n = quantiles.calibration.n
        signed = [_texts(values, n) for values in quantiles.listed(batch, selected)]
        for (kind, key), values in zip(_OF_SUMMARY.items(), largest, strict=True):
            summary[key] = _texts(quantiles.of_largest(kind, values), n)
    listed_of = [*kinds, batch.technical_share]
    entries = [
        _entries(
            escape_info(batch.variants[row].alt), [k[row] for k in listed_of], tracks, names, q
        )
        for row, (tracks, q) in enumerate(zip(selected, signed, strict=True))
    ]
    found = []
    for _, group in groupby(range(len(batch)), key=lambda row: batch.variants[row].record):
        own = list(group)
        listed = [entry for row in own for entry in entries[row]]
        values = [("MFD", ",".join(listed))] if listed else []
        for key, texts in summary.items():
            values.append((key, ",".join(texts[row] for row in own)))
        values.append(("MFD_STATUS", ",".join(batch.status[row] for row in own)))
        found.append(values)
    return found


def _entries(
    alt: str,
    listed: Sequence[np.ndarray],
    tracks: np.ndarray,
    names: Sequence[str],
    quantiles: Sequence[str],
) -> list[str]:
    """Return the values of MFD for one ALT with what is listed of its tracks, (O,) each."""
    entries = []
    for track, quantile in zip(tracks, quantiles, strict=True):
        numbers = [float(values[track]) for values in listed]
        fields = [alt, names[track], *map(format_float, numbers), quantile, direction(numbers[0])]
        entries.append("|".join(fields))
    return entries


def _texts(quantiles: np.ndarray, n: int) -> list[str]:
    return [quantile_text(value, n) for value in quantiles.tolist()]


def direction(combined: float) -> str:
    """Return whether a combined effect raises or lowers a readout: gain, loss, "." for neither."""
    if combined == 0:
        return "."
    return "gain" if combined > 0 else "loss"


def quoted(text: str) -> str:
    """Return text for between the quotes of a header value. Source: VCF 4.3, section 1.4."""
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
