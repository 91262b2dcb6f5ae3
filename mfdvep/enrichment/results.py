"""What an enrichment analysis finds, as tables: what the reports are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mfdvep.model.tracks import TrackTable

Columns = dict[str, np.ndarray | list]
"""A table, column by column, all of one length; NaN or None is a number that is not defined."""


@dataclass(frozen=True)
class Enrichment:
    """How well effects separate positive from negative variants.

    Columns in brackets are there for matched variants or with permutations only. Kinds are in
    the order baseline (if given), combined, biological, technical; or "score" alone. A cut is
    text: a quantile ("0.99"), or both tails ("0.001,0.999"). Intervals are of 95 %.

    Attributes
    ----------
    counts
        rows; unscored {status: n}; unlabelled, duplicates, not_finite, not_in_baseline (see
        `select_rows`); used, positives, negatives; strata (0 if not matched), unmatched; contigs,
        blocks.
    settings
        preset, labels, sided ("absolute", "both", "upper", "lower"), quantiles, ties (a
        sentence), block (a sentence), n_bootstrap, seed, n_permutations, n_tracks, kinds, command,
        mfdvep, scores, labelled and baseline {file, sha256} or None, provenance (of the
        scores), where and tracks (as asked), flagged (a list of sentences).
    overall
        Table 2 of the paper, of variants that any track tags: kind, cut, tagged_positive,
        tagged_negative, untagged_positive, untagged_negative, odds_ratio, haldane (_low, _high),
        conditional (_low, _high), p_fisher, bootstrap_low, bootstrap_high,
        [matched (_low, _high), p_matched], [p_permuted].
    summary
        Of a variant's largest |effect| over the tracks: kind, n_tracks, auroc and auprc (_low,
        _high); and mean_auroc, mean_auprc, means over tracks.
    tracks
        track, kind, auroc, auprc, auroc_by_chrom, auprc_by_chrom (each _low, _high), sd,
        coefficient (_low, _high, _p, _q), per SD of what variants are ranked by: |effect|, or for
        one-sided cuts the effect, with its sign turned for "lower".
    cuts
        track, kind, cut, threshold_low, threshold_high, tied, the counts and odds ratios of
        `overall`, p_fisher, q_fisher, [matched (_low, _high), p_matched, q_matched].
    groups
        Figure 4 of the paper: kind, cut, column, value, n_tracks, mean_odds_ratio, low, high.
    comparisons
        measure ("odds_ratio", "mean_odds_ratio", "auroc"), cut ("" for auroc), first, second,
        first_value, second_value, scale ("ratio", "difference"), value, low, high.
    curves
        Kind -> fpr, tpr, recall, precision of the largest |effect|.
    permutation
        kind, cut, n_permutations, false_positive_rate (share of tracks with p < .05),
        any_significant (share of permutations with a Benjamini-Hochberg q < .05), null_low and
        null_high (the middle 95 % of the permuted overall odds ratio), p_overall.
    qq
        kind, cut, expected, observed, low, high: -log10 p, and the band of the permutations.
    tagged
        kind, cut, chrom, pos (1-based), ref, alt, label, n_tracks, track (of the most extreme
        effect), effect: the variants that are tagged, by the rule that was tested.
    variants
        Every tested variant, in the layout of TraitGym: chrom, pos, ref, alt, label, match_group
        ("" for none), and per kind, under its name, the highest ranking score over the tracks,
        |effect| but for one-sided cuts.
    legacy
        Kind -> the table of the research code, where it was asked for; see
        `mfdvep.enrichment.legacy`.
    track_table
        The tracks' metadata.
    """

    counts: dict[str, Any]
    settings: dict[str, Any]
    overall: Columns
    summary: Columns
    tracks: Columns
    cuts: Columns
    groups: Columns
    comparisons: Columns
    curves: dict[str, Columns]
    permutation: Columns | None
    qq: Columns | None
    tagged: Columns
    variants: Columns
    legacy: dict[str, Columns]
    track_table: TrackTable
