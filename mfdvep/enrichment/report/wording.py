"""What an enrichment calls its variants, effects and cuts: pure text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mfdvep.enrichment.results import Enrichment
from mfdvep.wording import percent

CLASSES = {"gtex": ("causal", "neutral"), "gnomad": ("rare", "common")}
"""What variants of label 1 and 0 are called, by preset."""
LEFT_OUT = {
    "unlabelled": "without a label",
    "duplicates": "the variant of an earlier row",
    "not_finite": "without a finite score",
    "not_in_baseline": "not scored in the baseline",
}
"""Why rows are not used, besides their status -> in words."""


def lead(kinds: Sequence[str]) -> str:
    """Return the kind that a reader looks at first: biological, or the first."""
    return "biological" if "biological" in kinds else kinds[0]


@dataclass(frozen=True)
class Words:
    """What an analysis calls its variants, effects and cuts.

    Attributes
    ----------
    positive, negative
        Of variants with label 1 and 0.
    unit
        What there is a test of: "track", or "score" for scores of other tools.
    n_tracks
        How many of them.
    sided
        See `Enrichment.settings`.
    """

    positive: str
    negative: str
    unit: str
    n_tracks: int
    sided: str

    @classmethod
    def of(cls, enrichment: Enrichment) -> Words:
        """Return the words for an analysis."""
        settings = enrichment.settings
        classes = CLASSES.get(str(settings["preset"]), ("positive", "negative"))
        unit = "score" if list(settings["kinds"]) == ["score"] else "track"
        return cls(*classes, unit, settings["n_tracks"], settings["sided"])

    def effect(self, kind: str) -> str:
        """Return "biological effect"; "score" of other tools' scores."""
        return "score" if kind == "score" else f"{kind} effect"

    @property
    def more(self) -> str:
        """What an effect is that ranks before another."""
        return {"lower": "lower", "upper": "higher"}.get(self.sided, "larger")

    def share(self, cut: str) -> float:
        """Return the share of effects that a cut takes, both tails together."""
        ends = [float(part) for part in cut.split(",")]
        if len(ends) == 2:
            return ends[0] + 1 - ends[1]
        return ends[0] if self.sided == "lower" and ends[0] < 0.5 else 1 - ends[0]

    def coarse_to_fine(self, cuts: Iterable[str]) -> list[str]:
        """Return each cut once, the one that takes most effects first."""
        return sorted(dict.fromkeys(cuts), key=lambda cut: -self.share(cut))

    def extremes(self, cut: str) -> str:
        """Return which effects a cut takes: "largest 1 %", "lowest or highest 0.1 %"."""
        ends = [float(part) for part in cut.split(",")]
        if len(ends) == 2:
            low, high = percent(ends[0]), percent(1 - ends[1])
            return f"lowest or highest {low}" if low == high else f"lowest {low} or highest {high}"
        names = {"absolute": "largest", "lower": "lowest"}
        return f"{names.get(self.sided, 'highest')} {percent(self.share(cut))}"

    @property
    def in_some_track(self) -> str:
        """Return where an effect must be extreme for a variant to be tagged."""
        return "" if self.n_tracks == 1 else f" in at least one {self.unit}"
