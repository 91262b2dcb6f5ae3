"""A plausible `Enrichment`, drawn at random: its tables are coherent, its statistics are not real.

Counts add up, intervals hold their estimates, q-values are those of the p-values; but no variant
stands behind them.
"""

from __future__ import annotations

import numpy as np

from mfdvep.enrichment.results import Columns, Enrichment
from mfdvep.model.tracks import TrackTable

KINDS = ("combined", "biological", "technical")
CUTS = ("0.9", "0.95", "0.99")
STRENGTH = {"baseline": 0.3, "combined": 0.35, "biological": 0.45, "technical": 0.05, "score": 0.4}
POSITIVES, NEGATIVES = 465, 9_115


def simulated(
    *,
    kinds: tuple[str, ...] = KINDS,
    cuts: tuple[str, ...] = CUTS,
    n_tracks: int = 40,
    matched: bool = False,
    permuted: bool = False,
    preset: str | None = "gtex",
    sided: str = "absolute",
    groups: tuple[str, ...] = ("assay", "target"),
    flagged: tuple[str, ...] = (),
    seed: int = 0,
) -> Enrichment:
    """Return an analysis of 9,580 variants with these kinds, cuts and tracks."""
    rng = np.random.default_rng(seed)
    table = track_table(n_tracks, rng)
    overall = _overall(kinds, cuts, rng, matched=matched, permuted=permuted)
    tracks, tests = _tracks(kinds, table, rng), _cuts(kinds, cuts, table, rng, matched=matched)
    return Enrichment(
        counts={
            "rows": 10_000, "unscored": {"REF_MISMATCH": 20, "N_RICH": 100}, "unlabelled": 295,
            "duplicates": 5, "not_finite": 0, "not_in_baseline": 0,
            "used": POSITIVES + NEGATIVES, "positives": POSITIVES, "negatives": NEGATIVES,
            "strata": 440 if matched else 0, "unmatched": 25 if matched else 0,
            "contigs": 22, "blocks": 410,
        },
        settings={
            "preset": preset, "labels": "LABEL", "sided": sided, "quantiles": list(cuts),
            "ties": "A variant is tagged if its |effect| is above the quantile; ties are not.",
            "block": "A block is a locus: variants within 100 kb of each other.",
            "n_bootstrap": 1000, "seed": 0, "n_permutations": 200 if permuted else 0,
            "n_tracks": n_tracks, "kinds": list(kinds),
            "command": "mfdvep enrich scores.parquet --gtex -o report", "mfdvep": "0.6.0",
            "scores": {"file": "scores.parquet", "sha256": "ab" * 32},
            "labelled": {"file": "labelled.vcf.gz", "sha256": "cd" * 32},
            "provenance": {"model": {"name": "regulome45"}, "shifts": 11},
            "flagged": list(flagged),
        },
        overall=overall,
        summary=_summary(kinds, n_tracks, rng),
        tracks=tracks,
        cuts=tests,
        groups=_groups(kinds, cuts, table, groups, rng),
        comparisons=_comparisons(kinds, cuts, overall, rng),
        curves={kind: _curve(kind) for kind in kinds},
        permutation=_permutation(kinds, cuts, rng) if permuted else None,
        qq=_qq(tests, kinds, cuts) if permuted else None,
        tagged=_tagged(kinds, cuts, table, rng),
        variants={"chrom": ["chr1"], "pos": [1], "ref": ["A"], "alt": ["C"], "label": [True],
                  "match_group": ["m0"], **{kind: [0.5] for kind in kinds}},
        legacy={},
        track_table=table,
    )  # fmt: skip


def track_table(n: int, rng: np.random.Generator) -> TrackTable:
    """Return n tracks: six assays and targets, four biosamples, one of them not known."""
    marks = np.array(["H3K4me3", "H3K27ac", "H3K9me3", "CTCF"])
    assay = rng.choice(["DNase-seq", "ATAC-seq", "ChIP-seq"], n, p=[0.3, 0.2, 0.5])
    target = np.where(assay == "ChIP-seq", rng.choice(marks, n), "Accessible DNA")
    biosample = rng.choice(["liver", "lung", "heart left ventricle", ""], n)
    return TrackTable(
        {
            "experiment": tuple(f"ENCFF{i:03d}ABC" for i in range(n)),
            "assay": tuple(assay.tolist()),
            "target": tuple(target.tolist()),
            "biosample": tuple(biosample.tolist()),
        }
    )


def _share(cut: str) -> float:
    ends = [float(part) for part in cut.split(",")]
    return 1 - ends[0] if len(ends) == 1 else ends[0] + 1 - ends[1]


