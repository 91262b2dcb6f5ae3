"""The result of an enrichment as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from mfdvep.enrichment.report.readings import comparison_verdict, passing, too_many
from mfdvep.enrichment.report.tables import rows
from mfdvep.enrichment.report.wording import (
    LEFT_OUT,
    Words,
    area,
    interval,
    number,
    percent,
    plural,
    probability,
    signed,
)
from mfdvep.enrichment.results import Enrichment

WIDTH = 100


def terminal_table(enrichment: Enrichment) -> str:
    """Return Table 2 and what else fits a screen, in lines of at most 100 columns.

    A block a cut, a row a kind: odds ratio, exact interval and interval by resampling blocks,
    p, and how many of the tagged variants are positive and negative. Where variants are matched,
    the odds ratio and p within match groups stand for the interval by resampling. Then a line a
    kind with areas and the tracks that pass, the comparisons, permutations, and what is flagged.
    "." is what is not defined.
    """
    words = Words.of(enrichment)
    counts = enrichment.counts
    first = (f"{counts['used']:,} variants used of {counts['rows']:,}: {counts['positives']:,} "
             f"{words.positive}, {counts['negatives']:,} {words.negative}; "
             f"{plural(enrichment.settings['n_tracks'], words.unit)}")  # fmt: skip
    said = [
        first,
        *_left_out(counts),
        "",
        *_overall(enrichment, words),
        "",
        *_areas(enrichment, words),
    ]
    said += [*_compared(enrichment, words), *_permuted(enrichment, words)]
    if flagged := enrichment.settings["flagged"]:
        said += ["", *(f"note: {sentence}" for sentence in flagged)]
    return "\n".join(part for line in said for part in wrapped(line)) + "\n"


def _left_out(counts: Mapping[str, Any]) -> list[str]:
    """Return a line of the variants that were not used, and of those not in a match group."""
    found = [(what, counts[name]) for name, what in LEFT_OUT.items()]
    said = [f"{n:,} not scored ({status})" for status, n in counts["unscored"].items()]
    said += [f"{n:,} {what}" for what, n in found if n]
    lines = [f"left out: {', '.join(said)}"] if said else []
    if counts["unmatched"]:
        lines.append(f"in no match group with both labels: {counts['unmatched']:,}")
    return lines


def _overall(enrichment: Enrichment, words: Words) -> Iterator[str]:
    found = rows(enrichment.overall)
    has_matched = any("matched" in row for row in found)
    middle = ["matched", "95 %", "p"] if has_matched else ["resampled 95 %"]
    header = ["", "odds", "exact 95 %", "p", *middle, f"{words.positive}/{words.negative}"]
    lines: list[list[str]] = []
    for row in found:
        line = [f"  {row['kind']}", number(row["odds_ratio"]),
                interval(row["conditional_low"], row["conditional_high"]),
                probability(row["p_fisher"])]  # fmt: skip
        if has_matched:
            line += [number(row["matched"]), interval(row["matched_low"], row["matched_high"]),
                     probability(row["p_matched"])]  # fmt: skip
        else:
            line.append(interval(row["bootstrap_low"], row["bootstrap_high"]))
        lines.append([*line, f"{row['tagged_positive']:,}/{row['tagged_negative']:,}"])
    first, *texts = aligned([header, *lines])
    yield first
    cut = None
    for row, text in zip(found, texts, strict=True):
        if row["cut"] != cut:
            cut = row["cut"]
            yield f"{words.extremes(cut)} ({cut})"
        yield text


def _areas(enrichment: Enrichment, words: Words) -> Iterator[str]:
    """Yield a line a kind: areas of the largest |effect|, and the tracks with q < 0.05."""
    passed: dict[str, list[str]] = {}
    for row in passing(enrichment):
        n = row["enriched"] + row["depleted"]
        passed.setdefault(row["kind"], []).append(f"{n:,}")
    header = ["", "AUROC", "95 %", "AUPRC", "95 %", f"{words.unit}s with q < 0.05, by cut"]
    lines = [header]
    for row in rows(enrichment.summary):
        lines.append([f"  {row['kind']}", area(row["auroc"]),
                      interval(row["auroc_low"], row["auroc_high"], text=area),
                      area(row["auprc"]),
                      interval(row["auprc_low"], row["auprc_high"], text=area),
                      ", ".join(passed.get(row["kind"], ["."]))])  # fmt: skip
    return iter(aligned(lines))


def _compared(enrichment: Enrichment, words: Words) -> list[str]:
    """Return a line a comparison, at the finest cut."""
    found = rows(enrichment.comparisons)
    finest = words.coarse_to_fine(row["cut"] for row in found if row["cut"])[-1:]
    lines = []
    for row in found:
        if row["cut"] in ("", *finest):
            sign, text = ("/", number) if row["scale"] == "ratio" else ("-", signed)
            measure = row["measure"].replace("_", " ").replace("auroc", "AUROC")
            lines.append([f"  {row['first']} {sign} {row['second']}, {measure}",
                          text(row["value"]), interval(row["low"], row["high"], text=text),
                          comparison_verdict(row)])  # fmt: skip
    at = f"compared ({words.extremes(finest[0])})" if finest else "compared"
    return ["", *aligned([[at, "", "95 %", ""], *lines])] if lines else []


def _permuted(enrichment: Enrichment, words: Words) -> list[str]:
    """Return a line a kind of what shuffled labels gave, at the finest cut."""
    found = [] if enrichment.permutation is None else rows(enrichment.permutation)
    finest = words.coarse_to_fine(row["cut"] for row in found)[-1:]
    shown = [row for row in found if row["cut"] in finest]
    if not shown:
        return []
    header = [f"shuffled {plural(shown[0]['n_permutations'], 'time')}", "p < 0.05",
              "any q < 0.05", "odds 95 %", "p overall", ""]  # fmt: skip
    lines = [[f"  {row['kind']}", percent(row["false_positive_rate"]),
              percent(row["any_significant"]), interval(row["null_low"], row["null_high"]),
              probability(row["p_overall"]), "too many" if too_many(row) else ""]
             for row in shown]  # fmt: skip
    return ["", *aligned([header, *lines])]


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with their cells in columns, the first at the left and the others right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def wrapped(line: str) -> list[str]:
    """Return a line as lines that fit."""
    return [line] if len(line) <= WIDTH else wrap(line, WIDTH, subsequent_indent="  ")
