"""Numbers, names and lines as a person reads them: pure text."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

MISSING = "."
WIDTH = 100  # columns of a terminal


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


def shortened(name: str, most: int) -> str:
    """Return a name, without its middle if it has more letters than `most`; ends tell apart."""
    if len(name) <= most:
        return name
    first = (most - 3) // 2
    return f"{name[:first]}...{name[len(name) - (most - 3 - first) :]}"


def aligned(lines: Sequence[Sequence[str]], *, right: bool = True) -> list[str]:
    """Return lines with their cells in columns, the first at the left.

    Parameters
    ----------
    right
        Whether the other columns are at the right, as numbers are.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i and right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def wrapped(line: str) -> list[str]:
    """Return a line as lines that fit."""
    return [line] if len(line) <= WIDTH else wrap(line, WIDTH, subsequent_indent="  ")


def _short(text: str) -> str:
    """Return 2.1e-5 of 2.1e-05."""
    mantissa, _, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if power else text
