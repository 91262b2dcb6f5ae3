"""How large an effect is among those of other variants: quantiles in a matrix, or by a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.variants import Variant
from mfdvep.interpret.explanation.explaining import Explanation
from mfdvep.scoring.calibration import Calibration
from mfdvep.scoring.effect_file import EffectFile

_ROWS = 1 << 15  # variants read at once; 60 MB of effects on 442 tracks


@dataclass(frozen=True)
class Background:
    """Where an allele's effects lie among those of n other variants.

    A quantile is the share of the n whose effect is smaller in size, but at most 1 - 1 / n: that
    none is larger says no more than that.

    Attributes
    ----------
    file
        Name of the matrix, or of what a table was made from.
    n
        Variants with effects in it; of a matrix without the allele itself, which a table may have.
    scale
        Of the matrix or table, on which it is compared.
    rows
        Of the model's track table: the k tracks that the matrix or table has too.
    tracks
        Kind -> (k,) quantile on each of them.
    largest
        Kind -> quantile of the largest |effect| over them, among those of the others.
    differences
        How it was made otherwise than the allele's effects, a sentence each.
    """

    file: str
    n: int
    scale: str
    rows: tuple[int, ...]
    tracks: dict[str, np.ndarray]
    largest: dict[str, float]
    differences: tuple[str, ...]

    @property
    def cap(self) -> float:
        """The highest quantile that n variants can show."""
        return 1 - 1 / self.n


def look_up(explanation: Explanation, calibration: Calibration) -> Background | None:
    """Return where the effects lie among those of a table; None for one of other effects.

    Those are of another model or strand, of other shifts, or of tracks that are not explained.
    """
    scale = str(calibration.about["scale"])
    found = calibration.of(explanation.tracks)
    rows = np.flatnonzero(found.known)
    differences = calibration.differences(explanation.provenance)
    if differences or len(rows) != len(calibration.names):
        return None
    tracks, largest = {}, {}
    whole = calibration.of(explanation.tracks.take(rows))
    for kind in explanation.kinds:
        effects = explanation.effects[scale][kind][rows]  # (k,)
        tracks[kind] = np.abs(whole.on_tracks(kind, effects, np.arange(len(rows))))
        most = np.abs(effects).max(keepdims=True)
        largest[kind] = float(whole.of_largest(kind, most)[0])
    name = str(calibration.about["background"]["file"])
    return Background(name, calibration.n, scale, tuple(rows.tolist()), tracks, largest, ())


def compare(explanation: Explanation, path: str | Path) -> Background:
    """Return where the effects lie among those of a matrix, which is read a part at a time.

    Parameters
    ----------
    path
        As `mfdvep score --matrix` writes it, by the same model.

    Raises
    ------
    InputError
        Not such a matrix; of another model; no track in common; or no other variant with effects.
    """
    file = EffectFile(path)
    _check_model(explanation, file)
    scale = str(file.provenance.get("scale", explanation.scale))
    columns = {name: column for column, name in enumerate(file.tracks.names)}
    rows = [row for row, name in enumerate(explanation.tracks.names) if name in columns]
    if not rows:
        raise InputError(f"{path}: none of its {len(file.tracks)} tracks is one of the model's")
    at = [columns[explanation.tracks.names[row]] for row in rows]
    used = _others(file, explanation.variant)
    n = int(used.sum())
    if not n:
        raise InputError(f"{path}: no other variant with effects; give a matrix of many")
    tracks, largest = {}, {}
    for kind in explanation.kinds:
        own = np.abs(explanation.effects[scale][kind][rows])  # (k,)
        smaller, smaller_largest = np.zeros(len(rows), dtype=np.int64), 0
        for first in range(0, len(used), _ROWS):
            some = np.zeros_like(used)
            some[first : first + _ROWS] = used[first : first + _ROWS]
            if some.any():
                sizes = np.abs(file.effects(kind, slice(None), some)[at])  # (k, m)
                smaller += (sizes < own[:, None]).sum(axis=1)
                smaller_largest += int((sizes.max(axis=0) < own.max()).sum())
        tracks[kind] = np.minimum(smaller / n, 1 - 1 / n)
        largest[kind] = min(smaller_largest / n, 1 - 1 / n)
    name = Path(path).name
    return Background(name, n, scale, tuple(rows), tracks, largest,
                      tuple(_differences(explanation.provenance, file.provenance)))  # fmt: skip


def _others(file: EffectFile, variant: Variant) -> np.ndarray:
    """Return which rows have effects and are not the allele itself as it is written, (n,) bool."""
    found = file.variants()
    same = found.pos == variant.pos
    chrom = variant.chrom.removeprefix("chr")
    own = (variant.ref.upper(), variant.alt.upper())
    for row in np.flatnonzero(same):
        there = (found.ref[row].upper(), found.alt[row].upper())
        same[row] = there == own and found.chrom[row].removeprefix("chr") == chrom
    scored = np.array([status == "OK" for status in found.status], dtype=bool)
    return scored & ~same


def _check_model(explanation: Explanation, file: EffectFile) -> None:
    own, there = (about.get("model", {}) for about in (explanation.provenance, file.provenance))
    if own.get("sha256") != there.get("sha256"):
        raise InputError(
            f"{file.path}: effects of another model ({_model(there)}) than {_model(own)}; score "
            "the background with the same model"
        )


def _model(about: Mapping[str, Any]) -> str:
    return f"{about.get('name', 'unknown')}, sha256 {str(about.get('sha256', 'unknown'))[:12]}"


def _differences(own: Mapping[str, Any], there: Mapping[str, Any]) -> Sequence[str]:
    """Return in words what was set otherwise."""
    said = []
    for key, words in (("shifts", "shifts"), ("strand", "strand")):
        if key in there and there[key] != own[key]:
            said.append(f"the background was scored with {words} {there[key]}, not {own[key]}")
    prints = [about.get("reference", {}).get("fingerprint") for about in (own, there)]
    if prints[0] != prints[1]:
        said.append("the background lies on another reference")
    return said
