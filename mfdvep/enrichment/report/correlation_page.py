"""The report of a correlation as one HTML page, which needs no other file and no network."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mfdvep.enrichment.correlation import Correlation
from mfdvep.enrichment.report.correlation_readings import (
    Row,
    by_element,
    effect_of,
    largest,
    limits,
    meaning,
    passing,
    picking,
    readings,
    unit_of,
)
from mfdvep.enrichment.report.markup import Markup, document, element, listing, section, table
from mfdvep.enrichment.report.wording import (
    LEFT_OUT,
    interval,
    lead,
    plural,
    probability,
    signed,
)

N_TOP = 20  # tracks shown
_SIDES = {
    "upper": "effects with their sign",
    "lower": "effects with their sign turned",
    "absolute": "the size of effects",
}


def page(found: Correlation, figures: Mapping[str, Markup]) -> str:
    """Return the page.

    Parameters
    ----------
    figures
        Name, as `mfdvep.enrichment.report.correlation_plots.draw` has it -> the figure as HTML.
    """
    settings, counts = found.settings, found.counts
    scores, key = settings["scores"]["file"], settings["labels"]
    kind = lead(settings["kinds"])
    others = [s for k in settings["kinds"] if k != kind for s in readings(found, k)]
    unfold = element("details", element("summary", "The other kinds in words"), listing(others))
    said = f"{scores}: {counts['used']:,} variants"
    if counts["elements"]:
        said = f"{said} in {plural(counts['elements'], 'element')}"
    return document(
        f"Correlation: {scores}",
        element("h1", f"Do effects follow {key}?"),
        element("p", f"{said}, {plural(settings['n_tracks'], unit_of(found))}.", class_="quiet"),
        *[element("p", sentence, class_="flag") for sentence in settings["flagged"]],
        section("In short", listing(readings(found, kind)), unfold if others else Markup()),
        section("What was asked", *_asked(found)),
        section("Which variants counted", _counted(found)),
        section("Over all variants", *_over_all(found), figures.get("correlation", Markup())),
        *([section("By element", *_elements(found), figures.get("elements", Markup()))]
          if found.means else []),
        section("How to read the numbers", listing(meaning(found))),
        section("Limits", listing(limits(found))),
        element("p", f"mfdvep {settings['mfdvep']}. All numbers, not rounded, are in the tables "
                "beside this page: elements.tsv (all variants and every element)"
                f"{', means.tsv' if found.means else ''}; settings and counts are in "
                "correlation.json.", class_="quiet"),
    )  # fmt: skip


def _asked(found: Correlation) -> list[Markup]:
    settings = found.settings
    lines = [["labels", str(settings["labels"])], ["correlated", _SIDES[settings["sided"]]],
             ["kinds of effect", ", ".join(settings["kinds"])]]  # fmt: skip
    if found.counts["elements"]:
        lines.append(["elements", settings["element"] or "ELEMENT"])
    for name in ("scores", "labelled", "baseline"):
        if settings[name] is not None:
            lines.append([name, f"{settings[name]['file']}, sha256 {settings[name]['sha256']}"])
    made = json.dumps(settings["provenance"], indent=1, default=str, ensure_ascii=False)
    shown = element("details", element("summary", "How the scores were made"), element("pre", made))
    command = element("pre", settings["command"]) if settings["command"] else Markup()
    return [command, table([], lines, long=True), shown if settings["provenance"] else Markup()]


def _counted(found: Correlation) -> Markup:
    counts = found.counts
    lines = [["alleles read", f"{counts['rows']:,}"]]
    lines += [[f"not scored: {s}", f"{n:,}"] for s, n in counts["unscored"].items()]
    lines += [[what, f"{counts[name]:,}"] for name, what in LEFT_OUT.items() if counts[name]]
    lines.append(["used", f"{counts['used']:,}"])
    if counts["elements"] or counts["elements_left_out"]:
        lines += [["elements", f"{counts['elements']:,}"],
                  ["elements with too few variants", f"{counts['elements_left_out']:,}"],
                  ["used, of no element", f"{counts['no_element']:,}"]]  # fmt: skip
    return table([], lines)


def _over_all(found: Correlation) -> list[Markup]:
    unit, key = unit_of(found), found.settings["labels"]
    counted = [[effect_of(found, row["kind"]), f"{row['n']:,}", f"{row['rise']:,}",
                f"{row['fall']:,}"] for row in passing(found)]  # fmt: skip
    header = ["kind", unit, "Spearman", "95 %", "q", "Pearson", "95 %", "q"]
    header += ["mean Spearman of elements", "95 %"] if found.means else []
    lines = [_line(row) for own in largest(found, n=N_TOP).values() for row in own]
    first = (f"{unit}s that rise and fall with {key}: q < 0.05 by Spearman's correlation, "
             "corrected by Benjamini and Hochberg within each kind.")  # fmt: skip
    note = picking(found, n=N_TOP)
    which = f"The largest |Spearman| of each kind{f', {note}' if note else ''}."
    return [
        element("p", first[:1].upper() + first[1:]),
        table(["kind", f"{unit}s", f"rise with {key}", "fall"], counted),
        element("p", which),
        table(header, lines, n_text=2, blocks=True),
    ]


def _line(row: Row) -> list[str]:
    line = [row["kind"], row["track"]]
    for measure in ("spearman", "pearson"):
        line += [signed(row[measure]), _interval(row, measure), probability(row[f"{measure}_q"])]
    if "mean_spearman" in row:
        line += [signed(row["mean_spearman"]), _interval(row, "mean_spearman")]
    return line


def _elements(found: Correlation) -> list[Markup]:
    """Return the correlations of each kind's largest track, to unfold where there are many."""
    lines = []
    for kind, own in largest(found, n=1).items():
        for row in by_element(found, kind, own[0]["track"]) if own else ():
            lines.append([kind, row["track"], row["element"], f"{row['n']:,}",
                          signed(row["spearman"]), _interval(row, "spearman"),
                          probability(row["spearman_q"])])  # fmt: skip
    unit = unit_of(found)
    header = ["kind", unit, "element", "variants", "Spearman", "95 %", "q"]
    what = (f"Of each kind the {unit} of largest |Spearman| over all variants; q is over the "
            f"{unit}s of an element.")  # fmt: skip
    whole = element("details", element("summary", "Numbers by element"),
                    table(header, lines, n_text=3, blocks=True))  # fmt: skip
    return [element("p", what), whole]


def _interval(row: Row, name: str) -> str:
    return interval(row[f"{name}_low"], row[f"{name}_high"], text=signed)
