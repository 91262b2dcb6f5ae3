"""The evaluation of a model on held-out contigs, as one mapping that is written as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from mfdvep import __version__
from mfdvep.errors import InputError
from mfdvep.files import Parts, check_outputs
from mfdvep.model.mfd import Features, MFDModel
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.evaluation import (
    check_bins,
    check_tracks,
    held_out_features,
    predictions,
    summarise,
    track_scores,
)
from mfdvep.training.halves import halves_independence

MIN_BINS = 20  # fewer say nothing of the halves, half of them to fit on and half to measure


def evaluate_model(
    model: MFDModel,
    data: TrainingSet,
    *,
    split: str = "test",
    group_by: str = "assay",
    n_bins: int | None = None,
    strand: str = "both",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Return metrics of a model on the bins of a split.

    The halves' independence is fitted on the first half of the bins, in genome order, and measured
    on the second, so that neighbouring bins do not stand on both sides.

    Parameters
    ----------
    group_by
        Column of the track table by which means are given.
    n_bins
        Use so many bins, evenly spaced; all by default. At least 20.
    strand
        "both": probabilities are means over both strands, as when variants are scored; "forward".

    Returns
    -------
    dict
        "summary": group -> number of tracks and mean AUROC and AUPRC by prediction;
        "forward_strand": the mean AUROC and AUPRC of the combined prediction from one strand;
        "tracks": one mapping a track; "independence" (forward strand); "bins"; "data";
        "model". None is a figure that is not defined.

    Raises
    ------
    InputError
        The set's tracks or bins are not the model's, or there are fewer than 20 bins.
    """
    check_bins(data)
    check_tracks(model, data)
    rows = measured_rows(data, split, n_bins)
    groups = model.tracks[group_by]
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
    per_track = {kind: track_scores(values, labels, mask) for kind, values in scores.items()}
    middle = len(rows) // 2
    first, second = (
        Features(*(half[part] for half in features))
        for part in (slice(None, middle), slice(middle, None))
    )
    positives = (labels * mask).sum(0)
    return {
        "mfdvep": __version__,
        "model": model.provenance,
        "data": data.fingerprint,
        "split": split,
        "contigs": [n for n, s in zip(data.contigs, data.contig_split, strict=True) if s == split],
        "bins": len(rows),
        "strand": strand,
        "forward_strand": {name: _mean(values) for name, values in forward.items()},
        "group_by": group_by,
        "summary": summarise(per_track, groups),
        "independence": {
            name: value if math.isfinite(value) else None
            for name, value in halves_independence(first, second).items()
        },
        "tracks": [
            {
                "track": name,
                "positives": int(positives[i]),
                "labelled": int(mask[:, i].sum()),
                **{
                    f"{kind}_{metric}": _rounded(values[i])
                    for kind, metrics in per_track.items()
                    for metric, values in metrics.items()
                },
            }
            for i, name in enumerate(model.tracks.names)
        ],
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


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 5)


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
