"""One allele to what it changes: effects on all tracks by kind, and groups of tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode
from mfdvep.genomics.variants import Variant
from mfdvep.interpret.explanation.choosing import why_not
from mfdvep.interpret.explanation.groups import COLUMNS, Group, groups_of
from mfdvep.model.device import Precision, windows_at_once
from mfdvep.model.mfd import MFDModel
from mfdvep.model.tracks import TrackTable
from mfdvep.model.virtual import virtual_rows
from mfdvep.scoring.effects import KINDS, overall_technical_share, technical_share
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.swap import SCALES
from mfdvep.scoring.windows import AlleleWindows, Change

Effects = dict[str, dict[str, np.ndarray]]
"""Scale -> kind -> (O,) float32, ALT minus REF."""


@dataclass(frozen=True)
class Explanation:
    """What one allele changes.

    Attributes
    ----------
    variant
        As the caller spells it.
    id
        Of its record; "" where it has none.
    contig, start, ref, alt
        The least change, trimmed and left-aligned, which is scored; start is 0-based.
    tracks
        The O tracks of the model.
    kinds
        "combined", "biological", "technical"; of a plain baseline "combined" alone.
    effects
        Of all tracks, on both scales: what `mfdvep score` gives.
    predicted
        (2, O) float32: probability of a peak with REF and with ALT, mean over shifts and strands.
    scale
        Which scale ranks tracks and groups.
    groups
        Those of all columns that were asked for.
    provenance
        Model, reference, how effects are computed.
    """

    variant: Variant
    id: str
    contig: str
    start: int
    ref: str
    alt: str
    tracks: TrackTable
    kinds: tuple[str, ...]
    effects: Effects
    predicted: np.ndarray
    scale: str
    groups: tuple[Group, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """SNV, MNV, insertion, deletion, delins, or "no change"."""
        return type_of(self.ref, self.alt)

    def ranked(self, kind: str = "combined") -> np.ndarray:
        """Return all rows of the track table, that of the largest effect in size first."""
        return np.argsort(-np.abs(self.effects[self.scale][kind]), kind="stable")

    def shown(self, n: int) -> list[int]:
        """Return the rows of the n largest combined effects, then of virtual tracks not among them.

        The largest in size come first.
        """
        rows: list[int] = self.ranked()[:n].tolist()
        return rows + [row for row in virtual_rows(self.tracks) if row not in rows]

    def technical_shares(self, scale: str) -> tuple[np.ndarray, float] | None:
        """Return the technical share on each track, (O,), and over all; None of a plain baseline.

        See `technical_share`; NaN where both halves are 0.
        """
        if len(self.kinds) == 1:
            return None
        halves = self.effects[scale]["biological"], self.effects[scale]["technical"]
        return technical_share(*halves), float(overall_technical_share(*halves))

    def largest(self, kind: str = "combined", *, scale: str = "") -> tuple[int, float]:
        """Return the row and the effect of largest size, on `self.scale` or the one given."""
        effects = self.effects[scale or self.scale][kind]
        row = int(np.abs(effects).argmax())
        return row, float(effects[row])


def type_of(ref: str, alt: str) -> str:
    """Return what kind of change trimmed alleles are."""
    if not ref or not alt:
        return "insertion" if alt else "deletion" if ref else "no change"
    if len(ref) == len(alt):
        return "SNV" if len(ref) == 1 else "MNV"
    return "delins"


def explain(
    variant: Variant,
    model: MFDModel,
    genome: Genome,
    *,
    record_id: str = "",
    shifts: int | str | Sequence[int] = 11,
    strand: str = "both",
    scale: str = "probability",
    group_by: Sequence[str] = (),
    device: str = "auto",
) -> Explanation:
    """Return what an allele changes, as `mfdvep score` does with the same options.

    Parameters
    ----------
    record_id
        Of the VCF's record, to be shown.
    shifts, strand, device
        As for `Scorer`.
    scale
        "probability" or "logit": which ranks tracks and groups; both are computed.
    group_by
        Columns of the track table; none: assay, target and biosample, where it has them.

    Raises
    ------
    InputError
        The allele cannot be scored (why is said), an option with another value, or no such column.
    ModelError
        The model gave a value that is not finite.
    """
    kinds = KINDS[:1] if model.config.plain else KINDS
    columns = list(group_by) or [name for name in COLUMNS if name in model.tracks.columns]
    for column in columns:
        _ = model.tracks[column]  # refuses one that is not there, before any work
    cutter = AlleleWindows(genome, shifts=shifts, strand=strand)
    prepared = cutter.prepare([variant])
    change = prepared.changes[0]
    if change is None:
        raise why_not(variant, prepared.status[0], genome)
    effects: Effects = {}
    for name in (scale, *(other for other in SCALES if other != scale)):
        scorer = Scorer(model, genome, shifts=shifts, strand=strand, scale=name, device=device)
        batch = scorer.score_prepared(prepared)
        effects[name] = {kind: getattr(batch, kind)[0] for kind in kinds}
    about = {key: value for key, value in scorer.provenance.items() if key != "scale"}
    n_own = len(model.tracks) - len(virtual_rows(model.tracks))  # virtual tracks join no group
    of_own = {
        name: {kind: values[:n_own] for kind, values in found.items()}
        for name, found in effects.items()
    }
    return Explanation(
        variant,
        record_id,
        change.contig,
        change.start,
        _ref_of(change),
        decode(change.alt),
        model.tracks,
        kinds,
        effects,
        predictions(model, cutter.cut(change)),
        scale,
        groups_of(model.tracks.take(range(n_own)), of_own, columns, scale=scale),
        {
            "model": scorer.model_provenance,
            "reference": genome.record,
            "n_tracks": len(model.tracks),
            **about,
        },
    )


def _ref_of(change: Change) -> str:
    return decode(change.reference[change.at : change.at + change.ref_length])


def predictions(model: MFDModel, windows: np.ndarray) -> np.ndarray:
    """Return the mean probability of a peak over the windows of each allele.

    Parameters
    ----------
    windows
        (n, K, 1153) uint8 base codes.

    Returns
    -------
    np.ndarray
        (n, O) float32.
    """
    device = model.bias.device
    flat = torch.from_numpy(windows.reshape(-1, windows.shape[-1])).to(device)
    size = windows_at_once(device, model.config.width, engine="plain")
    with torch.inference_mode(), Precision("float32").in_force():
        found = torch.cat([torch.sigmoid(model(part)).double() for part in flat.split(size)])
    means = found.unflatten(0, windows.shape[:2]).mean(1)  # (n, O)
    return np.asarray(means.float().cpu().numpy())
