"""What the annotated VCF says of an allele: INFO keys, their header lines, their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdvep import __version__
from mfdvep.genomics.info import escape_info, format_float
from mfdvep.genomics.variants import VariantStatus
from mfdvep.scoring.effects import KINDS, EffectBatch

_SUMMARY = {"combined": "MFD_MAX", "biological": "MFD_BIO", "technical": "MFD_TECH"}


def header_lines(batch_provenance: dict, *, command: str, top_k: int) -> list[str]:
    """Return the header lines that an annotated VCF gets, without line ends.

    Parameters
    ----------
    batch_provenance
        With "model" (name, sha256), "reference" (file, fingerprint), "scale", "shifts", "strand".
    """
    p = batch_provenance
    n_shifts, strand = len(p["shifts"]), p["strand"]
    how = (
        f"ALT minus REF on the {p['scale']} scale, averaged over "
        f"{n_shifts} shift{'s' if n_shifts > 1 else ''} and "
        f"{'both strands' if strand == 'both' else f'the {strand} strand'}"
    )
    model, reference = p["model"], p["reference"]
    lines = [
        f"##mfdvepVersion={__version__}",
        f"##mfdvepCommand={_one_line(command)}",
        f'##mfdvepModel=<ID=model,Name="{_quoted(model["name"])}",SHA256={model["sha256"]}>',
        f'##mfdvepReference=<ID=reference,File="{_quoted(reference["file"])}",'
        f"Fingerprint={reference['fingerprint']}>",
        '##INFO=<ID=MFD,Number=.,Type=String,Description="mfdvep: the '
        f"{top_k} tracks of each ALT with the largest combined effect in size, {how}. "
        'Format: ALLELE|TRACK|COMBINED|BIOLOGICAL|TECHNICAL">',
    ]
    lines += [
        f'##INFO=<ID={key},Number=A,Type=Float,Description="mfdvep: the {kind} effect of '
        f'largest size over the {p["n_tracks"]} chosen tracks, with its sign; {how}">'
        for kind, key in _SUMMARY.items()
    ]
    known = ", ".join(VariantStatus)
    lines.append(
        "##INFO=<ID=MFD_STATUS,Number=A,Type=String,"
        f'Description="mfdvep: OK, or why the ALT has no effect; one of {known}">'
    )
    return lines


def info_values(
    batch: EffectBatch, rows: Sequence[int], names: Sequence[str], *, top_k: int
) -> list[tuple[str, str]]:
    """Return the INFO keys and values of one record, whose ALTs are these rows of the batch.

    Parameters
    ----------
    names
        The O track names, as text that INFO may hold (see `escape_info`).
    """
    entries: list[str] = []
    for row in rows:
        if batch.status[row] is not VariantStatus.OK:
            continue
        alt = escape_info(batch.variants[row].alt)
        effects = [getattr(batch, kind)[row] for kind in KINDS]
        # a stable sort, so that ties come in track order everywhere
        for track in np.argsort(-np.abs(effects[0]), kind="stable")[:top_k]:
            numbers = "|".join(format_float(float(effect[track])) for effect in effects)
            entries.append(f"{alt}|{names[track]}|{numbers}")
    values = [("MFD", ",".join(entries))] if entries else []
    for kind, key in _SUMMARY.items():
        largest = [_largest(getattr(batch, kind)[row]) for row in rows]
        values.append((key, ",".join(format_float(value) for value in largest)))
    values.append(("MFD_STATUS", ",".join(batch.status[row] for row in rows)))
    return values


def _largest(effects: np.ndarray) -> float:
    """Return the effect of largest size, with its sign; NaN if there is none."""
    return float(effects[np.argmax(np.abs(effects))])


def _one_line(text: str) -> str:
    """Return text in which characters that would end or break a header line are spelled out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _quoted(text: str) -> str:
    """Return text for between the quotes of a header value. Source: VCF 4.3, section 1.4."""
    return _one_line(text).replace("\\", "\\\\").replace('"', '\\"')
