"""Sentences that say in plain language what the numbers of an enrichment mean, made from them."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, sqrt
from typing import Any

from mfdvep.enrichment.report.tables import rows
from mfdvep.enrichment.report.wording import (
    Words,
    area,
    interval,
    number,
    p_is,
    percent,
    plural,
    signed,
)
from mfdvep.enrichment.results import Enrichment

Row = Mapping[str, Any]
FDR = 0.05
_MEASURES = {
    "odds_ratio": ("odds ratio of the variants that any {unit} tags", "ratio of odds ratios"),
    "mean_odds_ratio": ("mean odds ratio of a {unit}", "ratio of mean odds ratios"),
    "auroc": ("AUROC of the largest effect", "ratio of AUROCs"),
}


def overall_reading(row: Row, words: Words) -> str:
    """Return what a row of Table 2 says: odds ratio, intervals, and whether they exclude 1."""
    positive, negative = words.positive, words.negative
    tagged = row["tagged_positive"] + row["tagged_negative"]
    among = f"{words.effect(row['kind'])} is among the {words.extremes(row['cut'])}"
    subject = f"Variants whose {among}{words.in_some_track}"
    if not tagged:
        return f"No variant's {among}: there is no odds ratio."
    if not row["untagged_positive"] + row["untagged_negative"]:
        return (f"Every variant's {among}{words.in_some_track}: none is left to compare with, so "
                f"there is no odds ratio; take a finer cut, or fewer {words.unit}s.")  # fmt: skip
    ratio = row["odds_ratio"]
    exact = interval(row["conditional_low"], row["conditional_high"])
    if ratio is None:
        return f"{subject}: the odds ratio is not defined, as all have one label."
    bounds = f"95 % interval {exact}, {p_is(row['p_fisher'], name='Fisher p')}"
    if row["conditional_low"] is None:
        bounds = f"no interval is defined; {p_is(row['p_fisher'], name='Fisher p')}"
    if ratio == inf:
        why = (f"not one of the {tagged:,} is {negative}" if not row["tagged_negative"]
               else f"they are all the {positive} variants there are")  # fmt: skip
        said = f"{subject}: {why}, so that the odds ratio is infinite ({bounds})."
    elif ratio == 0:
        why = (f"not one of the {tagged:,} is {positive}" if not row["tagged_positive"]
               else f"they are all the {negative} variants there are")  # fmt: skip
        said = f"{subject}: {why}, so that the odds ratio is 0 ({bounds})."
    else:
        said = (f"{subject} have {number(ratio)} times the odds of being {positive} rather than "
                f"{negative} ({bounds}).")  # fmt: skip
    return " ".join([said, *_further(row), _verdict(row)])


def _further(row: Row) -> list[str]:
    """Return what other ways to the odds ratio of a row give."""
    said = []
    if row["bootstrap_low"] is not None:
        resampled = interval(row["bootstrap_low"], row["bootstrap_high"])
        said.append(f"Resampling whole blocks of variants gives {resampled}.")
    if row.get("matched") is not None:
        within = interval(row["matched_low"], row["matched_high"])
        said.append(f"Within match groups the odds ratio is {number(row['matched'])} ({within}, "
                    f"{p_is(row['p_matched'])}).")  # fmt: skip
    return said


def _verdict(row: Row) -> str:
    """Return whether all intervals of a row exclude 1, on one side."""
    names = ("conditional", "bootstrap", "matched")
    pairs = [(row.get(f"{name}_low"), row.get(f"{name}_high")) for name in names]
    ends = [(low, high) for low, high in pairs if low is not None and high is not None]
    if not ends:
        return "Without an interval nothing can be said about enrichment."
    it, they = ("The interval", "lies") if len(ends) == 1 else (f"All {len(ends)} intervals", "lie")
    it = "Both intervals" if len(ends) == 2 else it
    if all(low > 1 for low, _ in ends):
        return f"{it} {they} above 1: enrichment."
    if all(high < 1 for _, high in ends):
        return f"{it} {they} below 1: depletion."
    some = "The interval contains" if len(ends) == 1 else "An interval contains"
    if not any(low <= 1 <= high for low, high in ends):
        return "The intervals lie on different sides of 1: no conclusion."
    return f"{some} 1: these data are compatible with no enrichment at all."


def comparison_reading(row: Row, words: Words) -> str:
    """Return what a comparison of two kinds says, and whether there is evidence of a difference."""
    measure, ratio_name = _MEASURES[row["measure"]]
    where = f", {words.extremes(row['cut'])}" if row["cut"] else ""
    what = f"{row['first']} against {row['second']}, {measure.format(unit=words.unit)}{where}"
    if row["value"] is None:
        return f"{what}: not defined."
    is_ratio = row["scale"] == "ratio"
    text = number if is_ratio else signed
    said = f"{what}: {ratio_name if is_ratio else 'difference'} {text(row['value'])}"
    around = interval(row["low"], row["high"], text=text)
    around = "no interval" if row["low"] is None else f"95 % interval {around}"
    return f"{said}, {around}: {comparison_verdict(row)}."


def comparison_verdict(row: Row) -> str:
    """Return which kind is higher, if the interval of a comparison excludes that they are equal."""
    null = 1 if row["scale"] == "ratio" else 0
    if row["value"] is None or row["low"] is None or row["high"] is None:
        return "no conclusion"
    if row["low"] > null:
        return f"{row['first']} is higher"
    return f"{row['first']} is lower" if row["high"] < null else "no evidence of a difference"


def summary_reading(row: Row, words: Words, *, base_rate: float) -> str:
    """Return what AUROC and AUPRC of a kind's largest effect say."""
    effect = words.effect(row["kind"])
    if row["auroc"] is None:
        return f"AUROC of the largest {effect} is not defined."
    around = interval(row["auroc_low"], row["auroc_high"], text=area)
    judged = ""
    if row["auroc_low"] is not None:
        contains = row["auroc_low"] <= 0.5 <= row["auroc_high"]
        side = "above" if row["auroc"] > 0.5 else "below"
        judged = " The interval contains chance." if contains else f" It lies {side} chance."
    pair = f"A {words.positive} variant has a {words.more} {effect} than a {words.negative} one"
    return (f"{pair} in {percent(row['auroc'])} of pairs (AUROC {area(row['auroc'])}, interval "
            f"{around}; chance: 50 %).{judged} AUPRC is {area(row['auprc'])}, interval "
            f"{interval(row['auprc_low'], row['auprc_high'], text=area)}; chance: "
            f"{area(base_rate)}.")  # fmt: skip


