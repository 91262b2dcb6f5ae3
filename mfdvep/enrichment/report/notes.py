"""Sentences that go with every enrichment: how its numbers are read, and what they do not say."""

from __future__ import annotations

from mfdvep.enrichment.report.wording import Words, plural
from mfdvep.enrichment.results import Enrichment

FEW = 100  # variants of the rarer label, below which intervals are said to be wide


def meaning(enrichment: Enrichment, words: Words) -> list[str]:
    """Return what odds ratios, intervals, cuts, ties, p, q and areas are."""
    settings, positive, unit = enrichment.settings, words.positive, words.unit
    return [
        f"An odds ratio of 2: the odds of being {positive} are twice as high among tagged variants "
        "as among the others.",
        "Of 95 % intervals, 95 in 100 hold the true value. One that contains 1 (of a difference: "
        "0) is compatible with no effect. The exact interval takes variants as independent; "
        "resampling whole blocks does not; it is of the odds ratio with 1/2 added to each count "
        "(Haldane), a little nearer to 1; there is none where fewer than 10 blocks have a tagged "
        "variant or a count is 0.",
        f"Cuts are quantiles of each {unit}'s effects over the variants used. {settings['ties']}",
        settings["block"],
        "A p-value is the chance of data at least as extreme if there is no effect; of those with "
        "q < 0.05, at most about 5 % are expected to be false.",
        f"AUROC is the chance that a {positive} variant ranks above a {words.negative} one. AUPRC "
        f"by chance is the share of {positive} variants.",
    ]


def limits(enrichment: Enrichment, words: Words) -> list[str]:
    """Return what the analysis cannot show; some depends on its variants."""
    counts, said = enrichment.counts, []
    if words.unit == "track":
        said.append(
            "Effects are on the middle 128 bp of a window of 1152 bp round the variant: what works "
            "over a longer distance is not seen."
        )
    few = min(counts["positives"], counts["negatives"])
    if few < FEW:
        said.append(
            f"Only {plural(few, 'variant')} with the rarer label: intervals are wide, and odds "
            "ratios at fine cuts rest on a handful of variants."
        )
    if words.n_tracks > 1:
        said.append(
            f"{words.unit}s share variants, and often the experiment: their tests are not "
            f"independent, and a mean over {words.unit}s is not one of as many observations."
        )
    if counts["strata"]:
        said.append(
            f"Variants are matched ({plural(counts['strata'], 'group')}): the odds ratio within "
            "match groups is the one to trust; the others ignore the matching."
        )
    else:
        said.append(
            "Variants are not matched: what else differs between labels (allele frequency, "
            "distance to genes, base composition) enters the odds ratios too."
        )
    said.append(
        f"Enrichment is of a set: it does not say that a tagged variant is {words.positive}."
    )
    return said
