"""The analyses of the paper, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Quantiles, and the side that is beyond them."""

    name: str
    quantiles: tuple[float, ...]
    sided: str


GTEX = Preset("gtex", (0.9, 0.95, 0.99), "absolute")
GNOMAD = Preset("gnomad", (0.9, 0.99, 0.999), "both")
OTHER = Preset("", (0.9, 0.95, 0.99), "absolute")
PRESETS = {preset.name: preset for preset in (GTEX, GNOMAD)}
"""Source: MFD paper, section 3.3, Table 2."""
