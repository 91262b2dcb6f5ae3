"""How well a model predicts what it has not seen, from the metrics that lie beside its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trust:
    """Areas under the ROC curve on contigs held out from training.

    Attributes
    ----------
    contigs
        The held-out ones.
    kinds
        "combined", "biological", "technical" -> mean over tracks.
    tracks
        Track's name -> combined.
    """

    contigs: tuple[str, ...]
    kinds: dict[str, float]
    tracks: dict[str, float]


def trust_of(folder: str | Path) -> Trust | None:
    """Return what metrics.json of a model's folder says; None where there is none of that form.

    They are beside the point of an explanation, so that a file of another form is no error.
    """
    try:
        found = json.loads((Path(folder) / "metrics.json").read_text(encoding="utf-8"))
        of_all = found["summary"]["all"]
        kinds = {kind: float(of_all[f"{kind}_auroc"]) for kind in found["kinds"]}
        tracks = {
            each["track"]: float(each["combined_auroc"])
            for each in found["tracks"]
            if each["combined_auroc"] is not None
        }
        return Trust(tuple(found["contigs"]), kinds, tracks)
    except (OSError, ValueError, LookupError, TypeError):
        return None
