"""The evaluation of a model on held-out contigs, as one mapping that is written as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from mfdvep import __version__
from mfdvep.errors import InputError
from mfdvep.files import Parts, check_outputs
from mfdvep.model.mfd import Features, MFDModel
from mfdvep.model.tracks import TrackTable
from mfdvep.training.calibration import curve, reliability, track_calibration
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.evaluation import (
    check_bins,
    check_tracks,
    held_out_features,
    kinds_of,
    predictions,
    track_scores,
)
from mfdvep.training.halves import independence_over_seeds
from mfdvep.training.summary import GROUP_COLUMNS, summarise

MIN_BINS = 20  # fewer say nothing of the halves, half of them to fit on and half to measure


def evaluate_model(
    model: MFDModel,
    data: TrainingSet,
    *,
    split: str = "test",
    group_by: Sequence[str] | None = None,
    n_bins: int | None = None,
    strand: str = "both",
    n_seeds: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Return metrics of a model on the bins of a split.

    The halves' independence is fitted on the first half of the bins, in genome order, and measured
    on the second, so that neighbouring bins do not stand on both sides.

    Parameters
    ----------
    group_by
        Columns of the track table by which means are given; those of assay, target, biosample
        and lab that it has by default. Curves of reliability are by the first of them.
    n_bins
        Use so many bins, evenly spaced; all by default. At least 20.
    strand
        "both": probabilities are means over both strands, as when variants are scored; "forward".
    n_seeds
        Seeds with which the measures of independence are fitted; at least 1.

    Returns
    -------
    dict
        "summary": means over tracks with 95 % intervals, see `summarise`, of AUROC and AUPRC by
        kind of prediction ("combined_auroc" ...), of calibration of the combined, see
        `track_calibration`, and of "base_rate", the share of positive bins;
        "reliability": of the combined prediction, pooled over tracks, "all" and by the groups of
        the first column, see `curve`;
        "forward_strand": the mean AUROC and AUPRC of the combined prediction from one strand;
        "tracks": one mapping a track; "independence", means over seeds, and
        "independence_seeds", see `independence_over_seeds` (forward strand; None for a model
        without halves); "kinds"; "bins"; "data"; "model". None is a figure that is not defined.

    Raises
    ------
    InputError
        The set's tracks or bins are not the model's, there are fewer than 20 bins, or no such
        column.
    """
    check_bins(data)
    check_tracks(model, data)
    groups = {column: model.tracks[column] for column in group_columns(model.tracks, group_by)}
    rows = measured_rows(data, split, n_bins)
    kinds = kinds_of(model)
    passes = 2 if strand == "both" else 1
    done = 0

    def report(part: int, _: int) -> None:
        if progress is not None:
            progress(done + part, passes * len(rows))

    features = held_out_features(model, data, rows, progress=report)
    labels, mask = data.labels(rows), data.label_mask(rows)
    scores = {kind: expit(logits) for kind, logits in predictions(model, features).items()}
    forward = track_scores(scores["combined"], labels, mask)
    if strand == "both":
        done = len(rows)
        other = held_out_features(model, data, rows, reverse=True, progress=report)
        for kind, logits in predictions(model, other).items():
            scores[kind] = (scores[kind] + expit(logits)) / 2
    found = {kind: track_scores(scores[kind], labels, mask) for kind in kinds}
    # of the combined alone: a half by itself is not what was fitted to the labels
    found["combined"] |= track_calibration(scores["combined"], labels, mask)
    per_track = {
        f"{kind}_{metric}": values
        for kind, metrics in found.items()
        for metric, values in metrics.items()
    }
    independence, seeds = (None, None) if len(kinds) == 1 else _independence(features, n_seeds)
    positives, labelled = (labels * mask).sum(0), mask.sum(0)
    rate = np.divide(positives, labelled, out=np.full(len(labelled), np.nan), where=labelled > 0)
    return {
        **measured_on(model, data, split, rows),
        "strand": strand,
        "kinds": list(kinds),
        "forward_strand": {name: _mean(values) for name, values in forward.items()},
        "summary": summarise({**per_track, "base_rate": rate}, groups),
        "independence": independence,
        "independence_seeds": seeds,
        "reliability": _curves(reliability(scores["combined"], labels, mask), groups),
        "tracks": [
            {
                "track": name,
                "positives": int(positives[i]),
                "labelled": int(labelled[i]),
                **{metric: rounded(values[i]) for metric, values in per_track.items()},
            }
            for i, name in enumerate(model.tracks.names)
        ],
    }


def group_columns(tracks: TrackTable, chosen: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns to average by, each once: the chosen, or the usual ones that there are.

    Raises
    ------
    InputError
        The table has no such column; those that it has are named.
    """
    if not chosen:
        return tuple(column for column in GROUP_COLUMNS if column in tracks.columns)
    for column in chosen:
        tracks[column]
    return tuple(dict.fromkeys(chosen))


def _independence(features: Features, n_seeds: int) -> tuple[dict[str, Any], dict[str, Any]]:
    middle = len(features.biological) // 2
    first, second = (
        Features(*(half[part] for half in features))
        for part in (slice(None, middle), slice(middle, None))
    )
    return independence_over_seeds(first, second, n_seeds=n_seeds)


def _curves(counts: np.ndarray, groups: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return pooled reliability, of all tracks and by group of the first column."""
    found: dict[str, Any] = {"all": curve(counts.sum(0)), "groups": {}}
    for column, values in list(groups.items())[:1]:
        names = np.asarray(values)
        found["groups"][column] = {
            name: curve(counts[names == name].sum(0)) for name in sorted(set(values))
        }
    return found


def measured_on(model: MFDModel, data: TrainingSet, split: str, rows: np.ndarray) -> dict[str, Any]:
    """Return what the figures of a measurement are of: versions, model, set, contigs, bins."""
    return {
        "mfdvep": __version__,
        "model": model.provenance,
        "data": data.fingerprint,
        "split": split,
        "contigs": [n for n, s in zip(data.contigs, data.contig_split, strict=True) if s == split],
        "bins": len(rows),
    }


def measured_rows(data: TrainingSet, split: str, n_bins: int | None) -> np.ndarray:
    """Return the rows of the bins that a model is measured on, (n,).

    Raises
    ------
    InputError
        Fewer than 20.
    """
    rows = data.rows(split)
    n = len(rows) if n_bins is None else min(n_bins, len(rows))
    if n < MIN_BINS:
        remedy = f"prepare it with --{split}" if n == len(rows) else "raise --bins"
        raise InputError(f"{data.folder}: {n} {split} bins; expected at least {MIN_BINS}; {remedy}")
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 4) if len(known) else None


def rounded(value: float) -> float | None:
    """Return a figure with five decimals; None for one that is not defined."""
    return round(float(value), 5) if math.isfinite(value) else None


def write_metrics(metrics: dict[str, Any], path: str | Path, *, force: bool = False) -> None:
    """Write metrics as JSON; the file appears whole or not at all.

    Raises
    ------
    OutputError
        See `check_outputs`; or it cannot be written.
    """
    check_outputs({"metrics": path}, [], force=force)
    text = json.dumps(metrics, indent=1, allow_nan=False) + "\n"
    with Parts(path) as parts:
        parts.write_text(path, text)