def tested(enrichment: Enrichment) -> str:
    """Return which test of a track is corrected for many: "matched" where there is one."""
    return "matched" if "q_matched" in enrichment.cuts else "fisher"


def passing(enrichment: Enrichment) -> list[dict[str, Any]]:
    """Return how many tracks pass 5 % by Benjamini and Hochberg: kind, cut, enriched, depleted, n.

    A row a kind and cut that has tracks; n counts those with a q-value.
    """
    test = tested(enrichment)
    ratio = "matched" if test == "matched" else "odds_ratio"
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows(enrichment.cuts):
        key = (row["kind"], row["cut"])
        to = found.setdefault(key, dict(zip(("kind", "cut"), key, strict=True)) | _NONE)
        q, value = row[f"q_{test}"], row[ratio]
        to["n"] += q is not None
        if q is not None and q < FDR and value is not None:
            to["enriched" if value > 1 else "depleted"] += 1
    return list(found.values())


_NONE = {"enriched": 0, "depleted": 0, "n": 0}


def passing_reading(row: Row, words: Words) -> str:
    """Return how many tracks pass, of a row of `passing`."""
    of = f"{words.effect(row['kind'])}, {words.extremes(row['cut'])}"
    if not row["enriched"] + row["depleted"]:
        return f"{of}: none of {plural(row['n'], words.unit)} passes."
    return (f"{of}: of {plural(row['n'], words.unit)}, {row['enriched']:,} enriched for "
            f"{words.positive} variants and {row['depleted']:,} depleted.")  # fmt: skip


def permutation_reading(row: Row, words: Words, *, ratio: float | None) -> str:
    """Return what shuffled labels show of one kind and cut.

    Parameters
    ----------
    ratio
        The overall odds ratio of the real labels.
    """
    n, rate, some = (row[k] for k in ("n_permutations", "false_positive_rate", "any_significant"))
    judged = "as it should be"
    if too_many(row):
        judged = "more than it should be, so take the p-values with caution"
    null = interval(row["null_low"], row["null_high"])
    return (f"{words.effect(row['kind'])}, {words.extremes(row['cut'])}: with labels shuffled "
            f"{plural(n, 'time')}, {percent(rate)} of {words.unit}s had p < 0.05 and "
            f"{percent(some)} of shuffles had any {words.unit} with q < 0.05 (5 % or less is "
            f"right): {judged}. Shuffled labels gave overall odds ratios of {null} (the middle "
            f"95 %); the real ones gave {number(ratio)}: {p_is(row['p_overall'])}.")  # fmt: skip


def too_many(row: Row) -> bool:
    """Return whether shuffled labels gave significant tracks more often than 5 % and chance."""
    n, names = row["n_permutations"], ("false_positive_rate", "any_significant")
    # two standard errors, as if all tracks were one: their share varies less
    most = FDR + 2 * sqrt(FDR * (1 - FDR) / n) if n else inf
    return any((row[name] or 0) > most for name in names)


def group_reading(found: list[dict[str, Any]], words: Words) -> str:
    """Return what the groups of one column, kind and cut say: best, worst, how many exclude 1."""
    known = [row for row in found if row["mean_odds_ratio"] is not None]
    if not known:
        return ""
    column, kind, cut = (known[0][key] for key in ("column", "kind", "cut"))
    ordered = sorted(known, key=lambda row: row["mean_odds_ratio"])
    sure = [row for row in known if row["low"] is not None and row["high"] is not None]
    above = sum(row["low"] > 1 for row in sure)
    below = sum(row["high"] < 1 for row in sure)
    ends = f"highest for {_group(ordered[-1], words)}"
    if len(ordered) > 1:
        ends += f", lowest for {_group(ordered[0], words)}"
    counted = f"Of {plural(len(sure), 'interval')}, {above} above 1 and {below} below."
    what = f"By {column}, {words.effect(kind)}, {words.extremes(cut)}"
    return f"{what}: the mean odds ratio is {ends}. {counted}"


def _group(row: Row, words: Words) -> str:
    around = interval(row["low"], row["high"])
    return (f"{row['value'] or '(not known)'} ({number(row['mean_odds_ratio'])}, interval "
            f"{around}, {plural(row['n_tracks'], words.unit)})")  # fmt: skip
