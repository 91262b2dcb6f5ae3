"""The tables of the research code, column by column, for who compares with the paper's files.

They differ from the other tables: a variant that equals a threshold is tagged; scores are scaled
by their standard deviation (one-sided cuts and both tails: not); for both tails each tail is a
test of its own. Source: HealthML/MFD, the scripts that evaluate GTEx and gnomAD variants.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_expit
from scipy.stats import norm

from mfdvep.enrichment.measures.cuts import Cut, ranking_score
from mfdvep.enrichment.measures.logistic import Slope, slope
from mfdvep.enrichment.measures.odds import fisher_p, sample_odds_ratio, tables_of
from mfdvep.enrichment.measures.ranking import auroc, groups_of, sort_with_labels
from mfdvep.enrichment.results import Columns
from mfdvep.enrichment.sample import Sample
from mfdvep.enrichment.views import View

TAILS = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)


def legacy_columns(view: View, sample: Sample, cuts: Sequence[Cut]) -> Columns:
    """Return the table of the research code for a kind of effect.

    For cuts of |effect|, a row a track: idx, mean_diff, sd_diff, coef, se, stat, pval, ci_low,
    ci_high, pseudo_r2, N, N_pos, N_neg, AUROC, and for each quantile q cut_qQ, N_pos_qQ, N_neg_qQ,
    OR_qQ, pfisher_qQ. Otherwise a row a track and quantile of `TAILS`: q, cut, Common, Rare, OR,
    pval, idx. idx is the track's position among the columns of the scores.
    """
    rows: list[dict[str, float]] = []
    effects = (row for block in view.blocks() for row in block)
    for number, values in zip(view.tracks, effects, strict=True):
        if cuts[0].sided == "absolute":
            quantiles = [cut.quantile for cut in cuts]
            rows.append({"idx": number, **_of_sizes(values, sample, quantiles)})
        else:
            rows += [{**_of_tail(values, sample, q), "idx": number} for q in TAILS]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _of_sizes(effects: np.ndarray, sample: Sample, quantiles: Sequence[float]) -> dict[str, float]:
    score = ranking_score(effects, "absolute")
    wide = score.astype(np.float64)
    sd = float(wide.std())
    x = wide / sd if sd else wide
    found = slope(x, sample.positive)
    z = found.coefficient / found.error
    low, high = found.interval
    row = {
        "mean_diff": float(wide.mean()),
        "sd_diff": sd,
        "coef": found.coefficient,
        "se": found.error,
        "stat": z,
        "pval": float(2 * norm.sf(abs(z))),
        "ci_low": low,
        "ci_high": high,
        "pseudo_r2": _mcfadden(x, sample.positive, found),
        "N": len(sample),
        "N_pos": sample.n_positive,
        "N_neg": sample.n_negative,
        "AUROC": auroc(groups_of(sort_with_labels(score, sample.positive))),
    }
    for q in quantiles:
        at = _at_quantile(x, sample, q, upper=True)
        for name, value in zip(("cut", "N_pos", "N_neg", "OR", "pfisher"), at, strict=True):
            row[f"{name}_q{q}"] = value if sd else np.nan
    return row


def _of_tail(effects: np.ndarray, sample: Sample, q: float) -> dict[str, float]:
    at = _at_quantile(effects.astype(np.float64), sample, q, upper=q >= 0.5)
    cut, rare, common, odds_ratio, p = at
    return {"q": q, "cut": cut, "Common": common, "Rare": rare, "OR": odds_ratio, "pval": p}


def _at_quantile(
    x: np.ndarray, sample: Sample, q: float, *, upper: bool
) -> tuple[float, int, int, float, float]:
    """Return threshold, tagged positives and negatives, odds ratio and Fisher's p; ties tagged."""
    cut = float(np.quantile(x, q))
    tagged = x >= cut if upper else x <= cut
    n_pos = int(np.count_nonzero(tagged & sample.positive))
    n_neg = int(np.count_nonzero(tagged)) - n_pos
    table = tables_of(
        np.array([n_pos]),
        np.array([n_neg]),
        positives=sample.n_positive,
        negatives=sample.n_negative,
    )
    return cut, n_pos, n_neg, float(sample_odds_ratio(table)[0]), float(fisher_p(table)[0])


def _mcfadden(x: np.ndarray, positive: np.ndarray, found: Slope) -> float:
    """Return McFadden's pseudo R2: 1 minus the log-likelihood over that without the score."""
    logits = found.intercept + found.coefficient * x
    share = positive.mean()
    null = len(x) * (share * np.log(share) + (1 - share) * np.log(1 - share))
    return float(1 - log_expit(np.where(positive, logits, -logits)).sum() / null)
