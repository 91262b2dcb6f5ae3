"""How well a model predicts each of its tracks, from the metrics.json in its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mfdvep.errors import InputError
from mfdvep.model.checkpoint import read_config
from mfdvep.model.tracks import TrackTable

_COLUMNS = {"auroc": "combined_auroc", "auprc": "combined_auprc"}


@dataclass(frozen=True)
class Measured:
    """A table of tracks with what was measured of them.

    Attributes
    ----------
    tracks
        With further columns auroc and auprc, of the prediction from both halves; '' for a track
        that was not measured, or has one kind of label alone.
    contigs
        Those that were held out, on which it was measured.
    """

    tracks: TrackTable
    contigs: tuple[str, ...]


def with_metrics(tracks: TrackTable, folder: str | Path) -> Measured:
    """Return the tracks of a model with AUROC and AUPRC as columns.

    Parameters
    ----------
    folder
        The model's, with the metrics.json that `mfdvep evaluate` wrote.

    Raises
    ------
    InputError
        No metrics.json, none of that form, or one of other weights; or the table has such a column.
    """
    path = Path(folder) / "metrics.json"
    remedy = f"mfdvep evaluate {folder} --data SET -o {path} makes it"
    if taken := [column for column in _COLUMNS if column in tracks.columns]:
        raise InputError(
            f"the track table has a column {taken[0]!r} of its own; leave out --metrics"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        contigs = tuple(map(str, found["contigs"]))
        measured = {each["track"]: each for each in found["tracks"]}
        values = {
            column: tuple(_text(measured.get(name, {}).get(key)) for name in tracks.names)
            for column, key in _COLUMNS.items()
        }
        digest = found["model"]["sha256"]
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing; {remedy}") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not metrics of a model ({error}); {remedy}") from error
    if digest != read_config(folder)["sha256"]["model.safetensors"]:
        raise InputError(f"{path}: measured on other weights than those beside it; {remedy}")
    return Measured(TrackTable({**tracks.columns, **values}), contigs)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
