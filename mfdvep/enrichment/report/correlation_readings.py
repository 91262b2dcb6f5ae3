"""What is read from a correlation: the tracks that pass, the largest, and both in plain words."""

from __future__ import annotations

from typing import Any

import numpy as np

from mfdvep.enrichment.correlation import ALL, Correlation
from mfdvep.enrichment.report.readings import FDR
from mfdvep.enrichment.report.tables import rows
from mfdvep.enrichment.report.wording import interval, p_is, plural, signed
from mfdvep.enrichment.results import Columns

Row = dict[str, Any]


def unit_of(found: Correlation) -> str:
    """Return "track", or "score" for scores of other tools."""
    return "score" if list(found.settings["kinds"]) == ["score"] else "track"


def effect_of(found: Correlation, kind: str) -> str:
    """Return what is correlated: "biological effect", or its size, or minus it."""
    name = "score" if kind == "score" else f"{kind} effect"
    words = {"absolute": f"size of the {name}", "lower": f"minus the {name}"}
    return words.get(found.settings["sided"], name)


def over_all(found: Correlation) -> list[Row]:
    """Return the rows of all variants, with the columns of `Correlation.means` where there are."""
    chosen = rows(_where(found.elements, ALL))
    means = rows(found.means) or [{}] * len(chosen)
    return [row | mean for row, mean in zip(chosen, means, strict=True)]


def by_element(found: Correlation, kind: str, track: str) -> list[Row]:
    """Return the rows of one track by element, by name."""
    table = found.elements
    here = np.asarray(table["kind"]) == kind
    here &= (np.asarray(table["track"]) == track) & (np.asarray(table["element"]) != ALL)
    return rows({name: np.asarray(values)[here] for name, values in table.items()})


def largest(found: Correlation, *, n: int) -> dict[str, list[Row]]:
    """Return, of each kind, the n rows of `over_all` with the largest |Spearman|."""
    of: dict[str, list[Row]] = {kind: [] for kind in found.settings["kinds"]}
    for row in over_all(found):
        if row["spearman"] is not None:
            of[row["kind"]].append(row)
    return {k: sorted(own, key=lambda row: -abs(row["spearman"]))[:n] for k, own in of.items()}


def passing(found: Correlation) -> list[Row]:
    """Return a row a kind: kind, n, rise, fall: tracks with q < 0.05 by Spearman, all variants.

    n counts the tracks with a q.
    """
    of = {kind: {"kind": kind, "n": 0, "rise": 0, "fall": 0} for kind in found.settings["kinds"]}
    for row in over_all(found):
        if (q := row["spearman_q"]) is not None:
            counted: Row = of[row["kind"]]
            counted["n"] += 1
            if q < FDR:
                counted["rise" if row["spearman"] > 0 else "fall"] += 1
    return list(of.values())


def picking(found: Correlation, *, n: int) -> str:
    """Return what picking n tracks of many means for their numbers; nothing if none was left out.

    Parameters
    ----------
    n
        Shown of each kind.
    """
    of = max((row["n"] for row in passing(found)), default=0)
    if of <= n:
        return ""
    return (f"picked from {plural(of, unit_of(found))} of a kind for their size: expect them "
            "nearer 0 on new variants; the intervals do not allow for the picking")  # fmt: skip


def readings(found: Correlation, kind: str) -> list[str]:
    """Return what was found of a kind, in sentences."""
    key, unit, effect = found.settings["labels"], unit_of(found), effect_of(found, kind)
    counted = next(row for row in passing(found) if row["kind"] == kind)
    top = largest(found, n=1)[kind]
    if not top:
        return [f"{effect}: no correlation is defined."]
    row, used = top[0], plural(found.counts["used"], "variant")
    said = [
        f"{effect} and {key}, over {used}: of {plural(counted['n'], unit)}, "
        f"{counted['rise']:,} rise and {counted['fall']:,} fall with {key} at a false discovery "
        "rate of 5 %.",
        f"The largest correlation is that of {row['track']}: Spearman {_with_interval(row)}, "
        f"{p_is(row['spearman_q'], name='q')}"
        + (f"; it was picked as the largest of {counted['n']:,}." if counted["n"] > 1 else "."),
    ]
    if row.get("mean_spearman") is not None:
        n = row["n_elements"]
        if n > 1:
            said.append(f"Its mean over {n:,} elements is {_with_interval(row, 'mean_spearman')}: "
                        f"{_verdict(row)}.")  # fmt: skip
        else:
            said.append("There is one element: nothing is known of others.")
    return said


def meaning(found: Correlation) -> list[str]:
    """Return what correlations, intervals, p and q are."""
    said = [
        "Spearman's correlation is of ranks: 1 if the order by effect is that by label, -1 if it "
        "is turned round, 0 if neither rises with the other. Pearson's is 1 or -1 if they lie on "
        "a line; single large values weigh on it.",
        "Of 95 % intervals, 95 in 100 hold the true value; one that contains 0 is compatible with "
        "no correlation. They take variants as independent. A perfect correlation has none.",
        "A p-value is the chance of a correlation as far from 0 if there is none; of those with "
        f"q < 0.05, among the {unit_of(found)}s of a kind and element, at most about 5 % are "
        "expected to be false.",
    ]
    if found.means:
        said.append(
            "A mean over elements counts each element once, however many variants it has; its "
            "interval is of elements like these, not of variants."
        )
    return said


def limits(found: Correlation) -> list[str]:
    """Return what the analysis cannot show."""
    said = []
    if unit_of(found) == "track":
        said.append(
            "Effects are on the middle 128 bp of a window of 1152 bp round the variant: what works "
            "over a longer distance is not seen."
        )
    if found.means:
        said.append(
            "Over all variants, differences between elements count too: the correlation may be "
            "there without one within any element. See the means over elements."
        )
    said.append(
        "Variants of one element lie close together and are not independent: p-values and "
        "intervals by variant are too sure then."
    )
    said.append(
        "Measured quantities have errors of their own, which draw a correlation towards 0: how "
        "far replicates agree is the most that can be reached."
    )
    return said


def _where(table: Columns, element: str) -> Columns:
    here = np.asarray(table["element"]) == element
    return {name: np.asarray(values)[here] for name, values in table.items()}


def _with_interval(row: Row, name: str = "spearman") -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    around = "no interval" if low is None else f"interval {interval(low, high, text=signed)}"
    return f"{signed(row[name])} ({around})"


def _verdict(row: Row) -> str:
    low, high = row["mean_spearman_low"], row["mean_spearman_high"]
    if low > 0 or high < 0:
        return f"the interval lies {'above' if low > 0 else 'below'} 0"
    return "the interval contains 0"