def _columns(rows: list[dict]) -> Columns:
    """Return rows as columns: arrays of numbers (None: NaN), lists of text."""
    columns: Columns = {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        is_text = any(isinstance(value, str) for value in values)
        columns[name] = values if is_text else np.array(values)
    return columns


def _counts(share: float, log_or: float, rng: np.random.Generator) -> dict:
    odds = share / (1 - share)
    lifted = odds * np.exp(log_or)
    tp = int(rng.binomial(POSITIVES, lifted / (1 + lifted)))
    tn = int(rng.binomial(NEGATIVES, share))
    return {"tagged_positive": tp, "tagged_negative": tn,
            "untagged_positive": POSITIVES - tp, "untagged_negative": NEGATIVES - tn}  # fmt: skip


def _around(name: str, log_or: float, sd: float) -> dict:
    low, high = np.exp(log_or - 1.96 * sd), np.exp(log_or + 1.96 * sd)
    return {name: np.exp(log_or), f"{name}_low": low, f"{name}_high": high}


def _ratios(counts: dict, rng: np.random.Generator, *, matched: bool) -> dict:
    a, b, c, d = (np.float64(value) for value in counts.values())
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = a * d / (b * c)
    log_or = np.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5)))
    sd = np.sqrt(sum(1 / (n + 0.5) for n in (a, b, c, d)))
    p = float(np.clip(2 * np.exp(-0.717 * abs(log_or / sd) - 0.416 * (log_or / sd) ** 2), 0, 1))
    found = {"odds_ratio": ratio, **_around("haldane", log_or, sd)}
    found |= {**_around("conditional", log_or, 1.03 * sd), "p_fisher": p}
    if matched:
        found |= {**_around("matched", log_or * 0.8, 1.1 * sd), "p_matched": min(1.0, 1.4 * p)}
    return found


def _overall(kinds, cuts, rng, *, matched, permuted):
    found = []
    for cut in cuts:
        share = min(0.75, 12 * _share(cut))
        for kind in kinds:
            counts = _counts(share, STRENGTH[kind] * (2 - share), rng)
            ratios = _ratios(counts, rng, matched=matched)
            wide = np.log(ratios["conditional_high"] / ratios["conditional"]) * rng.uniform(1, 1.4)
            row = {"kind": kind, "cut": cut, **counts, **ratios}
            row["bootstrap_low"] = ratios["conditional"] * np.exp(-wide)
            row["bootstrap_high"] = ratios["conditional"] * np.exp(wide)
            if permuted:
                row["p_permuted"] = max(1 / 201, round(ratios["p_fisher"], 3))
            found.append(row)
    return _columns(found)


def _summary(kinds, n_tracks, rng):
    found = []
    for kind in kinds:
        auroc = 0.5 + 0.2 * STRENGTH[kind]
        auprc = 0.0485 * (1 + STRENGTH[kind])
        found.append({"kind": kind, "n_tracks": n_tracks, "auroc": auroc,
                      "auroc_low": auroc - 0.03, "auroc_high": auroc + 0.03, "auprc": auprc,
                      "auprc_low": auprc * 0.85, "auprc_high": auprc * 1.2,
                      "mean_auroc": auroc - 0.02, "mean_auprc": auprc * 0.9})  # fmt: skip
    return _columns(found)


def _tracks(kinds, table, rng):
    found = []
    for kind in kinds:
        for name in table.names:
            row = {"track": name, "kind": kind}
            for measure, centre in (("auroc", 0.55), ("auprc", 0.06)):
                for suffix in ("", "_by_chrom"):
                    value = centre * rng.uniform(0.9, 1.1)
                    ends = {"_low": 0.93 * value, "_high": 1.07 * value}
                    row[measure + suffix] = value
                    row |= {f"{measure}{suffix}{end}": v for end, v in ends.items()}
            row |= {"sd": rng.uniform(1e-4, 1e-2), **_around("coefficient", 0.1, 0.05)}
            found.append({**row, "coefficient_p": 0.04, "coefficient_q": 0.2})
    found[-1]["auroc_by_chrom"] = np.nan  # as of a track that no chromosome has both labels for
    return _columns(found)


