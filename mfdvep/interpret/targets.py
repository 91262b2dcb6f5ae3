"""What is attributed: single latent features, tracks, and means over tracks, by half.

All are linear in the latent features, so a target is a vector of weights.

Source: MFD section 3.1 (single direct features are experimental factors).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from mfdvep.errors import InputError
from mfdvep.model.mfd import MFDModel
from mfdvep.model.selection import select_names
from mfdvep.model.where import select_where, shown

HALVES = ("combined", "biological", "technical")


@dataclass(frozen=True)
class Target:
    """A number that is the sum of latent features by weights, and its name.

    Attributes
    ----------
    name
        "target=CTCF", "CTCF/K562/X0253", "group: target == 'CTCF'": the same for all halves.
    weights
        (C,) float32 over the biological, then the technical latent features. The value of a track
        or of a mean over tracks is in log-odds without the bias, that of a direct feature in
        units of the feature, whose SD over the training windows is 1.
    n_biological
        How many of the C features are biological.
    which
        One of `HALVES`: which weights are kept.
    unit
        Of the value: "log-odds", or "SD" of a direct feature.
    """

    name: str
    weights: np.ndarray
    n_biological: int
    which: str = "combined"
    unit: str = "log-odds"

    @property
    def label(self) -> str:
        """Name and half, which tell targets apart: "CTCF/K562/X0253 biological"."""
        return f"{self.name} {self.which}"

    @property
    def is_silent(self) -> bool:
        """Whether all weights are 0, as of the technical half of a biological feature."""
        return not self.weights.any()

    def half(self, which: str) -> Target:
        """Return this target with the other half's weights set to 0; "combined": as it is.

        Raises
        ------
        InputError
            Not one of `HALVES`.
        """
        if which not in HALVES:
            raise InputError(f"half {which!r}; expected {', '.join(HALVES)}")
        if which == "combined":
            return self
        weights = np.zeros_like(self.weights)
        kept = slice(self.n_biological) if which == "biological" else slice(self.n_biological, None)
        weights[kept] = self.weights[kept]
        return replace(self, weights=weights, which=which)


def direct_features(model: MFDModel) -> dict[str, int]:
    """Return the direct latent features' names, such as "target=CTCF" -> index in the C."""
    n_biological = model.config.n_latent // 2
    names = {name: i for i, name in enumerate(model.biological.direct_names)}
    return names | {name: n_biological + i for i, name in enumerate(model.technical.direct_names)}


def direct_target(model: MFDModel, name: str) -> Target:
    """Return a direct latent feature.

    Parameters
    ----------
    name
        Of the factor, "CTCF", or with its column, "target=CTCF", which it must be if columns
        share the value; in another case where that is not ambiguous.

    Raises
    ------
    InputError
        No such feature (the nearest are named), or several.
    """
    known = direct_features(model)
    if not known:
        raise InputError(f"feature {name!r}: the model has no direct features; name tracks instead")
    found = _named(name, known)
    if len(found) != 1:
        short = {full.partition("=")[2] or full for full in known}
        near = get_close_matches(name, [*known, *short], n=3) or sorted(known)
        hint = (
            f"several: give one of {', '.join(found)}" if found else f"nearest: {', '.join(near)}"
        )
        raise InputError(f"no direct feature {shown(name)}; {hint}")
    weights = np.zeros(model.config.n_latent, dtype=np.float32)
    weights[known[found[0]]] = 1
    return Target(found[0], weights, model.config.n_latent // 2, unit="SD")


def _named(name: str, known: Sequence[str] | dict[str, int]) -> list[str]:
    """Return the features of a name, by the full name, by the value, then in any case."""
    for same in (str, str.casefold):
        for part in (lambda full: full, lambda full: full.partition("=")[2]):
            if found := [full for full in known if same(part(full)) == same(name)]:
                return found
    return []


def track_target(model: MFDModel, row: int) -> Target:
    """Return the log-odds of a track, without its bias.

    Parameters
    ----------
    row
        Of the model's track table.
    """
    return group_target(model, [row], model.tracks.names[row])


def group_target(model: MFDModel, rows: Sequence[int], name: str) -> Target:
    """Return the mean log-odds of tracks, without their biases.

    Parameters
    ----------
    rows
        Of the model's track table; at least one.
    """
    psi = [half.detach().double().cpu().numpy()[list(rows)] for half in model.output_weights()]
    weights = np.concatenate(psi, axis=1).mean(axis=0).astype(np.float32)  # (C,)
    return Target(name, weights, model.config.n_latent // 2)


def parse_targets(
    model: MFDModel,
    features: Sequence[str] = (),
    tracks: Sequence[str] = (),
    where: Sequence[str] = (),
) -> list[Target]:
    """Return the targets that a user names, in this order and each once.

    Parameters
    ----------
    features
        Names for `direct_target`.
    tracks
        Names or files for `select_names`: a target each.
    where
        Conditions for `select_where`: the mean over the tracks of each is a target.

    Raises
    ------
    InputError
        A name that is not known (the nearest are named), a condition that no track meets, or
        nothing is named.
    """
    found = [direct_target(model, name) for name in features]
    if tracks:
        rows = select_names(model.tracks, tracks, option="--track")
        found += [track_target(model, row) for row in rows]
    for text in where:
        rows = sorted(select_where(model.tracks, text))
        if not rows:
            raise InputError(
                f"no track meets --where {shown(text)}, of {len(model.tracks)} tracks; "
                "drop or widen a condition"
            )
        found.append(group_target(model, rows, f"group: {text}"))
    if not found:
        raise InputError(
            "nothing to attribute; name a direct feature (--feature), a track (--track), or tracks "
            "by a condition (--where)"
        )
    return list({target.name: target for target in found}.values())
