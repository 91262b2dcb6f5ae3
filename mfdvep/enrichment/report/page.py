"""The report of an enrichment as one HTML page, which needs no other file and no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mfdvep.enrichment.report.markup import Markup, document, element, listing, section, table
from mfdvep.enrichment.report.notes import limits, meaning
from mfdvep.enrichment.report.page_tables import (
    comparison_table,
    group_table,
    overall_table,
    passing_table,
    permutation_table,
    summary_table,
    top_tracks,
)
from mfdvep.enrichment.report.readings import (
    comparison_reading,
    group_reading,
    overall_reading,
    passing,
    passing_reading,
    permutation_reading,
    summary_reading,
    tested,
)
from mfdvep.enrichment.report.tables import rows
from mfdvep.enrichment.report.wording import (
    LEFT_OUT,
    Words,
    lead,
    plural,
)
from mfdvep.enrichment.results import Enrichment

N_TOP = 20  # tracks shown
PUBLISHED = {
    "gtex": ("GTEx, largest 1 %", "1.42, 1.43, 1.42, 1.32"),
    "gnomad": ("gnomAD, lowest or highest 0.1 %", "1.71, 1.77, 1.78, 1.66"),
}
"""Odds ratios: baseline, biological, combined, technical. Source: Rakowski et al. 2024, Table 2."""


def page(enrichment: Enrichment, figures: Mapping[str, Markup]) -> str:
    """Return the page.

    Parameters
    ----------
    figures
        Name, as `draw` has it -> the figure as HTML.
    """
    words = Words.of(enrichment)
    settings = enrichment.settings
    scores = settings["scores"]["file"]
    return document(
        f"Enrichment: {scores}",
        element("h1", f"Do effects separate {words.positive} from {words.negative} variants?"),
        element("p", f"{scores}: {enrichment.counts['positives']:,} {words.positive} and "
                f"{enrichment.counts['negatives']:,} {words.negative} variants, "
                f"{plural(settings['n_tracks'], words.unit)}.", class_="quiet"),
        *[element("p", sentence, class_="flag") for sentence in settings["flagged"]],
        _short(enrichment, words),
        section("What was asked", *_asked(settings)),
        section("Which variants counted", *_counted(enrichment.counts)),
        section("Odds ratios, overall", *_overall(enrichment, words, figures)),
        section("Kinds of effect compared", *_compared(enrichment, words)),
        *_by_group(enrichment, words, figures),
        section("Ranking without a cut", *_ranking(enrichment, words, figures)),
        section(f"Single {words.unit}s", *_single(enrichment, words, figures)),
        section("Shuffled labels", *_shuffled(enrichment, words)),
        section("How to read the numbers", listing(meaning(enrichment, words))),
        section("Limits", listing(limits(enrichment, words))),
        element("p", f"mfdvep {settings['mfdvep']}. All numbers, not rounded, are in the tables "
                "beside this page: overall.tsv, summary.tsv, tracks.tsv, cuts.tsv, groups.tsv, "
                "comparisons.tsv, tagged.tsv and, with permutations, permutation.tsv and qq.tsv; "
                "settings and counts are in enrichment.json.", class_="quiet"),
    )  # fmt: skip


def _short(enrichment: Enrichment, words: Words) -> Markup:
    """Return the answer in a few sentences: of the leading kind at the finest cut."""
    found = rows(enrichment.overall)
    if not found:
        return Markup()
    kind = lead(enrichment.settings["kinds"])
    cut = words.coarse_to_fine(row["cut"] for row in found)[-1]
    said = [overall_reading(r, words) for r in found if (r["kind"], r["cut"]) == (kind, cut)]
    said += [comparison_reading(r, words) for r in rows(enrichment.comparisons)
             if (r["measure"], r["cut"]) == ("odds_ratio", cut)]  # fmt: skip
    said += [f"Single {words.unit}s at a false discovery rate of 5 %: {passing_reading(r, words)}"
             for r in passing(enrichment) if (r["kind"], r["cut"]) == (kind, cut)]  # fmt: skip
    return section("In short", listing(said))


def _asked(settings: Mapping[str, Any]) -> list[Markup]:
    quantiles = "; ".join(map(str, settings["quantiles"]))
    lines = [["preset", settings["preset"] or "none"], ["labels", str(settings["labels"])],
             ["cuts (quantiles)", quantiles], ["side", settings["sided"]],
             ["kinds of effect", ", ".join(settings["kinds"])],
             ["resampled", f"{settings['n_bootstrap']:,} times, seed {settings['seed']}"],
             ["labels shuffled", f"{settings['n_permutations']:,} times"]]  # fmt: skip
    for name in ("scores", "labelled"):
        if settings[name] is not None:
            lines.append([name, f"{settings[name]['file']}, sha256 {settings[name]['sha256']}"])
    made = json.dumps(settings["provenance"], indent=1, default=str, ensure_ascii=False)
    shown = element("details", element("summary", "How the scores were made"), element("pre", made))
    command = element("pre", settings["command"]) if settings["command"] else Markup()
    return [command, table([], lines, long=True), shown]


def _counted(counts: Mapping[str, Any]) -> list[Markup]:
    unscored = sum(counts["unscored"].values())
    lines = [["alleles read", f"{counts['rows']:,}"]]
    lines += [[f"not scored: {s}", f"{n:,}"] for s, n in counts["unscored"].items()]
    left_out = {what: counts[name] for name, what in LEFT_OUT.items() if counts[name]}
    lines += [[what, f"{n:,}"] for what, n in left_out.items()]
    lines += [["used", f"{counts['used']:,}"],
              ["of them positive (label 1)", f"{counts['positives']:,}"],
              ["of them negative (label 0)", f"{counts['negatives']:,}"]]  # fmt: skip
    if counts["strata"]:
        lines += [["match groups with both", f"{counts['strata']:,}"],
                  ["used, in no such group", f"{counts['unmatched']:,}"]]  # fmt: skip
    lines += [
        ["contigs", f"{counts['contigs']:,}"],
        ["blocks (resampled whole)", f"{counts['blocks']:,}"],
    ]
    total = unscored + sum(left_out.values()) + counts["used"]
    agrees = total == counts["rows"] and counts["used"] == counts["positives"] + counts["negatives"]
    parts = {"not scored": unscored, **left_out, "used": counts["used"]}
    summands = " + ".join(f"{n:,} {what}" for what, n in parts.items())
    sums = f"{counts['rows']:,} read {'=' if agrees else 'against'} {summands}."
    warning = Markup() if agrees else element("p", "These do not add up.", class_="flag")
    return [table([], lines), element("p", sums), warning]


def _overall(
    enrichment: Enrichment, words: Words, figures: Mapping[str, Markup]
) -> Sequence[Markup]:
    found = rows(enrichment.overall)
    if not found:
        return []
    where = words.in_some_track or f" in the {words.unit}"
    rule = (
        f"A variant is tagged if its effect is beyond the cut{where}; each counts once. An odds "
        f"ratio of 1: tagged variants are {words.positive} as often as others."
    )
    body = [
        element("p", rule),
        overall_table(found, words),
        figures.get("overall", Markup()),
        *_readings([(row["cut"], overall_reading(row, words)) for row in found], words),
    ]
    if enrichment.settings["preset"] in PUBLISHED:
        what, numbers = PUBLISHED[enrichment.settings["preset"]]
        body.append(element("p", f"Published, for other variants and tracks ({what}; baseline, "
                            f"biological, combined, technical): {numbers} (Rakowski et al., "
                            "Bioinformatics 2024, Table 2).", class_="quiet"))  # fmt: skip
    return body


def _compared(enrichment: Enrichment, words: Words) -> list[Markup]:
    found = rows(enrichment.comparisons)
    if not found:
        return []
    rule = (
        "Two kinds are compared within each resampling of the same variants: the interval is of "
        "the comparison itself."
    )
    return [element("p", rule), comparison_table(found, words)]


def _by_group(
    enrichment: Enrichment, words: Words, figures: Mapping[str, Markup]
) -> Sequence[Markup]:
    """Return a section a column of groups."""
    sections = []
    found = rows(enrichment.groups)
    for column in dict.fromkeys(row["column"] for row in found):
        own = [row for row in found if row["column"] == column]
        cut = words.coarse_to_fine(row["cut"] for row in own)[-1]
        last = [row for row in own if row["cut"] == cut]
        kinds = dict.fromkeys(row["kind"] for row in last)
        said = [group_reading([r for r in last if r["kind"] == kind], words) for kind in kinds]
        whole = element("details", element("summary", "All groups, kinds and cuts"),
                        group_table(own, words))  # fmt: skip
        sections.append(section(f"By {column}", figures.get(f"groups_{column}", Markup()),
                                 listing(filter(None, said)), whole))  # fmt: skip
    return sections


def _ranking(
    enrichment: Enrichment, words: Words, figures: Mapping[str, Markup]
) -> Sequence[Markup]:
    found, used = rows(enrichment.summary), enrichment.counts["used"]
    base = enrichment.counts["positives"] / used if used else 0.0
    said = [summary_reading(row, words, base_rate=base) for row in found]
    image = figures.get("roc_pr", Markup())
    return [summary_table(found, words), image, listing(said)] if found else [image]


def _single(
    enrichment: Enrichment, words: Words, figures: Mapping[str, Markup]
) -> Sequence[Markup]:
    counted = passing(enrichment)
    if not counted:
        return []
    test = {"fisher": "Fisher's exact test", "matched": "the test within match groups"}
    first = (f"How many {words.unit}s pass 5 % after the correction of Benjamini and Hochberg, "
             f"within each kind and cut; p by {test[tested(enrichment)]}.")  # fmt: skip
    top = top_tracks(enrichment, words, n=N_TOP)
    smallest = f"The {len(top.lines)} with the smallest q, of all kinds and cuts:"
    band = "Dots above the grey band: p-values smaller than nearly all that shuffled labels gave."
    if enrichment.qq is None:
        band = (
            f"Without --permute there is no band of shuffled labels: {words.unit}s share variants, "
            "so that dots above the dashed line do not by themselves show enrichment."
        )
    return [
        element("p", first),
        passing_table(counted, words),
        element("p", smallest),
        table(top.header, top.lines, n_text=3),
        figures.get("qq", Markup()),
        element("p", band),
    ]


def _shuffled(enrichment: Enrichment, words: Words) -> list[Markup]:
    if enrichment.permutation is None:
        return []
    found = rows(enrichment.permutation)
    real = {(row["kind"], row["cut"]): row["odds_ratio"] for row in rows(enrichment.overall)}
    said = [(row["cut"], permutation_reading(row, words, ratio=real.get((row["kind"], row["cut"]))))
            for row in found]  # fmt: skip
    return [permutation_table(found, words), *_readings(said, words)]


def _readings(said: Sequence[tuple[str, str]], words: Words) -> list[Markup]:
    """Return sentences, each with its cut: those of the finest cut, and the others to unfold."""
    finest = words.coarse_to_fine(cut for cut, _ in said)[-1:]
    shown = listing(sentence for cut, sentence in said if cut in finest)
    others = listing(sentence for cut, sentence in said if cut not in finest)
    unfold = element("details", element("summary", "The other cuts in words"), others)
    return [shown, unfold] if others else [shown]