def _cuts(kinds, cuts, table, rng, *, matched):
    found = []
    for kind in kinds:
        for cut in cuts:
            rows = []
            for name in table.names:
                counts = _counts(_share(cut), rng.normal(STRENGTH[kind], 0.3), rng)
                threshold = rng.uniform(1e-3, 1e-2)
                rows.append({"track": name, "kind": kind, "cut": cut,
                             "threshold_low": -threshold if "," in cut else np.nan,
                             "threshold_high": threshold, "tied": 0, **counts,
                             **_ratios(counts, rng, matched=matched)})  # fmt: skip
            for test in ("fisher", "matched") if matched else ("fisher",):
                q = benjamini_hochberg([row[f"p_{test}"] for row in rows])
                for row, value in zip(rows, q, strict=True):
                    row[f"q_{test}"] = value
            found += rows
    return _columns(found)


def benjamini_hochberg(p: list[float]) -> np.ndarray:
    """Return the q-values of p-values."""
    p = np.asarray(p)
    order = np.argsort(p)[::-1]
    scaled = p[order] * len(p) / np.arange(len(p), 0, -1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(scaled), 1)
    return q


def _groups(kinds, cuts, table, columns, rng):
    found = []
    for kind in kinds:
        for cut in cuts:
            for column in columns:
                for value in sorted(set(table[column])):
                    n = table[column].count(value)
                    mean, half = np.exp(STRENGTH[kind] + rng.normal(0, 0.15)), 0.3 / np.sqrt(n)
                    found.append({"kind": kind, "cut": cut, "column": column, "value": value,
                                  "n_tracks": n, "mean_odds_ratio": mean,
                                  "low": mean * np.exp(-half) if n > 1 else np.nan,
                                  "high": mean * np.exp(half) if n > 1 else np.nan})  # fmt: skip
    return _columns(found)


def _comparisons(kinds, cuts, overall, rng):
    found = []
    first = "biological"
    of = dict(zip(zip(overall["kind"], overall["cut"], strict=True), overall["odds_ratio"],
                  strict=True))  # fmt: skip
    for second in [kind for kind in kinds if kind != first] if first in kinds else []:
        for measure in ("odds_ratio", "mean_odds_ratio"):
            for cut in cuts:
                a, b = of[first, cut], of[second, cut]
                ratio = a / b
                found.append({"measure": measure, "cut": cut, "first": first, "second": second,
                              "first_value": a, "second_value": b, "scale": "ratio",
                              "value": ratio, "low": ratio / 1.1, "high": ratio * 1.1})  # fmt: skip
        d = 0.2 * (STRENGTH[first] - STRENGTH[second])
        found.append({"measure": "auroc", "cut": "", "first": first, "second": second,
                      "first_value": 0.5 + d, "second_value": 0.5, "scale": "difference",
                      "value": d, "low": d - 0.03, "high": d + 0.03})  # fmt: skip
    return _columns(found)


def _curve(kind):
    x = np.linspace(0, 1, 300)
    tpr = x ** (1 / (1 + STRENGTH[kind]))
    base = POSITIVES / (POSITIVES + NEGATIVES)
    recall = x[1:]
    precision = base + (1 - base) * 0.3 * STRENGTH[kind] * (1 - recall) ** 3
    return {"fpr": x, "tpr": tpr, "recall": recall, "precision": precision}


def _permutation(kinds, cuts, rng):
    return _columns(
        [
            {"kind": kind, "cut": cut, "n_permutations": 200,
             "false_positive_rate": rng.uniform(0.03, 0.05), "any_significant": 0.035,
             "null_low": 0.82, "null_high": 1.21, "p_overall": 1 / 201}
            for kind in kinds for cut in cuts
        ]
    )  # fmt: skip


def _qq(tests, kinds, cuts):
    found = []
    for kind in kinds:
        for cut in cuts:
            chosen = (np.array(tests["kind"]) == kind) & (np.array(tests["cut"]) == cut)
            p = np.sort(tests["p_fisher"][chosen])
            expected = -np.log10((np.arange(len(p)) + 0.5) / len(p))
            for e, o in zip(expected, -np.log10(p), strict=True):
                found.append({"kind": kind, "cut": cut, "expected": e, "observed": o,
                              "low": 0.6 * e, "high": 1.5 * e + 0.3})  # fmt: skip
    return _columns(found)


def _tagged(kinds, cuts, table, rng):
    found = []
    for kind in kinds:
        for cut in cuts:
            for i in range(5):
                found.append({"kind": kind, "cut": cut, "chrom": f"chr{i + 1}",
                              "pos": int(rng.integers(1, 2**28)), "ref": "A", "alt": "CT",
                              "label": i % 2, "n_tracks": i + 1,
                              "track": table.names[i % len(table)],
                              "effect": float(rng.normal())})  # fmt: skip
    return _columns(found)
