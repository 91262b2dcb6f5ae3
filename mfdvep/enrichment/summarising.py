"""Measured kinds -> the tables of `Enrichment`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mfdvep.enrichment.comparing import group_rows
from mfdvep.enrichment.counting import count_columns, stacked
from mfdvep.enrichment.kinds import Kind
from mfdvep.enrichment.measures.cuts import Cut
from mfdvep.enrichment.measures.odds import adjusted
from mfdvep.enrichment.measures.ranking import curves, rank
from mfdvep.enrichment.measures.resampling import percentile_interval
from mfdvep.enrichment.results import Columns
from mfdvep.enrichment.sample import Sample
from mfdvep.enrichment.selecting import Tested
from mfdvep.model.tracks import TrackTable

_RANKING = ("auroc", "auroc_low", "auroc_high", "auprc", "auprc_low", "auprc_high")


def overall_rows(
    sample: Sample, kinds: Sequence[Kind], cuts: Sequence[Cut], permutation: Columns | None
) -> Columns:
    """Return `Enrichment.overall`, a row a cut and kind.

    Parameters
    ----------
    permutation
        As `permutations` gives it, if there were any.
    """
    pairs = [(cut, kind, kind.unions[i]) for i, cut in enumerate(cuts) for kind in kinds]
    spread = np.array([union.tagged.spread for *_, union in pairs])
    drawn = np.stack([union.drawn for *_, union in pairs], axis=1)  # (B, rows)
    low, high = percentile_interval(drawn, spread)
    columns: Columns = {
        "kind": [kind.name for _, kind, _ in pairs],
        "cut": [cut.name for cut, *_ in pairs],
        **count_columns(sample, [union.tagged for *_, union in pairs]),
        "bootstrap_low": low,
        "bootstrap_high": high,
    }
    if permutation is not None:
        columns["p_permuted"] = permutation["p_overall"]
    return columns


def summary_rows(kinds: Sequence[Kind]) -> Columns:
    """Return `Enrichment.summary`, a row a kind."""
    rows: list[Columns] = []
    for kind in kinds:
        ranking = rank(kind.groups)
        means = {
            f"mean_{name}": [_mean([getattr(track.ranking, name) for track in kind.tracks])]
            for name in ("auroc", "auprc")
        }
        rows.append(
            {
                "kind": [kind.name],
                "n_tracks": [len(kind.tracks)],
                **{name: [getattr(ranking, name)] for name in _RANKING},
                **means,
            }
        )
    return stacked(rows)


def track_rows(sample: Sample, kinds: Sequence[Kind]) -> Columns:
    """Return `Enrichment.tracks`, a row a kind and track."""
    return stacked([_tracks_of(sample, kind) for kind in kinds])


def _tracks_of(sample: Sample, kind: Kind) -> Columns:
    n = len(kind.tracks)
    columns: Columns = {"track": kind.track_names, "kind": [kind.name] * n}
    for name in _RANKING:
        columns[name] = np.array([getattr(track.ranking, name) for track in kind.tracks])
    sizes = np.array([where.stop - where.start for where in sample.contigs.values()])
    drawn = sample.contig_weights * sizes  # (B, C)
    for i, name in enumerate(("auroc_by_chrom", "auprc_by_chrom")):
        values = np.stack([track.contigs[i] for track in kind.tracks])  # (T, C)
        known = np.isfinite(values)
        filled = np.where(known, values, 0)
        with np.errstate(invalid="ignore"):
            columns[name] = (filled * sizes).sum(1) / (known * sizes).sum(1)
            samples = (drawn @ filled.T) / (drawn @ known.T)  # (B, T)
        low, high = percentile_interval(samples, known.sum(1))
        columns[f"{name}_low"], columns[f"{name}_high"] = low, high
    columns["sd"] = np.array([track.sd for track in kind.tracks])
    columns["coefficient"] = np.array([track.slope.coefficient for track in kind.tracks])
    low, high = np.array([track.slope.interval for track in kind.tracks]).T
    columns["coefficient_low"], columns["coefficient_high"] = low, high
    p = np.array([track.slope.p for track in kind.tracks])
    columns["coefficient_p"], columns["coefficient_q"] = p, adjusted(p)
    return columns


def cut_rows(sample: Sample, kinds: Sequence[Kind], cuts: Sequence[Cut]) -> Columns:
    """Return `Enrichment.cuts`, a row a kind, cut and track; q: over the tracks of both."""
    rows: list[Columns] = []
    for kind in kinds:
        for i, cut in enumerate(cuts):
            at = [track.cuts[i] for track in kind.tracks]
            columns: Columns = {
                "track": kind.track_names,
                "kind": [kind.name] * len(at),
                "cut": [cut.name] * len(at),
                "threshold_low": np.array([a.low for a in at]),
                "threshold_high": np.array([a.high for a in at]),
                "tied": np.array([a.tied for a in at]),
            }
            for name, values in count_columns(sample, [a.tagged for a in at]).items():
                columns[name] = values
                if name.startswith("p_"):
                    columns[f"q_{name[2:]}"] = adjusted(np.asarray(values))
            rows.append(columns)
    return stacked(rows)


def groups_of_tracks(
    sample: Sample,
    kinds: Sequence[Kind],
    cuts: Sequence[Cut],
    tables: Mapping[str, TrackTable],
    columns: Sequence[str],
) -> Columns:
    """Return `Enrichment.groups`.

    Parameters
    ----------
    tables
        Kind -> its tracks; a kind whose table has not a column has no rows of it.
    columns
        Of the track tables.
    """
    rows = [
        group_rows(sample, kind, i, cut, tables[kind.name], column)
        for column in columns
        for i, cut in enumerate(cuts)
        for kind in kinds
        if column in tables[kind.name].columns
    ]
    return stacked([row for row in rows if row])


def curves_of(kinds: Sequence[Kind]) -> dict[str, Columns]:
    """Return `Enrichment.curves`."""
    return {kind.name: dict(curves(kind.groups)) for kind in kinds}


def tagged_rows(
    sample: Sample, kinds: Sequence[Kind], cuts: Sequence[Cut], tested: Tested
) -> Columns:
    """Return `Enrichment.tagged`: the variants of each kind and cut, in the order of the sample."""
    rows = []
    for i, cut in enumerate(cuts):
        for kind in kinds:
            union = kind.unions[i]
            n, at = len(union.variants), tested.rows[union.variants]
            variants = tested.variants
            rows.append(
                {
                    "kind": [kind.name] * n,
                    "cut": [cut.name] * n,
                    "chrom": [variants.chrom[j] for j in at],
                    "pos": variants.pos[at],
                    "ref": [variants.ref[j] for j in at],
                    "alt": [variants.alt[j] for j in at],
                    "label": sample.positive[union.variants].astype(np.int64),
                    "n_tracks": union.n_tracks,
                    "track": [kind.track_names[t] for t in union.track],
                    "effect": union.effect,
                }
            )
    return stacked(rows)


def variant_rows(sample: Sample, kinds: Sequence[Kind], tested: Tested) -> Columns:
    """Return `Enrichment.variants`, in the order of the sample."""
    variants, rows = tested.variants, tested.rows
    groups = [f"m{stratum}" if stratum >= 0 else "" for stratum in sample.strata.of]
    return {
        "chrom": [variants.chrom[i] for i in rows],
        "pos": variants.pos[rows],
        "ref": [variants.ref[i] for i in rows],
        "alt": [variants.alt[i] for i in rows],
        "label": sample.positive,
        "match_group": groups,
        **{kind.name: kind.largest for kind in kinds},
    }


def _mean(values: Sequence[float]) -> float:
    known = np.array(values)[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan
