"""The tables of the HTML report, rounded for reading."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from mfdvep.enrichment.report.readings import Row, comparison_verdict, tested
from mfdvep.enrichment.report.tables import rows
from mfdvep.enrichment.report.wording import Words
from mfdvep.enrichment.results import Enrichment
from mfdvep.markup import Markup, table
from mfdvep.wording import area, interval, number, percent, probability, signed


class Lines(NamedTuple):
    """A table's header, and its lines, as text."""

    header: list[str]
    lines: list[list[str]]


def overall_table(found: Sequence[Row], words: Words) -> Markup:
    """Return Table 2; columns of matched variants and of permutations where they are defined."""
    has_matched, has_permuted = "matched" in found[0], "p_permuted" in found[0]
    header = ["cut", "kind", "odds ratio (exact 95 %)", "resampled 95 %", "Fisher p"]
    header += ["matched (95 %)", "matched p"] * has_matched + ["shuffled p"] * has_permuted
    header += [f"{tagged} {words.positive} / {words.negative}" for tagged in ("tagged", "other")]
    lines = []
    for row in found:
        line = [words.extremes(row["cut"]), row["kind"],
                f"{number(row['odds_ratio'])} ({_interval(row, 'conditional')})",
                _interval(row, "bootstrap"), probability(row["p_fisher"])]  # fmt: skip
        if has_matched:
            line.append(f"{number(row['matched'])} ({_interval(row, 'matched')})")
            line.append(probability(row["p_matched"]))
        if has_permuted:
            line.append(probability(row["p_permuted"]))
        line += [f"{row[f'{tagged}_positive']:,} / {row[f'{tagged}_negative']:,}"
                 for tagged in ("tagged", "untagged")]  # fmt: skip
        lines.append(line)
    return table(header, lines, n_text=2, blocks=True)


def comparison_table(found: Sequence[Row], words: Words) -> Markup:
    """Return the comparisons: both values, their ratio or difference with its interval, verdict."""
    lines = []
    for row in found:
        text = number if row["scale"] == "ratio" else signed
        value = number if row["measure"] != "auroc" else area
        measure = row["measure"].replace("_", " ").replace("auroc", "AUROC")
        lines.append([f"{row['first']} / {row['second']}", measure,
                      words.extremes(row["cut"]) if row["cut"] else "", comparison_verdict(row),
                      value(row["first_value"]), value(row["second_value"]),
                      f"{row['scale']} {text(row['value'])}",
                      interval(row["low"], row["high"], text=text)])  # fmt: skip
    header = ["kinds", "measure", "cut", "reading", "first", "second", "compared", "95 %"]
    return table(header, lines, n_text=4, blocks=True)


def group_table(found: Sequence[Row], words: Words) -> Markup:
    """Return the groups of one column."""
    lines = [[row["value"] or "(not known)", row["kind"], words.extremes(row["cut"]),
              f"{row['n_tracks']:,}", number(row["mean_odds_ratio"]),
              interval(row["low"], row["high"])]
             for row in found]  # fmt: skip
    header = ["group", "kind", "cut", f"{words.unit}s", "mean odds ratio", "95 %"]
    return table(header, lines, n_text=3, blocks=True)


def summary_table(found: Sequence[Row], words: Words) -> Markup:
    """Return the areas of the largest |effect|, and their means over tracks."""
    lines = [[row["kind"], f"{row['n_tracks']:,}", area(row["auroc"]),
              _interval(row, "auroc", text=area), area(row["auprc"]),
              _interval(row, "auprc", text=area), area(row["mean_auroc"]),
              area(row["mean_auprc"])]
             for row in found]  # fmt: skip
    header = ["kind", f"{words.unit}s", "AUROC", "95 %", "AUPRC", "95 %",
              f"mean AUROC of a {words.unit}", f"mean AUPRC of a {words.unit}"]  # fmt: skip
    return table(header, lines)


def passing_table(found: Sequence[Row], words: Words) -> Markup:
    """Return how many tracks pass, of rows of `passing`."""
    lines = [[row["kind"], words.extremes(row["cut"]), f"{row['n']:,}", f"{row['enriched']:,}",
              f"{row['depleted']:,}"] for row in found]  # fmt: skip
    return table(
        ["kind", "cut", f"{words.unit}s", "enriched", "depleted"], lines, n_text=2, blocks=True
    )


def permutation_table(found: Sequence[Row], words: Words) -> Markup:
    """Return what shuffled labels gave."""
    lines = [[row["kind"], words.extremes(row["cut"]), f"{row['n_permutations']:,}",
              percent(row["false_positive_rate"]), percent(row["any_significant"]),
              interval(row["null_low"], row["null_high"]), probability(row["p_overall"])]
             for row in found]  # fmt: skip
    header = ["kind", "cut", "shuffles", f"{words.unit}s with p < 0.05", "shuffles with a q < 0.05",
              "odds ratio, middle 95 %", "p overall"]  # fmt: skip
    return table(header, lines, n_text=2, blocks=True)


def top_tracks(enrichment: Enrichment, words: Words, *, n: int) -> Lines:
    """Return the tracks and cuts with the smallest q, then p; of kinds and cuts all together."""
    test = tested(enrichment)
    ratio = "matched" if test == "matched" else "odds_ratio"
    own = "matched" if test == "matched" else "conditional"

    def rank(row: dict[str, Any]) -> tuple[float, float]:
        q, p = row[f"q_{test}"], row[f"p_{test}"]
        return (inf if q is None else q, inf if p is None else p)

    found = sorted(rows(enrichment.cuts), key=rank)[:n]
    lines = [[row["track"], row["kind"], words.extremes(row["cut"]), number(row[ratio]),
              _interval(row, own), probability(row[f"p_{test}"]), probability(row[f"q_{test}"]),
              f"{row['tagged_positive']:,}", f"{row['tagged_negative']:,}"]
             for row in found]  # fmt: skip
    header = [words.unit, "kind", "cut", "odds ratio", "95 %", "p", "q",
              f"tagged {words.positive}", f"tagged {words.negative}"]  # fmt: skip
    return Lines(header, lines)


def _interval(row: Row, name: str, *, text: Any = number) -> str:
    return interval(row[f"{name}_low"], row[f"{name}_high"], text=text)
