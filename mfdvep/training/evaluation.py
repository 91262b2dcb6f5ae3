"""Predictions on held-out bins, and how well they agree with the peaks: AUROC and AUPRC a track."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch.nn import functional as F

from mfdvep.errors import InputError
from mfdvep.genomics.sequences import reverse_complement
from mfdvep.model.mfd import Features, MFDModel
from mfdvep.model.trunk import BIN
from mfdvep.training.dataset import TrainingSet

PREDICTIONS = ("combined", "biological", "technical")
BATCH = 128  # windows at once; larger ones were not faster on CPU


def kinds_of(model: MFDModel) -> tuple[str, ...]:
    """Return the kinds of prediction that a model has: of one without metadata, combined alone."""
    return PREDICTIONS if model.config.variables else PREDICTIONS[:1]


def check_bins(data: TrainingSet) -> None:
    """Raise InputError if a set's bins are not of the size that the model predicts."""
    if data.bin_size != BIN:
        raise InputError(
            f"{data.folder}: bins of {data.bin_size} bases; the model's are of {BIN}; "
            f"prepare the set with bins of {BIN}"
        )


def check_tracks(model: MFDModel, data: TrainingSet) -> None:
    """Raise InputError if a set's experiments are not, in this order, the model's tracks."""
    if data.tracks.columns != model.tracks.columns:
        raise InputError(
            f"{data.folder}: its {len(data.tracks)} tracks are not the model's "
            f"{len(model.tracks)}; evaluate on a set prepared with the same table and options"
        )


def held_out_features(
    model: MFDModel,
    data: TrainingSet,
    rows: np.ndarray,
    *,
    reverse: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Return the latent features of bins, each in its own window: two (n, C / 2), on the CPU.

    Parameters
    ----------
    reverse
        Read the windows' reverse complements.
    """
    device = model.bias.device
    parts = []
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            codes = data.codes(rows[start : start + BATCH])
            codes = reverse_complement(codes) if reverse else codes
            halves = model.features(torch.from_numpy(codes).to(device))
            parts.append([half.float().cpu() for half in halves])
            if progress is not None:
                progress(min(start + BATCH, len(rows)), len(rows))
    return Features(*(torch.cat(half) for half in zip(*parts, strict=True)))


def predictions(model: MFDModel, features: Features) -> dict[str, np.ndarray]:
    """Return log-odds (n, O) float32 by kind: both halves, one alone; all with the track's bias.

    The kinds are those of `kinds_of`.
    """
    device = model.bias.device
    with torch.inference_mode():
        logits = model.logits(Features(*(half.to(device) for half in features)))
        found = {"combined": logits.combined}
        for kind in kinds_of(model)[1:]:
            found[kind] = getattr(logits, kind) + model.bias
        return {kind: values.float().cpu().numpy() for kind, values in found.items()}


def track_scores(scores: np.ndarray, labels: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Return AUROC and AUPRC of each track, (O,); NaN where only one class is labelled.

    Parameters
    ----------
    scores, labels, mask
        Each (n, O): any score that rises with the prediction; 1 for a peak; False for missing.
    """
    n_tracks = scores.shape[1]
    auroc, auprc = np.full(n_tracks, np.nan), np.full(n_tracks, np.nan)
    for track in range(n_tracks):
        known = mask[:, track]
        truth = labels[known, track]
        if truth.any() and not truth.all():
            auroc[track] = roc_auc_score(truth, scores[known, track])
            auprc[track] = average_precision_score(truth, scores[known, track])
    return {"auroc": auroc, "auprc": auprc}


def validation_scores(
    model: MFDModel, data: TrainingSet, rows: np.ndarray, features: Features
) -> dict[str, float]:
    """Return the masked cross-entropy and the mean AUROC over tracks of the combined prediction.

    The AUROC is left out where no track has one, and where the cross-entropy is not finite.

    Parameters
    ----------
    features
        Of the bins `rows`, some of which have labels; see `held_out_features`.
    """
    combined = predictions(model, features)["combined"]
    labels, mask = data.labels(rows), data.label_mask(rows)
    loss = F.binary_cross_entropy_with_logits(
        torch.from_numpy(combined), torch.from_numpy(labels).float(), reduction="none"
    ).numpy()
    scores = {"validation_bce": float(loss[mask].mean(dtype=np.float64))}
    if np.isfinite(scores["validation_bce"]):
        auroc = track_scores(combined, labels, mask)["auroc"]
        if np.isfinite(auroc).any():
            scores["validation_auroc"] = float(np.nanmean(auroc))
    return scores
