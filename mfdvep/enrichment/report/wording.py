"""Numbers and names of an enrichment as a person reads them: pure text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mfdvep.enrichment.results import Enrichment

MISSING = "."
CLASSES = {"gtex": ("causal", "neutral"), "gnomad": ("rare", "common")}
"""What variants of label 1 and 0 are called, by preset."""
LEFT_OUT = {
    "unlabelled": "without a label",
    "duplicates": "the variant of an earlier row",
    "not_finite": "without a finite score",
    "not_in_baseline": "not scored in the baseline",
}
"""Why rows are not used, besides their status -> in words."""


def number(value: float | None) -> str:
    """Return a ratio with two or three digits that count, "inf", or "." if not defined."""
    if value is None:
        return MISSING
    size = abs(value)
    if size == float("inf") or size == 0:
        return f"{value:g}"
    if size >= 1e6 or size < 1e-3:
        return _short(f"{value:.2g}" if size < 1 else f"{value:.2e}")
    if size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.2f}" if size >= 0.0995 else f"{value:.2g}"


def area(value: float | None) -> str:
    """Return an area under a curve with three places, more if it is small."""
    if value is None:
        return MISSING
    return f"{value:.3f}" if value >= 0.01 or value == 0 else _short(f"{value:.2g}")


def signed(value: float | None) -> str:
    """Return a difference with its sign and three places; more for one that would look like 0."""
    if value is None:
        return MISSING
    return _short(f"{value:+.1e}") if 0 < abs(value) < 0.0005 else f"{value:+.3f}"


def probability(value: float | None) -> str:
    """Return a p-value: two digits that count; "<1e-300" for one that is 0 as a float."""
    if value is None:
        return MISSING
    if value < 1e-300:
        return "<1e-300"
    if value >= 0.0995:
        return f"{value:.2f}"
    return f"{value:.3f}" if value >= 0.00095 else _short(f"{value:.1e}")


def p_is(value: float | None, *, name: str = "p") -> str:
    """Return "p = 0.03", "p < 1e-300", or "p not defined"."""
    if value is None:
        return f"{name} not defined"
    text = probability(value)
    return f"{name} < {text[1:]}" if text.startswith("<") else f"{name} = {text}"


def percent(share: float | None) -> str:
    """Return a share in percent, "0.1 %"."""
    return MISSING if share is None else f"{100 * share:.3g} %"


def interval(low: float | None, high: float | None, *, text: Any = number) -> str:
    """Return "1.20 to 1.71"; "." if neither end is defined.

    An end that would look like 1 but is not gets more places, so that the side is seen.
    """
    if low is None and high is None:
        return MISSING
    return " to ".join(
        f"{end:.5g}" if end is not None and end != 1 and text(end) == "1.00" else text(end)
        for end in (low, high)
    )


def plural(n: int, noun: str) -> str:
    """Return "1 track", "1,234 tracks"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def lead(kinds: Sequence[str]) -> str:
    """Return the kind that a reader looks at first: biological, or the first."""
    return "biological" if "biological" in kinds else kinds[0]


def shortened(name: str, most: int) -> str:
    """Return a name, without its middle if it has more letters than `most`; ends tell apart."""
    if len(name) <= most:
        return name
    first = (most - 3) // 2
    return f"{name[:first]}...{name[len(name) - (most - 3 - first) :]}"


def _short(text: str) -> str:
    """Return 2.1e-5 of 2.1e-05."""
    mantissa, _, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if power else text


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
