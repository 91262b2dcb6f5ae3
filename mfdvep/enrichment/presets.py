"""The analyses of the paper, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Quantiles, the side that is beyond them, and what the labels 1 and 0 mean."""

    name: str
    quantiles: tuple[float, ...]
    sided: str
    positives: str
    negatives: str


GTEX = Preset("gtex", (0.9, 0.95, 0.99), "absolute", "causal eQTL variants", "matched variants")
GNOMAD = Preset("gnomad", (0.9, 0.99, 0.999), "both", "rare variants", "common variants")
OTHER = Preset("", (0.9, 0.95, 0.99), "absolute", "positives", "negatives")
PRESETS = {preset.name: preset for preset in (GTEX, GNOMAD)}
"""Source: MFD paper, section 3.3, Table 2."""
